//! Where damaged objects go: `{quarantine}/{time}/{path}`, one folder for each call. Until its replacement stands in the
//! store, an object's name ends with `.replacing`, so that the next check finds what it has to end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::error::{Code, Error, Result};
use crate::id::DocumentId;
use crate::local_file::{Tree, create, create_folder, io_error};
use crate::store::Store;
use crate::store::layout::ObjectKey;

/// Ends the name of an object that is being replaced.
const REPLACING: &str = ".replacing";
/// Says of which store the objects of a call are.
const MARK: &str = "quarantine.json";
/// Folders of the layout are not deeper.
const DEPTH: usize = 3;

/// A local directory for what is replaced.
pub struct Quarantine {
    directory: PathBuf,
    /// That of this call.
    folder: String,
    /// Names the store.
    place: String,
    ready: OnceLock<()>,
}

/// An object in the quarantine whose replacement is under way.
#[derive(Debug)]
pub struct Moved {
    /// Where it stands now.
    pub file: PathBuf,
    /// Where it belongs in the store.
    pub path: String,
}

impl Quarantine {
    pub fn new(directory: PathBuf, place: String) -> Quarantine {
        let random = DocumentId::random().to_string();
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        Quarantine { directory, folder: format!("{time}-{}", &random[..8]), place, ready: OnceLock::new() }
    }

    fn prepare(&self) -> Result<()> {
        if self.ready.get().is_none() {
            let folder = self.directory.join(&self.folder);
            create_folder(&folder)?;
            match create(&folder.join(MARK), json!({ "store": self.place }).to_string().as_bytes()) {
                Err(error) if error.code() != Code::Conflict => return Err(error),
                _ => {}
            }
            self.ready.get_or_init(|| ());
        }
        Ok(())
    }

    /// Moves an object out of the store; `None` when nothing stands there any more.
    pub async fn take(&self, store: &Store, object: ObjectKey) -> Result<Option<Moved>> {
        let path = object.path();
        if store.is_local() {
            return self.take_path(store, &path).await;
        }
        self.prepare()?;
        let mut stored = match store.open_object(object).await {
            Err(error) if error.code() == Code::NotFound => return Ok(None),
            stored => stored?,
        };
        let tree = Tree::open(&self.directory)?;
        let mut copy = tree.begin()?;
        while let Some(piece) = stored.next().await? {
            copy.write(&piece)?;
        }
        copy.finish()?;
        let file = copy.publish(&self.target(&path), false)?;
        match store.remove(&object).await {
            Err(error) if error.code() != Code::NotFound => Err(error),
            _ => Ok(Some(Moved { file, path })),
        }
    }

    /// Moves whatever stands at a path of a disk.
    pub async fn take_path(&self, store: &Store, path: &str) -> Result<Option<Moved>> {
        self.prepare()?;
        let target = self.target(path);
        let moved = store.move_out(path, self.directory.clone(), target.clone()).await?;
        Ok(moved.then(|| Moved { file: self.directory.join(target), path: path.to_owned() }))
    }

    fn target(&self, path: &str) -> String {
        format!("{}/{path}{REPLACING}", self.folder)
    }

    /// Its replacement stands in the store.
    pub fn done(&self, moved: &Moved) -> Result<()> {
        let Some(name) = moved.file.to_str().and_then(|name| name.strip_suffix(REPLACING)) else { return Ok(()) };
        let mut name = PathBuf::from(name);
        // Nothing in the quarantine is ever replaced.
        for number in 1.. {
            if name.symlink_metadata().is_err() {
                break;
            }
            name = PathBuf::from(format!("{}.{number}", name.display()));
        }
        fs::rename(&moved.file, &name).map_err(|error| self.failed(error))?;
        sync(&name).map_err(|error| self.failed(error))
    }

    /// What calls on this store, that ended before their time, left to be done.
    pub fn unfinished(&self) -> Result<Vec<Moved>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries.map_err(|error| self.failed(error))?,
        };
        for entry in entries {
            let folder = entry.map_err(|error| self.failed(error))?.path();
            let is_folder = folder.symlink_metadata().is_ok_and(|it| it.is_dir());
            if is_folder && self.is_ours(&folder) {
                collect(&folder, "", DEPTH, &mut found).map_err(|error| self.failed(error))?;
            }
        }
        Ok(found)
    }

    fn is_ours(&self, folder: &Path) -> bool {
        let mark = fs::read(folder.join(MARK)).ok();
        let mark = mark.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        mark.is_some_and(|mark| mark.get("store").and_then(Value::as_str) == Some(&self.place))
    }

    fn failed(&self, error: io::Error) -> Error {
        io_error("the quarantine cannot be used", &self.directory, error)
    }
}

fn collect(folder: &Path, path: &str, depth: usize, found: &mut Vec<Moved>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        match below.strip_suffix(REPLACING) {
            Some(path) => found.push(Moved { file: entry.path(), path: path.to_owned() }),
            None if depth > 1 && entry.file_type()?.is_dir() => collect(&entry.path(), &below, depth - 1, found)?,
            None => {}
        }
    }
    Ok(())
}

/// Makes a name durable.
fn sync(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_found_by_its_own_store() {
        let place = tempfile::tempdir().unwrap();
        let quarantine = |store: &str| Quarantine::new(place.path().join("q"), store.to_owned());
        let ours = quarantine("a");
        assert!(ours.unfinished().unwrap().is_empty());
        ours.prepare().unwrap();
        let folder = place.path().join("q").join(&ours.folder).join("documents/id");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("v.json.replacing"), "old").unwrap();
        fs::write(folder.join("v.json"), "older").unwrap();
        assert!(quarantine("b").unfinished().unwrap().is_empty());
        let [moved] = &quarantine("a").unfinished().unwrap()[..] else { panic!("it was not found") };
        assert_eq!(moved.path, "documents/id/v.json");
        ours.done(moved).unwrap();
        assert!(quarantine("a").unfinished().unwrap().is_empty());
        assert_eq!(fs::read(folder.join("v.json")).unwrap(), b"older");
        assert_eq!(fs::read(folder.join("v.json.1")).unwrap(), b"old");
    }
}
