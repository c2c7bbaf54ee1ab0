//! What is flushed so that a new entry survives a power cut, and when.
//!
//! An entry is durable when the directory that holds it is. So after a file was published: its directory; the directory
//! above, always, because another process may have made the file's directory and not have synced it yet; and for the
//! few directories near the root, which are never removed, the ones above them until that was done once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use opendal::Result;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::errno::{not_supported, write_fault};
use super::walk::Dirs;

/// Device and inode.
type Identity = (u64, u64);

/// The root and the directories directly in it whose own entries this process knows to be durable. They are held open:
/// else one that is made after they were removed could have the number of one of them.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<Identity, OwnedFd>>);

/// Directories that were flushed after the last entry of a group was made, and how that went.
#[derive(Default)]
pub(super) struct Flushed(HashMap<Identity, rustix::io::Result<()>>);

impl Flushed {
    fn flush(&mut self, directory: &OwnedFd) -> rustix::io::Result<()> {
        *self.0.entry(identity(directory)?).or_insert_with(|| flush_directory(directory))
    }
}

impl Known {
    /// Syncs every directory that may hold a new entry, innermost first, unless it is among the `flushed`.
    pub fn sync(&self, dirs: &Dirs, flushed: &mut Flushed) -> Result<()> {
        let chain = dirs.chain();
        let identities = near_root(dirs)?;
        for (depth, directory) in chain.iter().enumerate().rev() {
            let child_is_known = identities.get(depth + 1).is_some_and(|child| self.has(child));
            if !child_is_known {
                flushed.flush(directory).map_err(failed)?;
            }
        }
        if let (Some(root), Some(identity)) = (chain.first(), identities.first())
            && !self.has(identity)
        {
            sync_above(root, dirs.made_above).map_err(failed)?;
        }
        self.learn(&identities, chain)
    }

    fn learn(&self, identities: &[Identity], chain: &[OwnedFd]) -> Result<()> {
        let mut known = self.table();
        for (identity, directory) in identities.iter().zip(chain) {
            if !known.contains_key(identity) {
                known.retain(|_, held| rustix::fs::fstat(held).is_ok_and(|found| found.st_nlink > 0));
                known.insert(*identity, rustix::io::fcntl_dupfd_cloexec(directory, 0).map_err(failed)?);
            }
        }
        Ok(())
    }

    fn has(&self, identity: &Identity) -> bool {
        self.table().contains_key(identity)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Identity, OwnedFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The root and the directory directly in it.
fn near_root(dirs: &Dirs) -> Result<Vec<Identity>> {
    dirs.chain().iter().take(2).map(identity).collect::<Result<_, _>>().map_err(failed)
}

/// Syncs a file's bytes and metadata.
pub(super) fn flush(file: impl AsFd) -> rustix::io::Result<()> {
    // On Apple's systems fsync leaves the bytes in the drive's cache.
    #[cfg(target_vendor = "apple")]
    match rustix::fs::fcntl_fullfsync(&file) {
        Err(errno) if errno == Errno::INVAL || errno == Errno::NOTTY || not_supported(errno) => {}
        result => return result,
    }
    rustix::fs::fsync(file)
}

/// Syncs a directory, where the filesystem can: some network filesystems refuse, and keep directories in sync themselves.
pub(super) fn flush_directory(directory: impl AsFd) -> rustix::io::Result<()> {
    match flush(directory) {
        Err(errno) if errno == Errno::INVAL || not_supported(errno) => Ok(()),
        result => result,
    }
}

/// Syncs the directories above the root up to the mount point. The first `made` of them hold entries that this process
/// made and must work; the others may belong to somebody else.
fn sync_above(root: &OwnedFd, made: usize) -> rustix::io::Result<()> {
    let mut below = identity(root)?;
    let mut directory = open_parent(root);
    for level in 0.. {
        let parent = match directory {
            Ok(parent) => parent,
            Err(errno) if level < made => return Err(errno),
            Err(_) => return Ok(()),
        };
        let here = identity(&parent)?;
        if here == below || here.0 != below.0 {
            return Ok(());
        }
        match flush_directory(&parent) {
            Err(errno) if level < made => return Err(errno),
            _ => {}
        }
        below = here;
        directory = open_parent(&parent);
    }
    Ok(())
}

fn open_parent(directory: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(directory, "..", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

// The types of both fields differ between platforms.
#[allow(clippy::unnecessary_cast)]
pub(super) fn identity(file: impl AsFd) -> rustix::io::Result<Identity> {
    rustix::fs::fstat(file).map(|stat| (stat.st_dev as u64, stat.st_ino as u64))
}

fn failed(errno: Errno) -> opendal::Error {
    write_fault("the directory cannot be synced", errno)
}
