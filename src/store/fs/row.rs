//! Directories below one of the root, read one after the other. That and the last of them stay open: to open the whole way
//! for each file takes longer than to read it. Blocks for the disk.

use std::sync::Arc;

use opendal::Result;

use super::Disk;

#[cfg(unix)]
type Directory = super::unix::Directory;
#[cfg(not(unix))]
type Directory = ();

/// Neighbours below `path`.
#[cfg_attr(not(unix), allow(dead_code))]
pub(in crate::store) struct Row {
    disk: Arc<Disk>,
    path: String,
    above: Option<Directory>,
    /// The last that was asked for, with its name.
    open: Option<(String, Directory)>,
}

impl Row {
    pub(super) fn new(disk: Arc<Disk>, path: &str) -> Row {
        Row { disk, path: path.to_owned(), above: None, open: None }
    }
}

#[cfg(unix)]
mod unix {
    use opendal::ErrorKind;
    use rustix::io::Errno;

    use super::super::errno::fault;
    use super::super::unix::{open_file, stat_of};
    use super::*;

    impl Row {
        /// The names in a directory, in no order; none for a missing one.
        pub fn names(&mut self, directory: &str) -> Result<Vec<String>> {
            match self.enter(directory) {
                Ok(open) => super::super::scan::names_in(open),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        }

        /// The bytes of a regular file; `None` when there are more than `most`.
        pub fn read(&mut self, directory: &str, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
            let file = open_file(self.enter(directory)?, name)?;
            let found = rustix::fs::fstat(&file).map_err(|errno| fault("the file cannot be read", errno))?;
            let length = stat_of(&found).bytes;
            if length > most {
                return Ok(None);
            }
            Disk::read(&file, 0, usize::try_from(length).unwrap_or(usize::MAX)).map(Some)
        }

        fn enter(&mut self, name: &str) -> Result<&Directory> {
            let missing = || fault("the directory cannot be opened", Errno::NOENT);
            let open = match self.open.take() {
                Some(open) if open.0 == name => open,
                _ => {
                    let above = match self.above.take() {
                        Some(above) => above,
                        None => self.disk.directory(&self.path)?.ok_or_else(missing)?,
                    };
                    let entered = super::super::walk::enter(self.above.insert(above), name)?;
                    (name.to_owned(), entered.ok_or_else(missing)?)
                }
            };
            Ok(&self.open.insert(open).1)
        }
    }
}

#[cfg(not(unix))]
impl Row {
    pub fn names(&mut self, _: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    pub fn read(&mut self, _: &str, _: &str, _: u64) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use opendal::ErrorKind;

    use super::*;
    use crate::store::Durability;
    use crate::store::fs::Publish;

    #[test]
    fn neighbours_are_read_and_nothing_beyond_a_link() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        for (name, text) in [("a/1", "one"), ("a/2", "three"), ("b/1", "other"), ("b/.tmp-x", "")] {
            let path = root.join("documents").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        symlink(root.join("documents/a"), root.join("documents/linked")).unwrap();
        symlink("1", root.join("documents/a/3")).unwrap();
        let disk = Arc::new(Disk::new(root, Durability::Full, Publish::Unnamed));
        let mut row = Row::new(disk.clone(), "documents");
        let mut names = row.names("a").unwrap();
        names.sort();
        assert_eq!((names, row.names("b").unwrap()), (vec!["1".into(), "2".into(), "3".into()], vec!["1".into()]));
        assert_eq!(row.read("a", "1", 3).unwrap(), Some(b"one".to_vec()));
        assert_eq!(row.read("a", "2", 4).unwrap(), None);
        assert_eq!(row.read("b", "1", 5).unwrap(), Some(b"other".to_vec()));
        let kind = |result: Result<Option<Vec<u8>>>| result.unwrap_err().kind();
        assert_eq!(kind(row.read("a", "3", 9)), ErrorKind::PermissionDenied);
        assert_eq!(kind(row.read("linked", "1", 9)), ErrorKind::PermissionDenied);
        assert_eq!(row.names("linked").unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(kind(row.read("missing", "1", 9)), ErrorKind::NotFound);
        // After any of that it goes on.
        assert_eq!(row.read("a", "1", 3).unwrap(), Some(b"one".to_vec()));
        assert!(row.names("missing").unwrap().is_empty());
        assert!(Row::new(disk, "agents").names("a").unwrap().is_empty());
    }
}
