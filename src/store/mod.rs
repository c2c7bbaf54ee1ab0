//! The store: immutable objects under the keys of [`layout`], on a backend chosen by [`Settings`].
//!
//! Every backend is one OpenDAL operator, and this module is the only place that names OpenDAL. `layout` alone knows
//! keys, `errors` alone turns OpenDAL's errors into ours, `fs` and `memory` each make an operator.

mod aws;
#[cfg(test)]
mod contract;
mod describe;
mod documents;
mod errors;
mod files;
mod fs;
mod hai;
pub mod layout;
mod lock;
mod memory;
mod names;
mod other;
mod presign;
mod probe;
mod put;
mod remote;
mod survey;
mod sweep;

use std::fmt::Display;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use futures::TryStreamExt;
use opendal::{ErrorKind, Operator};

pub use self::aws::Aws;
pub use self::describe::{Description, Directory};
pub use self::documents::{Documents, Versions};
use self::errors::Subject;
use self::files::Uploads;
pub use self::files::{StoredFile, Tell, blocking, hash};
pub use self::fs::wait_here;
use self::fs::{Fs, Publish};
pub use self::hai::Hai;
pub use self::layout::{Kind, ObjectKey, Sha256Hex};
pub use self::lock::Lock;
use self::lock::Locks;
use self::names::FileShelf;
pub use self::names::{FileName, Files, Ids};
pub use self::other::Other;
pub use self::probe::{Abilities, Findings};
pub use self::put::{Name, Put};
pub use self::remote::Access;
use self::remote::{Remote, Turn};
pub use self::survey::{Access as FileAccess, Folder, Odd, Opened, Seen, Survey, Trouble};
pub use self::sweep::Sweep;
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};
use crate::local_file::resolved;

/// Which backend, and how it is used.
#[derive(Clone, Debug)]
pub enum Settings {
    /// A directory of this machine.
    Fs { root: PathBuf, durability: Durability },
    /// A bucket of S3.
    Aws(Box<Aws>),
    /// A place on a WebDAV server.
    Hai(Box<Hai>),
    /// A place in a further service of OpenDAL.
    Other(Box<Other>),
    /// Memory of this process; every [`Store::open`] makes an empty one.
    Memory,
}

/// What a successful write on fs promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut: the file and the directories that lead to it are synced.
    #[default]
    Full,
    /// It is whole or not at all, and survives the end of the process; nothing is synced.
    None,
}

/// How surely a backend lets one writer of a key win.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateOnce {
    /// In one step, always.
    Atomic,
    /// By looking before and after.
    Checked,
    /// Not at all.
    None,
}

/// One stored version, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: DocumentKey,
    /// Size in bytes, where the backend tells.
    pub bytes: Option<u64>,
    /// When it was stored, where the backend tells.
    pub modified: Option<SystemTime>,
}

/// A store. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    operator: Operator,
    /// `None` unless the backend is fs.
    fs: Option<Fs>,
    /// `None` unless the backend is behind a network.
    remote: Option<Remote>,
    locks: Locks,
    uploads: Uploads,
}

impl Durability {
    /// The name in configurations and reports.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Full => "full",
            Durability::None => "none",
        }
    }
}

impl CreateOnce {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            CreateOnce::Atomic => "atomic",
            CreateOnce::Checked => "checked",
            CreateOnce::None => "none",
        }
    }
}

impl Store {
    /// Opens a store; nothing is asked of the backend and nothing is created before the first write. A relative root is
    /// taken from the working directory of this moment.
    ///
    /// Errors: `JACS_CONFIG`.
    pub async fn open(settings: &Settings) -> Result<Store> {
        match settings {
            Settings::Fs { root, durability } => Self::local(root, *durability, Publish::Unnamed),
            Settings::Memory => Self::new(memory::operator(), None),
            Settings::Aws(settings) => aws::open(settings).map(Self::behind),
            Settings::Hai(settings) => hai::open(settings).map(Self::behind),
            Settings::Other(settings) => other::open(settings).map(Self::behind),
        }
    }

    fn local(root: &Path, durability: Durability, publish: Publish) -> Result<Store> {
        let absolute = std::path::absolute(root).map_err(|error| {
            Error::new(Code::Config, "the data directory is not a path").with_path(root).with_source(error)
        })?;
        let fs = Fs::new(absolute, durability, publish);
        Self::new(fs.operator(), Some(fs))
    }

    fn new(operator: opendal::Result<Operator>, fs: Option<Fs>) -> Result<Store> {
        let operator =
            operator.map_err(|error| Error::new(Code::Config, "the storage cannot be set up").with_source(error))?;
        Ok(Store(Arc::new(Inner { operator, fs, remote: None, locks: Locks::default(), uploads: Uploads::default() })))
    }

    fn behind((operator, remote): (Operator, Remote)) -> Store {
        Store(Arc::new(Inner {
            operator,
            fs: None,
            remote: Some(remote),
            locks: Locks::default(),
            uploads: Uploads::default(),
        }))
    }

    /// The bytes under `key`, at most `max_bytes`; larger ones are not read.
    ///
    /// Errors: `JACS_NOT_FOUND`, `JACS_HASH` (larger than `max_bytes`), `JACS_PERMISSION` (also: a symbolic link or no
    /// file stands there), `JACS_UNAVAILABLE`.
    pub async fn get(&self, key: &ObjectKey, max_bytes: u64) -> Result<Vec<u8>> {
        let path = key.path();
        match self.read(&path, max_bytes).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => {
                let error =
                    Error::new(Code::Hash, "the stored object is larger than the limit").with("limit", max_bytes);
                Err(self.name(error, key, &path))
            }
            Err(error) => Err(self.fail(error, key, &path)),
        }
    }

    /// `None` when there are more than `max_bytes`.
    async fn read(&self, path: &str, max_bytes: u64) -> opendal::Result<Option<Vec<u8>>> {
        let turn = self.turn().await;
        let open = async {
            let mut stream = self.0.operator.reader(path).await?.into_stream(..).await?;
            let expected = stream.metadata().await?.content_length();
            Ok((stream, expected))
        };
        let (mut stream, expected) = self.within(&turn, 0, open).await?;
        if expected > max_bytes {
            return Ok(None);
        }
        let collect = async {
            let mut bytes = Vec::new();
            while let Some(piece) = stream.try_next().await? {
                if (bytes.len() + piece.len()) as u64 > max_bytes {
                    return Ok(None);
                }
                if bytes.is_empty() && piece.len() as u64 == expected {
                    // The usual case; the allocation is taken over, not copied, once nobody else refers to it.
                    let whole = piece.to_bytes();
                    drop(piece);
                    bytes = whole.into();
                    continue;
                }
                bytes.reserve(piece.len());
                piece.for_each(|chunk| bytes.extend_from_slice(&chunk));
            }
            Ok(Some(bytes))
        };
        self.within(&turn, expected, collect).await
    }

    /// Whether something is stored under `key`.
    ///
    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn exists(&self, key: &ObjectKey) -> Result<bool> {
        let path = key.path();
        self.within(&self.turn().await, 0, self.0.operator.exists(&path))
            .await
            .map_err(|error| self.fail(error, key, &path))
    }

    /// Removes the object under `key`; on fs also its directory, when no version is left in it. Whoever updates the
    /// same document in other processes should hold its [`lock`](Self::lock) meanwhile.
    ///
    /// Errors: `JACS_NOT_FOUND`, `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn remove(&self, key: &ObjectKey) -> Result<()> {
        let path = key.path();
        let removed = async {
            // Our own service tells by itself, in one step; others take the removal of nothing for success.
            if self.0.fs.is_none() {
                self.0.operator.stat(&path).await?;
            }
            self.0.operator.delete(&path).await
        };
        self.within(&self.turn().await, 0, removed).await.map_err(|error| self.fail(error, key, &path))
    }

    /// Removes these versions of an id, the last only when the others are gone; where the backend can, many in one
    /// request. What is not there counts as removed.
    ///
    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`; then any of them may be left, the last among them.
    pub async fn remove_all(&self, kind: Kind, id: DocumentId, versions: &[Version]) -> Result<()> {
        let Some((last, others)) = versions.split_last() else { return Ok(()) };
        let object = |version| ObjectKey::Version { kind, key: DocumentKey { id, version } };
        let at_once = self.0.operator.info().capability().delete_max_size.filter(|most| *most > 1);
        let mut left = others.to_vec();
        if let Some(at_once) = at_once.filter(|_| self.0.fs.is_none() && others.len() > 1) {
            for some in others.chunks(at_once) {
                let paths: Vec<String> = some.iter().map(|version| object(*version).path()).collect();
                // What a server says of each key of many is not always understood: what is there is looked at instead.
                drop(self.within(&self.turn().await, 0, self.0.operator.delete_iter(paths)).await);
            }
            let there = self.versions(kind, id).await?;
            left.retain(|version| there.contains(version));
        }
        for version in left.iter().chain([last]) {
            let (key, path) = (object(*version), object(*version).path());
            let removed = self.within(&self.turn().await, 0, self.0.operator.delete(&path)).await;
            match removed {
                // Told by our own service on a disk alone.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed.map_err(|error| self.fail(error, &key, &path))?,
            }
        }
        Ok(())
    }

    /// The stored versions of an id, ascending; none when nothing is stored under it. What is not of the layout is
    /// passed over.
    ///
    /// Errors: `JACS_PERMISSION` (also: a symbolic link stands for the directory), `JACS_UNAVAILABLE`.
    pub async fn versions(&self, kind: Kind, id: DocumentId) -> Result<Vec<Version>> {
        let Some(fs) = &self.0.fs else {
            return Ok(self.entries(kind, id).await?.into_iter().map(|entry| entry.key.version).collect());
        };
        let directory = layout::prefix(kind, id);
        let names = fs.names(directory.trim_end_matches('/')).await;
        let names = names.map_err(|error| self.fail(error, &id, &directory))?;
        let mut versions: Vec<Version> = names.iter().filter_map(|name| layout::parse_name(name)).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// All ids of a kind, ascending. Nothing is read before the first is asked for.
    pub async fn ids(&self, kind: Kind) -> Result<Ids> {
        Ok(Ids::new(self.clone(), kind))
    }

    /// All attachments, ascending. Nothing is read before the first is asked for.
    pub fn all_files(&self) -> Files {
        Files::new(self.clone(), FileShelf)
    }

    /// All ids of a kind, ascending, with their versions. Nothing is read before the first page is asked for.
    pub async fn documents(&self, kind: Kind) -> Result<Documents> {
        Ok(Documents::new(self.clone(), kind, self.ids(kind).await?))
    }

    /// Waits for the exclusive, advisory lock on one document, which the returned value holds until it is dropped.
    /// Dropping the future gives up the wait.
    ///
    /// It holds against every holder of the same store (clones included) and, on fs on Unix, against other processes
    /// of this machine; see [`Directory::locks`] for filesystems that have no locks. A removal of the last version ends
    /// the protection against other processes.
    ///
    /// Errors: `JACS_NOT_FOUND` (no version is stored; not told by backends behind a network), `JACS_PERMISSION`,
    /// `JACS_UNAVAILABLE`.
    pub async fn lock(&self, kind: Kind, id: DocumentId) -> Result<Lock> {
        let directory = layout::prefix(kind, id);
        let place = self.0.fs.as_ref().map(|fs| (fs, directory.trim_end_matches('/')));
        let lock = self.0.locks.acquire((kind, id), place).await.map_err(|error| self.fail(error, &id, &directory))?;
        match lock {
            // A network's backend has no lock across processes; whoever updates looks at the versions next.
            Some(lock)
                if self.0.fs.is_some() || self.0.remote.is_some() || !self.versions(kind, id).await?.is_empty() =>
            {
                Ok(lock)
            }
            _ => Err(self.name(Error::new(Code::NotFound, "nothing is stored under that id"), &id, &directory)),
        }
    }

    /// How surely one writer of a key wins, as far as it is known without asking.
    pub fn create_once(&self) -> CreateOnce {
        match &self.0.remote {
            // The filesystem and the memory of this process decide in one step.
            None => CreateOnce::Atomic,
            Some(remote) => remote.create_once().unwrap_or(CreateOnce::Checked),
        }
    }

    /// Waits until what is asked over a network may begin.
    async fn turn(&self) -> Option<Turn> {
        match &self.0.remote {
            Some(remote) => Some(remote.turn().await),
            None => None,
        }
    }

    /// Limits the time of what is asked over a network; `bytes` are sent or received.
    async fn within<T>(
        &self,
        turn: &Option<Turn>,
        bytes: u64,
        work: impl Future<Output = opendal::Result<T>>,
    ) -> opendal::Result<T> {
        match (&self.0.remote, turn) {
            (Some(remote), Some(turn)) => remote.within(turn, bytes, work).await,
            _ => work.await,
        }
    }

    /// What a person wants to know about this store. On fs it blocks for a few system calls and changes nothing.
    pub fn describe(&self) -> Description {
        Description::of(self.0.operator.info().scheme(), self.create_once(), self.0.fs.as_ref())
    }

    /// Where the store is: two with the same place hold the same objects. On fs it blocks for a few system calls.
    pub fn place(&self) -> String {
        if let Some(fs) = &self.0.fs {
            return format!("file://{}", resolved(fs.root()).display());
        }
        let info = self.0.operator.info();
        let endpoint = self.0.remote.as_ref().map_or("", |remote| remote.endpoint.trim_end_matches('/'));
        let parts = [endpoint, &info.name(), &info.root()].map(|part| part.trim_matches('/').to_owned());
        let path = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        format!("{}:{path}", info.scheme())
    }

    /// Whether one of the two lies in the other. Never so in memory, where every store is one of its own.
    pub fn overlaps(&self, other: &Store) -> bool {
        match (&self.0.fs, &other.0.fs) {
            (Some(one), Some(other)) => {
                let (one, other) = (resolved(one.root()), resolved(other.root()));
                one.starts_with(&other) || other.starts_with(&one)
            }
            (None, None) if self.0.remote.is_some() => self.place() == other.place(),
            _ => Arc::ptr_eq(&self.0, &other.0),
        }
    }

    /// Whether the backend is behind a network.
    pub fn is_remote(&self) -> bool {
        self.0.remote.is_some()
    }

    /// Whether the backend lists in the order of its keys.
    fn is_sorted(&self) -> bool {
        self.0.remote.as_ref().is_none_or(|remote| remote.sorted)
    }

    fn operator(&self) -> &Operator {
        &self.0.operator
    }

    /// OpenDAL's error as ours, about `key` and the local path of it.
    fn fail(&self, error: opendal::Error, key: &dyn Display, path: &str) -> Error {
        self.about(Some(key), path, |subject| subject.error(error))
    }

    /// OpenDAL's error as ours, about all of a directory.
    fn fail_listing(&self, error: opendal::Error, path: &str) -> Error {
        self.about(None, path, |subject| subject.error(error))
    }

    fn name(&self, error: Error, key: &dyn Display, path: &str) -> Error {
        self.about(Some(key), path, |subject| subject.name(error))
    }

    fn about(&self, key: Option<&dyn Display>, path: &str, make: impl FnOnce(Subject<'_>) -> Error) -> Error {
        make(Subject { key, path: self.local_path(path).as_deref(), remote: self.is_remote() })
    }

    fn local_path(&self, path: &str) -> Option<PathBuf> {
        self.0.fs.as_ref().map(|fs| fs.root().join(path))
    }
}
