//! The advisory lock on one document: first within this process, then, where the backend has one, across processes.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::fs::{Attempt, Fs};
use super::layout::Kind;
use crate::id::DocumentId;

/// Another process is asked again after this many milliseconds, doubled each time.
const FIRST_PAUSE_MS: u64 = 1;
/// ... up to this many.
const LONGEST_PAUSE_MS: u64 = 20;

/// Holds the exclusive right to update one document, until it is dropped.
#[must_use = "the lock is released when this is dropped"]
pub struct Lock {
    // Fields drop in this order: other processes are let in before waiters of this one, who would only find it taken.
    _file: Option<File>,
    _seat: Seat,
}

/// The document that a lock is about.
type Name = (Kind, DocumentId);

/// The locks of one store, within this process. Waiters are served in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct Locks(Arc<Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>>);

impl Locks {
    /// Waits for the lock within this process; `None` when the directory does not exist.
    ///
    /// Dropping the future gives up the wait.
    pub async fn acquire(&self, name: Name, fs: Option<(&Fs, &str)>) -> opendal::Result<Option<Lock>> {
        let seat = self.sit(name).await;
        let Some((fs, directory)) = fs else { return Ok(Some(Lock { _file: None, _seat: seat })) };
        let mut pause = FIRST_PAUSE_MS;
        // Asked again and again without blocking, so that a waiter pins no thread and can be cancelled.
        loop {
            match fs.try_lock(directory).await? {
                Attempt::Held(file) => return Ok(Some(Lock { _file: file, _seat: seat })),
                Attempt::Missing => return Ok(None),
                Attempt::Busy => tokio::time::sleep(Duration::from_millis(pause)).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE_MS);
        }
    }

    async fn sit(&self, name: Name) -> Seat {
        let mutex = self.table().entry(name).or_default().clone();
        // Made before waiting: a cancelled waiter must leave no entry behind either.
        let mut seat = Seat { locks: self.clone(), name, guard: None };
        seat.guard = Some(mutex.lock_owned().await);
        seat
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Name, Arc<tokio::sync::Mutex<()>>>> {
        // The table is whole between any two statements that use it, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiter's or holder's place; the table forgets a document when its last place is left.
struct Seat {
    locks: Locks,
    name: Name,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.locks.table();
        // Under the table's own lock, so that nobody takes a place in between.
        self.guard = None;
        if table.get(&self.name).is_some_and(|mutex| Arc::strong_count(mutex) == 1) {
            table.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_table_forgets_holders_and_cancelled_waiters() {
        let locks = Locks::default();
        let name = (Kind::Document, DocumentId::random());
        let held = locks.acquire(name, None).await.unwrap().unwrap();
        let waiter = tokio::time::timeout(Duration::from_millis(20), locks.acquire(name, None)).await;
        assert!(waiter.is_err(), "the lock was given out twice");
        drop(held);
        assert!(locks.table().is_empty());
    }
}
