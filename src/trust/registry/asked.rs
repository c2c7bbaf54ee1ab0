//! What the registry is asked for, and where. Ids and hashes are typed: nothing of a document stands in a path but in its
//! one spelling.

use crate::id::{DocumentId, DocumentKey, Version};
use crate::net;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The key of an agent version.
    Version(DocumentKey),
    /// All keys of an agent.
    Agent(DocumentId),
    /// The key of that SHA-256, in hex.
    Hash(String),
    /// The key of a domain's agent.
    Domain(String),
}

impl Asked {
    /// Its URL below the registry's; `None` for a domain that is none.
    pub fn url(&self, base: &str) -> Option<String> {
        let below = |segments: &[&str]| net::below(base, &[&["jacs", "v1"], segments].concat());
        match self {
            Asked::Version(DocumentKey { id, version }) => {
                below(&["agents", &id.to_string(), "keys", &version.to_string()])
            }
            Asked::Agent(id) => below(&["agents", &id.to_string(), "keys"]),
            Asked::Hash(hash) => below(&["keys", "by-hash", &format!("sha256:{hash}")]),
            Asked::Domain(domain) => below(&["agents", "by-domain", domain]),
        }
    }

    /// Whom an answer is about, by what it says and what was asked; `None` when that is not whom the question was about, or
    /// no agent at all.
    pub fn agent(&self, id: Option<&str>, version: Option<&str>) -> Option<(Option<DocumentId>, Option<Version>)> {
        let id = id.map(str::parse::<DocumentId>).transpose().ok()?;
        let version = version.map(str::parse::<Version>).transpose().ok()?;
        let (asked_id, asked_version) = match self {
            Asked::Version(key) => (Some(key.id), Some(key.version)),
            Asked::Agent(id) => (Some(*id), None),
            Asked::Hash(_) | Asked::Domain(_) => (None, None),
        };
        let differs = asked_id.is_some() && id.is_some() && asked_id != id
            || asked_version.is_some() && version.is_some() && asked_version != version;
        (!differs).then_some((id.or(asked_id), version.or(asked_version)))
    }
}
