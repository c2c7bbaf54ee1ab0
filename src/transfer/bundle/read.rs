//! A bundle that is read: whole, and with just what its manifest lists, in that order. Nothing of it is believed yet.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use bytes::Bytes;

use super::super::archive::gzip::{Packed, Unpacked};
use super::super::archive::header::ROOT;
use super::super::archive::limits::Limits;
use super::super::archive::tape::{self, Tape};
use super::manifest::{DOCUMENT_TYPE, Entry, Manifest};
use super::{MOST_TEXT, NAME};
use crate::cancel::Cancel;
use crate::crypto::{Hasher, hex, sha256_hex};
use crate::document::{MAX_AGENT_BYTES, Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::store::{Kind, ObjectKey, Sha256Hex};

/// Bytes of an attachment that are read at once.
const PIECE: usize = 128 << 10;

/// What a bundle holds.
pub struct Bundle {
    /// The document with the manifest; its hash holds, its signature is still to be checked.
    pub document: String,
    pub manifest: Manifest,
    /// Documents and agents, as they are in it.
    pub versions: Vec<(ObjectKey, Bytes)>,
    /// Attachments whose bytes are in it and are what their names say.
    pub files: BTreeSet<Sha256Hex>,
}

/// Reads a bundle. `max_bytes`: of a document. Blocks for the disk.
///
/// Errors: `JACS_INPUT` (no bundle, damaged, hostile, over a limit), `JACS_HASH` (something is missing, altered, was added or
/// stands elsewhere), `JACS_UNSUPPORTED`, `JACS_PERMISSION`, `JACS_UNAVAILABLE`, `JACS_ABORTED`.
pub fn read(path: &Path, max_bytes: u64, cancel: &Cancel) -> Result<Bundle> {
    let packed = Packed::open(path)?;
    let most = Limits::default().of(packed.length());
    let tape = Tape::new(packed.unpacked(most)?);
    let reader = Reader { packed: &packed, tape, cancel, max_bytes, seen: HashSet::new() };
    reader.read().map_err(|error| error.with_path(path))
}

struct Reader<'a> {
    packed: &'a Packed,
    tape: Tape<Unpacked>,
    cancel: &'a Cancel,
    max_bytes: u64,
    seen: HashSet<ObjectKey>,
}

impl Reader<'_> {
    fn read(mut self) -> Result<Bundle> {
        let document = self.manifest()?;
        let parsed = Parsed::read(&document, Origin::Caller, self.max_bytes)?;
        parsed.check_hash()?;
        if &*parsed.header.document_type != DOCUMENT_TYPE {
            return Err(Error::new(Code::Input, "the file is no bundle: its first document is no manifest"));
        }
        let manifest = Manifest::read(&parsed.object)?;
        drop(parsed);
        let (mut versions, mut files, mut text_bytes) = (Vec::new(), BTreeSet::new(), 0);
        for listed in &manifest.entries {
            self.cancel.check()?;
            let (key, bytes) = self.next()?.ok_or_else(|| missing(listed))?;
            if key.path() != listed.path {
                let error = Error::new(Code::Hash, "the bundle holds something else than its manifest lists");
                return Err(error.with("listed", &listed.path).with("found", key.path()));
            }
            if bytes != listed.bytes {
                return Err(altered(listed));
            }
            match key {
                ObjectKey::File(hash) => {
                    let found = self.hash()?;
                    if found != listed.sha256 || found != hash.to_string() {
                        return Err(altered(listed));
                    }
                    files.insert(hash);
                }
                ObjectKey::Version { kind, .. } => {
                    text_bytes += bytes;
                    let text = self.text(kind, bytes, text_bytes)?;
                    if sha256_hex(&text) != listed.sha256 {
                        return Err(altered(listed));
                    }
                    versions.push((key, text.into()));
                }
            }
        }
        if let Some((key, _)) = self.next()? {
            let error = Error::new(Code::Hash, "the bundle holds something that its manifest does not list");
            return Err(error.with("found", key.path()));
        }
        self.packed.check_unchanged()?;
        Ok(Bundle { document, manifest, versions, files })
    }

    /// The first entry.
    fn manifest(&mut self) -> Result<String> {
        let entry = self.tape.next().map_err(|error| self.packed.error(error))?;
        let no_bundle = || Error::new(Code::Input, "the file is no bundle: it does not begin with a manifest");
        let entry = entry.filter(|entry| entry.what == tape::What::File && entry.name == NAME.as_bytes());
        let bytes = entry.ok_or_else(no_bundle)?.bytes;
        check_length(bytes, self.max_bytes)?;
        String::from_utf8(self.whole()?).map_err(|_| no_bundle())
    }

    /// The next entry, which must be an object of the layout under its one name.
    fn next(&mut self) -> Result<Option<(ObjectKey, u64)>> {
        let Some(entry) = self.tape.next().map_err(|error| self.packed.error(error))? else { return Ok(None) };
        let name = std::str::from_utf8(&entry.name).ok();
        let key = name.and_then(|name| ObjectKey::parse(name.strip_prefix(ROOT)?));
        let key = key.filter(|_| entry.what == tape::What::File);
        let key = key.ok_or_else(|| refused("an entry of the bundle is not an object of the layout", &entry.name))?;
        match self.seen.insert(key) {
            true => Ok(Some((key, entry.bytes))),
            false => Err(refused("an entry is in the bundle twice", &entry.name)),
        }
    }

    /// A document or an agent; with it there are so many bytes of them.
    fn text(&mut self, kind: Kind, bytes: u64, all: u64) -> Result<Vec<u8>> {
        check_length(bytes, if kind == Kind::Agent { self.max_bytes.min(MAX_AGENT_BYTES) } else { self.max_bytes })?;
        if all > MOST_TEXT {
            let error = Error::new(Code::Input, "the documents of the bundle are more than is allowed");
            return Err(error.with("limit", MOST_TEXT));
        }
        self.whole()
    }

    /// Memory grows with what is there, not with what the header says.
    fn whole(&mut self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        self.pieces(|piece| text.extend_from_slice(piece))?;
        Ok(text)
    }

    fn hash(&mut self) -> Result<String> {
        let mut hasher = Hasher::default();
        self.pieces(|piece| hasher.update(piece))?;
        Ok(hex(&hasher.finish()))
    }

    fn pieces(&mut self, mut each: impl FnMut(&[u8])) -> Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            self.cancel.check()?;
            match self.tape.read(&mut piece).map_err(|error| self.packed.error(error))? {
                0 => return Ok(()),
                count => each(&piece[..count]),
            }
        }
    }
}

fn check_length(bytes: u64, most: u64) -> Result<()> {
    match bytes <= most {
        true => Ok(()),
        false => Err(Error::new(Code::Input, "an entry of the bundle is longer than such a document may be")
            .with("limit", most)
            .with("bytes", bytes)),
    }
}

fn missing(listed: &Entry) -> Error {
    Error::new(Code::Hash, "the bundle lacks something that its manifest lists").with("listed", &listed.path)
}

fn altered(listed: &Entry) -> Error {
    Error::new(Code::Hash, "an entry of the bundle is not what its manifest says").with("listed", &listed.path)
}

/// Characters of a stranger's name that are shown.
const SHOWN: usize = 300;

fn refused(message: &'static str, name: &[u8]) -> Error {
    let shown: String = String::from_utf8_lossy(name).chars().take(SHOWN).collect();
    Error::new(Code::Input, message).with("entry", shown)
}
