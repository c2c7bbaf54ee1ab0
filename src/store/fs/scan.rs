//! Reading directories on Unix.

use opendal::{ErrorKind, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use super::errno::fault;
use super::names::Names;
use super::unix::{Directory, Disk, stat_at};
use super::{File, NO_FILE, Stat, TEMPORARY, walk};

impl Disk {
    /// The entries of a directory behind `after` that are not temporary, with the directory to ask for more; `None` when
    /// there is no such directory.
    pub fn list(&self, path: &str, after: Option<String>) -> Result<Option<(Directory, Names)>> {
        let Some(directory) = self.directory(path)? else { return Ok(None) };
        let mut names = Names::after(after);
        let mut entries = Dir::read_from(&directory).map_err(failed)?;
        visit(&mut entries, |name, is_directory| names.push(name, is_directory))?;
        names.sort();
        Ok(Some((directory, names)))
    }

    /// The names of what is in a directory and not temporary, in no order; none for a missing one.
    pub fn names(&self, path: &str) -> Result<Vec<String>> {
        let Some(directory) = self.directory(path)? else { return Ok(Vec::new()) };
        names_of(&mut Dir::new(directory).map_err(failed)?)
    }

    /// What is in each of several directories below `path` and not temporary, in no order; nothing for missing ones.
    pub fn files(&self, path: &str, directories: &[String]) -> Result<Vec<Result<Vec<File>>>> {
        let above = self.directory(path)?;
        let files = |name: &String| above.as_ref().map_or(Ok(Vec::new()), |above| files_in(above, name));
        Ok(directories.iter().map(files).collect())
    }

    /// What stands at `name`; `None` when that is nothing any more.
    pub fn stat_in(directory: impl AsFd, name: &str) -> Result<Option<Stat>> {
        match stat_at(directory, name) {
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP) | Ok(None) => Ok(Some(NO_FILE)),
            result => result.map_err(|errno| fault("the entry cannot be read", errno)),
        }
    }

    /// Opens a directory; `None` for a missing one.
    pub(super) fn directory(&self, path: &str) -> Result<Option<OwnedFd>> {
        match walk::open_dirs(&self.root, path).and_then(walk::Dirs::into_last) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            directory => directory.map(Some),
        }
    }
}

fn files_in(above: &OwnedFd, name: &str) -> Result<Vec<File>> {
    let Some(directory) = walk::enter(above, name)? else { return Ok(Vec::new()) };
    let mut entries = Dir::new(directory).map_err(failed)?;
    let names = names_of(&mut entries)?;
    let directory = entries.fd().map_err(failed)?;
    let stat = |name: String| Ok(Disk::stat_in(directory, &name)?.map(|stat| File { name, stat }));
    names.into_iter().map(stat).filter_map(Result::transpose).collect()
}

fn names_of(entries: &mut Dir) -> Result<Vec<String>> {
    let mut names = Vec::new();
    visit(entries, |name, _| names.push(name.to_owned()))?;
    Ok(names)
}

/// Calls `found` with the name of every entry that is not temporary, and whether it is a directory.
fn visit(entries: &mut Dir, mut found: impl FnMut(&str, bool)) -> Result<()> {
    while let Some(entry) = entries.read() {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if name == "." || name == ".." || name.starts_with(TEMPORARY) {
            continue;
        }
        let is_directory = match entry.file_type() {
            FileType::Directory => true,
            FileType::Unknown => match Disk::stat_in(entries.fd().map_err(failed)?, name)? {
                Some(stat) => stat.directory,
                None => continue,
            },
            // What took the place of a file is shown like one, and refused when it is read: passed over here, it would
            // hide that the file is gone.
            _ => false,
        };
        found(name, is_directory);
    }
    Ok(())
}

fn failed(errno: Errno) -> opendal::Error {
    fault("the directory cannot be read", errno)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use std::path::Path;

    use super::*;
    use crate::store::Durability;
    use crate::store::fs::Publish;

    fn disk(root: &Path) -> Disk {
        Disk::new(root.to_owned(), Durability::Full, Publish::Unnamed)
    }

    #[test]
    fn listings_show_what_took_the_place_of_a_file_as_well() {
        let place = tempfile::tempdir().unwrap();
        let documents = place.path().join("documents");
        fs::create_dir_all(documents.join("b")).unwrap();
        fs::write(documents.join("c"), "").unwrap();
        fs::write(documents.join("a"), "").unwrap();
        fs::write(documents.join(".tmp-67e55044-10b1-426f-9247-bb680e5fe0c8"), "").unwrap();
        std::os::unix::fs::symlink("a", documents.join("link")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(documents.join("fifo")).status().unwrap().success());
        let disk = disk(place.path());
        let (_, names) = disk.list("documents", None).unwrap().unwrap();
        assert_eq!(
            names.map(|name| (name.text, name.directory)).collect::<Vec<_>>(),
            [("a", false), ("b", true), ("c", false), ("fifo", false), ("link", false)]
                .map(|(name, directory)| (name.to_owned(), directory))
        );
        assert!(disk.list("agents", None).unwrap().is_none());
    }
}
