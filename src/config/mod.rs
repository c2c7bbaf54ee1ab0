//! `jacs.config.json`, an object given in code and the environment become one typed [`Config`].
//!
//! Precedence: the object's own keys, then the environment (the same name in capitals), then the file, then
//! the default. Relative paths of the file are relative to its folder; those of the environment and of
//! objects, to the working directory. Nothing here reads the process's own environment.

mod build;
mod domain;
mod json;
mod keys;
mod layers;
mod location;
mod members;
mod password;
mod registry;
mod report;
mod storage_options;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use domain::domain_name;
pub(crate) use json::parse_strict;
pub use location::Location;
pub use password::{Password, PasswordSource, find_password};
pub use report::Setting;
pub use storage_options::StorageOptions;
pub use values::{Durability, KeyAlgorithm, KeyResolution, KeySource, S3Encryption, Source, Storage, UpdatePolicy};

use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;
use crate::local_file::{ReadFailure, read_bounded};

/// A configuration: every setting with its type, checked, and where it came from. `Debug` shows what
/// [`Config::report`] shows.
#[derive(Clone)]
pub struct Config {
    /// The backend that keeps the documents; default `fs`.
    pub default_storage: Storage,
    /// The data directory as it was given; default `./jacs_data`.
    pub data_directory: String,
    /// What the data directory means to the backend.
    pub location: Location,
    /// The absolute directory of the keys, always local; default `./jacs_keys`.
    pub key_directory: PathBuf,
    /// A plain file name in the key directory; default `jacs.private.pem.enc`.
    pub private_key_filename: String,
    /// A plain file name in the key directory; default `jacs.public.pem`.
    pub public_key_filename: String,
    /// The algorithm of a new key; default `ring-Ed25519`.
    pub key_algorithm: KeyAlgorithm,
    /// The agent to load; `None`: the newest agent document beside the key that the key signed.
    pub agent_id_and_version: Option<DocumentKey>,
    /// The DNS domain that an agent's TXT record stands under.
    pub agent_domain: Option<String>,
    /// Look the domain's record up; default false.
    pub dns_validate: bool,
    /// The answer must be DNSSEC-secure; default false.
    pub dns_strict: bool,
    /// No record, or no domain: no validity; default false.
    pub dns_required: bool,
    /// Servers to ask in place of the system's; port 53 unless given.
    pub dns_servers: Vec<SocketAddr>,
    /// A file of DNSSEC trust anchors in place of the root's; absolute.
    pub dns_trust_anchor: Option<PathBuf>,
    /// Who is asked for a signer's key, in order, each once; default `local,storage`, on `hai` also `registry`.
    pub key_resolution: Vec<KeyResolution>,
    /// Where the HAI agent registry is, by `JACS_KEYS_BASE_URL`; default `https://hai.ai` on `hai`, else none. See
    /// [`registry_url`](Self::registry_url).
    pub keys_base_url: Option<String>,
    /// Neither the registry nor DNS is asked, whatever else is set. No setting: who loads an agent says so.
    pub offline: bool,
    /// The weakest source of a key that counts; default `storage`.
    pub minimum_trust: KeySource,
    /// Whose versions of a document count; default `owner`.
    pub update_policy: UpdatePolicy,
    /// Encryption that S3 is asked for; `None` is the bucket's own.
    pub aws_s3_encryption: Option<S3Encryption>,
    /// The KMS key; only with `aws:kms`.
    pub aws_s3_kms_key_id: Option<String>,
    /// A storage class, such as `INTELLIGENT_TIERING`; `None` is the bucket's own.
    pub aws_s3_storage_class: Option<String>,
    /// How the backend is used.
    pub storage_options: StorageOptions,
    /// Bytes of verified documents kept in memory; default 64 MiB, 0 is off.
    pub cache_bytes: u64,
    /// How late a removal by another process may be seen, in milliseconds (at most a year); default 60,000.
    pub cache_ttl_ms: u64,
    /// How late a newer version by another process may be seen, in milliseconds (at most a year); default 0.
    pub latest_ttl_ms: u64,
    /// The longest document, in bytes (1 to 512 MiB); default 64 MiB.
    pub max_document_bytes: u64,
    /// The absolute path of the file, when one was read.
    pub config_path: Option<PathBuf>,
    /// The file's text, when it carries a signature; nothing here has verified it.
    pub signed: Option<SignedConfigText>,
    /// What `doctor` should say about the configuration.
    pub warnings: Vec<String>,
    sources: BTreeMap<&'static str, Source>,
    written: members::Written,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.report().into_iter().map(|setting| (setting.key, setting.value))).finish()
    }
}

/// The text of a configuration file that carries `jacsSignature`, so that it can be verified later.
/// `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedConfigText(String);

impl SignedConfigText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedConfigText({} bytes)", self.0.len())
    }
}

/// A configuration as a call names it.
#[derive(Clone, Copy, Debug)]
pub enum ConfigInput<'a> {
    /// The path of a configuration file.
    File(&'a Path),
    /// The JSON text of an object given in code.
    Object(&'a str),
}

/// Whether settings may come from the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentUse {
    /// They may.
    Settings,
    /// They may not: in a call with two configurations they would override both.
    Ignore,
}

impl Config {
    /// Reads the configuration file at `path`, relative to the absolute directory `cwd`; at most 1 MiB.
    ///
    /// # Errors
    /// `JACS_CONFIG`: the file is missing, is not a JSON object without duplicate keys, has an unknown key
    /// that begins with `jacs_` or `aws_`, or a setting has a wrong type, size or value. `JACS_PERMISSION`:
    /// the file may not be read. `JACS_UNAVAILABLE`: the disk could not be read.
    ///
    /// ```no_run
    /// use jacs_agent::config::Config;
    /// use jacs_agent::environment::Environment;
    /// let config = Config::from_file("jacs.config.json".as_ref(), &Environment::default(), "/srv/app".as_ref())?;
    /// # Ok::<(), jacs_agent::error::Error>(())
    /// ```
    pub fn from_file(path: &Path, environment: &Environment, cwd: &Path) -> Result<Self> {
        Self::read(ConfigInput::File(path), environment, EnvironmentUse::Settings, cwd)
    }

    /// Takes the JSON text of an object given in code; no key of it may be unknown.
    ///
    /// # Errors
    /// `JACS_CONFIG`, as for [`Config::from_file`].
    ///
    /// ```
    /// use jacs_agent::config::Config;
    /// use jacs_agent::environment::Environment;
    /// let text = r#"{"jacs_default_storage": "fs", "jacs_data_directory": "./jacs_data"}"#;
    /// let config = Config::from_object(text, &Environment::default(), "/srv/app".as_ref())?;
    /// assert_eq!(config.data_path(), Some("/srv/app/jacs_data".as_ref()));
    /// # Ok::<(), jacs_agent::error::Error>(())
    /// ```
    pub fn from_object(text: &str, environment: &Environment, cwd: &Path) -> Result<Self> {
        Self::read(ConfigInput::Object(text), environment, EnvironmentUse::Settings, cwd)
    }

    /// Reads either form of a configuration, with or without the environment's settings.
    ///
    /// # Errors
    /// As for [`Config::from_file`].
    pub fn read(
        input: ConfigInput<'_>,
        environment: &Environment,
        environment_use: EnvironmentUse,
        cwd: &Path,
    ) -> Result<Self> {
        match input {
            ConfigInput::Object(text) => Self::resolve(Some(text), None, environment, environment_use, cwd),
            ConfigInput::File(path) => {
                let path = layers::absolute(cwd, path);
                let text = read_text(&path)?;
                Self::resolve(None, Some((&path, &text)), environment, environment_use, cwd)
            }
        }
    }

    /// Makes a configuration from layers that are at hand: the text of an object, and the path and text of a
    /// file. With a file (which need not exist yet; its text may be `{}`), defaults are relative to its folder.
    ///
    /// # Errors
    /// `JACS_CONFIG`, as for [`Config::from_file`].
    pub fn resolve(
        object: Option<&str>,
        file: Option<(&Path, &str)>,
        environment: &Environment,
        environment_use: EnvironmentUse,
        cwd: &Path,
    ) -> Result<Self> {
        let settings = (environment_use == EnvironmentUse::Settings).then_some(environment);
        let mut config = build::build(object, file, settings, cwd)?;
        // There is no setting that it could override.
        config.keys_base_url = registry::keys_base_url(environment, &config.default_storage)?;
        Ok(config)
    }

    /// The absolute data directory; `None` unless the storage is `fs`.
    pub fn data_path(&self) -> Option<&Path> {
        self.location.local()
    }

    /// Where a setting's value came from; `key` is its name, such as `jacs_key_directory`.
    pub fn source(&self, key: &str) -> Source {
        self.sources.get(key).copied().unwrap_or(Source::Default)
    }
}

fn read_text(path: &Path) -> Result<String> {
    let (bytes, _) = read_bounded(path, json::MAX_BYTES).map_err(|failure| explain(failure).with_path(path))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Error::new(Code::Config, "the configuration file is not UTF-8").with_path(path)),
    }
}

fn explain(failure: ReadFailure) -> Error {
    match failure {
        ReadFailure::Missing(error) => Error::new(Code::Config, "the configuration file is missing").with_source(error),
        ReadFailure::TooLong => {
            Error::new(Code::Config, "the configuration is too long").with("limit in bytes", json::MAX_BYTES)
        }
        ReadFailure::Forbidden(error) => {
            Error::new(Code::Permission, "the configuration file may not be read").with_source(error)
        }
        ReadFailure::Unavailable(error) => {
            Error::new(Code::Unavailable, "the configuration file could not be read").with_source(error).retryable()
        }
    }
}
