//! A change of several files that becomes true in one step: all that will be is written aside, and then one rename decides.
//! Whoever comes after that, in whatever process, puts the files in their places.
//!
//! ```text
//! .changing.new/                  being written: nothing of it is true
//! .changing/                      decided: what is not in its place yet will be
//!   plan.json                     where the files belong
//!   agent                         the new agent document
//!   private public                the new keys, where they are replaced
//!   retired.private retired.public retired.json
//!   configuration                 the new configuration, where there is one to write
//! .changing.done/                 all is in its place
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::configuration::MAX_CONFIG_BYTES;
use super::{KeyDirectory, MAX_KEY_FILE_BYTES, OwnDocument};
use crate::crypto::sha256_hex;
use crate::document::MAX_AGENT_BYTES;
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;
use crate::local_file::{self, read_bounded};

const PREPARED: &str = ".changing.new";
const DECIDED: &str = ".changing";
const DONE: &str = ".changing.done";

/// What will be.
pub struct Change {
    pub document: OwnDocument,
    pub keys: Option<NewKeys>,
    pub configuration: Option<NewConfiguration>,
}

/// The new key pair and the old one, as the files will hold them.
pub struct NewKeys {
    pub private: String,
    pub public: Vec<u8>,
    /// The last version of the agent under the old key.
    pub retired: DocumentKey,
    pub retired_private: String,
    pub retired_public: Vec<u8>,
    /// What is told of the old key to whoever finds it.
    pub retired_note: String,
}

/// A configuration file and its text, while it still has the text `before`.
pub struct NewConfiguration {
    pub path: PathBuf,
    pub before: String,
    pub text: String,
}

#[derive(Serialize, Deserialize)]
struct Plan {
    agent: String,
    retired: Option<String>,
    configuration: Option<PlannedConfiguration>,
}

#[derive(Serialize, Deserialize)]
struct PlannedConfiguration {
    path: PathBuf,
    /// Of the text that it replaces: who has edited it meanwhile keeps it.
    before: String,
}

impl KeyDirectory {
    /// Makes a change. The caller has the [`lock`](KeyDirectory::lock). Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`; after the
    /// one step that decides, whoever locks or loads next finishes it.
    pub fn change(&self, change: &Change) -> Result<()> {
        let folder = self.folder.join(PREPARED);
        clear(&folder)?;
        local_file::create_folder(&folder)?;
        let plan = Plan {
            agent: change.document.key.to_string(),
            retired: change.keys.as_ref().map(|keys| keys.retired.to_string()),
            configuration: change.configuration.as_ref().map(|configuration| PlannedConfiguration {
                path: configuration.path.clone(),
                before: sha256_hex(configuration.before.as_bytes()),
            }),
        };
        let failed = |error| Error::new(Code::Internal, "the change could not be written").with_source(error);
        let plan = serde_json::to_string(&plan).map_err(failed)?;
        let mut files: Vec<(&str, &[u8])> =
            vec![("plan.json", plan.as_bytes()), ("agent", change.document.text.as_bytes())];
        if let Some(keys) = &change.keys {
            files.extend([
                ("private", keys.private.as_bytes()),
                ("public", &keys.public),
                ("retired.private", keys.retired_private.as_bytes()),
                ("retired.public", &keys.retired_public),
                ("retired.json", keys.retired_note.as_bytes()),
            ]);
        }
        files.extend(change.configuration.iter().map(|configuration| ("configuration", configuration.text.as_bytes())));
        for (name, bytes) in files {
            local_file::create(&folder.join(name), bytes)?;
        }
        rename(&folder, &self.folder.join(DECIDED))?;
        self.finish_change()
    }

    /// Whether there is a change that is decided and not in place yet.
    pub fn is_changing(&self) -> bool {
        self.folder.join(DECIDED).exists()
    }

    /// Whether a process that was killed left something to be put in place, or cleared away: there are private keys in it.
    pub(super) fn is_left_over(&self) -> bool {
        [PREPARED, DECIDED, DONE].iter().any(|name| self.folder.join(name).exists())
    }

    /// Puts in place what was decided, and clears away what was not. The caller has the lock.
    pub(super) fn finish_change(&self) -> Result<()> {
        clear(&self.folder.join(PREPARED))?;
        clear(&self.folder.join(DONE))?;
        let decided = self.folder.join(DECIDED);
        if !decided.exists() {
            return Ok(());
        }
        let plan = self.plan()?;
        if let Some(retired) = &plan.retired {
            let version = retired.split(':').next_back().unwrap_or_default();
            // The old key first: at no time is it in no place.
            for (name, target) in [
                ("retired.private", retired_path(&self.private_key, version, "")),
                ("retired.public", retired_path(&self.public_key, version, "")),
                ("retired.json", retired_path(&self.private_key, version, ".json")),
            ] {
                local_file::replace(&target, &read(&decided.join(name), MAX_KEY_FILE_BYTES)?)?;
            }
        }
        self.write_own_document(&self.decided_document(&plan)?)?;
        if plan.retired.is_some() {
            for (name, target) in [("private", &self.private_key), ("public", &self.public_key)] {
                local_file::replace(target, &read(&decided.join(name), MAX_KEY_FILE_BYTES)?)?;
            }
        }
        if let Some(configuration) = &plan.configuration {
            let is_as_before = read_bounded(&configuration.path, MAX_CONFIG_BYTES)
                .is_ok_and(|(bytes, _)| sha256_hex(&bytes) == configuration.before);
            if is_as_before {
                // Where it may not be written it stays behind, which a load copes with; the agent must load.
                let _behind = replace_by(&configuration.path, &decided.join("configuration"));
            }
        }
        let done = self.folder.join(DONE);
        rename(&decided, &done)?;
        clear(&done)
    }

    /// The same directory as it will be, for whoever may not write: with the keys of a change that is decided.
    pub fn as_decided(&self) -> Result<KeyDirectory> {
        let decided = self.folder.join(DECIDED);
        let plan = self.plan()?;
        let mut directory = self.clone();
        directory.beside = Some(self.decided_document(&plan)?);
        if plan.retired.is_some() {
            directory.private_key = decided.join("private");
            directory.public_key = decided.join("public");
        }
        Ok(directory)
    }

    fn plan(&self) -> Result<Plan> {
        let path = self.folder.join(DECIDED).join("plan.json");
        let bytes = read(&path, MAX_KEY_FILE_BYTES)?;
        serde_json::from_slice(&bytes).map_err(|error| malformed(&path).with_source(error))
    }

    fn decided_document(&self, plan: &Plan) -> Result<OwnDocument> {
        let path = self.folder.join(DECIDED).join("agent");
        let key = plan.agent.parse().map_err(|_| malformed(&path))?;
        let text = String::from_utf8(read(&path, MAX_AGENT_BYTES)?).map_err(|_| malformed(&path))?;
        Ok(OwnDocument { key, text })
    }
}

fn retired_path(file: &Path, version: &str, end: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{name}.{version}.retired{end}"))
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    match read_bounded(path, most) {
        Ok((bytes, _)) => Ok(bytes.to_vec()),
        Err(failure) => Err(failure.into_error(Code::Key, "a part of a change of the keys is missing", path)),
    }
}

fn malformed(path: &Path) -> Error {
    Error::new(Code::Key, "a part of a change of the keys is not as it was written").with_path(path)
}

/// Puts a whole file in place of another. Nothing is written beside that: its folder is not ours, and nobody would clear away what
/// was cut off there.
fn replace_by(target: &Path, source: &Path) -> Result<()> {
    match fs::rename(source, target) {
        Ok(()) => local_file::sync_folder(target),
        // Another file system, or a link.
        Err(_) => local_file::replace(target, &read(source, MAX_CONFIG_BYTES)?),
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    let failed = |error| local_file::io_error("the folder could not be renamed", from, error);
    fs::rename(from, to).map_err(failed)?;
    local_file::sync_folder(to)
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(local_file::io_error("the folder could not be removed", folder, error))
        }
        _ => Ok(()),
    }
}
