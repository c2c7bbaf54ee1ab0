//! Create, update and sign again.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Agent, Attachments, Embed};
use crate::cancel::Cancel;
use crate::canonical::{Object, parse_object, to_json};
use crate::document::schema::SchemaInput;
use crate::document::{Draft, NewFile, Origin, Parsed, Replaced, Signed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentKey, Reference};
use crate::local_file::Aside;
use crate::store::{Kind, Name, blocking};
use crate::vault::VerifyOptions;

/// A schema as the caller names it.
#[derive(Clone, Debug)]
pub enum SchemaChoice {
    /// A path, a built-in URL, or JSON text.
    Named(String),
    /// JSON text, given as an object.
    Text(String),
}

/// What a caller asks of a new version.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    pub schema: Option<SchemaChoice>,
    /// An absolute local path that gets a copy.
    pub filename: Option<PathBuf>,
    pub overwrite: bool,
    /// Touch no backend and write no file.
    pub no_save: bool,
    pub attachments: Option<Attachments>,
    /// Store input of the migration recipe although other versions of its id are there.
    pub resign: bool,
}

/// What a caller asks of an update.
#[derive(Clone, Debug, Default)]
pub struct UpdateOptions {
    pub create: CreateOptions,
    /// Other heads that the update closes.
    pub merges: Vec<DocumentKey>,
}

impl Agent {
    /// Signs a new document and stores it; its text, exactly as stored.
    ///
    /// Errors: `JACS_INPUT`, `JACS_SCHEMA`, `JACS_CONFLICT`, `JACS_PERMISSION`, `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub async fn create_document(&self, text: &str, options: &CreateOptions, cancel: &Cancel) -> Result<String> {
        cancel.check()?;
        self.check_options(options)?;
        let now = Timestamp::now();
        let input = self.read_input(text)?;
        if Draft::is_to_be_signed_again(&input) {
            if options.attachments.is_some() {
                let message = "what is signed again keeps its attachments: new ones go in with updateDocument";
                return Err(Error::new(Code::Input, message));
            }
            return self.sign_again(Draft::again(input, now)?, options, now, cancel).await;
        }
        let mut draft = Draft::create(input, now)?;
        if let Some(attachments) = &options.attachments {
            // Boxed: what most documents do not have shall not make the way of all of them wide.
            draft.attach(Box::pin(self.keep_for(&mut draft.clone(), attachments, text.len(), options, cancel)).await?);
        }
        let signed = self.sign(&draft, options, now)?;
        self.store_new(signed, Name::Fresh, options, cancel).await
    }

    /// Checks what will be signed, then stores its attachments. `draft` is changed for that; `text` is the length of what
    /// the caller gave.
    async fn keep_for(
        &self,
        draft: &mut Draft<'_>,
        attachments: &Attachments,
        text: usize,
        options: &CreateOptions,
        cancel: &Cancel,
    ) -> Result<Vec<NewFile>> {
        let prepared = self.prepare(attachments, text, options.schema.is_some(), cancel).await?;
        prepared.check_beside(&draft.file_paths())?;
        if let Some(known) = prepared.known() {
            draft.attach(known.to_vec());
        }
        self.check_schema(draft, options)?;
        self.keep(prepared, cancel).await
    }

    /// Replaces the newest version of a document by a new one.
    ///
    /// Errors: as `create_document`; `JACS_NOT_FOUND`; `JACS_CONFLICT` with `current` and `heads`.
    pub async fn update_document(
        &self,
        reference: Reference,
        text: &str,
        options: &UpdateOptions,
        cancel: &Cancel,
    ) -> Result<String> {
        cancel.check()?;
        self.check_options(&options.create)?;
        let input = self.read_input(text)?;
        let key = replaced_key(reference, &input)?;
        if let Some(other) = options.merges.iter().find(|merged| merged.id != key.id) {
            return Err(Error::new(Code::Input, "a version to merge is of another document")
                .with("version", other)
                .with_key(key));
        }
        let files = match &options.create.attachments {
            Some(attachments) => {
                Box::pin(self.keep_for_update(key, &input, attachments, text.len(), options, cancel)).await?
            }
            None => Vec::new(),
        };
        let replaceable = self.until(cancel, self.vault.begin_update(key, &options.merges)).await?;
        let now = Timestamp::now();
        let mut draft = self.draft_update(input, &replaceable.stored.text, key, options, now)?;
        if !files.is_empty() {
            draft.attach(files);
        }
        let signed = self.sign(&draft, &options.create, now)?;
        self.store_new(signed, Name::Fresh, &options.create, cancel).await
    }

    fn draft_update<'a>(
        &self,
        input: Object<'a>,
        replaced: &str,
        key: DocumentKey,
        options: &UpdateOptions,
        now: Timestamp,
    ) -> Result<Draft<'a>> {
        let document = Parsed::read(replaced, Origin::Storage(key), self.vault.max_bytes)?;
        let merges = options.merges.iter().map(|merged| merged.version).collect();
        Draft::update(input, &Replaced { document: &document, merges }, now)
    }

    /// Stores the attachments of an update that would be accepted now. The document is not locked meanwhile: large files
    /// take long.
    async fn keep_for_update(
        &self,
        key: DocumentKey,
        input: &Object<'_>,
        attachments: &Attachments,
        text: usize,
        options: &UpdateOptions,
        cancel: &Cancel,
    ) -> Result<Vec<NewFile>> {
        let replaced = self.until(cancel, self.vault.begin_update(key, &options.merges)).await?.stored.text;
        let mut draft = self.draft_update(input.clone(), &replaced, key, options, Timestamp::now())?;
        self.keep_for(&mut draft, attachments, text, &options.create, cancel).await
    }

    /// The migration recipe: the same version, signed by this agent.
    async fn sign_again(
        &self,
        draft: Draft<'_>,
        options: &CreateOptions,
        now: Timestamp,
        cancel: &Cancel,
    ) -> Result<String> {
        if options.no_save {
            // Without a look at the store it might be somebody's next version: whoever passes on what strangers send
            // must not sign that unawares.
            if !options.resign {
                let message = "signing a version again without looking at the store needs `resign`";
                return Err(Error::new(Code::Input, message).with_key(draft.key));
            }
            return Ok(self.sign(&draft, options, now)?.text);
        }
        self.vault.refuse_agents_id(draft.key).await?;
        self.check_stored_files(&draft).await?;
        let versions = self.vault.store.versions(Kind::Document, draft.key.id).await?;
        if versions.contains(&draft.key.version) {
            return self.stored_again(&draft, options).await;
        }
        if !versions.is_empty() && !options.resign {
            let message =
                "other versions of the document are stored: sign it again with `resign`, or copy it with migrate";
            return Err(Error::new(Code::Conflict, message).with_key(draft.key));
        }
        let signed = self.sign(&draft, options, now)?;
        let copy = options.filename.as_ref().map(|path| path.to_string_lossy());
        match self.store_new(signed, Name::Given, options, cancel).await {
            // Somebody ran the same recipe meanwhile; unless it is the copy that found its name taken.
            Err(error)
                if error.code() == Code::Conflict
                    && (copy.is_none() || error.details().path.as_deref() != copy.as_deref()) =>
            {
                self.stored_again(&draft, options).await
            }
            text => text,
        }
    }

    /// The stored text under a draft's key, when it differs from the draft in signature and hash alone.
    async fn stored_again(&self, draft: &Draft<'_>, options: &CreateOptions) -> Result<String> {
        let text = self.vault.read_text(Kind::Document, draft.key).await?;
        let examined = self.vault.examine(&text, Origin::Storage(draft.key), &VerifyOptions::default()).await?;
        let same = examined.report.is_valid()
            && examined.parsed.is_some_and(|stored| stored.unsigned_text() == draft.canonical_text());
        if !same {
            return Err(Error::new(Code::Conflict, "another document is stored under this key").with_key(draft.key));
        }
        if let Some(target) = options.filename.clone() {
            let (copy, overwrite) = (text.clone(), options.overwrite);
            blocking(move || publish_copy(write_copy(target, &copy, overwrite)?, overwrite)).await?;
        }
        Ok(text)
    }

    async fn check_stored_files(&self, draft: &Draft<'_>) -> Result<()> {
        for sha256 in draft.stored_files()? {
            if self.vault.store.file_length(sha256.parse()?).await?.is_none() {
                let message = "an attachment of the document is not in this store: copy the document with migrate";
                return Err(Error::new(Code::Attachment, message).with("sha256", sha256).with_key(draft.key));
            }
        }
        Ok(())
    }

    fn read_input<'a>(&self, text: &'a str) -> Result<Object<'a>> {
        crate::document::check_size(text, self.vault.max_bytes)?;
        parse_object(text)
    }

    fn check_options(&self, options: &CreateOptions) -> Result<()> {
        if options.no_save && options.attachments.as_ref().is_some_and(|files| files.embed == Embed::Store) {
            let message =
                "`noSave` stores nothing: embed the attachments (`embed: true`) or reference them (`embed: false`)";
            return Err(Error::new(Code::Input, message));
        }
        if options.no_save && options.filename.is_some() {
            return Err(Error::new(Code::Input, "`filename` writes a file and `noSave` writes none"));
        }
        if let Some(target) = &options.filename {
            let store = self.config.data_path();
            if store.into_iter().chain([self.key_directory.folder()]).any(|folder| target.starts_with(folder)) {
                let message = "the filename lies in the data directory or among the keys";
                return Err(Error::new(Code::Input, message).with_path(target));
            }
            check_copy(target, options.overwrite)?;
        }
        self.author().map(drop)
    }

    /// Schema, then signature. What is signed is what was checked.
    pub(super) fn sign(&self, draft: &Draft, options: &CreateOptions, now: Timestamp) -> Result<Signed> {
        self.check_schema(draft, options)?;
        draft.sign(&self.author()?, now, self.vault.max_bytes)
    }

    fn check_schema(&self, draft: &Draft, options: &CreateOptions) -> Result<()> {
        let Some(choice) = &options.schema else { return Ok(()) };
        let input = match choice {
            SchemaChoice::Text(text) => SchemaInput::Text(text),
            SchemaChoice::Named(text) => SchemaInput::classify(text),
        };
        self.schemas.validator(input)?.check(&to_json(draft.object()))
    }

    /// The copy is written aside, the document is stored, the copy gets its name.
    async fn store_new(&self, signed: Signed, name: Name, options: &CreateOptions, cancel: &Cancel) -> Result<String> {
        if options.no_save {
            return Ok(signed.text);
        }
        let stored = match cancel.check() {
            Ok(()) => self.until(cancel, self.store_with_copy(&signed, name, options)).await,
            aborted => aborted,
        };
        match stored {
            Ok(()) => Ok(signed.text),
            Err(error) => Err(error.with_details(|details| {
                // Also where a lower layer named another key, such as that of the agent's own document.
                details.key = Some(signed.key.to_string());
                details.document = Some(signed.text);
            })),
        }
    }

    async fn store_with_copy(&self, signed: &Signed, name: Name, options: &CreateOptions) -> Result<()> {
        let Some(filename) = &options.filename else {
            self.publish_own_documents().await?;
            return self.vault.put(Kind::Document, signed, name).await;
        };
        let (target, overwrite, text) = (filename.clone(), options.overwrite, signed.text.clone());
        let copy = blocking(move || write_copy(target, &text, overwrite)).await?;
        self.publish_own_documents().await?;
        self.vault.put(Kind::Document, signed, name).await?;
        blocking(move || publish_copy(copy, overwrite)).await
    }
}

fn write_copy(target: PathBuf, text: &str, overwrite: bool) -> Result<Aside> {
    check_copy(&target, overwrite)?;
    Aside::write(&target, text.as_bytes())
}

/// Whether a copy can get this name, as far as can be told before it is written.
fn check_copy(target: &Path, overwrite: bool) -> Result<()> {
    let has_folder = target.parent().is_some_and(Path::is_dir);
    if target.file_name().is_none() || target.is_dir() || !has_folder {
        return Err(
            Error::new(Code::Input, "the filename does not name a file in a folder that exists").with_path(target)
        );
    }
    if !overwrite && target.symlink_metadata().is_ok() {
        return Err(Error::new(Code::Conflict, "a file stands there already").with_path(target));
    }
    Ok(())
}

fn publish_copy(copy: Aside, overwrite: bool) -> Result<()> {
    if overwrite { copy.replace() } else { copy.publish() }
}

/// The version that an update replaces: named by the key, or by the text when the key is a bare id.
fn replaced_key(reference: Reference, input: &Object) -> Result<DocumentKey> {
    match reference {
        Reference::Exact(key) => Ok(key),
        Reference::Newest(id) => match input.text("jacsVersion") {
            Some(version) => Ok(DocumentKey { id, version: version.parse()? }),
            None => {
                let message =
                    "an update names the version it replaces: as `id:version`, or as `jacsVersion` in the text";
                Err(Error::new(Code::Input, message).with_key(id))
            }
        },
    }
}
