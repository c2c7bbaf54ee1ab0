//! The top-level fields that the system owns.

use jiff::Timestamp;

use crate::canonical::{Object, Value};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};

/// Names of the system's top-level fields, and which rule each falls under.
pub mod names {
    pub const SCHEMA: &str = "$schema";
    pub const ID: &str = "jacsId";
    pub const VERSION: &str = "jacsVersion";
    pub const VERSION_DATE: &str = "jacsVersionDate";
    pub const ORIGINAL_VERSION: &str = "jacsOriginalVersion";
    pub const ORIGINAL_DATE: &str = "jacsOriginalDate";
    pub const PREVIOUS_VERSION: &str = "jacsPreviousVersion";
    pub const PREVIOUS_SHA256: &str = "jacsPreviousSha256";
    pub const MERGED_VERSIONS: &str = "jacsMergedVersions";
    pub const TYPE: &str = "jacsType";
    pub const LEVEL: &str = "jacsLevel";
    pub const FILES: &str = "jacsFiles";
    pub const FILES_STORED: &str = "jacsFilesStored";
    pub const SIGNATURE: &str = "jacsSignature";
    pub const SHA256: &str = "jacsSha256";

    /// Fields that other implementations never sign; a document that carries one is not valid here.
    pub const NEVER_SIGNED: [&str; 2] = ["jacsAgreement", "jacsRegistration"];
    /// What an author may set.
    pub const AUTHORS: [&str; 3] = [SCHEMA, TYPE, LEVEL];
    /// What only the system sets.
    pub const SYSTEM: [&str; 12] = [
        ID,
        VERSION,
        VERSION_DATE,
        ORIGINAL_VERSION,
        ORIGINAL_DATE,
        PREVIOUS_VERSION,
        PREVIOUS_SHA256,
        MERGED_VERSIONS,
        FILES,
        FILES_STORED,
        SIGNATURE,
        SHA256,
    ];
}

/// `$schema` of a document that names no other.
pub const HEADER_SCHEMA: &str = "https://hai.ai/schemas/header/v1/header.schema.json";

/// What kind of record a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Never changes: an update of one is refused.
    Raw,
    Config,
    Artifact,
    Derived,
}

impl Level {
    pub fn parse(text: &str) -> Option<Level> {
        Some(match text {
            "raw" => Level::Raw,
            "config" => Level::Config,
            "artifact" => Level::Artifact,
            "derived" => Level::Derived,
            _ => return None,
        })
    }
}

/// The system's fields of a document, each of its right type. Signature and attachments are looked at apart.
#[derive(Clone, Debug)]
pub struct Header {
    pub key: DocumentKey,
    pub version_date: Timestamp,
    pub original_version: Version,
    pub previous_version: Option<Version>,
    /// The replaced version's `jacsSha256`, where the writer chained by hash.
    pub previous_sha256: Option<Box<str>>,
    pub merged_versions: Vec<Version>,
    pub document_type: Box<str>,
    pub level: Level,
    /// Empty in a draft, which has no hash yet.
    pub sha256: Box<str>,
}

impl Header {
    /// Reads the header of a document that is signed (check 1).
    pub fn read(object: &Object) -> Result<Header> {
        let sha256 = text(object, names::SHA256)?;
        if !is_sha256(sha256) {
            return Err(malformed(names::SHA256));
        }
        let header = Header::read_unsigned(object)?;
        Ok(Header { sha256: sha256.into(), ..header })
    }

    /// Reads the header of a document that has no hash yet.
    pub fn read_unsigned(object: &Object) -> Result<Header> {
        text(object, names::SCHEMA)?;
        date(object, names::ORIGINAL_DATE)?;
        let previous_sha256 =
            optional(object, names::PREVIOUS_SHA256, |value| value.as_str().filter(|hash| is_sha256(hash)))?;
        let level = Level::parse(text(object, names::LEVEL)?).ok_or_else(|| malformed(names::LEVEL))?;
        Ok(Header {
            key: DocumentKey { id: id(object)?, version: version(object, names::VERSION)? },
            version_date: date(object, names::VERSION_DATE)?,
            original_version: version(object, names::ORIGINAL_VERSION)?,
            previous_version: optional(object, names::PREVIOUS_VERSION, version_of)?,
            previous_sha256: previous_sha256.map(Into::into),
            merged_versions: optional(object, names::MERGED_VERSIONS, |value| {
                value.as_array()?.iter().map(version_of).collect()
            })?
            .unwrap_or_default(),
            document_type: text(object, names::TYPE)?.into(),
            level,
            sha256: "".into(),
        })
    }

    pub fn is_agent(&self) -> bool {
        &*self.document_type == "agent"
    }

    /// Whether this is an agent's document that the agent signed itself. After a rotation `jacs` names the version before as
    /// the signer, with the hash of the new key.
    pub fn is_agents_own(&self, signer: DocumentKey) -> bool {
        let is_version = signer == self.key || Some(signer.version) == self.previous_version;
        self.is_agent() && signer.id == self.key.id && is_version
    }
}

/// Whether a text is a lower-case hex SHA-256.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Reads an RFC 3339 date-time; stricter than the parser, which also takes other ISO 8601 forms.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let shape = text.is_ascii() && text.len() >= 20 && matches!(text.as_bytes()[19], b'.' | b'Z' | b'z' | b'+' | b'-');
    if !shape || text.contains('[') {
        return None;
    }
    text.parse().ok()
}

fn text<'a>(object: &'a Object, name: &'static str) -> Result<&'a str> {
    match object.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(malformed(name)),
        None => Err(Error::new(Code::Input, "the document lacks a system field").with("field", name)),
    }
}

fn id(object: &Object) -> Result<DocumentId> {
    text(object, names::ID)?.parse().map_err(|_| malformed(names::ID))
}

fn version(object: &Object, name: &'static str) -> Result<Version> {
    text(object, name)?.parse().map_err(|_| malformed(name))
}

fn version_of(value: &Value) -> Option<Version> {
    value.as_str()?.parse().ok()
}

fn date(object: &Object, name: &'static str) -> Result<Timestamp> {
    parse_date(text(object, name)?).ok_or_else(|| malformed(name))
}

fn optional<'a, T>(
    object: &'a Object,
    name: &'static str,
    read: impl FnOnce(&'a Value<'a>) -> Option<T>,
) -> Result<Option<T>> {
    object.get(name).map(|value| read(value).ok_or_else(|| malformed(name))).transpose()
}

fn malformed(name: &'static str) -> Error {
    Error::new(Code::Input, "a system field is not of its type").with("field", name)
}
