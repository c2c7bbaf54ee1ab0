//! How far a call with attachments has come.

use std::sync::atomic::{AtomicU64, Ordering};

use super::inputs::Item;
use crate::progress::{OnProgress, Progress};

/// Files and bytes that are done.
pub(super) struct Count {
    tell: OnProgress,
    total: u64,
    total_bytes: Option<u64>,
    done: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    /// `tells`: whether this is the last time that the files are read.
    pub fn new(tell: &OnProgress, items: &[Item], tells: bool) -> Self {
        let tell = if tells { tell.clone() } else { OnProgress::default() };
        let total_bytes = items.iter().map(|item| item.length).fold(0, u64::saturating_add);
        Self::of(tell, items.len() as u64, Some(total_bytes))
    }

    pub fn of(tell: OnProgress, total: u64, total_bytes: Option<u64>) -> Self {
        Self { tell, total, total_bytes, done: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    pub fn read(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.tell();
    }

    pub fn one_done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.tell();
    }

    fn tell(&self) {
        let (done, bytes) = (self.done.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        let (total, total_bytes) = (Some(self.total), self.total_bytes);
        self.tell.tell(Progress { done, total, bytes, total_bytes, failed: 0 });
    }
}
