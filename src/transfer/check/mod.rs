//! A look at every object of a store: names, hashes, signatures, chains, attachments; and repair from a mirror.
//!
//! | file | what |
//! |---|---|
//! | `walk` | the passes over the store: names, agents, documents, files |
//! | `folder` | one id: its versions, read, judged, repaired |
//! | `judge` | what there is to say of the text of one version |
//! | `chain` | what there is to say of the versions of one id together |
//! | `files` | the attachments: which are stored, which are named, what they are |
//! | `tally` | what was counted and found |
//! | `state` | the file by which a call goes on where another ended |
//! | `repair` | an object from the mirror in the place of a damaged one |
//! | `quarantine` | where damaged objects go, and what an interrupted repair left there |
//!
//! Nothing is kept for each document: of the attachments that documents name, eight bytes each.

mod chain;
mod files;
mod folder;
mod judge;
mod quarantine;
mod repair;
mod state;
mod tally;
mod walk;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::files::Known;
use self::repair::Repair;
pub use self::state::CHECK_STATE;
use self::state::State;
use self::tally::Tally;
use super::listing::Counting;
use super::sink::Sink;
use super::{Finding, MOST_FAILURES, What};
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, Version};
use crate::vault::Vault;

/// Bytes of objects that are in memory at once; a larger object is there alone.
const IN_MEMORY: u64 = 64 << 20;
/// Below so many bytes an object is not counted.
const SMALL: u64 = 64 << 10;

/// What a caller asks of a check.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Versions made at or after this time only, and what they name.
    pub since: Option<Timestamp>,
    /// A share of the documents, above 0 and up to 1.
    pub sample: Option<f64>,
    /// The file by which it can go on.
    pub resume: Option<PathBuf>,
    /// Whether damage is repaired: what was found without that is not looked at again.
    pub repairs: bool,
    /// Findings that the report holds.
    pub max_findings: usize,
}

/// Where damaged objects are fetched from, and where they go.
pub struct RepairFrom {
    pub mirror: Arc<Vault>,
    /// An absolute path; made when it is needed.
    pub quarantine: PathBuf,
}

/// What a check found.
#[derive(Debug)]
pub struct CheckReport {
    pub scanned: u64,
    pub bytes: u64,
    /// Objects with damage.
    pub damaged: u64,
    pub repaired: u64,
    pub findings: Vec<Finding>,
    /// Every object was looked at.
    pub complete: bool,
    /// The file to go on from, where that is not so.
    pub resume: Option<PathBuf>,
}

impl CheckReport {
    /// In the shape of `index.d.ts`, without what is absent.
    pub fn to_json(&self) -> Value {
        let mut report = json!({
            "scanned": self.scanned,
            "bytes": self.bytes,
            "damaged": self.damaged,
            "repaired": self.repaired,
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
            "complete": self.complete,
        });
        if let Some(resume) = &self.resume {
            report["resume"] = json!(resume.to_string_lossy());
        }
        report
    }
}

/// A check under way.
struct Check {
    vault: Arc<Vault>,
    since: Option<Timestamp>,
    sample: Option<f64>,
    sink: Arc<Sink>,
    cancel: Cancel,
    room: Semaphore,
    known: Known,
    /// When the first call with the same file began.
    begun: Option<SystemTime>,
    repair: Option<Repair>,
    /// Where there is a file: how many more findings go into it.
    recorded: Option<AtomicUsize>,
    unasked: AtomicU64,
    away: Mutex<Option<Error>>,
}

/// Looks at every object of a store; `repair`: and brings back what is damaged.
///
/// Errors: `JACS_ABORTED`; `JACS_INPUT` for a file of another check; `JACS_UNAVAILABLE`, `JACS_PERMISSION` when the storage
/// cannot be asked at all. Where there is a file to go on from, the error names it.
pub async fn check(
    vault: Arc<Vault>,
    options: CheckOptions,
    repair: Option<RepairFrom>,
    sink: Arc<Sink>,
    cancel: &Cancel,
) -> Result<CheckReport> {
    let place = vault.store.place();
    let mut state = State::open(&options, &place)?;
    let resume = state.path().cloned();
    state.findings(|finding| sink.recall(finding))?;
    let check = Arc::new(Check {
        vault,
        since: options.since,
        sample: options.sample,
        sink,
        cancel: cancel.clone(),
        room: Semaphore::new((IN_MEMORY / SMALL) as usize),
        known: Known::new(state.seed()),
        begun: state.begun(),
        repair: repair.map(|from| Repair::new(from, place)),
        recorded: resume.as_ref().map(|_| AtomicUsize::new(options.max_findings)),
        unasked: AtomicU64::new(0),
        away: Mutex::default(),
    });
    // Of a part of the store nobody knows beforehand how much it is.
    let is_all = check.since.is_none() && check.sample.is_none();
    let counting = is_all.then(|| Counting::begin(&check.vault.store, &check.sink));
    let walked = Box::pin(walk::walk(&check, &mut state)).await;
    drop(counting);
    let tally = walked.map_err(|error| resume.iter().fold(error, Error::with_path))?;
    let is_whole = !state.has_more();
    if is_whole {
        state.remove()?;
    }
    Ok(CheckReport {
        scanned: tally.scanned,
        bytes: tally.bytes,
        damaged: tally.damaged,
        repaired: tally.repaired,
        findings: check.sink.take(),
        complete: tally.unchecked == 0 && options.since.is_none() && options.sample.is_none(),
        resume: resume.filter(|_| !is_whole),
    })
}

impl Check {
    /// Whether a document is among those that were drawn.
    fn is_drawn(&self, id: DocumentId) -> bool {
        let drawn = |share: f64| (self.known.mix(id.to_string().as_bytes()) as f64) < share * 2f64.powi(64);
        self.sample.is_none_or(drawn)
    }

    /// Waits until an object of that length may be in memory, until the permit is dropped. Nobody waits who has one.
    async fn room(&self, length: Option<u64>) -> Option<SemaphorePermit<'_>> {
        let length = length.unwrap_or(self.vault.max_bytes).min(self.vault.max_bytes);
        let count = (length / SMALL).min(IN_MEMORY / SMALL);
        match count {
            0 => None,
            // Nobody closes it.
            count => self.room.acquire_many(u32::try_from(count).unwrap_or(u32::MAX)).await.ok(),
        }
    }

    /// Whether a version is among those that are asked for; by its id, where that tells.
    fn is_wanted(&self, version: Version) -> bool {
        match (self.since, version.unix_ms()) {
            (Some(since), Some(ms)) => i64::try_from(ms).is_ok_and(|ms| ms >= since.as_millisecond()),
            _ => true,
        }
    }

    /// One more finding, told at once.
    fn tell(&self, tally: &mut Tally, finding: Finding) {
        if let Some(left) = &self.recorded
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        {
            tally.findings.push(finding.clone());
        }
        self.sink.found(finding);
    }

    /// An object that could not be looked at. Errors: its own, when so many in a row could not.
    fn unchecked(&self, tally: &mut Tally, path: &str, again: impl ToString, error: &Error) -> Result<()> {
        if error.code() == Code::Aborted {
            return Err(error.clone());
        }
        if self.unasked.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_FAILURES {
            self.away().get_or_insert_with(|| error.clone());
        }
        tally.unchecked += 1;
        tally.again.push(again.to_string());
        self.tell(tally, Finding::of(What::Unchecked, error).with_path(path));
        self.check_on()
    }

    /// An object that was looked at.
    fn asked(&self) {
        if self.unasked.load(Ordering::Relaxed) > 0 {
            self.unasked.store(0, Ordering::Relaxed);
        }
    }

    /// Errors: why it should not go on.
    fn check_on(&self) -> Result<()> {
        self.cancel.check()?;
        match &*self.away() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn away(&self) -> std::sync::MutexGuard<'_, Option<Error>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
