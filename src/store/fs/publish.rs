//! A file that has no name yet, or a temporary one, and how it gets its own without ever replacing another.

use std::fs::File;
use std::io::{Seek, Write};
use std::num::NonZeroU64;

use opendal::{Error, ErrorKind, Result};
use rustix::fd::OwnedFd;
#[cfg(target_os = "linux")]
use rustix::fs::CWD;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::errno::{not_supported, write_fault};
use super::walk::set_mode;
use super::{Publish, TEMPORARY};

const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// What became of an attempt to publish.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Published {
    Created,
    /// Something stands there already.
    Exists,
    /// The directory was removed meanwhile.
    Gone,
}

/// A file that nobody sees. It goes when this is dropped unpublished.
pub(super) struct Temporary {
    file: File,
    name: Option<Aside>,
    /// The way that worked, for the next file.
    pub way: Publish,
}

/// A temporary name; it goes when this is dropped.
struct Aside {
    directory: OwnedFd,
    name: String,
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; no listing shows the name.
        let _ = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
    }
}

impl Temporary {
    /// Makes an empty file in `directory`, mode 0600; `None` when the directory was removed meanwhile.
    pub fn create(directory: &OwnedFd, way: Publish) -> Result<Option<Temporary>> {
        let created = match way {
            Publish::Unnamed => match unnamed(directory) {
                Ok(Some(file)) => Ok(Temporary { file, name: None, way }),
                Ok(None) => aside(directory, Publish::Named),
                Err(errno) => Err(errno),
            },
            Publish::Named | Publish::Renamed => aside(directory, way),
        };
        match created {
            Ok(temporary) => {
                set_mode(&temporary.file, PRIVATE_FILE)
                    .map_err(|errno| write_fault("the mode of the file cannot be set", errno))?;
                Ok(Some(temporary))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(write_fault("the file cannot be made", errno)),
        }
    }

    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Lets the disk begin to write what a flush will wait for, `bytes` from an offset or all. Without it, every flush of
    /// a group would begin and end a write of its own, and that of a large file would begin when all of it is there.
    pub fn start_writing(&self, offset: u64, bytes: Option<NonZeroU64>) {
        // Only advice; the flush that follows tells whether the bytes arrived.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(&self.file, offset, bytes, rustix::fs::Advice::DontNeed);
        #[cfg(not(target_os = "linux"))]
        let _ = (offset, bytes);
    }

    /// Gives the file its name in `directory`; it must be complete and, to be durable, synced.
    pub fn publish(&mut self, directory: &OwnedFd, name: &str) -> Result<Published> {
        if self.name.is_none() {
            if let Some(published) = self.link_unnamed(directory, name)? {
                return Ok(published);
            }
            if !self.move_aside(directory)? {
                return Ok(Published::Gone);
            }
        }
        if self.way != Publish::Renamed {
            if let Some(published) = self.link_named(directory, name)? {
                return Ok(published);
            }
            self.way = Publish::Renamed;
        }
        self.rename(directory, name)
    }

    /// `None` when files without a name cannot be linked here.
    #[cfg(target_os = "linux")]
    fn link_unnamed(&self, directory: &OwnedFd, name: &str) -> Result<Option<Published>> {
        use rustix::fd::AsRawFd;
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        match rustix::fs::linkat(CWD, own, directory, name, AtFlags::SYMLINK_FOLLOW) {
            Err(Errno::NOENT) if is_removed(directory) => Ok(Some(Published::Gone)),
            // Without /proc; or a filesystem (of layers, of a network) that has unnamed files but cannot link them.
            Err(Errno::NOENT | Errno::XDEV | Errno::INVAL) => Ok(None),
            result => linked(result),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn link_unnamed(&self, _: &OwnedFd, _: &str) -> Result<Option<Published>> {
        Ok(None)
    }

    /// Copies the unnamed file to one with a temporary name; `false` when the directory was removed meanwhile.
    fn move_aside(&mut self, directory: &OwnedFd) -> Result<bool> {
        let mut named = match aside(directory, Publish::Named) {
            Ok(named) => named,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(write_fault("the file cannot be made", errno)),
        };
        let failed = |error| write_fault("the file cannot be written", error);
        set_mode(&named.file, PRIVATE_FILE).map_err(|errno| failed(errno.into()))?;
        self.file.rewind().map_err(failed)?;
        std::io::copy(&mut self.file, &mut named.file).map_err(failed)?;
        named.file.flush().map_err(failed)?;
        super::sync::flush(&named.file).map_err(|errno| failed(errno.into()))?;
        *self = named;
        Ok(true)
    }

    /// `None` when the filesystem has no hard links.
    fn link_named(&mut self, directory: &OwnedFd, name: &str) -> Result<Option<Published>> {
        let Some(aside) = &self.name else { return Ok(None) };
        let published = match rustix::fs::linkat(&aside.directory, &aside.name, directory, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Some(Published::Gone),
            result => linked(result)?,
        };
        if published == Some(Published::Created) {
            // Before the directory is synced, so that the temporary name is gone for good as well.
            self.name = None;
        }
        Ok(published)
    }

    fn rename(&mut self, directory: &OwnedFd, name: &str) -> Result<Published> {
        let Some(aside) = &self.name else { return Err(unsupported(Errno::OPNOTSUPP)) };
        match rename_new(aside, directory, name) {
            Ok(()) => {
                self.name = None;
                Ok(Published::Created)
            }
            Err(Errno::EXIST) => Ok(Published::Exists),
            Err(Errno::NOENT) => Ok(Published::Gone),
            Err(errno) if errno == Errno::INVAL || not_supported(errno) => Err(unsupported(errno)),
            Err(errno) => Err(write_fault("the file cannot be published", errno)),
        }
    }
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn rename_new(aside: &Aside, directory: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    let flags = rustix::fs::RenameFlags::NOREPLACE;
    rustix::fs::renameat_with(&aside.directory, &aside.name, directory, name, flags)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn rename_new(_: &Aside, _: &OwnedFd, _: &str) -> rustix::io::Result<()> {
    Err(Errno::OPNOTSUPP)
}

/// `None` when the filesystem cannot link.
fn linked(result: rustix::io::Result<()>) -> Result<Option<Published>> {
    match result {
        Ok(()) => Ok(Some(Published::Created)),
        Err(Errno::EXIST) => Ok(Some(Published::Exists)),
        // A link that is not permitted because the directory is read-only fails again, and says so, in the next way.
        Err(errno) if errno == Errno::PERM || not_supported(errno) => Ok(None),
        Err(errno) => Err(write_fault("the file cannot be published", errno)),
    }
}

/// `None` when the filesystem, or the system, has no files without a name.
#[cfg(target_os = "linux")]
fn unnamed(directory: &OwnedFd) -> rustix::io::Result<Option<File>> {
    // Readable, because it may have to be copied.
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, ".", flags, PRIVATE_FILE) {
        Ok(file) => Ok(Some(file.into())),
        // ext4 says EPERM.
        Err(_) if is_removed(directory) => Err(Errno::NOENT),
        Err(Errno::ISDIR | Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(errno) if not_supported(errno) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &OwnedFd) -> rustix::io::Result<Option<File>> {
    Ok(None)
}

/// Whether the filesystem has files without a name.
pub(super) fn has_unnamed(directory: &OwnedFd) -> bool {
    matches!(unnamed(directory), Ok(Some(_)))
}

fn aside(directory: &OwnedFd, way: Publish) -> rustix::io::Result<Temporary> {
    let name = format!("{TEMPORARY}{}", Uuid::new_v4());
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::io::fcntl_dupfd_cloexec(directory, 0)?;
    let file = rustix::fs::openat(&directory, &name, flags, PRIVATE_FILE)?.into();
    Ok(Temporary { file, name: Some(Aside { directory, name }), way })
}

/// Whether the open directory has no name any more. Where the filesystem does not count the links of directories, this
/// says no, and the next way finds out.
#[cfg(target_os = "linux")]
fn is_removed(directory: &OwnedFd) -> bool {
    rustix::fs::fstat(directory).is_ok_and(|stat| stat.st_nlink == 0)
}

fn unsupported(errno: Errno) -> Error {
    let what = "the filesystem can neither link nor rename without replacing, so it cannot hold immutable documents";
    Error::new(ErrorKind::Unsupported, what).set_source(std::io::Error::from(errno))
}
