//! The ids of a store, one after the other.

use std::collections::{BTreeSet, btree_set};

use opendal::ErrorKind;

use super::Store;
use super::documents::Listed;
use super::layout::{self, Kind};
use super::remote::Turn;
use super::remote::answer::{Again, Verdict};
use crate::error::Result;
use crate::id::DocumentId;

/// A pull-iterator over the ids of one kind, ascending, each once.
///
/// An id may have no version (any more): a writer that was just starting or that crashed, or a removal since.
/// On fs the names of the directory are read in portions of 131,072 (2 MiB). What other processes add meanwhile is seen
/// where its portion was not read yet, so never twice and always in its place.
pub struct Ids {
    store: Store,
    kind: Kind,
    after: Option<DocumentId>,
    walk: Option<Walk>,
}

enum Walk {
    /// Of a backend that lists in order.
    Sorted(Listed),
    /// Of one that does not: all ids, some 20 bytes each.
    Collected(btree_set::IntoIter<DocumentId>),
}

impl Ids {
    pub(super) fn new(store: Store, kind: Kind) -> Self {
        Self { store, kind, after: None, walk: None }
    }

    /// Goes on after `id`, which need not exist; never goes back.
    pub fn seek_after(&mut self, id: DocumentId) {
        self.after = self.after.max(Some(id));
    }

    /// The next id; `None` at the end, and for a store where nothing was written yet. After an error the next call
    /// starts again behind the last id that was given out.
    ///
    /// Errors: `JACS_PERMISSION` (also: the directory is a symbolic link), `JACS_UNAVAILABLE`.
    pub async fn next(&mut self) -> Result<Option<DocumentId>> {
        Ok(self.next_page(1).await?.pop())
    }

    /// The next `count` ids; fewer only at the end. Errors: as [`next`](Self::next).
    pub(super) async fn next_page(&mut self, count: usize) -> Result<Vec<DocumentId>> {
        let directory = layout::kind_prefix(self.kind);
        let mut page = Vec::with_capacity(count);
        let before = self.after;
        let mut turn = self.store.turn().await;
        while page.len() < count {
            match self.advance(&directory, &mut turn).await {
                Ok(Some(id)) => page.push(id),
                Ok(None) => break,
                Err(error) => {
                    // Nobody got what was found for this page.
                    self.after = before;
                    return Err(self.store.fail_listing(error, &directory));
                }
            }
        }
        Ok(page)
    }

    async fn advance(&mut self, directory: &str, turn: &mut Option<Turn>) -> opendal::Result<Option<DocumentId>> {
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None => self.open(directory, turn).await?,
        };
        let found = match &mut walk {
            Walk::Sorted(lister) => self.next_listed(lister, turn).await?,
            Walk::Collected(ids) => ids.find(|id| self.after < Some(*id)),
        };
        self.after = self.after.max(found);
        self.walk = Some(walk);
        Ok(found)
    }

    async fn next_listed(&self, lister: &mut Listed, turn: &mut Option<Turn>) -> opendal::Result<Option<DocumentId>> {
        while let Some(entry) = self.store.next_listed(lister, turn).await? {
            let Some(id) = layout::parse_prefix(self.kind, entry.path()) else { continue };
            if self.after < Some(id) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn open(&self, directory: &str, turn: &mut Option<Turn>) -> opendal::Result<Walk> {
        let operator = self.store.operator();
        let lister = match self.after {
            Some(id) if operator.info().capability().list_with_start_after => {
                operator.lister_with(directory).start_after(&layout::prefix(self.kind, id)).await?
            }
            _ => operator.lister(directory).await?,
        };
        if self.store.is_sorted() {
            return Ok(Walk::Sorted(lister.into()));
        }
        let mut lister = lister.into();
        let mut ids = BTreeSet::new();
        while let Some(entry) = self.store.next_listed(&mut lister, turn).await? {
            let Some(id) = layout::parse_prefix(self.kind, entry.path()) else { continue };
            if !ids.insert(id) {
                return Err(disorder());
            }
        }
        Ok(Walk::Collected(ids.into_iter()))
    }
}

/// Documents must not be lost from a listing because a server lists them late, and one that repeats itself has no end.
pub(super) fn disorder() -> opendal::Error {
    Verdict::error(ErrorKind::Unsupported, Again::No, "the storage lists its objects twice or in no order")
}
