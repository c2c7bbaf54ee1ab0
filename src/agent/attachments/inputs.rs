//! From the paths that a caller names to files with the names that a document gives them.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::{AttachmentInput, names};
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::local_file::{self, Contents};

/// Files in one document, and entries of a folder that are looked at.
const MOST_FILES: usize = 65_536;

/// A file that is to be attached.
pub(super) struct Item {
    /// Its `path` in the document.
    pub name: String,
    pub mimetype: Option<String>,
    /// In bytes, as far as is known before it is read.
    pub length: u64,
    source: Source,
}

enum Source {
    Given(Contents),
    /// A path without links.
    Plain(PathBuf),
    /// Links are followed below the root alone.
    Below {
        root: PathBuf,
        path: PathBuf,
    },
}

impl Item {
    /// Opens it. Errors: `JACS_ATTACHMENT`.
    pub fn open(&self) -> Result<Contents> {
        let (opened, path) = match &self.source {
            Source::Given(contents) => return Ok(contents.clone()),
            Source::Plain(path) => (local_file::open_plain(path), path.clone()),
            Source::Below { root, path } => (local_file::open_beneath(root, path), root.join(path)),
        };
        let file = opened.map_err(|error| unreadable(error, &path))?;
        Contents::of_file(file, Some(path))
    }
}

/// What stops a search.
pub(super) struct Limits {
    pub cancel: Cancel,
    /// Places of the agent itself. A document is made to be handed on: keys do not go with it, nor the store into itself.
    pub own: Vec<PathBuf>,
}

impl Limits {
    /// Errors: `JACS_ATTACHMENT`.
    fn check_place(&self, real: &Path) -> Result<()> {
        match self.own.iter().any(|own| real.starts_with(own)) {
            true => {
                let message =
                    "what lies among the keys or in the data directory, or is the configuration, is not attached";
                Err(Error::new(Code::Attachment, message).with_path(real))
            }
            false => Ok(()),
        }
    }
}

/// All files of the inputs, in their order, those of a folder sorted. `by_reference`: their places must be below the
/// working directory. Blocks for the disk.
///
/// Errors: `JACS_ATTACHMENT`, `JACS_ABORTED`.
pub(super) fn collect(
    inputs: &[AttachmentInput],
    by_reference: bool,
    working: &Path,
    limits: &Limits,
) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for input in inputs {
        let begin = items.len();
        match &input.contents {
            Some(contents) => items.push(Item {
                name: name_of_contents(&input.path)?,
                mimetype: None,
                length: contents.length(),
                source: Source::Given(contents.clone()),
            }),
            None => {
                let working = working.canonicalize().map_err(|error| unreadable(error, working))?;
                find(&input.path, by_reference, &working, &mut items, limits)?;
            }
        }
        if items.len() > MOST_FILES {
            let error = Error::new(Code::Attachment, "there are too many files for one document");
            return Err(error.with("limit", MOST_FILES));
        }
        items[begin..].iter_mut().for_each(|item| item.mimetype.clone_from(&input.mimetype));
    }
    names::check(items.iter().map(|item| item.name.as_str()))?;
    Ok(items)
}

fn name_of_contents(path: &str) -> Result<String> {
    let parts = local_file::parts(path).ok_or_else(|| {
        Error::new(Code::Attachment, "the name of given contents must be a relative path without `..`, not too long")
            .with_path(path)
    })?;
    Ok(parts.join("/"))
}

fn find(given: &str, by_reference: bool, working: &Path, items: &mut Vec<Item>, limits: &Limits) -> Result<()> {
    let failed = |error| unreadable(error, Path::new(given));
    if given.is_empty() || given.contains('\0') {
        return Err(failed(io::ErrorKind::InvalidFilename.into()));
    }
    let path = working.join(given);
    // The folders that lead to it may be links, since the caller named them.
    let place = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => parent.canonicalize().map_err(failed)?.join(name),
        _ => path.canonicalize().map_err(failed)?,
    };
    let named = match place.strip_prefix(working) {
        Ok(inside) => inside,
        Err(_) if by_reference => {
            let message = "a file outside the working directory cannot be referenced: its place would be lost";
            return Err(Error::new(Code::Attachment, message).with_path(given));
        }
        Err(_) => Path::new(place.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?),
    };
    let metadata = place.metadata().map_err(failed)?;
    limits.check_place(&place.canonicalize().map_err(failed)?)?;
    if metadata.is_dir() {
        if place.is_symlink() {
            linked(&place, working)?;
        }
        let root = place.canonicalize().map_err(failed)?;
        let begin = items.len();
        Walk { root: &root, named, items, limits, visited: 0 }.folder(&root, Path::new(""), &mut Vec::new())?;
        if items.len() == begin {
            return Err(Error::new(Code::Attachment, "the folder has no files").with_path(given));
        }
        items[begin..].sort_by(|a, b| a.name.cmp(&b.name));
        return Ok(());
    }
    check_kind(&metadata, &place)?;
    let source = if place.is_symlink() { linked(&place, working)? } else { Source::Plain(place.clone()) };
    items.push(Item { name: to_name(named)?, mimetype: None, length: metadata.len(), source });
    Ok(())
}

/// A link by its own path leads below its folder, or below the working directory.
fn linked(place: &Path, working: &Path) -> Result<Source> {
    let target = place.canonicalize().map_err(|error| unreadable(error, place))?;
    for root in place.parent().into_iter().chain([working]) {
        if let Ok(path) = target.strip_prefix(root) {
            return Ok(Source::Below { root: root.to_owned(), path: path.to_owned() });
        }
    }
    Err(outside(place))
}

/// A folder that is looked through.
struct Walk<'a> {
    root: &'a Path,
    named: &'a Path,
    items: &'a mut Vec<Item>,
    limits: &'a Limits,
    /// Links can make many ways out of few folders.
    visited: usize,
}

impl Walk<'_> {
    /// `above`: the real folders on the way, which a link may not lead back to.
    fn folder(&mut self, place: &Path, relative: &Path, above: &mut Vec<PathBuf>) -> Result<()> {
        let real = place.canonicalize().map_err(|error| unreadable(error, place))?;
        if !real.starts_with(self.root) {
            return Err(outside(place));
        }
        self.limits.check_place(&real)?;
        if above.contains(&real) {
            return Err(Error::new(Code::Attachment, "a symbolic link leads back to its own folder").with_path(place));
        }
        above.push(real);
        let failed = |error| unreadable(error, place);
        for entry in fs::read_dir(place).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            self.entry(&place.join(&name), &relative.join(&name), above)?;
        }
        above.pop();
        Ok(())
    }

    fn entry(&mut self, place: &Path, relative: &Path, above: &mut Vec<PathBuf>) -> Result<()> {
        self.limits.cancel.check()?;
        self.visited += 1;
        if self.visited > MOST_FILES {
            let error = Error::new(Code::Attachment, "the folder has too many entries for one document");
            return Err(error.with("limit", MOST_FILES).with_path(self.root));
        }
        let metadata = place.metadata().map_err(|error| unreadable(error, place))?;
        if metadata.is_dir() {
            return self.folder(place, relative, above);
        }
        check_kind(&metadata, place)?;
        let real = if place.is_symlink() { place.canonicalize().ok() } else { Some(place.to_owned()) };
        let real = real.filter(|real| real.starts_with(self.root)).ok_or_else(|| outside(place))?;
        self.limits.check_place(&real)?;
        self.items.push(Item {
            name: to_name(&self.named.join(relative))?,
            mimetype: None,
            length: metadata.len(),
            source: Source::Below { root: self.root.to_owned(), path: relative.to_owned() },
        });
        Ok(())
    }
}

fn check_kind(metadata: &Metadata, place: &Path) -> Result<()> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(Error::new(Code::Attachment, "what stands there is not a regular file").with_path(place)),
    }
}

/// A path as documents write it.
fn to_name(path: &Path) -> Result<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let parts = parts
        .ok_or_else(|| Error::new(Code::Attachment, "the name of the file is not Unicode text").with_path(path))?;
    Ok(parts.join("/"))
}

fn outside(place: &Path) -> Error {
    Error::new(Code::Attachment, "a symbolic link leads out of the folder").with_path(place)
}

fn unreadable(error: io::Error, place: &Path) -> Error {
    Error::new(Code::Attachment, "the file or folder cannot be read").with_path(place).with_source(error)
}
