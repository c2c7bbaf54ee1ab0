//! Ways into the data directory: one component after the other, never through a symbolic link.
//!
//! The root itself may be reached through links, since whoever configured it chose so.

use std::ffi::OsString;
use std::path::Path;

use opendal::{Error, ErrorKind, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::errno::{check_parts, fault, refuse, write_fault};

/// A directory is made anew at most this often when others keep removing it.
pub(super) const ATTEMPTS: usize = 32;

const OPEN_DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const PRIVATE_DIRECTORY: Mode = Mode::RWXU;

/// Open directories from the root down to the one that was asked for.
pub(super) struct Dirs {
    /// At least the root.
    chain: Vec<OwnedFd>,
    /// How many directories, the root and those above it, had to be made.
    pub made_above: usize,
    /// The first in `chain` that had to be made.
    pub first_made: Option<usize>,
}

impl Dirs {
    /// The root first.
    pub fn chain(&self) -> &[OwnedFd] {
        &self.chain
    }

    /// The innermost one, and its parent unless it is the root.
    pub fn last(&self) -> Result<(&OwnedFd, Option<&OwnedFd>)> {
        match self.chain.as_slice() {
            [.., parent, last] => Ok((last, Some(parent))),
            [last] => Ok((last, None)),
            [] => Err(no_directory()),
        }
    }

    /// The innermost one.
    pub fn into_last(mut self) -> Result<OwnedFd> {
        self.chain.pop().ok_or_else(no_directory)
    }
}

fn no_directory() -> Error {
    Error::new(ErrorKind::Unexpected, "the path has no directory")
}

/// Opens the existing directory `path` below `root`; a missing one is `NotFound`.
pub(super) fn open_dirs(root: &Path, path: &str) -> Result<Dirs> {
    check_parts(path)?;
    let mut chain = vec![open_root(root)?];
    for name in parts(path) {
        let next = enter(chain.last(), name)?;
        chain.push(next);
    }
    Ok(Dirs { chain, made_above: 0, first_made: None })
}

/// Opens `path` below `root`, and makes what is missing, mode 0700.
pub(super) fn make_dirs(root: &Path, path: &str) -> Result<Dirs> {
    check_parts(path)?;
    for _ in 0..ATTEMPTS {
        match try_make_dirs(root, path) {
            // Another process removed one that was made or found a moment ago.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => return result,
        }
    }
    Err(Error::new(ErrorKind::Unexpected, "the directory keeps disappearing"))
}

fn try_make_dirs(root: &Path, path: &str) -> Result<Dirs> {
    let (root, made_above) = make_root(root)?;
    let mut dirs = Dirs { first_made: (made_above > 0).then_some(0), chain: vec![root], made_above };
    for (depth, name) in parts(path).enumerate() {
        let next = match enter(dirs.chain.last(), name) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let parent = dirs.last()?.0;
                if make(parent, name)? {
                    dirs.first_made.get_or_insert(depth + 1);
                }
                enter(dirs.chain.last(), name)?
            }
            result => result?,
        };
        dirs.chain.push(next);
    }
    Ok(dirs)
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn open_root(root: &Path) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, root, OPEN_DIRECTORY, Mode::empty()).map_err(|errno| match errno {
        Errno::NOTDIR => Error::new(ErrorKind::ConfigInvalid, "the data directory is not a directory"),
        _ => fault("the data directory cannot be opened", errno),
    })
}

fn make_root(root: &Path) -> Result<(OwnedFd, usize)> {
    match open_root(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        result => return result.map(|root| (root, 0)),
    }
    let (mut directory, missing) = nearest(root)?;
    let mut made = 0;
    for name in &missing {
        // Once one is made, all below it count: their entries are as new as it is.
        if make(&directory, name)? || made > 0 {
            made += 1;
        }
        directory =
            rustix::fs::openat(&directory, name, OPEN_DIRECTORY, Mode::empty()).map_err(|errno| match errno {
                Errno::NOTDIR => Error::new(ErrorKind::ConfigInvalid, "the data directory is not a directory"),
                _ => fault("the data directory cannot be made", errno),
            })?;
    }
    Ok((directory, made))
}

/// The deepest existing directory on the way to `root`, and the names that are missing below it.
fn nearest(root: &Path) -> Result<(OwnedFd, Vec<OsString>)> {
    let mut missing = Vec::new();
    for ancestor in root.ancestors() {
        match open_root(ancestor) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => {
                missing.reverse();
                return result.map(|directory| (directory, missing));
            }
        }
        match ancestor.file_name() {
            Some(name) => missing.push(name.to_owned()),
            None => break,
        }
    }
    Err(Error::new(ErrorKind::ConfigInvalid, "the data directory has no place in the filesystem"))
}

/// Makes a directory, mode 0700; `false` when it is there already.
fn make(parent: &OwnedFd, name: impl rustix::path::Arg + Copy) -> Result<bool> {
    match rustix::fs::mkdirat(parent, name, PRIVATE_DIRECTORY) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(false),
        // The parent was removed: for the caller to begin anew.
        Err(Errno::NOENT) => return Err(fault("the directory is gone", Errno::NOENT)),
        Err(errno) => return Err(write_fault("the directory cannot be made", errno)),
    }
    // Whatever the umask took away or the parent passed on (set-group-id) is put right, before anybody can rely on it.
    let flags = OPEN_DIRECTORY | OFlags::NOFOLLOW;
    let changed = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(made) => rustix::fs::fchmod(&made, PRIVATE_DIRECTORY),
        // A umask that takes everything from the owner, too.
        Err(Errno::ACCESS) => rustix::fs::chmodat(parent, name, PRIVATE_DIRECTORY, AtFlags::empty()),
        Err(errno) => Err(errno),
    };
    match changed {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Err(fault("the directory is gone", Errno::NOENT)),
        Err(errno) => Err(write_fault("the mode of the directory cannot be set", errno)),
    }
}

fn enter(parent: Option<&OwnedFd>, name: &str) -> Result<OwnedFd> {
    let parent = parent.ok_or_else(no_directory)?;
    rustix::fs::openat(parent, name, OPEN_DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
        .map_err(|errno| entry_fault(parent, name, errno))
}

/// The error of an entry that could not be opened without following links.
pub(super) fn entry_fault(parent: impl AsFd, name: &str, errno: Errno) -> Error {
    // Which of them a link gives differs between systems and flags.
    if matches!(errno, Errno::LOOP | Errno::MLINK | Errno::NOTDIR) {
        let found = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
        return match found.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Symlink) => refuse("a symbolic link inside the data directory is not followed"),
            _ => refuse("a file stands where the data directory has a directory"),
        };
    }
    fault("the entry cannot be opened", errno)
}
