//! The blocking half of the local service on Unix.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU8;
use std::time::{Duration, SystemTime};

use opendal::Result;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::errno::{check_parts, fault, refuse, write_fault};
use super::flock::{self, LockOn};
use super::publish;
use super::sync::{self, Known};
use super::walk;
use super::{Probe, Publish, Stat};
use crate::store::Durability;

/// An open directory.
pub(super) type Directory = OwnedFd;

/// A data directory. Paths are relative to it, `/`-separated, `""` for itself.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) root: PathBuf,
    pub(super) durability: Durability,
    /// The way of publishing that works here, as far as was found out.
    pub(super) way: AtomicU8,
    pub(super) known: Known,
    pub(super) lock_on: OnceLock<LockOn>,
}

impl Disk {
    pub fn new(root: PathBuf, durability: Durability, way: Publish) -> Self {
        Self { root, durability, way: AtomicU8::new(way as u8), known: Known::default(), lock_on: OnceLock::new() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Opens a regular file for reading.
    pub fn open(&self, path: &str) -> Result<(File, Stat)> {
        let (directory, name) = self.parent(path)?;
        let file = open_file(&directory, name)?;
        let found = rustix::fs::fstat(&file).map_err(|errno| fault("the file cannot be read", errno))?;
        Ok((file, stat_of(&found)))
    }

    /// Reads `length` bytes from `offset`, fewer at the end of the file, into an allocation of just that size.
    pub fn read(file: &File, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let position = offset + bytes.len() as u64;
            match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), position) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(fault("the file cannot be read", errno)),
            }
        }
        // An allocation may be larger than was asked for.
        bytes.truncate(length);
        Ok(bytes)
    }

    /// What stands at `path`: a regular file or a directory.
    pub fn stat(&self, path: &str) -> Result<Stat> {
        let (directory, name) = self.parent(path)?;
        let found = stat_at(&directory, name).map_err(|errno| walk::entry_fault(&directory, name, errno))?;
        found.ok_or_else(|| refuse("neither a file nor a directory stands there"))
    }

    /// Removes a regular file, and its directory when that is empty then and not directly below the root.
    pub fn remove(&self, path: &str) -> Result<()> {
        check_parts(path)?;
        let (parent, name) = split(path);
        let dirs = walk::open_dirs(&self.root, parent)?;
        let (directory, above) = dirs.last()?;
        match stat_at(directory, name) {
            Ok(Some(stat)) if !stat.directory => {}
            Ok(_) => return Err(refuse("what stands there is not a file")),
            Err(errno) => return Err(walk::entry_fault(directory, name, errno)),
        }
        rustix::fs::unlinkat(directory, name, AtFlags::empty())
            .map_err(|errno| fault("the file cannot be removed", errno))?;
        self.sync_directory(directory)?;
        if let (Some(above), Some((_, own))) = (above, parent.rsplit_once('/'))
            && rustix::fs::unlinkat(above, own, AtFlags::REMOVEDIR).is_ok()
        {
            self.sync_directory(above)?;
        }
        Ok(())
    }

    fn sync_directory(&self, directory: &OwnedFd) -> Result<()> {
        match self.durability {
            Durability::Full => {
                sync::flush_directory(directory).map_err(|errno| write_fault("the directory cannot be synced", errno))
            }
            Durability::None => Ok(()),
        }
    }

    fn parent<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str)> {
        check_parts(path)?;
        let (parent, name) = split(path);
        Ok((walk::open_dirs(&self.root, parent)?.into_last()?, name))
    }

    /// What the filesystem can do, without leaving anything behind.
    pub fn probe(&self) -> Probe {
        let status = rustix::fs::stat(&self.root).ok();
        // Of a directory that is not there yet, the one in which it will be made.
        let place = self.root.ancestors().find(|place| place.exists()).unwrap_or(&self.root);
        let access = rustix::fs::accessat(CWD, place, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, place, flags, Mode::empty()).ok();
        Probe {
            exists: status.is_some(),
            mode: status.as_ref().map(permissions),
            owner: status.as_ref().map(|status| status.st_uid),
            writable: access.is_ok(),
            unnamed_files: directory.as_ref().is_some_and(publish::has_unnamed),
            locks: directory.as_ref().is_some_and(flock::has_locks),
        }
    }
}

pub(super) fn open_file(directory: &OwnedFd, name: &str) -> Result<File> {
    // Not blocking, because opening a FIFO waits for a writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::empty())
        .map_err(|errno| walk::entry_fault(directory, name, errno))?;
    let found = rustix::fs::fstat(&file).map_err(|errno| fault("the file cannot be read", errno))?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Ok(file.into()),
        _ => Err(refuse("what stands there is not a file")),
    }
}

pub(super) fn stat_at(directory: impl AsFd, name: &str) -> rustix::io::Result<Option<Stat>> {
    let found = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile | FileType::Directory => Ok(Some(stat_of(&found))),
        FileType::Symlink => Err(Errno::LOOP),
        _ => Ok(None),
    }
}

// The types of the fields differ between platforms.
#[allow(clippy::unnecessary_cast)]
pub(super) fn stat_of(found: &rustix::fs::Stat) -> Stat {
    let since = Duration::new(found.st_mtime.max(0) as u64, found.st_mtime_nsec as u32);
    Stat {
        directory: FileType::from_raw_mode(found.st_mode) == FileType::Directory,
        bytes: found.st_size as u64,
        modified: SystemTime::UNIX_EPOCH.checked_add(since),
    }
}

// The type of the field differs between platforms.
#[allow(clippy::unnecessary_cast)]
fn permissions(status: &rustix::fs::Stat) -> u32 {
    status.st_mode as u32 & 0o7777
}

/// The directory and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
