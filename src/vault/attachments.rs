//! The bytes of attachments: opened where they are, and read to an end that is only reached when they are what the
//! document says.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::Vault;
use crate::crypto::{Hasher, hex};
use crate::document::{FileEntry, shown};
use crate::error::{Code, Error, Result, below};
use crate::id::DocumentKey;
use crate::local_file::{self, Contents};
use crate::store::{StoredFile, blocking};

/// Bytes that are given at once, where they come from memory or a file.
const PIECE: usize = 1 << 20;

/// The bytes of one attachment. Whoever reads it may act on nothing before its end.
pub struct Attachment {
    source: Source,
    hasher: Hasher,
    sha256: String,
    path: String,
    key: DocumentKey,
}

enum Source {
    /// Out of the document, compared already.
    Embedded(Bytes),
    Stored(Box<StoredFile>),
    File {
        contents: Contents,
        offset: u64,
    },
    Ended,
    Failed(Error),
}

impl Attachment {
    /// The next bytes; `None` at the end, when all of them were what the hash says.
    ///
    /// Errors: `JACS_ATTACHMENT` (missing, cut short, altered), `JACS_PERMISSION`, `JACS_UNAVAILABLE`; the same again, once
    /// one was given.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let next = self.read().await.map_err(|error| error.with_key(self.key));
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.source = Source::Ended,
            Err(error) => self.source = Source::Failed(error.clone()),
        }
        next
    }

    /// Reads to the end.
    pub async fn check(mut self) -> Result<()> {
        while self.next().await?.is_some() {}
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Bytes>> {
        let piece = match &mut self.source {
            Source::Embedded(bytes) => {
                let piece = bytes.split_to(bytes.len().min(PIECE));
                return Ok((!piece.is_empty()).then_some(piece));
            }
            Source::Stored(file) => file.next().await.map_err(|error| missing(error, &self.path))?,
            Source::File { contents, offset } => {
                let (source, from) = (contents.clone(), *offset);
                let size = usize::try_from(contents.length() - from).unwrap_or(PIECE).min(PIECE);
                *offset += size as u64;
                match size {
                    0 => None,
                    _ => Some(blocking(move || source.piece(from, size)).await?),
                }
            }
            Source::Ended => return Ok(None),
            Source::Failed(error) => return Err(error.clone()),
        };
        match &piece {
            Some(piece) => self.hasher.update(piece),
            None if hex(&std::mem::take(&mut self.hasher).finish()) != self.sha256 => {
                return Err(about(Error::new(Code::Attachment, "an attachment is not what its hash says"), &self.path));
            }
            None => {}
        }
        Ok(piece)
    }
}

impl Vault {
    /// Opens an attachment of a document that was verified. `base` is where those lie that are only referenced.
    ///
    /// Errors: `JACS_ATTACHMENT` (missing, or a path that leads out of `base`), `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn open_attachment(
        &self,
        key: DocumentKey,
        file: &FileEntry<'_>,
        base: Option<&Path>,
    ) -> Result<Attachment> {
        self.open(key, file, base).await.map_err(|error| error.with_key(key))
    }

    async fn open(&self, key: DocumentKey, file: &FileEntry<'_>, base: Option<&Path>) -> Result<Attachment> {
        let source = if let Some(bytes) = file.embedded()? {
            Source::Embedded(bytes.into())
        } else if file.stored {
            let opened = self.store.open_file(file.sha256.parse()?).await;
            Source::Stored(Box::new(opened.map_err(|error| missing(error, file.path))?))
        } else {
            Source::File { contents: open_reference(file.path, base).await?, offset: 0 }
        };
        Ok(Attachment {
            source,
            hasher: Hasher::default(),
            sha256: file.sha256.to_owned(),
            path: file.path.to_owned(),
            key,
        })
    }

    /// How many bytes of an attachment are there, `None` for one that is missing; nothing is said about what they are, and
    /// of embedded ones it is no more than a guess.
    ///
    /// Errors: where the store cannot be asked.
    pub async fn attachment_length(&self, file: &FileEntry<'_>, base: Option<&Path>) -> Result<Option<u64>> {
        if let Some(contents) = file.contents {
            let padding = contents.bytes().rev().take_while(|byte| *byte == b'=').count();
            return Ok(Some((contents.len() as u64 / 4 * 3).saturating_sub(padding as u64)));
        }
        if !file.stored {
            return Ok(open_reference(file.path, base).await.ok().map(|contents| contents.length()));
        }
        match self.store.file_length(file.sha256.parse()?).await {
            Err(error) if error.is_damage() => Ok(None),
            length => length,
        }
    }
}

/// The file that a document names, below `base` or the working directory.
async fn open_reference(path: &str, base: Option<&Path>) -> Result<Contents> {
    let named = path.to_owned();
    let base = match base {
        Some(base) => base.to_owned(),
        None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
    };
    let opened = blocking(move || {
        let parts = local_file::parts(&named)
            .ok_or_else(|| Error::new(Code::Attachment, "an attachment's path leads outside"))?;
        let relative: PathBuf = parts.iter().collect();
        let whole = base.join(&relative);
        let file = local_file::open_beneath(&base, &relative).map_err(|error| {
            let message = "an attachment that is only referenced cannot be read in the base directory";
            Error::new(Code::Attachment, message).with_path(&whole).with_source(error)
        })?;
        Contents::of_file(file, Some(whole))
    });
    opened.await.map_err(|error| about(error, path))
}

/// What is not there, or no file, is an attachment that is missing.
fn missing(error: Error, path: &str) -> Error {
    if error.code() == Code::NotFound || (error.is_damage() && !is_forbidden(&error)) {
        let ours = Error::new(Code::Attachment, "an attachment is not in the store, or no file stands there");
        let ours = error.details().path.iter().fold(ours, |ours, path| ours.with_path(path));
        return about(ours, path);
    }
    about(error, path)
}

/// Whether the system does not let this process read: no verdict about what stands there.
fn is_forbidden(error: &Error) -> bool {
    below::<io::Error>(error).is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
}

pub(super) fn about(error: Error, path: &str) -> Error {
    error.with("attachment", shown(path))
}
