//! Ways into the data directory: one component after the other, never through a symbolic link.
//!
//! The root itself may be reached through links, since whoever configured it chose so.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use opendal::{Error, ErrorKind, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::errno::{check_parts, fault, refuse, write_fault};

/// A directory is made anew at most this often when others keep removing it ...
const ATTEMPTS: u32 = 64;
/// ... after a pause that grows by this with every attempt, so that writers and removers fall out of step: 0.4 s in all.
const PAUSE: Duration = Duration::from_micros(200);

/// Turns of a loop that others can disturb, with pauses.
pub(super) fn attempts() -> impl Iterator<Item = ()> {
    (0..ATTEMPTS).map(|attempt| std::thread::sleep(PAUSE * attempt))
}

/// The end of that loop.
pub(super) fn given_up() -> Error {
    write_fault("the directory keeps disappearing", Errno::AGAIN)
}

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
        let next = enter(chain.last().ok_or_else(no_directory)?, name)?;
        chain.push(next.ok_or_else(|| fault("the directory cannot be opened", Errno::NOENT))?);
    }
    Ok(Dirs { chain, made_above: 0, first_made: None })
}

/// Opens `path` below `root`, and makes what is missing, mode 0700.
pub(super) fn make_dirs(root: &Path, path: &str) -> Result<Dirs> {
    check_parts(path)?;
    for () in attempts() {
        match try_make_dirs(root, path) {
            // Another process removed one that was made or found a moment ago.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => return result,
        }
    }
    Err(given_up())
}

fn try_make_dirs(root: &Path, path: &str) -> Result<Dirs> {
    let (root, made_above) = make_root(root)?;
    let mut dirs = Dirs { first_made: (made_above > 0).then_some(0), chain: vec![root], made_above };
    for (depth, name) in parts(path).enumerate() {
        let last = dirs.last()?.0;
        let (next, made) = match enter(last, name)? {
            Some(next) => (Some(next), false),
            None => match make(last, name)? {
                Some(made) => (Some(made), true),
                None => (enter(last, name)?, false),
            },
        };
        dirs.chain.push(next.ok_or_else(|| fault("the directory is gone", Errno::NOENT))?);
        if made {
            dirs.first_made.get_or_insert(depth + 1);
        }
    }
    Ok(dirs)
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn open_root(root: &Path) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, root, OPEN_DIRECTORY, Mode::empty()).map_err(|errno| match errno {
        Errno::NOTDIR => misplaced("the data directory is not a directory"),
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
        directory = match make(&directory, name)? {
            Some(next) => {
                made += 1;
                next
            }
            None => {
                // Once one is made, all below it count: their entries are as new as it is.
                made += usize::from(made > 0);
                open_above(&directory, name)?
            }
        };
    }
    Ok((directory, made))
}

/// Opens a directory on the way to the root, through links.
fn open_above(parent: &OwnedFd, name: &OsString) -> Result<OwnedFd> {
    rustix::fs::openat(parent, name, OPEN_DIRECTORY, Mode::empty()).map_err(|errno| match errno {
        Errno::NOTDIR => misplaced("the data directory is not a directory"),
        Errno::NOENT if is_link(parent, name) => misplaced("the data directory is a link to nothing"),
        _ => fault("the data directory cannot be made", errno),
    })
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
    Err(misplaced("the data directory has no place in the filesystem"))
}

/// Makes a directory, mode 0700, and opens it; `None` when something of that name is there already.
fn make(parent: &OwnedFd, name: impl rustix::path::Arg + Copy) -> Result<Option<OwnedFd>> {
    let failed = |errno| match errno {
        // The parent, or the directory itself, was removed: for the caller to begin anew.
        Errno::NOENT => fault("the directory is gone", errno),
        _ => write_fault("the directory cannot be made", errno),
    };
    match rustix::fs::mkdirat(parent, name, PRIVATE_DIRECTORY) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    }
    settle(parent, name).map(Some).map_err(|errno| {
        // Fails when somebody uses it already.
        let _ = rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR);
        failed(errno)
    })
}

/// Puts right what the umask took away from a new directory or its parent passed on to it (set-group-id).
fn settle(parent: &OwnedFd, name: impl rustix::path::Arg + Copy) -> rustix::io::Result<OwnedFd> {
    let open = || rustix::fs::openat(parent, name, OPEN_DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
    let made = match open() {
        // A umask that takes everything from the owner, too.
        Err(Errno::ACCESS) => {
            rustix::fs::chmodat(parent, name, PRIVATE_DIRECTORY, AtFlags::empty())?;
            open()?
        }
        result => result?,
    };
    set_mode(&made, PRIVATE_DIRECTORY)?;
    Ok(made)
}

/// Gives a new file or directory its mode, unless it has it: a change costs the filesystem's journal more than a look.
// The type of the field differs between platforms.
#[allow(clippy::unnecessary_cast)]
pub(super) fn set_mode(file: impl AsFd, mode: Mode) -> rustix::io::Result<()> {
    match rustix::fs::fstat(&file)?.st_mode as u32 & 0o7777 == mode.as_raw_mode() as u32 {
        true => Ok(()),
        false => rustix::fs::fchmod(file, mode),
    }
}

/// Opens a directory in `parent`; `None` when there is none of that name.
pub(super) fn enter(parent: &OwnedFd, name: &str) -> Result<Option<OwnedFd>> {
    match rustix::fs::openat(parent, name, OPEN_DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(directory) => Ok(Some(directory)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(entry_fault(parent, name, errno)),
    }
}

/// The error of an entry that could not be opened without following links.
pub(super) fn entry_fault(parent: impl AsFd, name: &str, errno: Errno) -> Error {
    // Which of them a link gives differs between systems and flags.
    if matches!(errno, Errno::LOOP | Errno::MLINK | Errno::NOTDIR) {
        return match is_link(parent, name) {
            true => refuse("a symbolic link inside the data directory is not followed"),
            false => refuse("a file stands where the data directory has a directory"),
        };
    }
    fault("the entry cannot be opened", errno)
}

fn is_link(parent: impl AsFd, name: impl rustix::path::Arg) -> bool {
    rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

fn misplaced(what: &'static str) -> Error {
    Error::new(ErrorKind::ConfigInvalid, what)
}
