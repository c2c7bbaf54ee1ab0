//! Looking at everything that stands in a data directory, on Unix: what is not of the layout, whose it is, and the
//! documents themselves without the way through OpenDAL, which takes longer than verifying one.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fs::File;
#[cfg(target_os = "linux")]
use std::mem::MaybeUninit;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::errno::{fault, may_pass};
use super::unix::Disk;
use super::walk;
use crate::store::survey::{Access, Place, Trouble as TroubleOf};

type Trouble = TroubleOf<opendal::Error>;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
// Not blocking, because opening a FIFO waits for a writer.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Bytes of names that are read at once.
#[cfg(target_os = "linux")]
const ROOM: usize = 16 << 10;

/// An open directory whose entries are looked at.
pub(in crate::store) struct Shelf(OwnedFd);

/// A regular file that was opened.
pub(in crate::store) struct Opened {
    file: File,
    pub length: u64,
    pub access: Access,
}

impl Disk {
    /// Opens a directory below the root, `""` for the root itself. Never through a link but to the root.
    pub fn shelf(&self, path: &str) -> Result<Shelf, Trouble> {
        let mut shelf = Shelf(root(self)?);
        for name in path.split('/').filter(|name| !name.is_empty()) {
            shelf = shelf.shelf(name)?;
        }
        Ok(shelf)
    }
}

fn root(disk: &Disk) -> Result<OwnedFd, Trouble> {
    match walk::open_dirs(&disk.root, "").and_then(walk::Dirs::into_last) {
        Ok(root) => Ok(root),
        Err(error) if error.kind() == opendal::ErrorKind::NotFound => Err(Trouble::Gone),
        Err(error) => Err(Trouble::Unasked(error)),
    }
}

impl Shelf {
    /// The directory of that name in this one.
    pub fn shelf(&self, name: &str) -> Result<Shelf, Trouble> {
        match rustix::fs::openat(&self.0, name, DIRECTORY, Mode::empty()) {
            Ok(directory) => Ok(Shelf(directory)),
            Err(errno) => Err(self.trouble(name, errno, true)),
        }
    }

    /// The regular file of that name.
    pub fn open(&self, name: &str) -> Result<Opened, Trouble> {
        let file = rustix::fs::openat(&self.0, name, FILE, Mode::empty());
        let file = file.map_err(|errno| self.trouble(name, errno, false))?;
        let found = rustix::fs::fstat(&file).map_err(failed)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => {
                Ok(Opened { file: file.into(), length: found.st_size as u64, access: access(&found) })
            }
            kind => Err(Trouble::NotAFile(name_of(kind))),
        }
    }

    /// Who may do what with it.
    pub fn access(&self) -> Result<Access, Trouble> {
        Ok(access(&rustix::fs::fstat(&self.0).map_err(failed)?))
    }

    /// Calls `each` with the name of every entry, and whether it is a directory.
    pub fn visit<E: From<Trouble>>(&self, mut each: impl FnMut(Cow<'_, str>, Place) -> Result<(), E>) -> Result<(), E> {
        read_names(&self.0, |entry| {
            let (name, kind) = entry.map_err(|errno| E::from(failed(errno)))?;
            if name.to_bytes() == b"." || name.to_bytes() == b".." {
                return Ok(());
            }
            let kind = match kind {
                FileType::Unknown => match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(found) => FileType::from_raw_mode(found.st_mode),
                    Err(_) => return Ok(()),
                },
                kind => kind,
            };
            let place = match kind {
                FileType::Directory => Place::Directory,
                FileType::RegularFile => Place::File,
                other => Place::Other(name_of(other)),
            };
            each(name.to_string_lossy(), place)
        })
    }

    fn trouble(&self, name: &str, errno: Errno, directory: bool) -> Trouble {
        match errno {
            Errno::NOENT => return Trouble::Gone,
            // Which of them a link gives differs between systems and flags; a socket gives the last.
            Errno::LOOP | Errno::MLINK | Errno::NOTDIR | Errno::NXIO | Errno::OPNOTSUPP => {
                if let Ok(found) = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                    let kind = FileType::from_raw_mode(found.st_mode);
                    let fits = if directory { FileType::Directory } else { FileType::RegularFile };
                    if kind != fits {
                        return Trouble::NotAFile(name_of(kind));
                    }
                }
            }
            // A directory that may not be read is one all the same.
            Errno::ACCESS if !directory => {
                if let Ok(found) = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
                    && FileType::from_raw_mode(found.st_mode) != FileType::RegularFile
                {
                    return Trouble::NotAFile(name_of(FileType::from_raw_mode(found.st_mode)));
                }
            }
            _ => {}
        }
        failed(errno)
    }
}

impl AsFd for Shelf {
    fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Opened {
    /// `length` bytes from `offset`, fewer at the end.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, Trouble> {
        Disk::read(&self.file, offset, length).map_err(of_disk)
    }
}

/// What a directory gives next: a name, and what has it as far as the directory tells.
type Read<'a> = Result<(&'a CStr, FileType), Errno>;

/// Reads an open directory from where it was left, which nobody else reads from: to open it once more, and to keep what was
/// read on the heap, takes as long as to read it.
#[cfg(target_os = "linux")]
fn read_names<E>(directory: &OwnedFd, mut each: impl FnMut(Read<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut room = [MaybeUninit::uninit(); ROOM];
    let mut entries = rustix::fs::RawDir::new(directory, &mut room);
    while let Some(entry) = entries.next() {
        each(entry.as_ref().map(|entry| (entry.file_name(), entry.file_type())).map_err(|errno| *errno))?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn read_names<E>(directory: &OwnedFd, mut each: impl FnMut(Read<'_>) -> Result<(), E>) -> Result<(), E> {
    let opened = rustix::io::fcntl_dupfd_cloexec(directory, 0).and_then(rustix::fs::Dir::new);
    let mut entries = match opened {
        Ok(entries) => entries,
        Err(errno) => return each(Err(errno)),
    };
    while let Some(entry) = entries.read() {
        each(entry.as_ref().map(|entry| (entry.file_name(), entry.file_type())).map_err(|errno| *errno))?;
    }
    Ok(())
}

/// An object that the disk does not give is damaged; that descriptors or memory are short says nothing about it.
fn failed(errno: Errno) -> Trouble {
    of_disk(fault("what stands there cannot be read", errno))
}

fn of_disk(error: opendal::Error) -> Trouble {
    let passes = crate::error::below::<std::io::Error>(&error).is_some_and(may_pass);
    if passes { Trouble::Unasked(error) } else { Trouble::Unreadable(error) }
}

// The types of the fields differ between platforms.
#[allow(clippy::unnecessary_cast)]
fn access(found: &rustix::fs::Stat) -> Access {
    Access { mode: found.st_mode as u32 & 0o7777, owner: found.st_uid as u32 }
}

fn name_of(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something that is no file",
    }
}
