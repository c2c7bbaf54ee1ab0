//! `jacsFiles`: attachments as a document names them, and the check of embedded ones (check 9).

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::GzDecoder;

use super::header::{is_sha256, names};
use crate::canonical::{Object, Value};
use crate::crypto::sha256_hex;
use crate::error::{Code, Error, Result};

/// What a gzip stream of another implementation may inflate to, in bytes.
const MAX_INFLATED_BYTES: u64 = 256 << 20;

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
        None => Vec::new(),
        Some(Value::Array(hashes)) => {
            let hashes: Option<Vec<&str>> =
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
    match stored.iter().find(|hash| !entries.iter().any(|entry| entry.sha256 == **hash)) {
        Some(_) => Err(malformed(names::FILES_STORED)),
        None => Ok(entries),
    }
}

fn read_entry<'a>(entry: &'a Value, stored: &[&str]) -> Result<FileEntry<'a>> {
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
    Ok(FileEntry { path, sha256, contents, stored: contents.is_none() && stored.contains(&sha256) })
}

impl FileEntry<'_> {
    /// Whether embedded bytes are what the hash says: over the bytes (our form), or over the base64 text of one
    /// whole gzip stream (the form of `jacs`).
    pub fn check(&self) -> Result<()> {
        let Some(contents) = self.contents else { return Ok(()) };
        let altered =
            || Error::new(Code::Attachment, "an embedded attachment is not what its hash says").with("path", self.path);
        let bytes = STANDARD.decode(contents).map_err(|_| altered())?;
        if sha256_hex(&bytes) == self.sha256
            || (sha256_hex(contents.as_bytes()) == self.sha256 && is_one_gzip_stream(&bytes))
        {
            return Ok(());
        }
        Err(altered())
    }
}

fn is_one_gzip_stream(bytes: &[u8]) -> bool {
    let mut decoder = GzDecoder::new(bytes);
    let inflated = io::copy(&mut (&mut decoder).take(MAX_INFLATED_BYTES + 1), &mut io::sink());
    matches!(inflated, Ok(length) if length <= MAX_INFLATED_BYTES) && decoder.into_inner().is_empty()
}

fn malformed(field: &'static str) -> Error {
    Error::new(Code::Attachment, "the document's attachments are malformed").with("field", field)
}
