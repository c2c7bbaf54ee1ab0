//! Who hears of findings and progress, and what is counted.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::finding::Finding;
use crate::progress::{OnProgress, Progress};

/// Findings that a report holds unless the caller says how many.
pub const MOST_FINDINGS: usize = 10_000;

/// Who wants to hear of each finding at once. `Debug` shows nothing of it.
#[derive(Clone, Default)]
pub struct OnFinding(pub Option<Hears>);

/// What is called with each finding.
type Hears = Arc<dyn Fn(&Finding) + Send + Sync>;

impl fmt::Debug for OnFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnFinding").field(&self.0.is_some()).finish()
    }
}

/// Where a long call tells what it found and how far it is.
#[derive(Debug)]
pub struct Sink {
    on_progress: OnProgress,
    on_finding: OnFinding,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    findings: Vec<Finding>,
    progress: Progress,
}

impl Sink {
    /// `most`: findings that are kept for the report.
    pub fn new(on_progress: OnProgress, on_finding: OnFinding, most: usize) -> Sink {
        Sink { on_progress, on_finding, most, state: Mutex::default() }
    }

    /// Whether anybody looks at the progress.
    pub fn is_watched(&self) -> bool {
        self.on_progress.0.is_some()
    }

    /// One more finding.
    pub fn found(&self, finding: Finding) {
        self.on_finding.0.iter().for_each(|tell| tell(&finding));
        let mut state = self.state();
        if state.findings.len() < self.most {
            state.findings.push(finding);
        }
    }

    /// A finding of an earlier call, which told it already.
    pub fn recall(&self, finding: Finding) {
        let mut state = self.state();
        if state.findings.len() < self.most {
            state.findings.push(finding);
        }
    }

    /// So many objects in all.
    pub fn expect(&self, total: u64) {
        self.state().progress.total = Some(total);
    }

    /// Some objects are done; they were so many bytes long, and so many of them failed.
    pub fn done(&self, objects: u64, bytes: u64, failed: u64) {
        let progress = {
            let mut state = self.state();
            let progress = &mut state.progress;
            progress.done += objects;
            progress.bytes += bytes;
            progress.failed += failed;
            *progress
        };
        self.on_progress.tell(progress);
    }

    /// The findings, for the report.
    pub fn take(&self) -> Vec<Finding> {
        std::mem::take(&mut self.state().findings)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
