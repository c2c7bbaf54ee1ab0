//! Rounds: a child is killed, and its data directory surveyed and worked on.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use jacs_agent::store::Durability;

use crate::random::Random;
use crate::store_support::{child, open};
use crate::survey::{self, Contents, Versions};
use crate::victim::{self, Moment};
use crate::worker::{self, Setting, make_agent, runtime};
use crate::{CONFIG, OPTIONS, SEED};

const AT_A_TIME: usize = 2;
/// Processes killed one after the other in one data directory, at most.
const GENERATIONS: usize = 4;

/// What all rounds came to.
#[derive(Debug, Default)]
pub struct Tally {
    promised: usize,
    /// Rounds that left versions which nobody was promised.
    cut_off: usize,
    /// Rounds in which a batch was under way.
    in_batch: usize,
    /// Rounds that ended before the agent was loaded.
    pub early: usize,
    /// Rounds in a directory that had seen another crash.
    pub reused: usize,
    /// Temporary files left.
    pub temporary: usize,
}

/// Kills children, their command line behind `wrapper`, and asserts that the kills cut work off.
pub fn crash(rounds: u64, wrapper: &[&str]) -> Tally {
    let soak = std::env::var_os("JACS_TEST_SOAK").is_some_and(|value| value == "1");
    let rounds = if soak { 10 * rounds } else { rounds };
    let seed = seed();
    // Shown when the test fails.
    eprintln!("JACS_TEST_SEED={seed}");
    let place = tempfile::tempdir().unwrap();
    let config = make_agent(place.path());
    let harness = Harness { seed, wrapper, config: &config, next: AtomicU64::new(0), rounds, tally: Mutex::default() };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(|| harness.run())).collect();
        for lane in lanes {
            lane.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    let tally = harness.tally.into_inner().unwrap();
    eprintln!("{tally:?}");
    assert!(tally.promised as u64 > rounds, "the children were killed before they did anything: {tally:?}");
    assert!(tally.cut_off > 0, "no kill came in the middle of something: {tally:?}");
    assert!(tally.in_batch > 0, "no kill came in the middle of a batch: {tally:?}");
    tally
}

fn seed() -> u64 {
    match std::env::var("JACS_TEST_SEED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64,
    }
}

/// A data directory, how many processes were killed in it, and what must be there.
struct Used {
    folder: tempfile::TempDir,
    crashes: usize,
    known: Versions,
}

impl Used {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), crashes: 0, known: Versions::new() }
    }
}

struct Harness<'a> {
    seed: u64,
    wrapper: &'a [&'a str],
    config: &'a Path,
    next: AtomicU64,
    rounds: u64,
    tally: Mutex<Tally>,
}

impl Harness<'_> {
    fn run(&self) {
        let mut used = Used::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.rounds {
                return;
            }
            let mut random = Random::of(self.seed, number);
            if used.crashes >= GENERATIONS || random.one_in(2) {
                used = Used::new();
            }
            self.round(&mut used, &mut random);
            used.crashes += 1;
        }
    }

    fn round(&self, used: &mut Used, random: &mut Random) {
        let data = used.folder.path().join("data");
        let durability = if random.one_in(3) { Durability::None } else { Durability::Full };
        let storage_options = format!(r#"{{"durability":"{}"}}"#, durability.name());
        let setting = Setting { config: self.config, data: &data, storage_options: &storage_options };
        let mut command = child(self.wrapper, "child_works_until_it_is_killed", &data);
        let seed = random.next().to_string();
        command.env(CONFIG, self.config).env(OPTIONS, &storage_options).env(SEED, seed);
        // Before it has loaded, a kill might hit the wrapper.
        let said = victim::kill(&mut command, &Moment::random(random, self.wrapper.is_empty()));

        let before = used.known.len();
        let promised = said.promised.len();
        used.known.extend(said.promised);
        let contents = Contents::of(&data);
        self.check_temporary(&contents, &data);
        runtime().block_on(async {
            let agent = worker::load(setting).await;
            survey::check(&agent, &contents, &used.known, &data).await;
            used.known.extend(survey::work_on(&agent, &contents).await);
        });
        // What was once to be seen stays.
        let found = contents.documents.len();
        used.known.extend(contents.documents);

        let mut tally = self.tally.lock().unwrap();
        tally.promised += promised;
        tally.cut_off += usize::from(found > before + promised);
        tally.in_batch += usize::from(said.batches > 0);
        tally.early += usize::from(!said.loaded);
        tally.reused += usize::from(used.crashes > 0);
        tally.temporary += contents.temporary.len();
    }

    /// A process that has unnamed files leaves none with a temporary name.
    fn check_temporary(&self, contents: &Contents, data: &Path) {
        let store = runtime().block_on(open(data));
        let unnamed = self.wrapper.is_empty() && store.describe().directory.unwrap().unnamed_files;
        assert!(!unnamed || contents.temporary.is_empty(), "{:?}", contents.temporary);
    }
}
