//! What stands in a directory of the layout, one name after the other: the ids of a kind, or the attachments.

use std::collections::{BTreeMap, btree_map};
use std::time::SystemTime;

use opendal::ErrorKind;

use super::Store;
use super::documents::Listed;
use super::layout::{self, FILES, Kind, ObjectKey, Sha256Hex};
use super::remote::Turn;
use super::remote::answer::{Again, Verdict};
use crate::error::Result;
use crate::id::DocumentId;

/// A directory of the layout whose names are listed.
pub trait Shelf {
    /// What is told of each name.
    type Item: Copy;
    /// What orders them.
    type Key: Copy + Ord;

    /// With a trailing `/`.
    fn directory(&self) -> String;
    /// The whole path of a name.
    fn path(&self, key: Self::Key) -> String;
    /// `None` for what is not of the layout. `instead`: what stands in the place of a directory has its name.
    fn item(&self, found: &opendal::Entry, instead: bool) -> Option<Self::Item>;
    fn key(item: &Self::Item) -> Self::Key;
}

impl Shelf for Kind {
    type Item = DocumentId;
    type Key = DocumentId;

    fn directory(&self) -> String {
        layout::kind_prefix(*self)
    }

    fn path(&self, id: DocumentId) -> String {
        layout::prefix(*self, id)
    }

    fn item(&self, found: &opendal::Entry, instead: bool) -> Option<DocumentId> {
        match found.path() {
            path if path.ends_with('/') || !instead => layout::parse_prefix(*self, path),
            path => layout::parse_prefix(*self, &format!("{path}/")),
        }
    }

    fn key(id: &DocumentId) -> DocumentId {
        *id
    }
}

/// The directory of the attachments.
#[derive(Clone, Copy, Debug)]
pub struct FileShelf;

/// One stored attachment, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName {
    pub hash: Sha256Hex,
    /// Size in bytes, where the backend tells; `None` for what is no file.
    pub bytes: Option<u64>,
    /// When it was stored, where the backend tells.
    pub modified: Option<SystemTime>,
}

impl Shelf for FileShelf {
    type Item = FileName;
    type Key = Sha256Hex;

    fn directory(&self) -> String {
        format!("{FILES}/")
    }

    fn path(&self, hash: Sha256Hex) -> String {
        ObjectKey::File(hash).path()
    }

    fn item(&self, found: &opendal::Entry, _: bool) -> Option<FileName> {
        match ObjectKey::parse(found.path().trim_end_matches('/')) {
            Some(ObjectKey::File(hash)) => {
                let metadata = found.metadata();
                let bytes = metadata.is_file().then(|| metadata.content_length());
                Some(FileName { hash, bytes, modified: metadata.last_modified().map(SystemTime::from) })
            }
            _ => None,
        }
    }

    fn key(file: &FileName) -> Sha256Hex {
        file.hash
    }
}

/// The ids of one kind. An id may have no version (any more): a writer that was just starting or that crashed, or a
/// removal since.
pub type Ids = Names<Kind>;

/// The stored attachments.
pub type Files = Names<FileShelf>;

/// A pull-iterator over what stands in a directory of the layout, ascending, each once.
///
/// On fs the names of the directory are read in portions of 131,072 (2 MiB for ids). What other processes add meanwhile is
/// seen where its portion was not read yet, so never twice and always in its place.
pub struct Names<S: Shelf> {
    store: Store,
    shelf: S,
    after: Option<S::Key>,
    instead: bool,
    walk: Option<Walk<S>>,
}

enum Walk<S: Shelf> {
    /// Of a backend that lists in order.
    Sorted(Listed),
    /// Of one that does not: all names, some 20 bytes each for ids.
    Collected(btree_map::IntoIter<S::Key, S::Item>),
}

impl<S: Shelf> Names<S> {
    pub(super) fn new(store: Store, shelf: S) -> Self {
        Self { store, shelf, after: None, instead: false, walk: None }
    }

    /// On a disk, gives also the ids in whose place something else stands than a directory: it may hide documents. Whoever
    /// asks for their versions is told.
    #[must_use]
    pub fn with_what_stands_instead(self) -> Self {
        Self { instead: self.store.is_local(), ..self }
    }

    /// Goes on after `key`, which need not exist; never goes back.
    pub fn seek_after(&mut self, key: S::Key) {
        self.after = self.after.max(Some(key));
    }

    /// The next one; `None` at the end, and for a store where nothing was written yet. After an error the next call
    /// starts again behind the last that was given out.
    ///
    /// Errors: `JACS_PERMISSION` (also: the directory is a symbolic link), `JACS_UNAVAILABLE`.
    pub async fn next(&mut self) -> Result<Option<S::Item>> {
        Ok(self.next_page(1).await?.pop())
    }

    /// The next `count`; fewer only at the end. Errors: as [`next`](Self::next).
    pub async fn next_page(&mut self, count: usize) -> Result<Vec<S::Item>> {
        let directory = self.shelf.directory();
        let mut page = Vec::with_capacity(count.min(4096));
        let before = self.after;
        let mut turn = self.store.turn().await;
        while page.len() < count {
            match self.advance(&directory, &mut turn).await {
                Ok(Some(item)) => page.push(item),
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

    async fn advance(&mut self, directory: &str, turn: &mut Option<Turn>) -> opendal::Result<Option<S::Item>> {
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None => self.open(directory, turn).await?,
        };
        let found = match &mut walk {
            Walk::Sorted(lister) => self.next_listed(lister, turn).await?,
            Walk::Collected(items) => items.find(|(key, _)| self.after < Some(*key)).map(|(_, item)| item),
        };
        self.after = self.after.max(found.as_ref().map(S::key));
        self.walk = Some(walk);
        Ok(found)
    }

    async fn next_listed(&self, lister: &mut Listed, turn: &mut Option<Turn>) -> opendal::Result<Option<S::Item>> {
        while let Some(entry) = self.store.next_listed(lister, turn).await? {
            let Some(item) = self.shelf.item(&entry, self.instead) else { continue };
            if self.after < Some(S::key(&item)) {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    async fn open(&self, directory: &str, turn: &mut Option<Turn>) -> opendal::Result<Walk<S>> {
        let operator = self.store.operator();
        let lister = match self.after {
            Some(key) if operator.info().capability().list_with_start_after => {
                operator.lister_with(directory).start_after(&self.shelf.path(key)).await?
            }
            _ => operator.lister(directory).await?,
        };
        if self.store.is_sorted() {
            return Ok(Walk::Sorted(lister.into()));
        }
        let mut lister = lister.into();
        let mut items = BTreeMap::new();
        while let Some(entry) = self.store.next_listed(&mut lister, turn).await? {
            let Some(item) = self.shelf.item(&entry, self.instead) else { continue };
            if items.insert(S::key(&item), item).is_some() {
                return Err(disorder());
            }
        }
        Ok(Walk::Collected(items.into_iter()))
    }
}

/// Documents must not be lost from a listing because a server lists them late, and one that repeats itself has no end.
pub(super) fn disorder() -> opendal::Error {
    Verdict::error(ErrorKind::Unsupported, Again::No, "the storage lists its objects twice or in no order")
}
