//! A look at everything that stands in a store, of the layout or not: where each version is, who may read it, and what
//! stands where something else belongs. Page by page, in memory that does not grow with the store.
//!
//! On fs it looks at the disk itself, on the thread that asks: let that be one that [waits](super::wait_here).

use std::path::PathBuf;

use opendal::ErrorKind;

use super::documents::Listed;
use super::fs::TEMPORARY;
use super::layout::{self, EXTENSION, FILES, Kind, ObjectKey, Sha256Hex};
use super::{Entry, Store};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};

/// Begins the names of objects that show what a server can do.
const PROBE: &str = ".jacs-probe-";
/// Bytes that are read of a file at once.
const PIECE: usize = 1 << 20;

/// Who may do what with an entry of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Permission bits.
    pub mode: u32,
    /// User id.
    pub owner: u32,
}

/// What an entry of a directory is.
#[cfg_attr(not(unix), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    File,
    Directory,
    Other(&'static str),
}

/// Why an object was not looked at.
#[derive(Debug)]
pub enum Trouble<E = Error> {
    /// Nothing stands there (any more).
    Gone,
    /// Something else stands there: what.
    NotAFile(&'static str),
    /// It is there, and the disk does not give it.
    Unreadable(E),
    /// Nothing is known: the storage did not answer, or its answer says nothing about the object.
    Unasked(E),
}

impl Trouble {
    /// The same as an error, for whoever reads one object after the other.
    pub fn into_error(self) -> Error {
        match self {
            Trouble::Gone => Error::new(Code::NotFound, "nothing is stored under that key"),
            Trouble::NotAFile(what) => {
                Error::new(Code::Permission, "something else stands where an object belongs").with("found", what)
            }
            Trouble::Unreadable(error) | Trouble::Unasked(error) => error,
        }
    }
}

#[cfg_attr(not(unix), allow(dead_code))]
impl<E> Trouble<E> {
    fn map<F>(self, change: impl FnOnce(E) -> F) -> Trouble<F> {
        match self {
            Trouble::Gone => Trouble::Gone,
            Trouble::NotAFile(what) => Trouble::NotAFile(what),
            Trouble::Unreadable(error) => Trouble::Unreadable(change(error)),
            Trouble::Unasked(error) => Trouble::Unasked(change(error)),
        }
    }
}

/// Something that is not as the layout has it.
#[derive(Debug)]
pub enum Odd {
    /// Not of the layout; below a directory nothing else is told.
    Stray,
    /// What a writer left behind that ended before its time.
    Temporary,
    /// The folder of an id without any version.
    Empty,
    /// Something else stands there than the layout says: what.
    Instead(&'static str),
    /// A directory that cannot be read.
    Unreadable(Error),
    /// Others may read or write it, or it belongs to somebody else.
    Open(Access),
}

/// What a survey tells while it goes on.
#[derive(Debug)]
pub enum Seen {
    /// At a path below the data directory; that of a directory ends with a `/`.
    Odd(String, Odd),
    /// The name of an attachment, whatever stands there.
    File(Sha256Hex),
}

/// Who is told; an error ends the survey.
pub type Tell<'a> = &'a mut (dyn FnMut(Seen) -> Result<()> + Send);

impl From<Trouble<opendal::Error>> for Ended {
    fn from(trouble: Trouble<opendal::Error>) -> Self {
        Ended::Trouble(trouble)
    }
}

/// Why a visit to a directory ended early.
#[cfg_attr(not(unix), allow(dead_code))]
enum Ended {
    Trouble(Trouble<opendal::Error>),
    Told(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Ended::Told(error)
    }
}

/// A tree of versions, or the attachments, under survey.
pub struct Survey {
    store: Store,
    directory: String,
    kind: Option<Kind>,
    #[cfg(unix)]
    local: Option<Local>,
}

#[cfg(unix)]
struct Local {
    shelf: super::fs::Shelf,
    owner: u32,
}

/// The folder of an id under survey.
pub struct Folder<'a> {
    survey: &'a Survey,
    id: DocumentId,
    /// What is stored, ascending.
    pub versions: Vec<Version>,
    lengths: Vec<Option<u64>>,
    #[cfg(unix)]
    shelf: Option<super::fs::Shelf>,
}

/// An object that is about to be read.
pub struct Opened<'a> {
    survey: &'a Survey,
    key: ObjectKey,
    /// In bytes, where that is known.
    pub length: Option<u64>,
    #[cfg(unix)]
    file: Option<super::fs::Opened>,
}

impl Store {
    /// Begins to look at a tree of versions. Errors: as [`ids`](Self::ids).
    pub fn survey(&self, kind: Kind) -> Result<Survey, Trouble> {
        let survey = self.survey_of(layout::kind_prefix(kind))?;
        Ok(Survey { kind: Some(kind), ..survey })
    }

    /// Begins to look at the attachments.
    pub fn survey_files(&self) -> Result<Survey, Trouble> {
        self.survey_of(format!("{FILES}/"))
    }

    fn survey_of(&self, directory: String) -> Result<Survey, Trouble> {
        #[cfg(unix)]
        let local = match &self.0.fs {
            Some(fs) => {
                let fail = |trouble: Trouble<opendal::Error>| trouble.map(|error| self.fail_listing(error, &directory));
                let owner = fs.shelf("").and_then(|root| root.access()).map_err(fail)?.owner;
                Some(Local { shelf: fs.shelf(directory.trim_end_matches('/')).map_err(fail)?, owner })
            }
            None => None,
        };
        Ok(Survey {
            store: self.clone(),
            directory,
            kind: None,
            #[cfg(unix)]
            local,
        })
    }

    /// Whether [`Survey`]s of this store look at a disk, on the thread that asks.
    pub fn is_local(&self) -> bool {
        cfg!(unix) && self.0.fs.is_some()
    }

    /// Tells of everything that is not of the layout, but for what stands in the folders of ids, and of every attachment's
    /// name. Where one listing gives all keys, what stands in those folders is told as well.
    ///
    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`; those of `tell`.
    pub async fn survey_names(&self, tell: Tell<'_>) -> Result<()> {
        #[cfg(unix)]
        if let Some(fs) = &self.0.fs {
            return self.local_names(fs, tell);
        }
        match self.lists_all() {
            true => self.all_names(tell).await,
            false => self.names_by_level(tell).await,
        }
    }

    /// Whether one listing gives all keys, in as few requests as listing each directory would.
    pub fn lists_all(&self) -> bool {
        self.0.fs.is_none() && self.is_sorted() && self.operator().info().capability().list_with_recursive
    }

    #[cfg(unix)]
    fn local_names(&self, fs: &super::fs::Fs, tell: Tell<'_>) -> Result<()> {
        let fail = |error, path: &str| self.fail_listing(error, path);
        let root = match fs.shelf("") {
            Err(Trouble::Gone) => return Ok(()),
            Err(Trouble::Unreadable(error) | Trouble::Unasked(error)) => return Err(fail(error, "")),
            Err(Trouble::NotAFile(_)) => {
                return Err(fail(
                    opendal::Error::new(ErrorKind::ConfigInvalid, "the data directory is no directory"),
                    "",
                ));
            }
            Ok(root) => root,
        };
        let owner = match root.access() {
            Ok(access) => {
                // Whoever made the data directory may have meant others to see it; not to write in it.
                if access.mode & 0o022 != 0 {
                    tell(Seen::Odd(String::new(), Odd::Open(access)))?;
                }
                access.owner
            }
            Err(_) => 0,
        };
        let visited = root.visit(|name, place| -> Result<(), Ended> {
            let known = matches!(&*name, "agents" | "documents" | FILES);
            match (known, place) {
                (true, Place::Directory) => {}
                (true, Place::File) => tell(Seen::Odd(name.into_owned(), Odd::Instead("a file")))?,
                (true, Place::Other(what)) => tell(Seen::Odd(name.into_owned(), Odd::Instead(what)))?,
                (false, place) => tell(Seen::Odd(shown("", &name, place), odd(&name)))?,
            }
            Ok(())
        });
        self.settle(visited, "", tell)?;
        for directory in ["agents", "documents", FILES] {
            let shelf = match root.shelf(directory) {
                Err(Trouble::Gone | Trouble::NotAFile(_)) => continue,
                Err(Trouble::Unreadable(error)) => {
                    let error = fail(error, directory);
                    tell(Seen::Odd(format!("{directory}/"), Odd::Unreadable(error)))?;
                    continue;
                }
                Err(Trouble::Unasked(error)) => return Err(fail(error, directory)),
                Ok(shelf) => shelf,
            };
            if let Ok(access) = shelf.access()
                && is_open(access, owner)
            {
                tell(Seen::Odd(format!("{directory}/"), Odd::Open(access)))?;
            }
            let visited = shelf.visit(|name, place| -> Result<(), Ended> {
                let path = shown(directory, &name, place);
                match (directory, layout::parse_place(directory, &name), place) {
                    (FILES, Some(layout::Place::File(hash)), _) => tell(Seen::File(hash))?,
                    (_, Some(_), Place::Directory) => {}
                    (_, Some(_), Place::File) => tell(Seen::Odd(path, Odd::Instead("a file")))?,
                    (_, Some(_), Place::Other(what)) => tell(Seen::Odd(path, Odd::Instead(what)))?,
                    (_, None, _) => tell(Seen::Odd(path, odd(&name)))?,
                }
                Ok(())
            });
            self.settle(visited, &format!("{directory}/"), tell)?;
        }
        Ok(())
    }

    #[cfg(unix)]
    fn settle(&self, visited: Result<(), Ended>, path: &str, tell: Tell<'_>) -> Result<()> {
        match visited {
            Ok(()) | Err(Ended::Trouble(Trouble::Gone | Trouble::NotAFile(_))) => Ok(()),
            Err(Ended::Told(error)) => Err(error),
            Err(Ended::Trouble(Trouble::Unasked(error))) => Err(self.fail_listing(error, path)),
            Err(Ended::Trouble(Trouble::Unreadable(error))) => {
                let error = self.fail_listing(error, path);
                tell(Seen::Odd(path.to_owned(), Odd::Unreadable(error)))
            }
        }
    }

    async fn all_names(&self, tell: Tell<'_>) -> Result<()> {
        let fail = |error| self.fail_listing(error, "");
        let mut turn = self.turn().await;
        let open = async { self.operator().lister_with("").recursive(true).await };
        let mut listed: Listed = self.within(&turn, 0, open).await.map_err(fail)?.into();
        let mut last = String::new();
        while let Some(found) = self.next_listed(&mut listed, &mut turn).await.map_err(fail)? {
            match ObjectKey::parse(found.path()) {
                Some(ObjectKey::File(hash)) => tell(Seen::File(hash))?,
                Some(ObjectKey::Version { .. }) => {}
                None => {
                    let Some(stray) = layout::stray(found.path()) else { continue };
                    // Of a folder with many it is told once.
                    if stray != last {
                        last = stray.to_owned();
                        let name = stray.trim_end_matches('/');
                        tell(Seen::Odd(stray.to_owned(), odd(name.rsplit('/').next().unwrap_or(name))))?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn names_by_level(&self, tell: Tell<'_>) -> Result<()> {
        for directory in ["", "agents/", "documents/", "files/"] {
            let fail = |error| self.fail_listing(error, directory);
            let mut turn = self.turn().await;
            let open = async { self.operator().lister(directory).await };
            let mut listed: Listed = match self.within(&turn, 0, open).await {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                listed => listed.map_err(fail)?.into(),
            };
            loop {
                let found = match self.next_listed(&mut listed, &mut turn).await {
                    Err(error) if error.kind() == ErrorKind::NotFound => break,
                    found => found.map_err(fail)?,
                };
                let Some(found) = found else { break };
                let path = found.path();
                let Some(name) = path.strip_prefix(directory).map(|name| name.trim_end_matches('/')) else { continue };
                if name.is_empty() {
                    continue;
                }
                let is_directory = path.ends_with('/');
                let place = if is_directory { Place::Directory } else { Place::File };
                match layout::parse_place(directory.trim_end_matches('/'), name) {
                    Some(layout::Place::File(hash)) => tell(Seen::File(hash))?,
                    Some(_) if is_directory => {}
                    Some(_) => tell(Seen::Odd(path.to_owned(), Odd::Instead("a file")))?,
                    None if directory.is_empty() && is_directory && matches!(name, "agents" | "documents" | FILES) => {}
                    None => tell(Seen::Odd(shown(directory.trim_end_matches('/'), name, place), odd(name)))?,
                }
            }
        }
        Ok(())
    }
}

impl Survey {
    /// Looks into the folder of an id. `listed` is what a listing gave already.
    pub async fn folder(
        &self,
        id: DocumentId,
        listed: Option<Vec<Entry>>,
        tell: Tell<'_>,
    ) -> Result<Result<Folder<'_>, Trouble>> {
        #[cfg(unix)]
        if let Some(local) = &self.local {
            return self.local_folder(local, id, tell);
        }
        let kind = self.kind.unwrap_or(Kind::Document);
        let entries = match listed {
            Some(entries) if self.store.lists_all() => Ok(entries),
            _ => self.list_folder(kind, id, tell).await?,
        };
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) if error.code() == Code::NotFound => return Ok(Err(Trouble::Gone)),
            Err(error) => return Ok(Err(Trouble::Unasked(error))),
        };
        Ok(Ok(Folder {
            survey: self,
            id,
            versions: entries.iter().map(|entry| entry.key.version).collect(),
            lengths: entries.iter().map(|entry| entry.bytes).collect(),
            #[cfg(unix)]
            shelf: None,
        }))
    }

    async fn list_folder(&self, kind: Kind, id: DocumentId, tell: Tell<'_>) -> Result<Result<Vec<Entry>>> {
        let mut odd_names = Vec::new();
        let entries = self.store.list_folder(kind, id, |path| odd_names.push(path.to_owned())).await;
        for path in odd_names {
            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(&path).to_owned();
            tell(Seen::Odd(path, odd(&name)))?;
        }
        if matches!(&entries, Ok(entries) if entries.is_empty()) {
            tell(Seen::Odd(layout::prefix(kind, id), Odd::Empty))?;
        }
        Ok(entries)
    }

    #[cfg(unix)]
    fn local_folder(&self, local: &Local, id: DocumentId, tell: Tell<'_>) -> Result<Result<Folder<'_>, Trouble>> {
        let name = id.to_string();
        let path = || format!("{}{name}/", self.directory);
        let shelf = match local.shelf.shelf(&name) {
            Ok(shelf) => shelf,
            Err(trouble) => return Ok(Err(trouble.map(|error| self.store.fail(error, &id, &path())))),
        };
        let mut versions = Vec::new();
        let mut others = false;
        let visited = shelf.visit(|name, place| -> Result<(), Ended> {
            match layout::parse_name(&name) {
                Some(version) => versions.push(version),
                None => {
                    others = true;
                    tell(Seen::Odd(shown(path().trim_end_matches('/'), &name, place), odd(&name)))?;
                }
            }
            Ok(())
        });
        match visited {
            Ok(()) => {}
            Err(Ended::Told(error)) => return Err(error),
            Err(Ended::Trouble(trouble)) => {
                return Ok(Err(trouble.map(|error| self.store.fail(error, &id, &path()))));
            }
        }
        if let Ok(access) = shelf.access()
            && is_open(access, local.owner)
        {
            tell(Seen::Odd(path(), Odd::Open(access)))?;
        }
        if versions.is_empty() && !others {
            tell(Seen::Odd(path(), Odd::Empty))?;
        }
        versions.sort_unstable();
        Ok(Ok(Folder { survey: self, id, versions, lengths: Vec::new(), shelf: Some(shelf) }))
    }

    /// Opens an attachment.
    pub async fn file(&self, hash: Sha256Hex, length: Option<u64>) -> Result<Opened<'_>, Trouble> {
        let key = ObjectKey::File(hash);
        #[cfg(unix)]
        if let Some(local) = &self.local {
            let opened = local.shelf.open(&hash.to_string());
            let file = opened.map_err(|trouble| trouble.map(|error| self.store.fail(error, &hash, &key.path())))?;
            return Ok(Opened { survey: self, key, length: Some(file.length), file: Some(file) });
        }
        Ok(Opened {
            survey: self,
            key,
            length,
            #[cfg(unix)]
            file: None,
        })
    }
}

impl Folder<'_> {
    /// The key of one of the versions.
    pub fn key(&self, version: Version) -> DocumentKey {
        DocumentKey { id: self.id, version }
    }

    /// Opens a version, by its position.
    pub async fn open(&self, position: usize) -> Result<Opened<'_>, Trouble> {
        let version = self.versions[position];
        let kind = self.survey.kind.unwrap_or(Kind::Document);
        let key = ObjectKey::Version { kind, key: self.key(version) };
        #[cfg(unix)]
        if let Some(shelf) = &self.shelf {
            let opened = shelf.open(&format!("{version}{EXTENSION}"));
            let file =
                opened.map_err(|trouble| trouble.map(|error| self.survey.store.fail(error, &key, &key.path())))?;
            return Ok(Opened { survey: self.survey, key, length: Some(file.length), file: Some(file) });
        }
        Ok(Opened {
            survey: self.survey,
            key,
            length: self.lengths.get(position).copied().flatten(),
            #[cfg(unix)]
            file: None,
        })
    }
}

impl Opened<'_> {
    /// Who may do what with it, when others may do something, or it is somebody else's.
    pub fn open_to_others(&self) -> Option<Access> {
        #[cfg(unix)]
        if let (Some(file), Some(local)) = (&self.file, &self.survey.local) {
            return Some(file.access).filter(|access| is_open(*access, local.owner));
        }
        None
    }

    /// All bytes; `None` when there are more than `max_bytes`.
    pub async fn read(&self, max_bytes: u64) -> Result<Option<Vec<u8>>, Trouble> {
        #[cfg(unix)]
        if let Some(file) = &self.file {
            if file.length > max_bytes {
                return Ok(None);
            }
            let bytes = file.read(0, usize::try_from(file.length).unwrap_or(usize::MAX));
            return bytes.map(Some).map_err(|trouble| self.about(trouble));
        }
        match self.survey.store.get(&self.key, max_bytes).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.code() == Code::Hash => Ok(None),
            Err(error) => Err(trouble(error)),
        }
    }

    /// Gives the bytes of a file, piece by piece.
    pub async fn pieces(&self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<Result<(), Trouble>> {
        #[cfg(unix)]
        if let Some(file) = &self.file {
            let mut offset = 0;
            while offset < file.length {
                match file.read(offset, PIECE.min(usize::try_from(file.length - offset).unwrap_or(PIECE))) {
                    Ok(piece) if piece.is_empty() => break,
                    Ok(piece) => {
                        offset += piece.len() as u64;
                        each(&piece)?;
                    }
                    Err(trouble) => return Ok(Err(self.about(trouble))),
                }
            }
            return Ok(Ok(()));
        }
        let ObjectKey::File(hash) = self.key else { return Ok(Err(Trouble::Gone)) };
        let mut file = match self.survey.store.open_file(hash).await {
            Ok(file) => file,
            Err(error) => return Ok(Err(trouble(error))),
        };
        loop {
            match file.next().await {
                Ok(Some(piece)) => piece.chunks(PIECE).try_for_each(&mut each)?,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(trouble(error))),
            }
        }
    }

    #[cfg(unix)]
    fn about(&self, trouble: Trouble<opendal::Error>) -> Trouble {
        trouble.map(|error| self.survey.store.fail(error, &self.key, &self.key.path()))
    }
}

/// Where an object of a store is moved to that is replaced.
impl Store {
    /// Moves what stands at `path`, whatever it is, to `target` below `directory`, which exists; never through a link and
    /// never over anything. `false`: nothing stands there.
    ///
    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`; `JACS_UNSUPPORTED` where it cannot be moved, such as a directory to
    /// another filesystem.
    #[cfg(unix)]
    pub async fn move_out(&self, path: &str, directory: PathBuf, target: String) -> Result<bool> {
        match &self.0.fs {
            Some(fs) => {
                let moved = fs.move_out(path.trim_end_matches('/'), directory, target).await;
                moved.map_err(|error| self.fail_listing(error, path))
            }
            None => Err(Error::new(Code::Unsupported, "only objects of a disk are moved")),
        }
    }

    /// As on Unix, where that is not.
    #[cfg(not(unix))]
    pub async fn move_out(&self, path: &str, directory: PathBuf, target: String) -> Result<bool> {
        let _ = (path, directory, target);
        Err(Error::new(Code::Unsupported, "objects are not moved on this system"))
    }
}

/// Whether somebody else may do something with an entry.
#[cfg_attr(not(unix), allow(dead_code))]
fn is_open(access: Access, owner: u32) -> bool {
    access.mode & 0o066 != 0 || access.owner != owner
}

fn trouble(error: Error) -> Trouble {
    match error.code() {
        Code::NotFound => Trouble::Gone,
        _ if error.is_damage() => Trouble::Unreadable(error),
        _ => Trouble::Unasked(error),
    }
}

fn odd(name: &str) -> Odd {
    if name.starts_with(TEMPORARY) || name.starts_with(PROBE) { Odd::Temporary } else { Odd::Stray }
}

fn shown(directory: &str, name: &str, place: Place) -> String {
    let lead = if directory.is_empty() { "" } else { "/" };
    let end = if place == Place::Directory { "/" } else { "" };
    format!("{directory}{lead}{name}{end}")
}
