//! The trust store: agents that somebody vouched for, or blocked, on this machine. One file for each, beside the keys.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::crypto::{Algorithm, PublicKey};
use crate::document::parse_date;
use crate::error::{Code, Error, Result};
use crate::id::DocumentId;
use crate::local_file::{self, read_bounded};

/// Below the key directory.
const FOLDER: &str = "trust";
/// An ML-DSA-87 key takes 3.5 KB in base64.
const MAX_BYTES: u64 = 16 << 10;

/// What is known of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Whoever uses this machine vouched for this key.
    Trusted { key: PublicKey, since: Timestamp },
    /// Nothing that it signed is valid.
    Blocked { since: Timestamp },
}

/// As it stands in its file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    agent_id: String,
    since: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    blocked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
    /// Base64 of the raw bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// Hex, of the raw bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_sha256: Option<String>,
}

/// The trust store of a key directory.
#[derive(Clone, Debug)]
pub struct Pins(PathBuf);

impl Pins {
    pub fn beside(key_directory: &Path) -> Pins {
        Pins(key_directory.join(FOLDER))
    }

    /// Errors: `JACS_PERMISSION`; `JACS_KEY` for an entry that is not as it was written: it must not be taken for a missing one.
    pub fn get(&self, agent: DocumentId) -> Result<Option<Pin>> {
        let path = self.path(agent);
        match read_bounded(&path, MAX_BYTES) {
            Ok((bytes, metadata)) if self.is_ours(&metadata) => {
                parse(agent, &bytes).map(Some).ok_or_else(|| malformed(&path))
            }
            Ok(_) => Err(malformed(&path)),
            // A link that leads nowhere is no missing entry: it may have been a block.
            Err(failure) if failure.is_absent() && fs::symlink_metadata(&path).is_err() => Ok(None),
            Err(failure) => Err(failure.into_error(Code::Key, "the entry of the trust store cannot be read", &path)),
        }
    }

    /// Every entry, by id. Errors: as [`get`](Self::get).
    pub fn all(&self) -> Result<Vec<(DocumentId, Pin)>> {
        let failed = |error| local_file::io_error("the trust store could not be read", &self.0, error);
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse::<DocumentId>().ok());
            let Some(id) = id else { continue };
            found.extend(self.get(id)?.map(|pin| (id, pin)));
        }
        found.sort_by_key(|(id, _)| *id);
        Ok(found)
    }

    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub fn set(&self, agent: DocumentId, pin: &Pin) -> Result<()> {
        let entry = match pin {
            Pin::Trusted { key, since } => Entry {
                agent_id: agent.to_string(),
                since: since.to_string(),
                blocked: false,
                algorithm: Some(key.algorithm().name().to_owned()),
                public_key: Some(STANDARD.encode(key.raw())),
                key_sha256: Some(key.sha256().to_owned()),
            },
            Pin::Blocked { since } => Entry {
                agent_id: agent.to_string(),
                since: since.to_string(),
                blocked: true,
                algorithm: None,
                public_key: None,
                key_sha256: None,
            },
        };
        let failed = |error| Error::new(Code::Internal, "the entry could not be written").with_source(error);
        let text = serde_json::to_string_pretty(&entry).map_err(failed)? + "\n";
        local_file::create_folder(&self.0)?;
        local_file::replace(&self.path(agent), text.as_bytes())
    }

    /// Whether there was an entry. Errors: as [`set`](Self::set).
    pub fn forget(&self, agent: DocumentId) -> Result<bool> {
        let path = self.path(agent);
        let was_there = fs::symlink_metadata(&path).is_ok();
        local_file::remove(&path)?;
        Ok(was_there)
    }

    /// Whether an entry is of the folder's owner or the superuser, and nobody else may write to it.
    fn is_ours(&self, entry: &Metadata) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let owner = fs::metadata(&self.0).ok().map(|folder| folder.uid());
            entry.mode() & 0o022 == 0 && (entry.uid() == 0 || Some(entry.uid()) == owner)
        }
        #[cfg(not(unix))]
        {
            let _ = entry;
            true
        }
    }

    fn path(&self, agent: DocumentId) -> PathBuf {
        self.0.join(format!("{agent}.json"))
    }
}

fn parse(agent: DocumentId, bytes: &[u8]) -> Option<Pin> {
    let entry: Entry = serde_json::from_slice(bytes).ok()?;
    if entry.agent_id != agent.to_string() {
        return None;
    }
    let since = parse_date(&entry.since)?;
    if entry.blocked {
        return Some(Pin::Blocked { since });
    }
    let raw = STANDARD.decode(entry.public_key?).ok()?;
    let key = PublicKey::new(Algorithm::parse(&entry.algorithm?)?, &raw).ok()?;
    (key.sha256() == entry.key_sha256?).then_some(Pin::Trusted { key, since })
}

fn malformed(path: &Path) -> Error {
    Error::new(
        Code::Key,
        "the entry of the trust store is not as it was written: forget the agent, then trust or block it again",
    )
    .with_path(path)
}
