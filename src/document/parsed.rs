//! A signed document's text taken apart, and the checks that need neither key nor store.
//! Numbers of checks are those of the specification's table.

use super::files::{self, FileEntry};
use super::header::{Header, names};
use super::members::Members;
use super::signature::Claim;
use crate::canonical::{Object, parse_object};
use crate::crypto::PublicKey;
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;

/// Where a text came from, which decides what a malformed one means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A caller gave it: a malformed one is `JACS_INPUT`.
    Caller,
    /// It stands in the store under this key: a malformed one was damaged there, `JACS_HASH`.
    Storage(DocumentKey),
}

/// A document that satisfies check 1 (and 1b); everything else is still to be checked.
pub struct Parsed<'a> {
    pub header: Header,
    pub object: Object<'a>,
    members: Members,
}

impl<'a> Parsed<'a> {
    /// Checks 1 and 1b: the input rules, the header's fields, and that a stored text is what its key says.
    pub fn read(text: &'a str, origin: Origin, max_bytes: u64) -> Result<Parsed<'a>> {
        let parsed = Parsed::take_apart(text, max_bytes);
        let Origin::Storage(key) = origin else { return parsed };
        let parsed = parsed.map_err(|error| {
            Error::new(Code::Hash, "the stored text is not a document").with("reason", error).with_key(key)
        })?;
        if parsed.header.key != key {
            let error = Error::new(Code::Hash, "another document stands under this key");
            return Err(error.with("found", parsed.header.key).with_key(key));
        }
        Ok(parsed)
    }

    fn take_apart(text: &'a str, max_bytes: u64) -> Result<Parsed<'a>> {
        check_size(text, max_bytes)?;
        let object = parse_object(text)?;
        let header = Header::read(&object)?;
        let members = Members::write(&object);
        Ok(Parsed { header, object, members })
    }

    /// The document in canonical form.
    pub fn canonical_text(&self) -> String {
        self.members.object_text()
    }

    /// Check 2. Errors: `JACS_HASH`.
    pub fn check_hash(&self) -> Result<()> {
        if self.members.hash(&self.object) == *self.header.sha256 {
            return Ok(());
        }
        Err(Error::new(Code::Hash, "the document's hash does not match its content").with_key(self.header.key))
    }

    /// Check 3. Errors: `JACS_SIGNATURE`.
    pub fn claim(&self) -> Result<Claim<'_>> {
        Claim::read(&self.object).map_err(|error| error.with_key(self.header.key))
    }

    /// Check 6. Errors: `JACS_SIGNATURE`.
    pub fn check_fields(&self, claim: &Claim, allow_unsigned: bool) -> Result<Vec<String>> {
        claim.check_fields(&self.object, allow_unsigned).map_err(|error| error.with_key(self.header.key))
    }

    /// Check 8. Errors: `JACS_SIGNATURE`.
    pub fn check_signature(&self, claim: &Claim, key: &PublicKey) -> Result<()> {
        let (bytes, signature) = claim.signed_bytes(&self.object, &self.members)?;
        if key.verify(bytes.as_bytes(), &signature) {
            return Ok(());
        }
        Err(Error::new(Code::Signature, "the signature does not verify").with_key(self.header.key))
    }

    /// The attachments; their shape is checked. Errors: `JACS_ATTACHMENT`.
    pub fn files(&self) -> Result<Vec<FileEntry<'_>>> {
        files::read(&self.object).map_err(|error| error.with_key(self.header.key))
    }

    /// The canonical form without signature and hash: equal for two texts that differ in those alone.
    pub fn unsigned_text(&self) -> String {
        let mut object = self.object.clone();
        object.remove(names::SIGNATURE);
        object.remove(names::SHA256);
        Members::write(&object).object_text()
    }
}

/// The size limit on a document's text. Errors: `JACS_INPUT`.
pub fn check_size(text: &str, max_bytes: u64) -> Result<()> {
    if text.len() as u64 <= max_bytes {
        return Ok(());
    }
    Err(Error::new(Code::Input, "the document is over jacs_max_document_bytes")
        .with("limit", max_bytes)
        .with("bytes", text.len()))
}
