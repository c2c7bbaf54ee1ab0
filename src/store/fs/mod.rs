//! A local service of our own under OpenDAL's raw trait.
//!
//! OpenDAL's fs service is not sound for immutable documents: several writers of one key "win", or readers see torn
//! files, and directories are never synced. Here a file is written without a name (or aside, where the filesystem has
//! no unnamed files), synced, published by a link that never replaces anything, and then the directories are synced.
//! So a file is there whole or not at all, whatever happens, and stays as it is.
//!
//! - `commit`: saves that come at the same time share threads and flushes.
//! - `service`, `reader`, `writer`, `lister`: OpenDAL's traits, asynchronous.
//! - `unix` or `portable`: [`Disk`], blocking; `walk`, `scan`, `survey`, `quarantine`, `pending`, `publish`, `sync`,
//!   `flock` and `leftover` belong to `unix`.
//! - `errno`: the system's errors as OpenDAL's, all of them permanent: its retries would only ask a full disk again.
//!
//! There is no time-out over this service: the blocking thread would publish after the "failure".

mod commit;
mod errno;
#[cfg(unix)]
mod flock;
#[cfg(unix)]
mod leftover;
mod lister;
mod names;
mod reader;
mod service;
mod writer;

#[cfg(unix)]
mod pending;
#[cfg(any(not(unix), test))]
#[cfg_attr(unix, allow(dead_code))]
mod portable;
#[cfg(unix)]
mod publish;
#[cfg(unix)]
mod quarantine;
#[cfg(unix)]
mod scan;
#[cfg(unix)]
mod survey;
#[cfg(unix)]
mod sync;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod walk;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opendal::{Error, ErrorKind, Operator, Result};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::Durability;
use crate::crypto::Hasher;
use crate::error;
use crate::local_file::Contents;
use commit::{Commits, Save, Saved};
pub(super) use errno::may_pass;
#[cfg(unix)]
use pending::Pending;
#[cfg(not(unix))]
use portable::{Directory, Disk, Pending};
#[cfg(unix)]
pub(super) use survey::{Opened, Shelf};
#[cfg(unix)]
use unix::{Directory, Disk};

/// At most this many saves of one store, and as many other calls, are in blocking threads at a time: each may hold five file descriptors, and
/// many systems allow a process 1024.
const CONCURRENT: usize = 64;

/// At most this many files are written piece by piece at a time: each holds as many descriptors until it is published.
const BEGUN: usize = 32;

/// A large file is read and written in pieces of so many bytes.
const PIECE: usize = 1 << 20;

/// The name for which a file is begun that gets another one; nothing ever stands there.
const UNNAMED: &str = "-";

/// Begin of the names of temporary files; no listing shows them.
pub(super) const TEMPORARY: &str = ".tmp-";

/// The way in which a new file gets its name. A filesystem that cannot do one is asked for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(unix), allow(dead_code))]
pub(super) enum Publish {
    /// Written without a name (`O_TMPFILE`), then linked.
    Unnamed,
    /// Written beside its target, then linked.
    Named,
    /// Written beside its target, then renamed without replacing.
    Renamed,
}

/// What the filesystem says about an entry.
#[derive(Clone, Copy, Debug)]
struct Stat {
    directory: bool,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// One entry of a directory.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub name: String,
    stat: Stat,
}

impl File {
    /// Size in bytes; `None` for what is no file.
    pub fn bytes(&self) -> Option<u64> {
        (!self.stat.directory).then_some(self.stat.bytes)
    }

    pub fn modified(&self) -> Option<SystemTime> {
        self.stat.modified
    }
}

/// What neither is a regular file nor a directory, in a listing.
const NO_FILE: Stat = Stat { directory: false, bytes: 0, modified: None };

/// One attempt to take the lock of a directory.
#[cfg_attr(not(unix), allow(dead_code))]
pub(super) enum Attempt {
    /// Taken, until the file is closed; without a file where the filesystem has no such locks.
    Held(Option<std::fs::File>),
    /// Another process has it.
    Busy,
    /// There is no such directory.
    Missing,
}

/// What stopped a write that reads its bytes elsewhere.
pub(super) enum Fault {
    /// The data directory.
    Here(Error),
    /// What was to be written, or whoever wanted it.
    Elsewhere(error::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Here(error)
    }
}

impl From<error::Error> for Fault {
    fn from(error: error::Error) -> Self {
        Fault::Elsewhere(error)
    }
}

/// How a write ended.
pub(super) enum Outcome {
    Created,
    /// Something stands there already; it and its directories are synced.
    Exists,
}

/// What can be found out about the data directory without leaving anything in it.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub exists: bool,
    pub mode: Option<u32>,
    pub owner: Option<u32>,
    pub writable: bool,
    pub unnamed_files: bool,
    pub locks: bool,
}

/// The local service and the threads that it may use.
#[derive(Clone, Debug)]
pub(super) struct Fs {
    disk: Arc<Disk>,
    commits: Commits,
    permits: Arc<Semaphore>,
    /// Of files that are written piece by piece.
    begun: Arc<Semaphore>,
}

impl Fs {
    /// Asks nothing of the filesystem and creates nothing.
    pub fn new(root: PathBuf, durability: Durability, publish: Publish) -> Self {
        Self {
            disk: Arc::new(Disk::new(root, durability, publish)),
            commits: Commits::new(durability),
            permits: Arc::new(Semaphore::new(CONCURRENT)),
            begun: Arc::new(Semaphore::new(BEGUN)),
        }
    }

    pub fn operator(&self) -> Result<Operator> {
        Operator::new(service::Builder::new(self.clone()))
    }

    pub fn root(&self) -> &Path {
        self.disk.root()
    }

    pub fn durability(&self) -> Durability {
        self.disk.durability()
    }

    /// Blocks for a few system calls.
    pub fn probe(&self) -> Probe {
        self.disk.probe()
    }

    /// The names in a directory, in no order; none for a missing one.
    pub async fn names(&self, directory: &str) -> Result<Vec<String>> {
        let directory = directory.to_owned();
        self.blocking(move |disk| disk.names(&directory)).await
    }

    /// What is in each of several directories below `path`, in one visit to the disk; nothing for missing ones.
    pub async fn files(&self, path: &str, directories: Vec<String>) -> Result<Vec<Result<Vec<File>>>> {
        let path = path.to_owned();
        self.blocking(move |disk| disk.files(&path, &directories)).await
    }

    /// Whether new files need no temporary name here, as far as can be told.
    pub async fn has_unnamed_files(&self) -> bool {
        // Through this, they get their names.
        let can_link = || Path::new("/proc/self/fd").exists();
        self.blocking(move |disk| Ok(disk.probe().unnamed_files && can_link())).await.unwrap_or(false)
    }

    /// Removes temporary files that were not written to for `age` from directories below `path`.
    pub async fn sweep(&self, path: &str, directories: Vec<String>, age: Duration) {
        let path = path.to_owned();
        // What could not be removed stays for the next time.
        let _ = self
            .blocking(move |disk| {
                disk.sweep(&path, &directories, age);
                Ok(())
            })
            .await;
    }

    /// Writes a file that gets its name, in `directory`, from the hash of its bytes: they are read once. `tell` hears of each
    /// piece and can end it, as can `name`; then nothing is left behind. Runs to its end even when the future is dropped.
    pub async fn adopt(
        &self,
        directory: &'static str,
        contents: Contents,
        name: impl FnOnce([u8; 32]) -> error::Result<String> + Send + 'static,
        mut tell: impl FnMut(u64) -> error::Result<()> + Send + 'static,
    ) -> std::result::Result<(Outcome, [u8; 32]), Fault> {
        let permit = self.begun.clone().acquire_owned().await.map_err(stopped)?;
        let disk = self.disk.clone();
        let work = move || {
            let _permit = permit;
            let mut pending = disk.begin(&format!("{directory}/{UNNAMED}"))?;
            let (mut hasher, mut offset) = (Hasher::default(), 0);
            contents.for_each(PIECE, |piece| -> std::result::Result<(), Fault> {
                hasher.update(piece);
                pending.write_piece(piece, offset)?;
                offset += piece.len() as u64;
                Ok(tell(piece.len() as u64)?)
            })?;
            let digest = hasher.finish();
            pending.rename(name(digest)?);
            Ok((pending.publish()?.0, digest))
        };
        if WAITS.get() {
            return work();
        }
        Handle::try_current().map_err(stopped)?.spawn_blocking(work).await.map_err(stopped)?
    }

    /// Opens a directory whose entries are looked at. Blocks for a few system calls.
    #[cfg(unix)]
    pub fn shelf(&self, path: &str) -> std::result::Result<Shelf, super::survey::Trouble<Error>> {
        self.disk.shelf(path)
    }

    /// Moves what stands at `path` to another directory; see [`Disk::move_out`].
    #[cfg(unix)]
    pub async fn move_out(&self, path: &str, directory: PathBuf, target: String) -> Result<bool> {
        let path = path.to_owned();
        self.blocking(move |disk| disk.move_out(&path, &directory, &target)).await
    }

    /// Opens a file for reading.
    pub async fn open(&self, path: &str) -> Result<std::fs::File> {
        let path = path.to_owned();
        self.blocking(move |disk| Ok(disk.open(&path)?.0)).await
    }

    /// Tries once to take the lock of a directory that no other process may have at the same time.
    pub async fn try_lock(&self, directory: &str) -> Result<Attempt> {
        let directory = directory.to_owned();
        self.blocking(move |disk| disk.try_lock(&directory)).await
    }

    /// Saves a small file together with others that come at the same time; on this thread where that
    /// [waits](wait_here) in any case.
    async fn save(&self, save: Save) -> Saved {
        match WAITS.get() {
            true => self.disk.save_all(vec![save]).pop().unwrap_or_else(|| Err(unfinished())),
            false => self.commits.save(&self.disk, save).await,
        }
    }

    /// Runs `work` in a blocking thread, or on this one where that [waits](wait_here) in any case. It runs to its end
    /// even when the future is dropped.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Disk>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.permits.clone().acquire_owned().await.map_err(stopped)?;
        if WAITS.get() {
            return work(&self.disk);
        }
        let disk = self.disk.clone();
        // The runtime is the caller's; without one, an error is better than a panic.
        let done = Handle::try_current().map_err(stopped)?.spawn_blocking(move || {
            let _permit = permit;
            work(&disk)
        });
        done.await.map_err(stopped)?
    }
}

thread_local! {
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, which waits for futures on this thread: what they want of the disk is then done here, without handing
/// it to another thread and back, which takes longer than reading a document.
pub fn wait_here<T>(body: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            WAITS.set(self.0);
        }
    }
    let _before = Before(WAITS.replace(true));
    body()
}

/// Whether this thread [waits](wait_here).
pub(super) fn waits() -> bool {
    WAITS.get()
}

fn stopped(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    unfinished().set_source(error)
}

fn unfinished() -> Error {
    Error::new(ErrorKind::Unexpected, "a file operation did not finish")
}
