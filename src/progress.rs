//! How far a long call has come, and who wants to know.

use std::fmt;
use std::sync::Arc;

/// How far a long call has come. What is counted, documents, files or objects, depends on the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    /// Where that is known.
    pub total: Option<u64>,
    pub bytes: u64,
    /// Where that is known.
    pub total_bytes: Option<u64>,
    pub failed: u64,
}

/// Who wants to know. `Debug` shows nothing of it.
#[derive(Clone, Default)]
pub struct OnProgress(pub Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl OnProgress {
    pub fn tell(&self, progress: Progress) {
        self.0.iter().for_each(|tell| tell(progress));
    }
}

impl fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnProgress").field(&self.0.is_some()).finish()
    }
}
