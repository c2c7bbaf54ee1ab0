//! Attachments on their way into a document, and out of it.
//!
//! | file | what |
//! |---|---|
//! | `inputs` | from paths to files with their names in the document |
//! | `mimetype` | what kind of file it is |
//! | `names` | each that of a file of its own |
//! | `progress` | how far a call has come |
//! | `save` | all attachments of a document into a folder |

mod inputs;
mod mimetype;
mod names;
mod progress;
mod save;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use self::inputs::{Item, Limits};
pub use self::mimetype::is_media_type;
use self::progress::Count;
pub use self::save::SaveAttachments;
use super::Agent;
use crate::cancel::Cancel;
use crate::document::{FileEntry, Form, NewFile, Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentKey, Reference};
use crate::local_file::Contents;
use crate::progress::OnProgress;
use crate::store::blocking;
use crate::store::{self, Sha256Hex};
use crate::vault::{Attachment, ReadOptions, VerifyOptions};

/// Small files that are stored at the same time.
const AT_ONCE: usize = 8;
/// A file of so many bytes counts as one of them; a larger one as more.
const SMALL: u64 = 1 << 20;
/// So much of a file's beginning shows what it is, in bytes.
const BEGINNING: usize = 8 << 10;

/// A file, a folder, or bytes with a name.
#[derive(Clone, Debug)]
pub struct AttachmentInput {
    pub path: String,
    pub contents: Option<Contents>,
    pub mimetype: Option<String>,
}

/// Where the bytes of attachments go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Embed {
    /// Into the store, once.
    #[default]
    Store,
    /// Into the document.
    Document(Form),
    /// Nowhere: path and hash alone.
    Reference,
}

/// What a caller wants to attach.
#[derive(Clone, Debug)]
pub struct Attachments {
    pub inputs: Vec<AttachmentInput>,
    pub embed: Embed,
    /// The working directory at the time of the call.
    pub working_directory: PathBuf,
    pub on_progress: OnProgress,
}

/// Attachments that were found, and perhaps read.
pub(super) struct Prepared {
    items: Arc<Vec<Item>>,
    embed: Embed,
    on_progress: OnProgress,
    /// Their entries, where they had to be known before anything is stored.
    known: Option<Vec<NewFile>>,
}

impl Prepared {
    /// Whether each can have a place of its own beside attachments that are there. Errors: `JACS_ATTACHMENT`.
    pub fn check_beside(&self, inherited: &[&str]) -> Result<()> {
        let new: HashSet<&str> = self.items.iter().map(|item| item.name.as_str()).collect();
        let inherited: HashSet<&str> = inherited.iter().copied().filter(|path| !new.contains(path)).collect();
        let needs = |path: &str, of: &HashSet<&str>| path.match_indices('/').any(|(end, _)| of.contains(&path[..end]));
        let inside = new.iter().find(|name| needs(name, &inherited));
        match inside.or_else(|| inherited.iter().find(|path| needs(path, &new))) {
            Some(path) => {
                let message = "an attachment stands where an inherited one needs a folder, or the other way round";
                Err(Error::new(Code::Attachment, message).with_path(path))
            }
            None => Ok(()),
        }
    }

    pub fn known(&self) -> Option<&[NewFile]> {
        self.known.as_deref()
    }
}

impl Agent {
    /// Finds the files. With `ahead` they are read, too, so that the document is known before anything is stored.
    /// `text` is the length of the rest of the document.
    ///
    /// Errors: `JACS_ATTACHMENT`; `JACS_INPUT` when embedded ones are too large; `JACS_ABORTED`.
    pub(super) async fn prepare(
        &self,
        attachments: &Attachments,
        text: usize,
        ahead: bool,
        cancel: &Cancel,
    ) -> Result<Prepared> {
        let Attachments { inputs, embed, working_directory, on_progress } = attachments.clone();
        let stop = cancel.clone();
        let (own, by_reference) = (self.own_places(), embed == Embed::Reference);
        let items =
            blocking(move || inputs::collect(&inputs, by_reference, &working_directory, &Limits { cancel: stop, own }))
                .await?;
        let mut prepared = Prepared { items: Arc::new(items), embed, on_progress, known: None };
        if let Embed::Document(form) = embed {
            self.check_room(&prepared.items, form, text)?;
        }
        if ahead {
            prepared.known = Some(self.read(&prepared, Reading::Ahead, cancel).await?);
        }
        Ok(prepared)
    }

    /// Where the agent keeps what is its own: the keys, the store and the configuration, by their real paths.
    pub(super) fn own_places(&self) -> Vec<PathBuf> {
        let places = [Some(self.key_directory.folder()), self.config.data_path(), self.config.config_path.as_deref()];
        places.into_iter().flatten().filter_map(|place| place.canonicalize().ok()).collect()
    }

    /// Stores what goes to the store, and gives the entries of all.
    ///
    /// Errors: `JACS_ATTACHMENT`, `JACS_ABORTED`, and those of the store.
    pub(super) async fn keep(&self, prepared: Prepared, cancel: &Cancel) -> Result<Vec<NewFile>> {
        match (&prepared.known, prepared.embed) {
            (Some(known), Embed::Document(_) | Embed::Reference) => Ok(known.clone()),
            _ => self.read(&prepared, Reading::Final, cancel).await,
        }
    }

    /// Base64 writes three bytes as four characters.
    fn check_room(&self, items: &[Item], form: Form, text: usize) -> Result<()> {
        let total =
            items.iter().map(|item| item.length.div_ceil(3).saturating_mul(4)).fold(text as u64, u64::saturating_add);
        // Packed they may be smaller: that shows when they are.
        if form == Form::Jacs || total <= self.vault.max_bytes {
            return Ok(());
        }
        let message = "with embedded attachments the document is over jacs_max_document_bytes: store them, by leaving `embed` out";
        Err(Error::new(Code::Input, message).with("limit", self.vault.max_bytes).with("bytes", total))
    }

    async fn read(&self, prepared: &Prepared, reading: Reading, cancel: &Cancel) -> Result<Vec<NewFile>> {
        let count = Arc::new(Count::new(&prepared.on_progress, &prepared.items, reading == Reading::Final));
        // So that the whole is known from the beginning: on a server a large file is hashed before it is sent.
        count.read(0);
        // A large file takes all places, so that what is in memory does not grow with the number of files.
        let places = Semaphore::new(AT_ONCE);
        let one = |index: usize| {
            let (places, count) = (&places, count.clone());
            async move {
                let length = prepared.items[index].length;
                let wanted = length.div_ceil(SMALL).clamp(1, AT_ONCE as u64) as u32;
                let _place = places.acquire_many(wanted).await;
                cancel.check()?;
                let file = self.read_one(prepared, index, reading, &count, cancel).await?;
                count.one_done();
                Ok::<_, Error>(file)
            }
        };
        stream::iter(0..prepared.items.len()).map(one).buffered(AT_ONCE).try_collect().await
    }

    async fn read_one(
        &self,
        prepared: &Prepared,
        index: usize,
        reading: Reading,
        count: &Arc<Count>,
        cancel: &Cancel,
    ) -> Result<NewFile> {
        let items = prepared.items.clone();
        let opened = blocking(move || {
            let contents = items[index].open()?;
            let beginning =
                contents.piece(0, BEGINNING.min(usize::try_from(contents.length()).unwrap_or(BEGINNING)))?;
            let mimetype = mimetype::of(&items[index], &beginning);
            Ok((contents, mimetype))
        });
        let (contents, mimetype) = opened.await?;
        let path = prepared.items[index].name.clone();
        if let Embed::Document(form) = prepared.embed {
            let limit = self.vault.max_bytes;
            let count = count.clone();
            return blocking(move || {
                let bytes = whole(contents, limit)?;
                count.read(bytes.len() as u64);
                NewFile::embedded(path, mimetype, &bytes, form)
            })
            .await;
        }
        let known = prepared.known.as_ref().map(|known| known[index].sha256.parse::<Sha256Hex>()).transpose()?;
        let stored = prepared.embed == Embed::Store;
        let count = count.clone();
        let tell: store::Tell = Arc::new(move |bytes| count.read(bytes));
        let hash = if stored && reading == Reading::Final {
            Box::pin(self.vault.store.keep(&contents, known, &tell, cancel)).await?
        } else {
            store::hash(&contents, tell, cancel).await?
        };
        Ok(NewFile { path, mimetype, sha256: hash.to_string(), contents: None, stored })
    }

    /// The bytes of one attachment of a document, given as its text or by its key. The document is verified first.
    ///
    /// Errors: `JACS_NOT_FOUND` (no such attachment), `JACS_ATTACHMENT` (missing, altered, or several of that path), and the
    /// code of a check that fails.
    pub async fn open_attachment(
        &self,
        document: &DocumentSource,
        path: &str,
        options: &VerifyOptions,
        cancel: &Cancel,
    ) -> Result<Attachment> {
        let text = cancel.or(Box::pin(self.verified_text(document, options))).await?;
        let parsed = Parsed::read(&text, Origin::Caller, self.vault.max_bytes)?;
        let files = parsed.files()?;
        let file = named(parsed.header.key, &files, path)?;
        cancel.or(Box::pin(self.open_file(&parsed, file, options))).await
    }

    async fn open_file(
        &self,
        parsed: &Parsed<'_>,
        file: &FileEntry<'_>,
        options: &VerifyOptions,
    ) -> Result<Attachment> {
        self.vault.open_attachment(parsed.header.key, file, options.base.as_deref()).await
    }

    /// The text of a document, every check of which held.
    async fn verified_text(&self, document: &DocumentSource, options: &VerifyOptions) -> Result<Arc<String>> {
        match document {
            DocumentSource::Text(text) => {
                self.vault.examine(text, Origin::Caller, options).await?.valid()?;
                Ok(text.clone())
            }
            DocumentSource::Stored(reference) => {
                let options = ReadOptions { checks: options.clone(), ..ReadOptions::default() };
                Ok(self.vault.get(*reference, &options).await?.text)
            }
        }
    }
}

/// The attachment of a path. Errors: `JACS_NOT_FOUND`; `JACS_ATTACHMENT` for several that differ.
pub(super) fn named<'a, 'b>(
    document: DocumentKey,
    files: &'b [FileEntry<'a>],
    path: &str,
) -> Result<&'b FileEntry<'a>> {
    let mut found = files.iter().filter(|file| file.path == path);
    let file = found.next().ok_or_else(|| {
        let error = Error::new(Code::NotFound, "the document has no attachment of that path");
        error.with("attachment", path).with_key(document)
    })?;
    match found.any(|other| other.sha256 != file.sha256) {
        false => Ok(file),
        true => {
            let error = Error::new(Code::Attachment, "the document has several attachments of that path");
            Err(error.with("attachment", path).with_key(document))
        }
    }
}

/// A document, as a caller names it.
#[derive(Clone, Debug)]
pub enum DocumentSource {
    Text(Arc<String>),
    Stored(Reference),
}

/// How files are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// To know them; nothing is stored.
    Ahead,
    Final,
}

fn whole(contents: Contents, limit: u64) -> Result<Bytes> {
    if contents.length() > limit {
        let message = "an embedded attachment is over jacs_max_document_bytes: store it, by leaving `embed` out";
        return Err(Error::new(Code::Input, message).with("limit", limit).with("bytes", contents.length()));
    }
    let bytes = contents.piece(0, usize::try_from(contents.length()).unwrap_or(usize::MAX))?;
    contents.check_unchanged()?;
    Ok(bytes)
}
