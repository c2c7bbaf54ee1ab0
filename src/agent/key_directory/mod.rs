//! The local folder of an agent: its key pair, and its own documents beside it.
//!
//! ```text
//! {private key file}              encrypted, 0600
//! {public key file}               raw bytes
//! agents/{id}/{version}.json      the agent's documents
//! .creating                       while `Agent.create` is under way
//! .changing/                      while keys are replaced: see `change`
//! trust/{id}.json                 the trust store
//! ```

mod change;

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zeroize::Zeroizing;

pub use self::change::{Change, NewConfiguration, NewKeys};

use crate::config::Config;
use crate::crypto::{Algorithm, PublicKey, SecretKey, Signer, check_strength, key_file};
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};
use crate::local_file::{self, ReadFailure, read_bounded};
use crate::trust::{AgentVersion, OwnKey};

/// What a key file may hold, in bytes: an encrypted ML-DSA-87 key is under 7 KB.
const MAX_KEY_FILE_BYTES: u64 = 64 << 10;
const MARKER: &str = ".creating";

/// The folder and the names in it.
#[derive(Clone)]
pub struct KeyDirectory {
    folder: PathBuf,
    private_key: PathBuf,
    public_key: PathBuf,
    /// An own document that is not in its place yet.
    beside: Option<OwnDocument>,
}

/// Length, time and number of a file, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyStamp(Option<(u64, Option<SystemTime>, u64)>);

/// An agent document beside its key: its hash holds and the key signed it.
#[derive(Clone, Debug)]
pub struct OwnDocument {
    pub key: DocumentKey,
    pub text: String,
}

impl KeyDirectory {
    pub fn new(config: &Config) -> KeyDirectory {
        KeyDirectory {
            private_key: config.key_directory.join(&config.private_key_filename),
            public_key: config.key_directory.join(&config.public_key_filename),
            folder: config.key_directory.clone(),
            beside: None,
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn private_key_path(&self) -> &Path {
        &self.private_key
    }

    /// The public key; its algorithm follows from its length. Errors: `JACS_KEY` when it is missing or malformed.
    pub fn public_key(&self) -> Result<PublicKey> {
        read_public_key(&self.public_key)
    }

    /// What tells that the public key file is another one than before, without reading it.
    pub fn stamp(&self) -> KeyStamp {
        KeyStamp(fs::metadata(&self.public_key).ok().map(|found| (found.len(), found.modified().ok(), number(&found))))
    }

    /// Whether another key is the agent's since, also where a change that decided so is not in place yet. `stamp`: from before
    /// `key` was read.
    pub fn has_another_key(&self, key: &PublicKey, stamp: KeyStamp) -> bool {
        let is_another = |directory: &KeyDirectory| directory.public_key().is_ok_and(|present| present != *key);
        self.is_changing() && self.as_decided().is_ok_and(|decided| is_another(&decided))
            || self.stamp() != stamp && is_another(self)
    }

    /// Whether there is a private key file.
    pub fn has_private_key(&self) -> bool {
        fs::symlink_metadata(&self.private_key).is_ok()
    }

    pub fn has_public_key(&self) -> bool {
        fs::symlink_metadata(&self.public_key).is_ok()
    }

    /// Unlocks the private key. Errors: `JACS_KEY` when it is missing or malformed, `JACS_PASSWORD`.
    pub fn unlock(&self, algorithm: Algorithm, password: &str) -> Result<SecretKey> {
        let plain = self.decrypt(password)?;
        SecretKey::from_plain(algorithm, &plain).map_err(|error| error.with_path(&self.private_key))
    }

    fn decrypt(&self, password: &str) -> Result<Zeroizing<Vec<u8>>> {
        let read = read_bounded(&self.private_key, MAX_KEY_FILE_BYTES);
        let (bytes, _) = read.map_err(|failure| {
            failure.into_error(Code::Key, "the private key file is missing or not a file", &self.private_key)
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            Error::new(Code::Key, "the private key file is not a key file").with_path(&self.private_key)
        })?;
        key_file::decrypt(text, password).map_err(|error| error.with_path(&self.private_key))
    }

    /// Writes the key pair's files, private key first; each must be missing.
    pub fn write_private_key(&self, key: &SecretKey, password: &str) -> Result<()> {
        check_strength(password)?;
        local_file::create(&self.private_key, key_file::encrypt(&key.to_plain()?, password)?.as_bytes())
    }

    pub fn write_public_key(&self, key: &SecretKey) -> Result<()> {
        local_file::create(&self.public_key, key.public_key().raw())
    }

    /// Errors: `JACS_PASSWORD` when `password` is wrong or `new_password` weak; the file is then as it was.
    pub fn change_password(&self, password: &str, new_password: &str) -> Result<()> {
        check_strength(new_password)?;
        let _lock = self.lock()?;
        let plain = self.decrypt(password)?;
        local_file::replace(&self.private_key, key_file::encrypt(&plain, new_password)?.as_bytes())
    }

    /// The agent documents beside the key that the key signed, oldest first.
    pub fn own_documents(&self, key: &PublicKey, max_bytes: u64) -> Result<Vec<OwnDocument>> {
        let of_key = |(stored, text)| check_own(text, Some(stored), key, max_bytes);
        Ok(self.documents(max_bytes)?.into_iter().filter_map(of_key).collect())
    }

    /// All agent documents beside the key, of whatever key, as far as each can be judged alone; oldest first.
    pub fn agent_versions(&self, max_bytes: u64) -> Result<Vec<AgentVersion>> {
        let judged = |(stored, text)| AgentVersion::read(text, Origin::Storage(stored), max_bytes);
        Ok(self.documents(max_bytes)?.into_iter().filter_map(judged).collect())
    }

    /// The agent's key and the ones that it replaced, as this folder has them. `agent`: the document in force, which may lie
    /// elsewhere.
    pub fn own_key(&self, agent: &OwnDocument, key: PublicKey, max_bytes: u64) -> Result<OwnKey> {
        let mut versions = self.agent_versions(max_bytes)?;
        if !versions.iter().any(|version| version.key == agent.key) {
            versions.extend(AgentVersion::read(agent.text.clone(), Origin::Caller, max_bytes));
        }
        Ok(OwnKey::new(agent.key, key, &versions, self.retired_keys()?))
    }

    /// Public keys that were replaced: by us, `{file}.{version}.retired`, or by `jacs`, `jacs.public.{version}.pem`. What cannot be one
    /// is left out.
    fn retired_keys(&self) -> Result<Vec<PublicKey>> {
        let (name, stem) =
            (name_of(&self.public_key), self.public_key.file_stem().unwrap_or_default().to_string_lossy());
        let is_retired = |path: &PathBuf| {
            let file = name_of(path);
            let ours = file.strip_prefix(&*name).and_then(|rest| rest.strip_suffix(".retired"));
            let theirs = || file.strip_prefix(&*stem).and_then(|rest| rest.strip_suffix(".pem"));
            let version = ours.or_else(theirs).and_then(|version| version.strip_prefix('.'));
            version.is_some_and(|version| version.parse::<Version>().is_ok())
        };
        let folder = self.public_key.parent().unwrap_or(&self.folder);
        Ok(entries(folder)?
            .iter()
            .filter(|path| is_retired(path))
            .filter_map(|path| read_public_key(path).ok())
            .collect())
    }

    fn documents(&self, max_bytes: u64) -> Result<Vec<(DocumentKey, String)>> {
        let mut documents: Vec<(DocumentKey, String)> = Vec::new();
        for folder in entries(&self.folder.join("agents"))? {
            for path in entries(&folder)? {
                let Some(stored) = key_of(&folder, &path) else { continue };
                let Some(text) = read_text(&path, max_bytes)? else { continue };
                documents.push((stored, text));
            }
        }
        documents.extend(self.beside.iter().map(|document| (document.key, document.text.clone())));
        documents.sort_by_key(|(key, _)| key.version);
        Ok(documents)
    }

    /// Keeps an agent document beside the key; the same one again is success.
    pub fn write_own_document(&self, document: &OwnDocument) -> Result<()> {
        let path = self.own_document_path(document.key);
        if let Some(folder) = path.parent() {
            local_file::create_folder(folder)?;
        }
        match local_file::create(&path, document.text.as_bytes()) {
            Err(error) if error.code() == Code::Conflict => {
                let max_bytes = document.text.len() as u64;
                match read_text(&path, max_bytes)?.is_some_and(|text| text == document.text) {
                    true => Ok(()),
                    false => Err(error),
                }
            }
            created => created,
        }
    }

    pub fn has_own_document(&self, key: DocumentKey) -> bool {
        self.own_document_path(key).is_file()
    }

    fn own_document_path(&self, key: DocumentKey) -> PathBuf {
        self.folder.join("agents").join(key.id.to_string()).join(format!("{}.json", key.version))
    }

    /// Says that a creation is under way, until [`KeyDirectory::end_creation`]: whoever finds the mark finishes it.
    pub fn begin_creation(&self) -> Result<()> {
        local_file::replace(
            &self.folder.join(MARKER),
            b"Agent.create is under way, or was cut off: call it again to finish it\n",
        )
    }

    pub fn is_being_created(&self) -> bool {
        self.folder.join(MARKER).exists()
    }

    pub fn end_creation(&self) -> Result<()> {
        local_file::remove(&self.folder.join(MARKER))
    }

    /// Keeps other processes of this machine from changing the keys meanwhile, and clears away what those left that
    /// were killed while they wrote: it may be a private key under a password that was given up since.
    pub fn lock(&self) -> Result<Option<File>> {
        let lock = self.flock()?;
        if lock.is_some() {
            let mut folders = vec![self.folder.clone()];
            folders.extend(entries(&self.folder.join("agents"))?);
            for folder in folders {
                entries(&folder)?
                    .iter()
                    .filter(|path| is_left_over(path))
                    .try_for_each(|path| local_file::remove(path))?;
            }
        }
        self.finish_change()?;
        Ok(lock)
    }

    fn flock(&self) -> Result<Option<File>> {
        #[cfg(unix)]
        {
            let failed = |error| local_file::io_error("the key directory could not be locked", &self.folder, error);
            let folder = File::open(&self.folder).map_err(failed)?;
            rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive)
                .map_err(|errno| failed(errno.into()))?;
            Ok(Some(folder))
        }
        #[cfg(not(unix))]
        Ok(None)
    }

    /// The directory as it is once a change of another process, cut off after it was decided, is in place. Errors: as those of
    /// the files.
    pub fn settled(self, read_only: bool) -> Result<KeyDirectory> {
        if !self.is_left_over() {
            return Ok(self);
        }
        match self.lock() {
            Ok(_) => Ok(self),
            Err(error) if read_only && error.code() == Code::Permission => match self.is_changing() {
                true => self.as_decided(),
                false => Ok(self),
            },
            Err(error) => Err(error),
        }
    }

    /// What `doctor` says about permissions.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_being_created() {
            warnings.push("the creation of the agent was cut off: call it again".to_owned());
        }
        #[cfg(unix)]
        for path in [&self.folder, &self.private_key] {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
            if mode & 0o077 != 0 {
                warnings.push(format!("{} is open to others (mode {mode:o})", path.display()));
            }
        }
        warnings
    }
}

fn is_left_over(path: &Path) -> bool {
    name_of(path).starts_with(local_file::TEMPORARY) && path.is_file()
}

/// What tells a file from the one that had its name before.
#[cfg(unix)]
fn number(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn number(_found: &fs::Metadata) -> u64 {
    0
}

fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

fn read_public_key(path: &Path) -> Result<PublicKey> {
    let (raw, _) = read_bounded(path, MAX_KEY_FILE_BYTES)
        .map_err(|failure| failure.into_error(Code::Key, "the public key file is missing or not a file", path))?;
    let of_length = |algorithm: &Algorithm| algorithm.public_key_len() == raw.len();
    let algorithm = [Algorithm::Ed25519, Algorithm::Pq2025].into_iter().find(of_length);
    let algorithm = algorithm
        .ok_or_else(|| Error::new(Code::Key, "the public key file does not hold raw key bytes").with_path(path))?;
    PublicKey::new(algorithm, &raw).map_err(|error| error.with_path(path))
}

/// Whether a text is an agent document that `key` signed, under its own id and version.
pub fn check_own(text: String, stored: Option<DocumentKey>, key: &PublicKey, max_bytes: u64) -> Option<OwnDocument> {
    let parsed = Parsed::read(&text, stored.map_or(Origin::Caller, Origin::Storage), max_bytes).ok()?;
    parsed.check_hash().ok()?;
    let claim = parsed.claim().ok()?;
    parsed.check_fields(&claim, false).ok()?;
    let own = parsed.header.is_agents_own(claim.by.agent) && *claim.by.public_key_hash == *key.hash();
    if !own || parsed.check_signature(&claim, key).is_err() {
        return None;
    }
    let document = OwnDocument { key: parsed.header.key, text: parsed.canonical_text() };
    Some(document)
}

fn key_of(folder: &Path, path: &Path) -> Option<DocumentKey> {
    let id: DocumentId = folder.file_name()?.to_str()?.parse().ok()?;
    let version = path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()?;
    Some(DocumentKey { id, version })
}

/// The text of a file that may be an agent document; `None` for what cannot be one: not a file, too long, not UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> Result<Option<String>> {
    match read_bounded(path, max_bytes) {
        Ok((bytes, _)) => Ok(std::str::from_utf8(&bytes).ok().map(str::to_owned)),
        Err(ReadFailure::Missing(_) | ReadFailure::TooLong) => Ok(None),
        Err(failure) => Err(failure.into_error(Code::NotFound, "the agent document cannot be read", path)),
    }
}

/// The paths in a folder; none when there is no such folder.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| local_file::io_error("the folder could not be read", folder, error);
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
    }
}
