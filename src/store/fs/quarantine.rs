//! Moving an object out of the data directory, on Unix: by open directories, never through a link, never over anything.

use std::io;
use std::path::Path;

use opendal::{Error, ErrorKind, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::errno::{check_parts, not_supported, write_fault};
use super::unix::{Disk, open_file, split};
use super::{sync, walk};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const NEW_FILE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Disk {
    /// Moves what stands at `path` to `target` below `directory`. A file or a link to another filesystem is copied, synced
    /// and then removed; anything else stays where it is then. `false`: nothing stands there.
    pub fn move_out(&self, path: &str, directory: &Path, target: &str) -> Result<bool> {
        check_parts(path)?;
        check_parts(target)?;
        let (parent, name) = split(path);
        let from = walk::open_dirs(&self.root, parent)?.into_last()?;
        let kind = match rustix::fs::statat(&from, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => FileType::from_raw_mode(found.st_mode),
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(failed(errno)),
        };
        let (folders, new) = split(target);
        let into = way(directory, folders).map_err(failed)?;
        match rename_new(&from, name, &into, new) {
            Ok(()) => {}
            Err(Errno::XDEV) => self.copy_out(kind, &from, name, &into, new)?,
            Err(errno) => return Err(failed(errno)),
        }
        // Where it is now must be sure before it is gone from where it was.
        sync::flush_directory(&into).map_err(failed)?;
        sync::flush_directory(&from).map_err(failed)?;
        Ok(true)
    }

    fn copy_out(&self, kind: FileType, from: &OwnedFd, name: &str, into: &OwnedFd, new: &str) -> Result<()> {
        match kind {
            FileType::RegularFile => {
                let mut source = open_file(from, name)?;
                let made = rustix::fs::openat(into, new, NEW_FILE, Mode::RUSR | Mode::WUSR).map_err(failed)?;
                let mut copy = std::fs::File::from(made);
                let copied = io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all());
                copied.map_err(|error| {
                    // What is half there must not look like the object.
                    let _ = rustix::fs::unlinkat(into, new, AtFlags::empty());
                    write_fault("the object cannot be copied to the quarantine", error)
                })?;
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new()).map_err(failed)?;
                rustix::fs::symlinkat(&target, into, new).map_err(failed)?;
            }
            _ => {
                let what = "what stands there cannot be moved to another filesystem: choose a quarantine on that of the data directory";
                return Err(Error::new(ErrorKind::Unsupported, what));
            }
        }
        sync::flush_directory(into).map_err(failed)?;
        rustix::fs::unlinkat(from, name, AtFlags::empty()).map_err(failed)
    }
}

/// The folder below `directory`, made where it is missing, 0700.
fn way(directory: &Path, folders: &str) -> rustix::io::Result<OwnedFd> {
    let mut folder = rustix::fs::openat(CWD, directory, FOLDER, Mode::empty())?;
    for name in folders.split('/').filter(|name| !name.is_empty()) {
        let made = match rustix::fs::mkdirat(&folder, name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(errno),
        };
        let next = rustix::fs::openat(&folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        if made {
            walk::set_mode(&next, Mode::RWXU)?;
            sync::flush_directory(&folder)?;
        }
        folder = next;
    }
    Ok(folder)
}

fn rename_new(from: impl AsFd, name: &str, into: impl AsFd, new: &str) -> rustix::io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&from, name, &into, new, flags) {
            Err(errno) if errno == Errno::INVAL || not_supported(errno) => {}
            renamed => return renamed,
        }
    }
    // Whoever has the quarantine is the only one that writes there.
    match rustix::fs::statat(&into, new, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => rustix::fs::renameat(from, name, into, new),
        Err(errno) => Err(errno),
    }
}

fn failed(errno: Errno) -> Error {
    write_fault("the object cannot be moved to the quarantine", errno)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::store::Durability;
    use crate::store::fs::Publish;

    #[test]
    fn whatever_stands_there_is_moved_once_and_never_through_a_link() {
        let place = tempfile::tempdir().unwrap();
        let (root, quarantine) = (place.path().join("data"), place.path().join("quarantine"));
        let disk = Disk::new(root.clone(), Durability::Full, Publish::Unnamed);
        fs::create_dir_all(root.join("documents/a/folder")).unwrap();
        fs::create_dir(&quarantine).unwrap();
        fs::write(root.join("documents/a/file"), "file").unwrap();
        fs::write(root.join("documents/a/folder/inside"), "inside").unwrap();
        symlink("/etc/passwd", root.join("documents/a/link")).unwrap();
        symlink("a", root.join("documents/b")).unwrap();
        let moved = |path: &str, target: &str| disk.move_out(path, &quarantine, target);
        assert!(moved("documents/a/file", "x/file").unwrap());
        assert_eq!(fs::read(quarantine.join("x/file")).unwrap(), b"file");
        assert!(!moved("documents/a/file", "x/file").unwrap());
        fs::write(root.join("documents/a/file"), "other").unwrap();
        assert!(moved("documents/a/file", "x/file").is_err(), "nothing is replaced");
        assert_eq!(fs::read(root.join("documents/a/file")).unwrap(), b"other");
        assert_eq!(moved("documents/b/file", "x/b").unwrap_err().kind(), ErrorKind::PermissionDenied);
        for path in ["documents/a/folder", "documents/a/link", "documents/b"] {
            assert!(moved(path, &format!("y/{path}")).unwrap(), "{path}");
            assert!(fs::symlink_metadata(root.join(path)).is_err());
        }
        assert_eq!(fs::read(quarantine.join("y/documents/a/folder/inside")).unwrap(), b"inside");
        assert_eq!(fs::read_link(quarantine.join("y/documents/b")).unwrap(), Path::new("a"));
        for target in ["../x", "/x", "a/../../x"] {
            assert!(moved("documents/a/file", target).is_err(), "{target}");
        }
        symlink("/tmp", quarantine.join("away")).unwrap();
        assert!(moved("documents/a/file", "away/x").is_err(), "a link in the quarantine is followed");
    }
}
