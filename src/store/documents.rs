//! The documents of a store with their versions, page by page.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures::{StreamExt, TryStreamExt, stream};
use opendal::Lister;

use super::fs::File;
use super::layout::{self, Kind, ObjectKey};
use super::names::disorder;
use super::remote::Turn;
use super::{Entry, Ids, Store};
use crate::error::Result;
use crate::id::{DocumentId, DocumentKey};

/// Documents whose versions are listed at once, where each takes a request.
const CONCURRENT_LISTS: usize = 16;

/// One id and its stored versions, ascending; there may be none (any more), as [`Ids`] says.
#[derive(Clone, Debug)]
pub struct Versions {
    pub id: DocumentId,
    /// Errors: `JACS_PERMISSION` (also: a symbolic link stands for the directory), `JACS_UNAVAILABLE`.
    pub entries: Result<Vec<Entry>>,
}

/// A pull-iterator over the ids of one kind with their versions, ascending, in memory that does not grow with the store
/// where the backend lists in order.
pub struct Documents {
    store: Store,
    kind: Kind,
    walk: Walk,
}

enum Walk {
    /// Ids, then the versions of each.
    Ids(Ids),
    /// All keys one after the other, as one listing gives them.
    Keys(Keys),
}

/// A listing of all keys of a kind.
#[derive(Default)]
struct Keys {
    after: Option<DocumentId>,
    lister: Option<Listed>,
    /// Of the next id: what showed that the one before was complete.
    next: Option<Entry>,
}

impl Documents {
    pub(super) fn new(store: Store, kind: Kind, ids: Ids) -> Self {
        // One listing gives a thousand keys a request where asking for each id gives one.
        let keys = store.is_remote() && store.is_sorted() && store.operator().info().capability().list_with_recursive;
        let walk = if keys { Walk::Keys(Keys::default()) } else { Walk::Ids(ids) };
        Self { store, kind, walk }
    }

    /// On a disk, gives also ids in whose place something else stands than a directory, with the error that says so.
    #[must_use]
    pub fn with_what_stands_instead(self) -> Self {
        match self.walk {
            Walk::Ids(ids) => Self { walk: Walk::Ids(ids.with_what_stands_instead()), ..self },
            Walk::Keys(_) => self,
        }
    }

    /// Goes on after `id`, which need not exist; never goes back.
    pub fn seek_after(&mut self, id: DocumentId) {
        match &mut self.walk {
            Walk::Ids(ids) => ids.seek_after(id),
            Walk::Keys(keys) => keys.seek_after(id),
        }
    }

    /// The next `count` ids; fewer only at the end. After an error the next call goes on behind them.
    ///
    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn next_page(&mut self, count: usize) -> Result<Vec<Versions>> {
        match &mut self.walk {
            Walk::Ids(ids) => {
                let page = ids.next_page(count).await?;
                self.store.all_entries(self.kind, page).await
            }
            Walk::Keys(keys) => {
                let before = keys.after;
                let directory = layout::kind_prefix(self.kind);
                let mut page = Vec::with_capacity(count);
                // One turn for the page: with one for each entry it would queue behind every writer a thousand times.
                let mut turn = self.store.turn().await;
                while page.len() < count {
                    match keys.next(&self.store, self.kind, &directory, &mut turn).await {
                        Ok(Some(versions)) => page.push(versions),
                        Ok(None) => break,
                        Err(error) => {
                            // Nobody got what was found for this page: the next call begins it anew.
                            *keys = Keys { after: before, ..Keys::default() };
                            return Err(self.store.fail_listing(error, &directory));
                        }
                    }
                }
                Ok(page)
            }
        }
    }
}

impl Keys {
    fn seek_after(&mut self, id: DocumentId) {
        if self.after < Some(id) {
            *self = Self { after: Some(id), lister: None, next: None };
        }
    }

    async fn next(
        &mut self,
        store: &Store,
        kind: Kind,
        directory: &str,
        turn: &mut Option<Turn>,
    ) -> opendal::Result<Option<Versions>> {
        // Put back only after success: after an error it begins anew behind the last id that was given out.
        let (lister, held) = (self.lister.take(), self.next.take());
        let mut lister = match lister {
            Some(lister) => lister,
            None => self.open(store, kind, directory).await?,
        };
        let mut entries: Vec<Entry> = held.into_iter().collect();
        while let Some(found) = store.next_listed(&mut lister, turn).await? {
            let Some(entry) = entry_of(kind, &found) else { continue };
            // Of a server that does not know where to begin.
            if Some(entry.key.id) <= self.after {
                continue;
            }
            if entries.last().is_some_and(|last| last.key.id != entry.key.id) {
                self.next = Some(entry);
                break;
            }
            entries.push(entry);
        }
        let Some(id) = entries.first().map(|entry| entry.key.id) else { return Ok(None) };
        self.after = Some(id);
        self.lister = Some(lister);
        Ok(Some(Versions { id, entries: Ok(entries) }))
    }

    async fn open(&self, store: &Store, kind: Kind, directory: &str) -> opendal::Result<Listed> {
        let lister = store.operator().lister_with(directory).recursive(true);
        let lister = match self.after {
            Some(id) => lister.start_after(&layout::behind(kind, id)).await?,
            None => lister.await?,
        };
        Ok(lister.into())
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
            let one = |id| async move { Versions { id, entries: self.list_entries(kind, id).await } };
            return Ok(stream::iter(ids).map(one).buffered(CONCURRENT_LISTS).collect().await);
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
        self.list_folder(kind, id, |_| ()).await
    }

    /// As [`entries`](Self::entries), by a listing of the folder; `odd` hears of the paths that are not of the layout.
    pub(super) async fn list_folder(
        &self,
        kind: Kind,
        id: DocumentId,
        mut odd: impl FnMut(&str) + Send,
    ) -> Result<Vec<Entry>> {
        let directory = layout::prefix(kind, id);
        let fail = |error| self.fail(error, &id, &directory);
        let mut lister = self.operator().lister(&directory).await.map_err(fail)?.into();
        let mut entries = BTreeMap::new();
        let mut turn = self.turn().await;
        while let Some(found) = self.next_listed(&mut lister, &mut turn).await.map_err(fail)? {
            let Some(entry) = entry_of(kind, &found).filter(|entry| entry.key.id == id) else {
                if found.path() != directory {
                    odd(found.path());
                }
                continue;
            };
            if entries.insert(entry.key, entry).is_some() {
                return Err(fail(disorder()));
            }
        }
        Ok(entries.into_values().collect())
    }

    /// The next of a listing; over a network, in time, and never twice.
    pub(super) async fn next_listed(
        &self,
        listed: &mut Listed,
        turn: &mut Option<Turn>,
    ) -> opendal::Result<Option<opendal::Entry>> {
        turn.iter_mut().for_each(Turn::renew);
        let found = self.within(turn, 0, listed.lister.try_next()).await?;
        if let Some(entry) = found.as_ref().filter(|_| self.is_remote() && self.is_sorted()) {
            // Of each page the directories come before the files.
            let last = if entry.path().ends_with('/') { &mut listed.directory } else { &mut listed.file };
            if entry.path() <= last.as_str() {
                return Err(disorder());
            }
            entry.path().clone_into(last);
        }
        Ok(found)
    }
}

/// A listing under way, and what it gave last: a server that repeats itself would have no end.
pub(super) struct Listed {
    lister: Lister,
    directory: String,
    file: String,
}

impl From<Lister> for Listed {
    fn from(lister: Lister) -> Self {
        Self { lister, directory: String::new(), file: String::new() }
    }
}

/// What the layout knows of a listed object; of that kind.
fn entry_of(wanted: Kind, found: &opendal::Entry) -> Option<Entry> {
    match ObjectKey::parse(found.path()) {
        Some(ObjectKey::Version { kind, key }) if kind == wanted => {
            let metadata = found.metadata();
            let bytes = metadata.is_file().then(|| metadata.content_length());
            Some(Entry { key, bytes, modified: metadata.last_modified().map(SystemTime::from) })
        }
        _ => None,
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
