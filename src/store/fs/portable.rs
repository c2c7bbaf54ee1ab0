//! The blocking half of the local service where there is no Unix: the same functions over the standard library.
//!
//! Weaker in three ways: directories are not synced (the system offers no way that needs no `unsafe`), a symbolic link
//! is looked for before a file is opened and not while, and the lock holds within this process only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opendal::{Buffer, Error, ErrorKind, Result};
use uuid::Uuid;

use super::commit::{Save, Saved};
use super::errno::{check_parts, fault, refuse, write_fault};
use super::names::Names;
use super::{Attempt, File as Entry, NO_FILE, Outcome, Probe, Publish, Stat, TEMPORARY};
use crate::store::Durability;

/// A directory that was looked at.
pub(super) type Directory = PathBuf;

/// A data directory. Paths are relative to it, `/`-separated, `""` for itself.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    durability: Durability,
}

impl Disk {
    pub fn new(root: PathBuf, durability: Durability, _: Publish) -> Self {
        Self { root, durability }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn durability(&self) -> Durability {
        self.durability
    }

    pub fn open(&self, path: &str) -> Result<(File, Stat)> {
        let stat = self.stat(path)?;
        if stat.directory {
            return Err(refuse("what stands there is not a file"));
        }
        let failed = |error| fault("the file cannot be read", error);
        let file = File::open(self.root.join(path)).map_err(failed)?;
        let stat = file.metadata().map_err(failed)?;
        Ok((file, stat_of(&stat)))
    }

    pub fn read(mut file: &File, offset: u64, length: usize) -> Result<Vec<u8>> {
        let failed = |error| fault("the file cannot be read", error);
        let mut bytes = Vec::with_capacity(length);
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        file.take(length as u64).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    pub fn stat(&self, path: &str) -> Result<Stat> {
        check_parts(path)?;
        let mut place = self.root.clone();
        let mut found = fs::metadata(&place);
        for part in path.split('/').filter(|part| !part.is_empty()) {
            place.push(part);
            found = fs::symlink_metadata(&place);
            if found.as_ref().is_ok_and(fs::Metadata::is_symlink) {
                return Err(refuse("a symbolic link inside the data directory is not followed"));
            }
        }
        let found = found.map_err(|error| fault("the entry cannot be opened", error))?;
        match found.is_file() || found.is_dir() {
            true => Ok(stat_of(&found)),
            false => Err(refuse("neither a file nor a directory stands there")),
        }
    }

    pub fn list(&self, path: &str, after: Option<String>) -> Result<Option<(Directory, Names)>> {
        let mut names = Names::after(after);
        let directory = self.visit(path, |name, is_directory| names.push(name, is_directory))?;
        names.sort();
        Ok(directory.map(|directory| (directory, names)))
    }

    pub fn names(&self, path: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.visit(path, |name, _| names.push(name.to_owned()))?;
        Ok(names)
    }

    pub fn files(&self, path: &str, directories: &[String]) -> Result<Vec<Result<Vec<Entry>>>> {
        Ok(directories.iter().map(|name| self.files_in(&format!("{path}/{name}"))).collect())
    }

    fn files_in(&self, path: &str) -> Result<Vec<Entry>> {
        let directory = self.root.join(path);
        let stat = |name: String| Ok(Self::stat_in(&directory, &name)?.map(|stat| Entry { name, stat }));
        self.names(path)?.into_iter().map(stat).filter_map(Result::transpose).collect()
    }

    /// Calls `found` with the name of every entry that is not temporary, and whether it is a directory.
    fn visit(&self, path: &str, mut found: impl FnMut(&str, bool)) -> Result<Option<Directory>> {
        match self.stat(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            result => result?,
        };
        let failed = |error| fault("the directory cannot be read", error);
        let directory = self.root.join(path);
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            match entry.file_name().to_str() {
                Some(name) if !name.starts_with(TEMPORARY) => found(name, kind.is_dir()),
                _ => {}
            }
        }
        Ok(Some(directory))
    }

    /// Removes the temporary files older than `age` from some of the directories below `path`.
    pub fn sweep(&self, path: &str, directories: &[String], age: Duration) {
        for directory in directories {
            let entries = fs::read_dir(self.root.join(path).join(directory));
            for entry in entries.into_iter().flatten().flatten() {
                let is_ours = entry.file_name().to_str().is_some_and(is_temporary);
                let is_old = |found: fs::Metadata| {
                    found.is_file() && found.modified().is_ok_and(|time| time.elapsed().is_ok_and(|past| past > age))
                };
                if is_ours && fs::symlink_metadata(entry.path()).is_ok_and(is_old) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    pub fn stat_in(directory: &Directory, name: &str) -> Result<Option<Stat>> {
        match fs::symlink_metadata(directory.join(name)) {
            Ok(found) if found.is_file() || found.is_dir() => Ok(Some(stat_of(&found))),
            Ok(_) => Ok(Some(NO_FILE)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault("the entry cannot be read", error)),
        }
    }

    pub fn remove(&self, path: &str) -> Result<()> {
        if self.stat(path)?.directory {
            return Err(refuse("what stands there is not a file"));
        }
        let place = self.root.join(path);
        fs::remove_file(&place).map_err(|error| fault("the file cannot be removed", error))?;
        if let (Some(parent), true) = (place.parent(), path.matches('/').count() > 1) {
            // Fails unless it is empty now.
            let _ = fs::remove_dir(parent);
        }
        Ok(())
    }

    pub fn try_lock(&self, path: &str) -> Result<Attempt> {
        match self.stat(path) {
            Ok(_) => Ok(Attempt::Held(None)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Attempt::Missing),
            Err(error) => Err(error),
        }
    }

    pub fn save_all(self: &Arc<Self>, saves: Vec<Save>) -> Vec<Saved> {
        saves.into_iter().map(|save| self.save(save)).collect()
    }

    fn save(self: &Arc<Self>, save: Save) -> Saved {
        let mut pending = self.begin(&save.path)?;
        save.bytes.into_iter().try_for_each(|bytes| pending.write(bytes))?;
        pending.publish()
    }

    pub fn begin(self: &Arc<Self>, path: &str) -> Result<Pending> {
        check_parts(path)?;
        let target = self.root.join(path);
        let parent = target.parent().unwrap_or(&self.root);
        let failed = |error| write_fault("the file cannot be made", error);
        fs::create_dir_all(parent).map_err(failed)?;
        // Looks for links on the way, which the call above follows.
        self.stat(path.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        let aside = parent.join(format!("{TEMPORARY}{}", Uuid::new_v4()));
        let file = OpenOptions::new().write(true).create_new(true).open(&aside).map_err(failed)?;
        Ok(Pending { durable: self.durability == Durability::Full, target, aside, file, bytes: 0 })
    }

    pub fn probe(&self) -> Probe {
        let found = fs::metadata(&self.root);
        let writable = found.as_ref().is_ok_and(|found| !found.permissions().readonly());
        Probe { exists: found.is_ok(), mode: None, owner: None, writable, unnamed_files: false, locks: false }
    }
}

/// A file that is being written under a temporary name, which goes when this is dropped.
pub(super) struct Pending {
    durable: bool,
    target: PathBuf,
    aside: PathBuf,
    file: File,
    bytes: u64,
}

impl Pending {
    pub fn write(&mut self, bytes: Buffer) -> Result<()> {
        for chunk in bytes {
            self.file.write_all(&chunk).map_err(|error| write_fault("the file cannot be written", error))?;
            self.bytes += chunk.len() as u64;
        }
        Ok(())
    }

    pub fn write_piece(&mut self, piece: &[u8], _: u64) -> Result<()> {
        self.file.write_all(piece).map_err(|error| write_fault("the file cannot be written", error))?;
        self.bytes += piece.len() as u64;
        Ok(())
    }

    pub fn rename(&mut self, name: String) {
        self.target.set_file_name(name);
    }

    pub fn publish(self) -> Saved {
        if self.durable {
            self.file.sync_all().map_err(|error| write_fault("the file cannot be synced", error))?;
        }
        match fs::hard_link(&self.aside, &self.target) {
            Ok(()) => Ok((Outcome::Created, self.bytes)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok((Outcome::Exists, self.bytes)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let what = "the filesystem cannot link, so it cannot hold immutable documents";
                Err(Error::new(ErrorKind::Unsupported, what).set_source(error))
            }
            Err(error) => Err(write_fault("the file cannot be published", error)),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; no listing shows the name.
        let _ = fs::remove_file(&self.aside);
    }
}

fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY).is_some_and(|rest| Uuid::try_parse(rest).is_ok())
}

fn stat_of(found: &fs::Metadata) -> Stat {
    Stat { directory: found.is_dir(), bytes: found.len(), modified: found.modified().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creates_once_reads_lists_and_removes() {
        let place = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::new(place.path().join("data"), Durability::Full, Publish::Named));
        assert!(disk.list("documents", None).unwrap().is_none());
        for (text, created) in [("first", true), ("other", false)] {
            let mut pending = disk.begin("documents/id/a.json").unwrap();
            pending.write(Buffer::from(text)).unwrap();
            let (_, names) = disk.list("documents/id", None).unwrap().unwrap();
            assert_eq!(names.count(), usize::from(!created), "a temporary file is listed");
            assert_eq!(matches!(pending.publish().unwrap().0, Outcome::Created), created);
        }
        let (file, stat) = disk.open("documents/id/a.json").unwrap();
        assert_eq!(Disk::read(&file, 1, stat.bytes as usize).unwrap(), b"irst");
        assert!(matches!(disk.try_lock("documents/id").unwrap(), Attempt::Held(None)));
        disk.remove("documents/id/a.json").unwrap();
        assert_eq!(disk.open("documents/id/a.json").unwrap_err().kind(), ErrorKind::NotFound);
        assert!(matches!(disk.try_lock("documents/id").unwrap(), Attempt::Missing));
        let left = fs::read_dir(place.path().join("data/documents")).unwrap().count();
        assert_eq!(left, 0, "the empty directory stays");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("elsewhere/id")).unwrap();
        fs::write(place.path().join("elsewhere/id/a.json"), "{}").unwrap();
        fs::create_dir(place.path().join("data")).unwrap();
        std::os::unix::fs::symlink(place.path().join("elsewhere"), place.path().join("data/documents")).unwrap();
        let disk = Arc::new(Disk::new(place.path().join("data"), Durability::None, Publish::Named));
        assert_eq!(disk.open("documents/id/a.json").unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(disk.begin("documents/id/b.json").err().unwrap().kind(), ErrorKind::PermissionDenied);
        assert_eq!(disk.remove("documents/id/a.json").unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}
