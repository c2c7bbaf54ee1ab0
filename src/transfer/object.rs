//! What there is to say of the bytes of one version, wherever they come from.

use std::fmt::Display;
use std::io::{self, ErrorKind};

use super::finding::{Finding, What};
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result, below};
use crate::id::DocumentKey;
use crate::store::{Kind, ObjectKey, Sha256Hex};
use crate::vault::{Report, Vault, VerifyOptions};

/// A version whose checks were made.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    pub finding: Option<Finding>,
    /// What the store must have for it.
    pub files: Vec<Sha256Hex>,
}

impl Judged {
    /// Whether it is not what was written. A key that is missing, or not believed, says nothing about that.
    pub fn is_invalid(&self) -> bool {
        self.finding.as_ref().is_some_and(|finding| {
            matches!(finding.what, What::Malformed | What::Misplaced | What::Hash | What::Signature)
        })
    }
}

/// Makes the checks of a version, except for attachments that are not in it. The fields that other implementations never
/// sign are no fault of a stored document.
///
/// Errors: where no verdict was possible.
pub async fn judge(vault: &Vault, kind: Kind, key: DocumentKey, bytes: &[u8]) -> Result<Judged> {
    let path = ObjectKey::Version { kind, key }.path();
    let Ok(text) = std::str::from_utf8(bytes) else {
        let finding = Finding::new(What::Malformed, Code::Hash, "the stored bytes are not UTF-8");
        return Ok(Judged { finding: Some(finding.with_key(key).with_path(path)), ..Judged::default() });
    };
    let options = VerifyOptions { allow_unsigned: true, ..VerifyOptions::default() };
    let examined = vault.examine(text, Origin::Storage(key), &options).await?;
    let files = match &examined.parsed {
        Some(parsed) => stored_files(parsed),
        None => Vec::new(),
    };
    let finding = examined.report.error.as_ref().map(|error| {
        let what = what_failed(&examined.report, error, || Parsed::read(text, Origin::Caller, vault.max_bytes).is_ok());
        Finding::of(what, error).with_key(key).with_path(path)
    });
    Ok(Judged { finding, files })
}

/// The files that a document wants in the store; none where its attachments are not what they should be.
pub fn stored_files(parsed: &Parsed<'_>) -> Vec<Sha256Hex> {
    let files = parsed.files().unwrap_or_default();
    files.iter().filter(|file| file.stored).filter_map(|file| file.sha256.parse().ok()).collect()
}

/// `is_document`: whether the text is a document at all, of whatever key.
fn what_failed(report: &Report, error: &Error, is_document: impl FnOnce() -> bool) -> What {
    match (error.code(), report.checks.last().map(|check| check.name)) {
        (Code::Hash, Some("format")) if is_document() => What::Misplaced,
        (_, Some("format")) => What::Malformed,
        (Code::Hash, _) => What::Hash,
        (Code::Key, _) => What::Key,
        (Code::Untrusted, _) => What::Untrusted,
        (Code::Attachment, _) => What::AttachmentAltered,
        _ => What::Signature,
    }
}

/// What it means that an object cannot be read.
pub fn unread(error: &Error, key: &ObjectKey) -> Finding {
    let of_storage = || Finding::of(What::Failed, error).with_key(key).with_path(key.path());
    unreadable(error, key, key.path()).unwrap_or_else(of_storage)
}

/// What an error of the store says about what stands at `path`; `None` where it says nothing about that.
pub fn unreadable(error: &Error, key: impl Display, path: String) -> Option<Finding> {
    if !error.is_damage() {
        return None;
    }
    let is_forbidden = below::<io::Error>(error).is_some_and(|cause| cause.kind() == ErrorKind::PermissionDenied);
    let what = match error.code() {
        Code::Hash => What::Malformed,
        _ if is_forbidden => What::Unreadable,
        _ => What::NotAFile,
    };
    Some(Finding::of(what, error).with_key(key).with_path(path))
}
