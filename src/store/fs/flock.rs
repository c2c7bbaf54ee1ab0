//! The advisory lock on the directory of a document, against other processes, on Unix.
//!
//! The directory itself is locked (`flock`), except where that is known to hold on this machine only or not at all:
//! network filesystems pass on the locks of files, opened for writing, but not those of directories. There the file of
//! the greatest version is locked. Whoever holds it checks the versions and publishes one, which is the greatest then;
//! whoever comes next locks that one, and finds what was published. A removal of all versions takes the greatest last.

use std::fs::File;

use opendal::Result;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::errno::{fault, not_supported};
use super::unix::Disk;
use super::{Attempt, sync};

/// What is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockOn {
    Directory,
    File,
}

impl Disk {
    /// Tries once to take the lock of a directory.
    pub fn try_lock(&self, path: &str) -> Result<Attempt> {
        let Some(directory) = self.directory(path)? else { return Ok(Attempt::Missing) };
        match self.lock_on.get_or_init(|| kind_of_lock(&directory)) {
            LockOn::Directory => self.lock_directory(path, directory),
            LockOn::File => self.lock_file(path, &directory),
        }
    }

    fn lock_directory(&self, path: &str, directory: OwnedFd) -> Result<Attempt> {
        match flock(&directory)? {
            Flock::Taken => {}
            Flock::Busy => return Ok(Attempt::Busy),
            Flock::Unsupported => return self.lock_file(path, &directory),
        }
        // It may have been removed, and made anew by somebody else, just before it was locked.
        match self.directory(path)? {
            Some(current) if same(&current, &directory)? => Ok(Attempt::Held(Some(directory.into()))),
            Some(_) => Ok(Attempt::Busy),
            None => Ok(Attempt::Missing),
        }
    }

    fn lock_file(&self, path: &str, directory: &OwnedFd) -> Result<Attempt> {
        let Some(name) = self.greatest(path)? else { return Ok(Attempt::Held(None)) };
        let file = match open_to_lock(directory, &name) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Attempt::Busy),
            // Of a file that may only be read, or of what is no file, there is no such lock.
            Err(_) => return Ok(Attempt::Held(None)),
        };
        match flock(&file)? {
            Flock::Taken => {}
            Flock::Busy => return Ok(Attempt::Busy),
            Flock::Unsupported => return Ok(Attempt::Held(None)),
        }
        // Another one may have been published, or this one removed, just before it was locked.
        let is_current = self.greatest(path)?.as_ref() == Some(&name)
            && open_to_lock(directory, &name).is_ok_and(|current| same(&current, &file).unwrap_or(false));
        Ok(if is_current { Attempt::Held(Some(File::from(file))) } else { Attempt::Busy })
    }

    fn greatest(&self, path: &str) -> Result<Option<String>> {
        Ok(self.names(path)?.into_iter().filter(|name| is_version(name)).max())
    }
}

/// Whatever else somebody put there is no version, and must not be taken for the greatest.
fn is_version(name: &str) -> bool {
    name.strip_suffix(".json").is_some_and(|stem| Uuid::try_parse(stem).is_ok())
}

/// Whether locks hold against other processes, as far as can be told without a file.
pub(super) fn has_locks(directory: &OwnedFd) -> bool {
    // Shared, so that it disturbs nobody; one that is taken shows that there are locks.
    kind_of_lock(directory) == LockOn::File
        || !rustix::fs::flock(directory, FlockOperation::NonBlockingLockShared).is_err_and(has_no_locks)
}

enum Flock {
    Taken,
    Busy,
    Unsupported,
}

fn flock(file: &OwnedFd) -> Result<Flock> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Flock::Taken),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(Flock::Busy),
        Err(errno) if has_no_locks(errno) => Ok(Flock::Unsupported),
        Err(errno) => Err(failed(errno)),
    }
}

fn open_to_lock(directory: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

fn same(one: impl AsFd, other: impl AsFd) -> Result<bool> {
    Ok(sync::identity(one).map_err(failed)? == sync::identity(other).map_err(failed)?)
}

/// Network filesystems may have no locks, or none on directories.
fn has_no_locks(errno: Errno) -> bool {
    not_supported(errno) || matches!(errno, Errno::NOLCK | Errno::BADF | Errno::INVAL)
}

/// Numbers of filesystems that reach beyond this machine, from Linux's `magic.h` and statfs(2): NFS, 9p, AFS, and FUSE,
/// behind which anything may be. SMB is not among them: there a locked file cannot be read (flock(2), "CIFS details"),
/// so the directory is locked, on this machine only.
#[cfg(target_os = "linux")]
const NETWORKS: [u32; 4] = [0x6969, 0x0102_1997, 0x5346_414f, 0x6573_5546];

// The type of the field differs between architectures.
#[cfg(target_os = "linux")]
#[allow(clippy::cast_possible_truncation)]
fn kind_of_lock(directory: &OwnedFd) -> LockOn {
    match rustix::fs::fstatfs(directory) {
        Ok(found) if NETWORKS.contains(&(found.f_type as u32)) => LockOn::File,
        _ => LockOn::Directory,
    }
}

#[cfg(not(target_os = "linux"))]
fn kind_of_lock(_: &OwnedFd) -> LockOn {
    LockOn::Directory
}

fn failed(errno: Errno) -> opendal::Error {
    fault("the directory cannot be locked", errno)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::Durability;
    use crate::store::fs::Publish;

    fn disk(root: &Path, lock_on: LockOn) -> Disk {
        let disk = Disk::new(root.to_owned(), Durability::Full, Publish::Unnamed);
        disk.lock_on.set(lock_on).unwrap();
        disk
    }

    fn file(root: &Path, number: u32) -> std::path::PathBuf {
        root.join(format!("d/0000000{number}-0000-4000-8000-000000000000.json"))
    }

    fn versions(root: &Path, numbers: &[u32]) {
        std::fs::create_dir_all(root.join("d/zz")).unwrap();
        numbers.iter().for_each(|number| std::fs::write(file(root, *number), "{}").unwrap());
    }

    #[test]
    fn one_holds_the_lock_at_a_time() {
        for lock_on in [LockOn::Directory, LockOn::File] {
            let place = tempfile::tempdir().unwrap();
            let (one, other) = (disk(place.path(), lock_on), disk(place.path(), lock_on));
            assert!(matches!(one.try_lock("d").unwrap(), Attempt::Missing));
            versions(place.path(), &[1, 2]);
            let held = one.try_lock("d").unwrap();
            assert!(matches!(held, Attempt::Held(Some(_))), "{lock_on:?}");
            assert!(matches!(other.try_lock("d").unwrap(), Attempt::Busy), "{lock_on:?}");
            drop(held);
            assert!(matches!(other.try_lock("d").unwrap(), Attempt::Held(Some(_))), "{lock_on:?}");
        }
    }

    #[test]
    fn the_lock_of_a_file_passes_on_with_the_greatest_version() {
        let place = tempfile::tempdir().unwrap();
        versions(place.path(), &[1, 2]);
        let (one, other) = (disk(place.path(), LockOn::File), disk(place.path(), LockOn::File));
        let held = one.try_lock("d").unwrap();
        std::fs::remove_file(file(place.path(), 1)).unwrap();
        assert!(matches!(other.try_lock("d").unwrap(), Attempt::Busy), "the greatest is still there");
        versions(place.path(), &[3]);
        assert!(matches!(other.try_lock("d").unwrap(), Attempt::Held(Some(_))), "what was published is not locked");
        drop(held);
        std::fs::remove_file(file(place.path(), 2)).unwrap();
        std::fs::remove_file(file(place.path(), 3)).unwrap();
        assert!(matches!(one.try_lock("d").unwrap(), Attempt::Held(None)), "there is nothing to lock");
    }
}
