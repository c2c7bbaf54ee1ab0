//! The ids of a store, one after the other.

use futures::TryStreamExt;
use opendal::Lister;

use super::Store;
use super::layout::{self, Kind};
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
    lister: Option<Lister>,
}

impl Ids {
    pub(super) fn new(store: Store, kind: Kind) -> Self {
        Self { store, kind, after: None, lister: None }
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
        let directory = layout::kind_prefix(self.kind);
        match self.advance(&directory).await {
            Ok(id) => Ok(id),
            Err(error) => Err(self.store.fail_listing(error, &directory)),
        }
    }

    async fn advance(&mut self, directory: &str) -> opendal::Result<Option<DocumentId>> {
        let mut lister = match self.lister.take() {
            Some(lister) => lister,
            None => self.open(directory).await?,
        };
        while let Some(entry) = lister.try_next().await? {
            let Some(id) = layout::parse_prefix(self.kind, entry.path()) else { continue };
            if self.after < Some(id) {
                self.after = Some(id);
                self.lister = Some(lister);
                return Ok(Some(id));
            }
        }
        self.lister = Some(lister);
        Ok(None)
    }

    async fn open(&self, directory: &str) -> opendal::Result<Lister> {
        let operator = self.store.operator();
        match self.after {
            Some(id) if operator.info().capability().list_with_start_after => {
                operator.lister_with(directory).start_after(&layout::prefix(self.kind, id)).await
            }
            _ => operator.lister(directory).await,
        }
    }
}
