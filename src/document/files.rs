//! `jacsFiles`: attachments as a document names them, and the check of embedded ones (check 9).

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::header::{is_sha256, names};
use crate::canonical::{Object, Value};
use crate::crypto::sha256_hex;
use crate::error::{Code, Error, Result};

/// What the gzip streams of one document, made by another implementation, may inflate to together, in bytes.
pub const MAX_INFLATED_BYTES: u64 = 256 << 20;

/// One attachment.
#[derive(Clone, Copy, Debug)]
pub struct FileEntry<'a> {
    /// Relative to the author's working directory, `/`-separated. As the author wrote it: never a path to open.
    pub path: &'a str,
    pub sha256: &'a str,
    /// The embedded bytes in base64.
    pub contents: Option<&'a str>,
    /// Whether the bytes are in the store under their hash.
    pub stored: bool,
}

/// Reads `jacsFiles` and `jacsFilesStored`. Errors: `JACS_ATTACHMENT`.
pub fn read<'a>(object: &'a Object) -> Result<Vec<FileEntry<'a>>> {
    let stored = match object.get(names::FILES_STORED) {
        None => HashSet::new(),
        Some(Value::Array(hashes)) => {
            let hashes: Option<HashSet<&str>> =
                hashes.iter().map(|hash| hash.as_str().filter(|hash| is_sha256(hash))).collect();
            hashes.ok_or_else(|| malformed(names::FILES_STORED))?
        }
        Some(_) => return Err(malformed(names::FILES_STORED)),
    };
    let entries = match object.get(names::FILES) {
        None => Vec::new(),
        Some(Value::Array(entries)) => entries.iter().map(|entry| read_entry(entry, &stored)).collect::<Result<_>>()?,
        Some(_) => return Err(malformed(names::FILES)),
    };
    let elsewhere = entries.iter().filter(|entry| entry.contents.is_none());
    let listed: HashSet<&str> = elsewhere.map(|entry| entry.sha256).collect();
    match stored.is_subset(&listed) {
        true => Ok(entries),
        false => Err(malformed(names::FILES_STORED)),
    }
}

fn read_entry<'a>(entry: &'a Value, stored: &HashSet<&str>) -> Result<FileEntry<'a>> {
    let entry = entry.as_object().ok_or_else(|| malformed(names::FILES))?;
    let text = |name: &str| entry.text(name).ok_or_else(|| malformed(names::FILES));
    text("mimetype")?;
    let (path, sha256) = (text("path")?, text("sha256")?);
    let contents = match (entry.get("embed"), entry.get("contents")) {
        (Some(Value::Bool(true)), Some(Value::String(contents))) => Some(&**contents),
        (Some(Value::Bool(false)), None) => None,
        _ => return Err(malformed(names::FILES)),
    };
    if !is_sha256(sha256) {
        return Err(malformed(names::FILES));
    }
    Ok(FileEntry { path, sha256, contents, stored: contents.is_none() && stored.contains(sha256) })
}

/// Whether every embedded attachment is what its hash says. Errors: `JACS_ATTACHMENT`.
pub fn check(object: &Object) -> Result<()> {
    let mut inflatable = MAX_INFLATED_BYTES;
    read(object)?.iter().try_for_each(|file| file.check(&mut inflatable))
}

impl FileEntry<'_> {
    /// Whether embedded bytes are what the hash says: over the bytes (our form), or over the base64 text of one
    /// whole gzip stream (the form of `jacs`). `inflatable` is how many bytes the document's streams may still give.
    pub fn check(&self, inflatable: &mut u64) -> Result<()> {
        match self.read(inflatable, &mut io::sink()) {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error),
        }
    }

    /// The embedded bytes, checked; `None` where they are elsewhere. Errors: `JACS_ATTACHMENT`.
    pub fn embedded(&self) -> Result<Option<Vec<u8>>> {
        let mut inflated = Vec::new();
        match self.read(&mut MAX_INFLATED_BYTES.clone(), &mut inflated).transpose()? {
            Some(Some(plain)) => Ok(Some(plain)),
            Some(None) => Ok(Some(inflated)),
            None => Ok(None),
        }
    }

    /// The decoded bytes in our form; else they go, inflated, to `inflated`.
    fn read(&self, inflatable: &mut u64, inflated: &mut impl Write) -> Option<Result<Option<Vec<u8>>>> {
        let contents = self.contents?;
        let Ok(bytes) = STANDARD.decode(contents) else { return Some(Err(self.altered())) };
        if sha256_hex(&bytes) == self.sha256 {
            return Some(Ok(Some(bytes)));
        }
        let is_jacs = sha256_hex(contents.as_bytes()) == self.sha256 && inflate(&bytes, inflatable, inflated);
        Some(if is_jacs { Ok(None) } else { Err(self.altered()) })
    }

    fn altered(&self) -> Error {
        Error::new(Code::Attachment, "an embedded attachment is not what its hash says").with("path", shown(self.path))
    }
}

/// Whether the bytes are one gzip stream and nothing more, which gives no more than it may.
fn inflate(bytes: &[u8], inflatable: &mut u64, inflated: &mut impl Write) -> bool {
    let mut decoder = GzDecoder::new(bytes);
    match io::copy(&mut (&mut decoder).take(*inflatable + 1), inflated) {
        Ok(length) if length <= *inflatable => *inflatable -= length,
        _ => return false,
    }
    decoder.into_inner().is_empty()
}

/// How embedded bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Base64 of the bytes, and their hash.
    #[default]
    Plain,
    /// That of `jacs`: base64 of the bytes in gzip (RFC 1952), and the hash of that text.
    Jacs,
}

/// An attachment of a document that is to be signed.
#[derive(Clone, Debug)]
pub struct NewFile {
    pub path: String,
    pub mimetype: String,
    pub sha256: String,
    /// The embedded bytes in base64.
    pub contents: Option<String>,
    /// Whether the bytes are in the store under their hash.
    pub stored: bool,
}

impl NewFile {
    /// One whose bytes go into the document.
    pub fn embedded(path: String, mimetype: String, bytes: &[u8], form: Form) -> Result<NewFile> {
        let (sha256, contents) = match form {
            Form::Plain => (sha256_hex(bytes), STANDARD.encode(bytes)),
            Form::Jacs => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
                let packed = packed.map_err(|error| Error::new(Code::Internal, "no gzip").with_source(error))?;
                let contents = STANDARD.encode(packed);
                (sha256_hex(contents.as_bytes()), contents)
            }
        };
        Ok(NewFile { path, mimetype, sha256, contents: Some(contents), stored: false })
    }

    fn into_value<'a>(self) -> Value<'a> {
        let mut entry = Object::default();
        entry.set("embed", Value::Bool(self.contents.is_some()));
        entry.set("mimetype", self.mimetype);
        entry.set("path", self.path);
        entry.set("sha256", self.sha256);
        if let Some(contents) = self.contents {
            entry.set("contents", contents);
        }
        Value::Object(entry)
    }
}

/// Adds attachments to those that an object names already; one with the path of another takes its place.
pub(super) fn add(object: &mut Object, new: Vec<NewFile>) {
    let replaced: HashSet<&str> = new.iter().map(|file| file.path.as_str()).collect();
    let is_kept = |entry: &Value| {
        entry.as_object().and_then(|entry| entry.text("path")).is_none_or(|path| !replaced.contains(path))
    };
    let mut entries = match object.remove(names::FILES) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    entries.retain(is_kept);
    let mut stored: BTreeSet<String> = stored_hashes(object, &entries);
    stored.extend(new.iter().filter(|file| file.stored).map(|file| file.sha256.clone()));
    entries.extend(new.into_iter().map(NewFile::into_value));
    set_list(object, names::FILES, entries);
    set_list(object, names::FILES_STORED, stored.into_iter().map(Value::from).collect());
}

/// Of the hashes in `jacsFilesStored`, those of the entries that are not embedded.
pub(super) fn stored_hashes(object: &Object, entries: &[Value]) -> BTreeSet<String> {
    let elsewhere = |entry: &Value| {
        Some(entry.as_object()?).filter(|entry| !entry.contains("contents"))?.text("sha256").map(str::to_owned)
    };
    let listed: HashSet<String> = entries.iter().filter_map(elsewhere).collect();
    let before = object.get(names::FILES_STORED).and_then(Value::as_array).unwrap_or(&[]);
    before.iter().filter_map(Value::as_str).filter(|hash| listed.contains(*hash)).map(str::to_owned).collect()
}

fn set_list<'a>(object: &mut Object<'a>, name: &'static str, list: Vec<Value<'a>>) {
    if list.is_empty() {
        object.remove(name);
    } else {
        object.set(name, Value::Array(list));
    }
}

/// A path from a stranger's document, short enough for a message.
pub fn shown(path: &str) -> String {
    path.chars().take(256).collect()
}

fn malformed(field: &'static str) -> Error {
    Error::new(Code::Attachment, "the document's attachments are malformed").with("field", field)
}
