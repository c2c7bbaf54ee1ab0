//! What the manifest of a bundle says. It is the member `bundle` of a document that the maker of the bundle signed.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, Object};
use crate::config::KeySource;
use crate::document::parse_date;
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;
use crate::store::ObjectKey;

/// `jacsType` of a manifest.
pub const DOCUMENT_TYPE: &str = "bundle";
/// The member of the document that holds it.
const MEMBER: &str = "bundle";
/// The form that is written, and the only one that is read.
const FORM: u32 = 1;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    form: u32,
    /// Paths of the chosen documents, in the order in which they were chosen.
    documents: Vec<String>,
    /// Everything else in the file, in its order.
    pub entries: Vec<Entry>,
    /// Each signer of a chosen document, once.
    pub signers: Vec<Signer>,
}

/// Steps of one resolution, and bytes of what one says: there are five sources.
const MOST_STEPS: usize = 16;
const MOST_WORDS: usize = 1000;
/// Characters of a key in base64: one of ML-DSA-87 has 3456.
const MOST_KEY: usize = 8000;

/// One object in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Below `jacs_data/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Hex.
    pub sha256: String,
}

/// What the maker of a bundle was told about the key of a signer. Whoever reads it believes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signer {
    /// `id:version` of the agent.
    pub agent: String,
    /// A [`KeySource`] by its name.
    pub source: String,
    /// Of the raw bytes, hex.
    pub key_sha256: String,
    pub algorithm: String,
    /// RFC 3339.
    pub resolved_at: String,
    pub tried: Vec<Asked>,
    /// Base64 of the raw bytes, where no agent document in the bundle carries the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

/// A source that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub source: String,
    pub result: String,
}

impl Manifest {
    pub fn new(documents: &[ObjectKey], entries: Vec<Entry>, signers: Vec<Signer>) -> Manifest {
        Manifest { form: FORM, documents: documents.iter().map(ObjectKey::path).collect(), entries, signers }
    }

    /// The text that is to be signed as a document. Errors: `JACS_INTERNAL`.
    pub fn to_text(&self) -> Result<String> {
        let failed = |error| Error::new(Code::Internal, "the manifest could not be written").with_source(error);
        let manifest = serde_json::to_value(self).map_err(failed)?;
        Ok(serde_json::json!({ "jacsType": DOCUMENT_TYPE, MEMBER: manifest }).to_string())
    }

    /// Reads it out of its document. Errors: `JACS_INPUT`.
    pub fn read(document: &Object<'_>) -> Result<Manifest> {
        let member = document.get(MEMBER).ok_or_else(|| malformed("the member `bundle` is missing"))?;
        let manifest: Manifest = serde_json::from_str(&canonical::to_string(member))
            .map_err(|error| malformed("a member is missing, unknown or not of its type").with_source(error))?;
        if manifest.form != FORM {
            let message = "the bundle is of a form that is not known here";
            return Err(Error::new(Code::Unsupported, message).with("form", manifest.form));
        }
        let agents: HashSet<&str> = manifest.signers.iter().map(|signer| &*signer.agent).collect();
        match agents.len() == manifest.signers.len() && manifest.signers.iter().all(Signer::is_well_formed) {
            true => Ok(manifest),
            false => Err(malformed("what it says of a signer is not of its type")),
        }
    }

    /// The chosen documents, in their order; each once, and among the entries. Errors: `JACS_INPUT`, `JACS_HASH`.
    pub fn chosen(&self) -> Result<Vec<ObjectKey>> {
        let listed: HashSet<&str> = self.entries.iter().map(|entry| &*entry.path).collect();
        if self.documents.iter().collect::<HashSet<_>>().len() < self.documents.len() {
            return Err(malformed("a document was chosen twice"));
        }
        let read = |path: &String| match ObjectKey::parse(path) {
            Some(key @ ObjectKey::Version { .. }) if listed.contains(&**path) => Ok(key),
            Some(ObjectKey::Version { .. }) => {
                Err(Error::new(Code::Hash, "a chosen document is not in the bundle").with("listed", path))
            }
            _ => Err(malformed("what was chosen is not a document")),
        };
        self.documents.iter().map(read).collect()
    }

    /// What it says of a signer.
    pub fn signer(&self, agent: DocumentKey) -> Option<&Signer> {
        let agent = agent.to_string();
        self.signers.iter().find(|signer| signer.agent == agent)
    }
}

impl Signer {
    fn is_well_formed(&self) -> bool {
        let is_source = |name: &str| KeySource::from_name(name).is_some();
        self.agent.parse::<DocumentKey>().is_ok()
            && is_source(&self.source)
            && self.tried.len() <= MOST_STEPS
            && self.tried.iter().all(|asked| is_source(&asked.source) && asked.result.len() <= MOST_WORDS)
            && [&self.key_sha256, &self.algorithm].iter().all(|word| word.len() <= MOST_WORDS)
            && self.public_key.as_ref().is_none_or(|key| key.len() <= MOST_KEY)
            && parse_date(&self.resolved_at).is_some()
    }
}

fn malformed(reason: &'static str) -> Error {
    Error::new(Code::Input, "the manifest of the bundle is malformed").with("reason", reason)
}
