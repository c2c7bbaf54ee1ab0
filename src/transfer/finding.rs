//! What there is to say of one object of a store.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::error::{Code, Error};

/// Whether something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It is not what it was, or not what it should be.
    Damage,
    /// Worth knowing.
    Note,
}

macro_rules! kinds {
    ($($name:ident = $text:literal, $severity:ident, $what:literal;)*) => {
        /// What kind of thing was found. The names are a promise to callers; docs/check.md explains each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum What { $(#[doc = $what] $name,)* }

        impl What {
            /// Every kind.
            pub const ALL: &'static [What] = &[$(What::$name,)*];

            /// The name in reports.
            pub fn name(self) -> &'static str {
                match self { $(What::$name => $text,)* }
            }

            pub fn severity(self) -> Severity {
                match self { $(What::$name => Severity::$severity,)* }
            }

            pub fn is_damage(self) -> bool {
                self.severity() == Severity::Damage
            }
        }
    };
}

kinds! {
    Malformed = "malformed", Damage, "The bytes are no document: not UTF-8, not I-JSON, a system field missing, too long.";
    Misplaced = "misplaced", Damage, "A document stands under the key of another.";
    Hash = "hash", Damage, "`jacsSha256` is not that of the content.";
    Signature = "signature", Damage, "The signature is missing, malformed or wrong.";
    AttachmentAltered = "attachment-altered", Damage, "The bytes of an attachment are not what its hash says.";
    AttachmentMissing = "attachment-missing", Damage, "A stored attachment of a document is not in the store.";
    NotAFile = "not-a-file", Damage, "A link, a directory or something else stands where an object belongs.";
    Unreadable = "unreadable", Damage, "What stands there may not be read, or the disk cannot give it.";
    MissingPredecessor = "missing-predecessor", Damage, "The version that a version replaces is not stored.";
    MissingOriginal = "missing-original", Damage, "The first version of a document is not stored.";
    BrokenChain = "broken-chain", Damage, "A version names another hash than that of the version it replaces.";
    Originals = "originals", Damage, "The versions of a document name different first versions.";
    AgentChain = "agent-chain", Damage, "An agent document is not part of its agent's one chain.";
    Interrupted = "interrupted", Damage, "An earlier repair ended before its time: an object is in the quarantine alone.";
    Unchecked = "unchecked", Note, "An object that could not be looked at: the storage did not answer.";
    Key = "key", Note, "No key was found that is the signer's.";
    Untrusted = "untrusted", Note, "The signer's key is not believed enough.";
    NotCanonical = "not-canonical", Note, "A valid document that is not in canonical form.";
    Fork = "fork", Note, "A document has several heads.";
    NotAccepted = "not-accepted", Note, "A valid version that does not count, such as that of an agent who does not own the document.";
    Future = "future", Note, "The time of a version lies ahead of the clock.";
    AttachmentUnreferenced = "attachment-unreferenced", Note, "A stored attachment that no document names.";
    Stray = "stray", Note, "Something that is not of the layout.";
    Temporary = "temporary", Note, "A temporary file that a writer left behind.";
    Permissions = "permissions", Note, "Others may read or write it.";
    Conflict = "conflict", Damage, "The target has other bytes under the same key.";
    Failed = "failed", Damage, "An object could not be read or written.";
    Refused = "refused", Damage, "An entry of an archive does not come in.";
    NewAgent = "new-agent", Note, "An agent that the store did not know.";
    NotResigned = "not-resigned", Note, "A document got no successor.";
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub what: What,
    pub code: Code,
    /// `id:version`, an id or the hash of a file.
    pub key: Option<String>,
    /// Below the data directory, or in the archive.
    pub path: Option<String>,
    pub message: String,
    pub severity: Severity,
    /// Where a repair was tried.
    pub repaired: Option<bool>,
}

impl Finding {
    pub fn new(what: What, code: Code, message: impl Into<String>) -> Finding {
        let (message, severity) = (message.into(), what.severity());
        Finding { what, code, key: None, path: None, message, severity, repaired: None }
    }

    /// What an error says.
    pub fn of(what: What, error: &Error) -> Finding {
        let found = Finding::new(what, error.code(), error.to_string());
        Finding { key: error.details().key.clone(), ..found }
    }

    #[must_use]
    pub fn with_key(self, key: impl fmt::Display) -> Finding {
        Finding { key: Some(key.to_string()), ..self }
    }

    #[must_use]
    pub fn with_path(self, path: impl Into<String>) -> Finding {
        Finding { path: Some(path.into()), ..self }
    }

    /// In the shape of `index.d.ts`.
    pub fn to_json(&self) -> Value {
        let severity = match self.severity {
            Severity::Damage => "damage",
            Severity::Note => "note",
        };
        let members = [
            ("kind", json!(self.what.name())),
            ("code", json!(self.code.as_str())),
            ("key", json!(self.key)),
            ("path", json!(self.path)),
            ("message", json!(self.message)),
            ("severity", json!(severity)),
            ("repaired", json!(self.repaired)),
        ];
        let given = members.into_iter().filter(|(_, value)| !value.is_null());
        Value::Object(given.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    }

    /// What [`to_json`](Self::to_json) wrote; `None` for anything else.
    pub fn from_json(value: &Value) -> Option<Finding> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let what = What::ALL.iter().copied().find(|what| Some(what.name()) == text("kind"))?;
        let code = Code::ALL.iter().copied().find(|code| Some(code.as_str()) == text("code"))?;
        let severity = if text("severity")? == "note" { Severity::Note } else { Severity::Damage };
        Some(Finding {
            key: text("key").map(str::to_owned),
            path: text("path").map(str::to_owned),
            repaired: value.get("repaired").and_then(Value::as_bool),
            severity,
            ..Finding::new(what, code, text("message")?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_survives_its_json() {
        for what in What::ALL {
            let plain = Finding::new(*what, Code::Hash, "a\n\"sentence\"");
            let full = Finding { repaired: Some(true), ..plain.clone().with_key("id:version").with_path("a/b") };
            for finding in [plain, full] {
                assert_eq!(Finding::from_json(&finding.to_json()), Some(finding));
            }
        }
        assert_eq!(Finding::from_json(&json!({ "kind": "hash" })), None);
    }
}
