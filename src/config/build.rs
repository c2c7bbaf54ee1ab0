//! From layers of JSON and text to a typed configuration.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::domain::domain_name;
use super::json::parse_object;
use super::keys::{self, Given, check_names};
use super::layers::{Found, Layers, absolute};
use super::location::{DEFAULT_DATA_DIRECTORY, Location};
use super::members::Written;
use super::storage_options::StorageOptions;
use super::values::{KeyAlgorithm, KeyResolution, KeySource, S3Encryption, Source, Storage, UpdatePolicy};
use super::{Config, SignedConfigText};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;

pub(super) const DEFAULT_KEY_DIRECTORY: &str = "./jacs_keys";
pub(super) const DEFAULT_PRIVATE_KEY_FILENAME: &str = "jacs.private.pem.enc";
pub(super) const DEFAULT_PUBLIC_KEY_FILENAME: &str = "jacs.public.pem";

const MIB: u64 = 1024 * 1024;

/// A year: beyond a thousand of them, the cache refuses.
const MAX_TTL_MS: u64 = 365 * 24 * 60 * 60 * 1000;

/// Integers beyond this are not exact in JSON.
const MAX_INTEGER: u64 = (1 << 53) - 1;

pub(super) fn build(
    object: Option<&str>,
    file: Option<(&Path, &str)>,
    environment: Option<&Environment>,
    cwd: &Path,
) -> Result<Config> {
    if !cwd.is_absolute() {
        return Err(Error::new(Code::Config, "the working directory is not an absolute path").with_path(cwd));
    }
    let mut layers = Layers { object: Default::default(), environment, file: Default::default(), file_path: None, cwd };
    let mut warnings = Vec::new();
    let mut signed = None;
    if let Some(text) = object {
        layers.object = parse_object(text)?;
        check_names(&layers.object, Given::Object)?;
    }
    if let Some((path, text)) = file {
        let path = absolute(cwd, path);
        layers.file = parse_object(text).map_err(|error| error.with_path(&path))?;
        warnings = check_names(&layers.file, Given::File).map_err(|error| error.with_path(&path))?;
        signed = layers.file.contains_key(keys::SIGNATURE).then(|| SignedConfigText(text.to_owned()));
        layers.file_path = Some(path);
    }
    let mut config = Settings { layers: &layers, sources: BTreeMap::new() }.into_config()?;
    config.written = Written::new(&layers);
    config.config_path = layers.file_path;
    config.signed = signed;
    config.warnings = warnings;
    Ok(config)
}

/// Reads settings and remembers where each came from.
struct Settings<'a> {
    layers: &'a Layers<'a>,
    sources: BTreeMap<&'static str, Source>,
}

impl Settings<'_> {
    fn into_config(mut self) -> Result<Config> {
        let default_storage = self.read(keys::DEFAULT_STORAGE, storage)?.unwrap_or(Storage::Fs);
        let data = self.layers.find(keys::DATA_DIRECTORY);
        let location = Location::from_setting(&default_storage, data.as_ref(), self.layers)?;
        let data_directory = self.read(keys::DATA_DIRECTORY, |found| found.words().map(str::to_owned))?;
        let aws_s3_encryption = self.read(keys::S3_ENCRYPTION, |found| {
            found.one_of(S3Encryption::from_name, S3Encryption::ALL.iter().map(|known| known.name()))
        })?;
        let options = |found: &Found<'_>| StorageOptions::from_setting(&default_storage, found);
        let storage_options = self.read(keys::STORAGE_OPTIONS, options)?.unwrap_or_default();
        let private_key_filename = self.filename(keys::PRIVATE_KEY_FILENAME, DEFAULT_PRIVATE_KEY_FILENAME)?;
        let public_key_filename = self.filename(keys::PUBLIC_KEY_FILENAME, DEFAULT_PUBLIC_KEY_FILENAME)?;
        // Some filesystems take names that differ in case alone for one.
        if private_key_filename.to_lowercase() == public_key_filename.to_lowercase() {
            let error = Error::new(Code::Config, "the private and the public key need files of their own");
            return Err(error.with("name", private_key_filename));
        }
        Ok(Config {
            location,
            data_directory: data_directory.unwrap_or_else(|| DEFAULT_DATA_DIRECTORY.to_owned()),
            key_directory: self.directory(keys::KEY_DIRECTORY, DEFAULT_KEY_DIRECTORY)?,
            private_key_filename,
            public_key_filename,
            key_algorithm: self.read(keys::KEY_ALGORITHM, key_algorithm)?.unwrap_or(KeyAlgorithm::Ed25519),
            agent_id_and_version: self.read(keys::AGENT_ID_AND_VERSION, agent)?.flatten(),
            agent_domain: self.read(keys::AGENT_DOMAIN, domain)?.flatten(),
            dns_validate: self.flag(keys::DNS_VALIDATE)?,
            dns_strict: self.flag(keys::DNS_STRICT)?,
            dns_required: self.flag(keys::DNS_REQUIRED)?,
            dns_servers: self.read(keys::DNS_SERVERS, servers)?.unwrap_or_default(),
            dns_trust_anchor: self.read(keys::DNS_TRUST_ANCHOR, |found| found.path())?,
            key_resolution: self
                .read(keys::KEY_RESOLUTION, key_resolution)?
                .unwrap_or_else(|| default_resolution(&default_storage)),
            keys_base_url: None,
            offline: false,
            minimum_trust: self.read(keys::MINIMUM_TRUST, key_source)?.unwrap_or(KeySource::Storage),
            update_policy: self.read(keys::UPDATE_POLICY, update_policy)?.unwrap_or(UpdatePolicy::Owner),
            aws_s3_kms_key_id: self.read(keys::S3_KMS_KEY_ID, |found| kms_key(found, aws_s3_encryption))?,
            aws_s3_encryption,
            aws_s3_storage_class: self.read(keys::S3_STORAGE_CLASS, storage_class)?,
            storage_options,
            cache_bytes: self.integer(keys::CACHE_BYTES, 0, MAX_INTEGER, 64 * MIB)?,
            cache_ttl_ms: self.integer(keys::CACHE_TTL_MS, 0, MAX_TTL_MS, 60_000)?,
            latest_ttl_ms: self.integer(keys::LATEST_TTL_MS, 0, MAX_TTL_MS, 0)?,
            max_document_bytes: self.integer(keys::MAX_DOCUMENT_BYTES, 1, 512 * MIB, 64 * MIB)?,
            default_storage,
            config_path: None,
            signed: None,
            warnings: Vec::new(),
            sources: self.sources,
            written: Written::default(),
        })
    }

    fn read<T>(&mut self, key: &'static str, parse: impl FnOnce(&Found<'_>) -> Result<T>) -> Result<Option<T>> {
        let Some(found) = self.layers.find(key) else { return Ok(None) };
        self.sources.insert(key, found.source);
        parse(&found).map(Some)
    }

    fn directory(&mut self, key: &'static str, default: &str) -> Result<PathBuf> {
        let given = self.read(key, |found| found.path())?;
        Ok(given.unwrap_or_else(|| absolute(self.layers.base(), default)))
    }

    fn filename(&mut self, key: &'static str, default: &str) -> Result<String> {
        Ok(self.read(key, filename)?.unwrap_or_else(|| default.to_owned()))
    }

    fn flag(&mut self, key: &'static str) -> Result<bool> {
        Ok(self.read(key, |found| found.flag())?.unwrap_or(false))
    }

    fn integer(&mut self, key: &'static str, least: u64, most: u64, default: u64) -> Result<u64> {
        Ok(self.read(key, |found| found.integer(least..=most))?.unwrap_or(default))
    }
}

fn storage(found: &Found<'_>) -> Result<Storage> {
    match found.words()? {
        "s3" => Err(found.error("a setting has an unknown value").with("value", "s3").with("nearest", "aws")),
        _ => found.one_of(Storage::from_name, Storage::names()),
    }
}

/// A plain file name on every platform: it must not lead out of the key directory.
fn filename(found: &Found<'_>) -> Result<String> {
    let name = found.words()?;
    if name.contains(['/', '\\', ':']) || matches!(name, "." | "..") {
        return Err(found.refused("a file name without a directory"));
    }
    // Names of other things in the key directory, which come and go.
    let taken = ["agents", ".creating", ".tmp-", ".jacs-tmp-"];
    match taken.iter().any(|start| name.to_lowercase().starts_with(start)) {
        true => Err(found.refused("a file name that the key directory does not use itself")),
        false => Ok(name.to_owned()),
    }
}

fn key_algorithm(found: &Found<'_>) -> Result<KeyAlgorithm> {
    found.one_of(KeyAlgorithm::from_name, KeyAlgorithm::ALL.iter().map(|known| known.name()))
}

/// `jacs` writes an empty text where there is no agent yet.
fn agent(found: &Found<'_>) -> Result<Option<DocumentKey>> {
    match found.text()? {
        "" => Ok(None),
        text => match text.parse() {
            Ok(key) => Ok(Some(key)),
            Err(_) => Err(found.refused("`id:version`, both lower-case hyphenated UUIDs")),
        },
    }
}

/// Only names that DNS can carry: the domain becomes part of a name that is looked up.
fn domain(found: &Found<'_>) -> Result<Option<String>> {
    let text = found.text()?;
    match (text, domain_name(text)) {
        ("", _) => Ok(None),
        (_, Some(domain)) => Ok(Some(domain)),
        _ => Err(found.refused("a domain name such as example.com, in ASCII")),
    }
}

fn servers(found: &Found<'_>) -> Result<Vec<SocketAddr>> {
    let server = |text: &&str| {
        let with_default_port = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        text.parse().or_else(|_| with_default_port()).ok()
    };
    found
        .list()?
        .iter()
        .map(server)
        .collect::<Option<_>>()
        .ok_or_else(|| found.refused("IP addresses, each with or without a port"))
}

fn key_resolution(found: &Found<'_>) -> Result<Vec<KeyResolution>> {
    let mut order = Vec::new();
    for name in found.list()? {
        let place = KeyResolution::from_name(name)
            .ok_or_else(|| found.unknown(name, KeyResolution::ALL.iter().map(|known| known.name())))?;
        if order.contains(&place) {
            return Err(found.refused("each source once").with("twice", place));
        }
        order.push(place);
    }
    match order.is_empty() {
        true => Err(found.refused("at least one source")),
        false => Ok(order),
    }
}

fn default_resolution(storage: &Storage) -> Vec<KeyResolution> {
    match storage {
        Storage::Hai => vec![KeyResolution::Local, KeyResolution::Storage, KeyResolution::Registry],
        _ => vec![KeyResolution::Local, KeyResolution::Storage],
    }
}

fn key_source(found: &Found<'_>) -> Result<KeySource> {
    found.one_of(KeySource::from_name, KeySource::ALL.iter().map(|known| known.name()))
}

fn update_policy(found: &Found<'_>) -> Result<UpdatePolicy> {
    found.one_of(UpdatePolicy::from_name, UpdatePolicy::ALL.iter().map(|known| known.name()))
}

fn kms_key(found: &Found<'_>, encryption: Option<S3Encryption>) -> Result<String> {
    match encryption {
        Some(S3Encryption::AwsKms) => found.words().map(str::to_owned),
        _ => Err(found.refused("aws_s3_encryption `aws:kms` beside it")),
    }
}

fn storage_class(found: &Found<'_>) -> Result<String> {
    let class = found.words()?;
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    match class.chars().all(plain) {
        true => Ok(class.to_owned()),
        false => Err(found.refused("a storage class such as INTELLIGENT_TIERING")),
    }
}
