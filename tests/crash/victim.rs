//! A child that works until it is killed, and what it had said by then.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use jacs_agent::id::DocumentKey;

use crate::random::Random;
use crate::worker::{BATCH, BATCH_DONE, LOADED, PROMISED};

/// The longest that a child works before it is killed, in milliseconds.
const WORK: u64 = 80;
/// The longest that a child may take to load; only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(100);
const SIGKILL: i32 = 9;

/// When a child is killed: so much time after it began, or after it said something.
pub struct Moment {
    after: Option<&'static str>,
    pause: Duration,
}

impl Moment {
    /// `any`: also before the child has loaded the agent.
    pub fn random(random: &mut Random, any: bool) -> Moment {
        let (after, longest) = match random.below(10) {
            0 if any => (None, WORK),
            1..=3 => (Some(BATCH), WORK / 4),
            4..=6 => (Some(PROMISED), WORK),
            _ => (Some(LOADED), WORK),
        };
        Moment { after, pause: Duration::from_micros(random.below(longest * 1000)) }
    }
}

/// What a killed child had said.
#[derive(Debug, Default)]
pub struct Said {
    pub loaded: bool,
    /// Batches under way when it was killed.
    pub batches: usize,
    /// Versions, and the SHA-256 of each text.
    pub promised: Vec<(DocumentKey, String)>,
}

impl Said {
    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [LOADED] => self.loaded = true,
            [BATCH] => self.batches += 1,
            [BATCH_DONE] => self.batches -= 1,
            [PROMISED, key, hash] => self.promised.push((key.parse().unwrap(), hash.to_owned())),
            // The test runner's own.
            _ => {}
        }
    }
}

/// Starts a child and kills it.
pub fn kill(command: &mut Command, moment: &Moment) -> Said {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = lines_of(&mut child);
    let mut said = Said::default();
    if let Some(awaited) = moment.after {
        hear(&lines, &mut said, Some(awaited));
    }
    thread::sleep(moment.pause);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    hear(&lines, &mut said, None);
    assert_eq!(status.signal(), Some(SIGKILL), "the child ended by itself: {status}");
    said
}

/// The lines are read all the time, so that the child never waits for a full pipe.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let mut pipe = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || {
        let mut line = String::new();
        while pipe.read_line(&mut line).unwrap() > 0 {
            match line.strip_suffix('\n') {
                Some(whole) if sender.send(whole.to_owned()).is_ok() => line.clear(),
                _ => break,
            }
        }
    });
    receiver
}

/// Takes lines until one that begins as awaited, or to the end.
fn hear(lines: &Receiver<String>, said: &mut Said, awaited: Option<&str>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                said.take(&line);
                if awaited.is_some_and(|awaited| line.starts_with(awaited)) {
                    return;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => panic!("the child hangs; awaited: {awaited:?}"),
        }
    }
}
