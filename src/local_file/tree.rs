//! A folder into which files go under names that somebody else chose. On Unix every step is made from open folders, so
//! that nobody can put a link in its way.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::beneath::parts;
use super::write::{TEMPORARY, io_error};
use crate::error::{Code, Error, Result};

const FAILED: &str = "the file could not be written";

/// An open folder.
pub struct Tree {
    path: PathBuf,
    #[cfg(unix)]
    root: unix::Folder,
}

/// A file on its way, under a temporary name in the folder itself. It goes when this is dropped.
pub struct Growing {
    tree: Arc<Tree>,
    temporary: String,
    file: Option<File>,
    published: bool,
}

impl Tree {
    /// Opens a folder that exists. Errors: `JACS_INPUT`, `JACS_PERMISSION`.
    pub fn open(path: &Path) -> Result<Arc<Tree>> {
        Ok(Arc::new(Tree {
            #[cfg(unix)]
            root: unix::open(path).map_err(|error| io_error("the directory cannot be opened", path, error))?,
            path: path.to_owned(),
        }))
    }

    /// Begins a file, 0600. Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE` (retryable when the disk is full).
    pub fn begin(self: &Arc<Self>) -> Result<Growing> {
        let temporary = format!("{TEMPORARY}{}", Uuid::new_v4());
        let file = self.create(&temporary).map_err(|error| io_error(FAILED, &self.path, error))?;
        Ok(Growing { tree: self.clone(), temporary, file: Some(file), published: false })
    }

    /// Makes the folders that a file at `path` needs, 0700.
    ///
    /// Errors: `JACS_ATTACHMENT` for a way that leads out or through something that is no folder; `JACS_PERMISSION`,
    /// `JACS_UNAVAILABLE`.
    pub fn make_way(&self, path: &str) -> Result<()> {
        self.way(path).map(drop)
    }

    fn outside(&self, path: &str) -> Error {
        let message = "an attachment's path leads outside the directory, or through something that is no folder";
        Error::new(Code::Attachment, message).with_path(self.path.join(path))
    }
}

impl Growing {
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let path = &self.tree.path;
        let file = self.file.as_mut().ok_or_else(|| Error::new(Code::Internal, "the file is finished already"))?;
        file.write_all(bytes).map_err(|error| io_error(FAILED, path, error))
    }

    /// Takes back what was written behind so many bytes.
    pub fn cut(&mut self, length: u64) -> Result<()> {
        let path = &self.tree.path;
        let file = self.file.as_mut().ok_or_else(|| Error::new(Code::Internal, "the file is finished already"))?;
        let cut = file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length)));
        cut.map(drop).map_err(|error| io_error(FAILED, path, error))
    }

    /// Syncs and closes it; it has no name yet.
    pub fn finish(&mut self) -> Result<()> {
        let done = self.file.take().map_or(Ok(()), |file| file.sync_all());
        done.map_err(|error| io_error(FAILED, &self.tree.path, error))
    }

    /// Gives it its name below the folder; the whole path. `overwrite`: in place of what has it.
    ///
    /// Errors: `JACS_CONFLICT` when the name is taken; those of [`Tree::make_way`].
    pub fn publish(mut self, path: &str, overwrite: bool) -> Result<PathBuf> {
        self.tree.rename(&self.temporary, path, overwrite)?;
        self.published = true;
        Ok(self.tree.path.join(path))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        self.file = None;
        if !self.published {
            self.tree.remove(&self.temporary);
        }
    }
}

#[cfg(unix)]
mod unix {
    use rustix::fd::OwnedFd;
    use rustix::fs::{AtFlags, CWD, Mode, OFlags};
    use rustix::io::Errno;

    use super::*;

    pub type Folder = OwnedFd;

    const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
    const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

    pub fn open(path: &Path) -> std::io::Result<Folder> {
        Ok(rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?)
    }

    impl Tree {
        pub(super) fn create(&self, name: &str) -> std::io::Result<File> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&self.root, name, flags, FILE_MODE)?;
            // The mode given at creation passes through the umask; this one does not.
            rustix::fs::fchmod(&file, FILE_MODE)?;
            Ok(file.into())
        }

        pub(super) fn remove(&self, name: &str) {
            // Nothing can be done about a failure here.
            let _ = rustix::fs::unlinkat(&self.root, name, AtFlags::empty());
        }

        /// The folder of a path, made where it is missing.
        pub(super) fn way(&self, path: &str) -> Result<Folder> {
            let failed = |errno: Errno| match errno {
                Errno::LOOP | Errno::NOTDIR => self.outside(path),
                errno => io_error("the folder could not be made", &self.path.join(path), errno.into()),
            };
            let parts = parts(path).ok_or_else(|| self.outside(path))?;
            let mut folder = rustix::io::fcntl_dupfd_cloexec(&self.root, 0).map_err(failed)?;
            for part in &parts[..parts.len() - 1] {
                let made = match rustix::fs::mkdirat(&folder, *part, Mode::RWXU) {
                    Ok(()) => true,
                    Err(Errno::EXIST) => false,
                    Err(errno) => return Err(failed(errno)),
                };
                let below = rustix::fs::openat(&folder, *part, FOLDER | OFlags::NOFOLLOW, Mode::empty());
                let below = below.map_err(failed)?;
                if made {
                    rustix::fs::fchmod(&below, Mode::RWXU).map_err(failed)?;
                    sync(&folder).map_err(failed)?;
                }
                folder = below;
            }
            Ok(folder)
        }

        pub(super) fn rename(&self, temporary: &str, path: &str, overwrite: bool) -> Result<()> {
            let folder = self.way(path)?;
            let name = path.rsplit('/').next().unwrap_or(path);
            let renamed = match overwrite {
                true => rustix::fs::renameat(&self.root, temporary, &folder, name),
                false => self.rename_new(temporary, &folder, name),
            };
            let whole = self.path.join(path);
            renamed.map_err(|errno| match errno {
                Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => {
                    Error::new(Code::Conflict, "something stands there already").with_path(&whole)
                }
                errno => io_error("the file could not be published", &whole, errno.into()),
            })?;
            sync(&folder).map_err(|errno| io_error("the folder could not be synced", &whole, errno.into()))
        }
    }

    impl Tree {
        /// Gives a name that is free. Filesystems differ in what they have for that.
        fn rename_new(&self, temporary: &str, folder: &Folder, name: &str) -> rustix::io::Result<()> {
            #[cfg(any(target_os = "linux", target_vendor = "apple"))]
            {
                let flags = rustix::fs::RenameFlags::NOREPLACE;
                match rustix::fs::renameat_with(&self.root, temporary, folder, name, flags) {
                    Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                    renamed => return renamed,
                }
            }
            match rustix::fs::linkat(&self.root, temporary, folder, name, AtFlags::empty()) {
                Ok(()) => return rustix::fs::unlinkat(&self.root, temporary, AtFlags::empty()),
                Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(errno),
            }
            // Without either, somebody may still come between the look and the step.
            match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rustix::fs::renameat(&self.root, temporary, folder, name),
                Err(errno) => Err(errno),
            }
        }
    }

    /// Some network filesystems keep folders in sync themselves, and refuse.
    fn sync(folder: &Folder) -> rustix::io::Result<()> {
        match rustix::fs::fsync(folder) {
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
            synced => synced,
        }
    }
}

/// Where there is no Unix: by path, looked at before each step and not while it is made.
#[cfg(not(unix))]
impl Tree {
    fn create(&self, name: &str) -> std::io::Result<File> {
        File::create_new(self.path.join(name))
    }

    fn remove(&self, name: &str) {
        let _ = std::fs::remove_file(self.path.join(name));
    }

    fn way(&self, path: &str) -> Result<PathBuf> {
        let mut folder = self.path.clone();
        for part in parts(path).ok_or_else(|| self.outside(path))? {
            if folder != self.path {
                super::create_folder(&folder)?;
                if !folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                    return Err(self.outside(path));
                }
            }
            folder.push(part);
        }
        Ok(folder)
    }

    fn rename(&self, temporary: &str, path: &str, overwrite: bool) -> Result<()> {
        let (from, target) = (self.path.join(temporary), self.way(path)?);
        let moved = match overwrite {
            true => std::fs::rename(from, &target),
            false => std::fs::hard_link(&from, &target).and_then(|()| std::fs::remove_file(from)),
        };
        moved.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::new(Code::Conflict, "something stands there already").with_path(target)
            }
            _ => io_error("the file could not be published", &target, error),
        })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    fn saved(tree: &Arc<Tree>, path: &str, overwrite: bool) -> Result<PathBuf> {
        let mut file = tree.begin()?;
        file.write(b"new")?;
        file.finish()?;
        file.publish(path, overwrite)
    }

    #[test]
    fn files_stay_below_and_replace_nothing_unasked() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir(&root).unwrap();
        let tree = Tree::open(&root).unwrap();
        assert_eq!(saved(&tree, "a/b/c", false).unwrap(), root.join("a/b/c"));
        assert_eq!(saved(&tree, "a/b/c", false).unwrap_err().code(), Code::Conflict);
        assert!(saved(&tree, "a/b/c", true).is_ok());
        assert_eq!(saved(&tree, "a/b", true).unwrap_err().code(), Code::Conflict);
        std::os::unix::fs::symlink(place.path(), root.join("linked")).unwrap();
        for path in ["linked/x", "../x", "/x", "a/b/c/d", "a/../../x"] {
            assert_eq!(saved(&tree, path, true).unwrap_err().code(), Code::Attachment, "{path}");
        }
        assert!(!place.path().join("x").exists());
        let left: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
