//! What is wrong with the bytes of a stored version, as far as that can be told without keys.

use super::super::finding::{Finding, What};
use super::super::object::stored_files;
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error};
use crate::store::{ObjectKey, Sha256Hex};

/// The first thing that is wrong with what stands under a key; else the stored attachments that it names.
pub fn version(bytes: &[u8], key: &ObjectKey, max_bytes: u64) -> Result<Vec<Sha256Hex>, Finding> {
    let ObjectKey::Version { key: named, .. } = key else { return Ok(Vec::new()) };
    let found = |what, message: String| Finding::new(what, Code::Hash, message).with_key(named).with_path(key.path());
    let text = std::str::from_utf8(bytes).map_err(|_| found(What::Malformed, "the bytes are not UTF-8".into()))?;
    let parsed =
        Parsed::read(text, Origin::Caller, max_bytes).map_err(|error| found(What::Malformed, error.to_string()))?;
    if parsed.header.key != *named {
        let error = Error::new(Code::Hash, "another document stands under this key").with("found", parsed.header.key);
        return Err(found(What::Misplaced, error.to_string()));
    }
    parsed.check_hash().map_err(|error| found(What::Hash, error.to_string()))?;
    Ok(stored_files(&parsed))
}
