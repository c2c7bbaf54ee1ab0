//! The documents of a store with their versions, page by page.

use std::time::SystemTime;

use futures::TryStreamExt;

use super::fs::File;
use super::layout::{self, Kind, ObjectKey};
use super::{Entry, Ids, Store};
use crate::error::Result;
use crate::id::{DocumentId, DocumentKey};

/// One id and its stored versions, ascending; there may be none (any more), as [`Ids`] says.
#[derive(Clone, Debug)]
pub struct Versions {
    pub id: DocumentId,
    /// Errors: `JACS_PERMISSION` (also: a symbolic link stands for the directory), `JACS_UNAVAILABLE`.
    pub entries: Result<Vec<Entry>>,
}

/// A pull-iterator over the ids of one kind with their versions, ascending, in memory that does not grow with the store.
pub struct Documents {
    store: Store,
    kind: Kind,
    ids: Ids,
}

impl Documents {
    pub(super) fn new(store: Store, kind: Kind, ids: Ids) -> Self {
        Self { store, kind, ids }
    }

    /// Goes on after `id`, which need not exist; never goes back.
    pub fn seek_after(&mut self, id: DocumentId) {
        self.ids.seek_after(id);
    }

    /// The next `count` ids; fewer only at the end. After an error the next call goes on behind them.
    ///
    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn next_page(&mut self, count: usize) -> Result<Vec<Versions>> {
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            let Some(id) = self.ids.next().await? else { break };
            ids.push(id);
        }
        self.store.all_entries(self.kind, ids).await
    }
}

impl Store {
    /// The stored versions of an id, ascending, with what the backend tells about each; none when nothing is stored.
    ///
    /// Errors: as [`versions`](Self::versions).
    pub async fn entries(&self, kind: Kind, id: DocumentId) -> Result<Vec<Entry>> {
        match self.all_entries(kind, vec![id]).await?.pop() {
            Some(versions) => versions.entries,
            None => Ok(Vec::new()),
        }
    }

    async fn all_entries(&self, kind: Kind, ids: Vec<DocumentId>) -> Result<Vec<Versions>> {
        let Some(fs) = &self.0.fs else {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.push(Versions { id, entries: self.list_entries(kind, id).await });
            }
            return Ok(found);
        };
        let path = layout::kind_prefix(kind);
        let names = ids.iter().map(DocumentId::to_string).collect();
        let files = fs.files(path.trim_end_matches('/'), names).await;
        let files = files.map_err(|error| self.fail_listing(error, &path))?;
        let found = ids.into_iter().zip(files).map(|(id, files)| {
            let files = files.map_err(|error| self.fail(error, &id, &layout::prefix(kind, id)));
            let entries = |files: Vec<File>| sorted(files.iter().filter_map(|file| entry(id, file)).collect());
            Versions { id, entries: files.map(entries) }
        });
        Ok(found.collect())
    }

    async fn list_entries(&self, kind: Kind, id: DocumentId) -> Result<Vec<Entry>> {
        let directory = layout::prefix(kind, id);
        let fail = |error| self.fail(error, &id, &directory);
        let mut lister = self.operator().lister(&directory).await.map_err(fail)?;
        let mut entries = Vec::new();
        while let Some(found) = lister.try_next().await.map_err(fail)? {
            if let Some(ObjectKey::Version { key, .. }) = ObjectKey::parse(found.path()) {
                let metadata = found.metadata();
                let bytes = metadata.is_file().then(|| metadata.content_length());
                entries.push(Entry { key, bytes, modified: metadata.last_modified().map(SystemTime::from) });
            }
        }
        Ok(sorted(entries))
    }
}

/// A directory in a file's place stands there as well: reading it is refused.
fn entry(id: DocumentId, file: &File) -> Option<Entry> {
    let version = layout::parse_name(&file.name)?;
    Some(Entry { key: DocumentKey { id, version }, bytes: file.bytes(), modified: file.modified() })
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_unstable_by_key(|entry| entry.key);
    entries
}
