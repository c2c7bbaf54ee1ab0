//! From what an author writes to a document that can be signed.

use std::collections::HashSet;

use jiff::Timestamp;

use super::CLOCK_TOLERANCE_SECONDS;
use super::files::{self, NewFile};
use super::header::{HEADER_SCHEMA, Header, Level, names};
use super::members::Members;
use super::parsed::{Parsed, check_size};
use super::signature::{self, Author};
use crate::canonical::{Object, Value, to_string};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};

/// A document with all its fields but signature and hash.
#[derive(Clone)]
pub struct Draft<'a> {
    pub key: DocumentKey,
    object: Object<'a>,
}

/// A finished document: exactly the bytes to store and to return.
#[derive(Clone, Debug)]
pub struct Signed {
    pub key: DocumentKey,
    pub text: String,
}

/// The version that an update replaces, and what the update closes besides.
pub struct Replaced<'a> {
    pub document: &'a Parsed<'a>,
    /// Other heads of the same document, closed by this update.
    pub merges: Vec<Version>,
}

impl<'a> Draft<'a> {
    /// A new document. The author may set `$schema`, `jacsType` and `jacsLevel` among the system's fields.
    /// Errors: `JACS_INPUT`.
    pub fn create(mut input: Object<'a>, at: Timestamp) -> Result<Draft<'a>> {
        refuse_signed(&input)?;
        refuse_never_signed(&input)?;
        if let Some(name) = names::SYSTEM.iter().find(|name| input.contains(name)) {
            let error = Error::new(Code::Input, "a field that the system sets stands in the input of a new document");
            return Err(error.with("field", name));
        }
        set_default(&mut input, names::SCHEMA, HEADER_SCHEMA);
        set_default(&mut input, names::TYPE, "document");
        set_default(&mut input, names::LEVEL, "artifact");
        check_authors_fields(&input)?;
        Ok(Draft::first(input, DocumentKey { id: DocumentId::random(), version: Version::now() }, at))
    }

    /// A document of the system's own kinds (an agent, a configuration), whose type an author may not use.
    pub fn of_system(input: Object<'a>, key: DocumentKey, at: Timestamp) -> Draft<'a> {
        Draft::first(input, key, at)
    }

    fn first(mut object: Object<'a>, key: DocumentKey, at: Timestamp) -> Draft<'a> {
        let (version, date) = (key.version.to_string(), at.to_string());
        object.set(names::ID, key.id.to_string());
        object.set(names::VERSION, version.clone());
        object.set(names::ORIGINAL_VERSION, version);
        object.set(names::VERSION_DATE, date.clone());
        object.set(names::ORIGINAL_DATE, date);
        Draft { key, object }
    }

    /// Whether the input is that of the migration recipe: it names a version, and carries neither signature nor hash.
    pub fn is_to_be_signed_again(input: &Object) -> bool {
        const RECIPE: [&str; 5] =
            [names::ID, names::VERSION, names::VERSION_DATE, names::ORIGINAL_VERSION, names::ORIGINAL_DATE];
        RECIPE.iter().all(|name| input.contains(name))
            && !input.contains(names::SIGNATURE)
            && !input.contains(names::SHA256)
    }

    /// The same version, to be signed by another agent, all fields unchanged. Errors: `JACS_INPUT`.
    pub fn again(input: Object<'a>, at: Timestamp) -> Result<Draft<'a>> {
        refuse_never_signed(&input)?;
        check_authors_fields(&input)?;
        let header = Header::read_unsigned(&input)?;
        files::check(&input).map_err(|error| error.with_key(header.key))?;
        let latest_ms = (at.as_second() + CLOCK_TOLERANCE_SECONDS).saturating_mul(1000) as u64;
        let made_ms = header.version_date.as_millisecond();
        if header.key.version.unix_ms().is_some_and(|ms| ms > latest_ms) || made_ms > latest_ms as i64 {
            return Err(Error::new(Code::Input, "the version's time lies in the future").with_key(header.key));
        }
        Ok(Draft { key: header.key, object: input })
    }

    /// The next version of a document. The author's fields are replaced as a whole; the system's may stand
    /// in the input, equal to the replaced version's.
    /// Errors: `JACS_INPUT`; `JACS_CONFLICT` for a system field that differs from the replaced version's.
    pub fn update(mut input: Object<'a>, replaced: &Replaced, at: Timestamp) -> Result<Draft<'a>> {
        let Replaced { document, merges } = replaced;
        let header = &document.header;
        if header.level == Level::Raw {
            return Err(Error::new(Code::Input, "a document of level `raw` never changes").with_key(header.key));
        }
        refuse_never_signed(&input)?;
        for name in names::SYSTEM {
            let given = input.remove(name);
            match name {
                names::FILES => keep_files(&mut input, given, document)?,
                names::SIGNATURE | names::SHA256 | names::VERSION_DATE => {}
                _ if given.is_none() || given.as_ref() == document.object.get(name) => {}
                _ => return Err(differs(name, header.key)),
            }
        }
        for name in names::AUTHORS {
            if let (false, Some(value)) = (input.contains(name), document.object.get(name)) {
                input.set(name, value.clone().into_owned());
            }
        }
        check_authors_fields(&input)?;
        Ok(Draft::next(input, document, merges, at))
    }

    /// The next version of a document of the system's own kinds, with the fields of `object`.
    pub fn following(mut object: Object<'a>, replaced: &Parsed, at: Timestamp) -> Draft<'a> {
        for name in [names::SIGNATURE, names::SHA256] {
            object.remove(name);
        }
        Draft::next(object, replaced, &[], at)
    }

    fn next(mut object: Object<'a>, replaced: &Parsed, merges: &[Version], at: Timestamp) -> Draft<'a> {
        let header = &replaced.header;
        let greatest = merges.iter().copied().fold(header.key.version, Version::max);
        let key = DocumentKey { id: header.key.id, version: Version::after(greatest) };
        keep_stored_hashes(&mut object, replaced);
        object.set(names::ID, key.id.to_string());
        object.set(names::VERSION, key.version.to_string());
        object.set(names::VERSION_DATE, at.to_string());
        for name in [names::ORIGINAL_VERSION, names::ORIGINAL_DATE] {
            if let Some(value) = replaced.object.get(name) {
                object.set(name, value.clone().into_owned());
            }
        }
        object.set(names::PREVIOUS_VERSION, header.key.version.to_string());
        object.set(names::PREVIOUS_SHA256, header.sha256.to_string());
        if !merges.is_empty() {
            let mut merged: Vec<String> = merges.iter().map(Version::to_string).collect();
            merged.sort_unstable();
            merged.dedup();
            object.set(names::MERGED_VERSIONS, Value::Array(merged.into_iter().map(Value::from).collect()));
        }
        Draft { key, object }
    }

    /// Adds attachments; one with the path of an inherited one takes its place.
    pub fn attach(&mut self, files: Vec<NewFile>) {
        files::add(&mut self.object, files);
    }

    /// The paths of its attachments.
    pub fn file_paths(&self) -> Vec<&str> {
        let entries = self.object.get(names::FILES).and_then(Value::as_array).unwrap_or(&[]);
        entries.iter().filter_map(|entry| entry.as_object()?.text("path")).collect()
    }

    /// The document as it will be signed, for a schema to look at.
    pub fn object(&self) -> &Object<'a> {
        &self.object
    }

    /// The draft in canonical form.
    pub fn canonical_text(&self) -> String {
        Members::write(&self.object).object_text()
    }

    /// The hashes of attachments whose bytes must be in the store. Errors: `JACS_ATTACHMENT`.
    pub fn stored_files(&self) -> Result<Vec<&str>> {
        Ok(files::read(&self.object)?.into_iter().filter(|file| file.stored).map(|file| file.sha256).collect())
    }

    /// Signs. Errors: those of the signer; `JACS_INPUT` when the finished document is over `max_bytes`.
    pub fn sign(&self, author: &Author, at: Timestamp, max_bytes: u64) -> Result<Signed> {
        let text = signature::sign(&self.object, author, at)?;
        check_size(&text, max_bytes)?;
        Ok(Signed { key: self.key, text })
    }
}

fn set_default<'a>(object: &mut Object<'a>, name: &'static str, value: &'static str) {
    if !object.contains(name) {
        object.set(name, value);
    }
}

fn refuse_signed(input: &Object) -> Result<()> {
    if input.contains(names::SIGNATURE) {
        let message =
            "the input is a signed document already: store it with saveDocument, or replace it with updateDocument";
        return Err(Error::new(Code::Input, message));
    }
    Ok(())
}

fn refuse_never_signed(input: &Object) -> Result<()> {
    match names::NEVER_SIGNED.iter().find(|name| input.contains(name)) {
        Some(name) => Err(Error::new(Code::Input, "a field that is never signed cannot be stored").with("field", name)),
        None => Ok(()),
    }
}

fn check_authors_fields(input: &Object) -> Result<()> {
    let text = |name: &'static str| match input.text(name) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Error::new(Code::Input, "a system field is not of its type").with("field", name)),
    };
    text(names::SCHEMA)?;
    if matches!(text(names::TYPE)?, "agent" | "config") {
        return Err(
            Error::new(Code::Input, "the types `agent` and `config` are the system's").with("field", names::TYPE)
        );
    }
    if Level::parse(text(names::LEVEL)?).is_none() {
        let error = Error::new(Code::Input, "a level is `raw`, `config`, `artifact` or `derived`");
        return Err(error.with("field", names::LEVEL));
    }
    Ok(())
}

fn differs(name: &'static str, key: DocumentKey) -> Error {
    Error::new(Code::Conflict, "a system field differs from that of the replaced version")
        .with("field", name)
        .with_key(key)
}

/// Attachments: inherited when the input is silent, else those of the replaced version that it lists.
fn keep_files<'a>(input: &mut Object<'a>, given: Option<Value<'a>>, replaced: &Parsed) -> Result<()> {
    let before = replaced.object.get(names::FILES).and_then(Value::as_array).unwrap_or(&[]);
    let known: HashSet<String> = before.iter().map(to_string).collect();
    // Each once.
    let are_known = |listed: &[Value]| {
        let of_them: HashSet<String> = listed.iter().map(to_string).filter(|entry| known.contains(entry)).collect();
        of_them.len() == listed.len()
    };
    let kept = match given {
        None => Value::Array(before.to_vec()).into_owned(),
        Some(Value::Array(listed)) if are_known(&listed) => Value::Array(listed),
        Some(_) => {
            let message =
                "an update may keep or drop attachments of the replaced version; new ones go in as `attachments`";
            return Err(Error::new(Code::Input, message).with("field", names::FILES));
        }
    };
    if kept.as_array().is_some_and(|entries| !entries.is_empty()) {
        input.set(names::FILES, kept);
    }
    Ok(())
}

/// `jacsFilesStored` of the next version: the replaced version's, as far as still listed in `jacsFiles`.
fn keep_stored_hashes(object: &mut Object, replaced: &Parsed) {
    let entries = object.get(names::FILES).and_then(Value::as_array).unwrap_or(&[]);
    let kept: Vec<Value> = files::stored_hashes(&replaced.object, entries).into_iter().map(Value::from).collect();
    if !kept.is_empty() {
        object.set(names::FILES_STORED, Value::Array(kept));
    }
}
