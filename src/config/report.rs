//! Every setting with its value and source, for `doctor`.

use serde_json::Value;

use super::values::Source;
use super::{Config, keys};

/// One setting as `doctor` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The setting's name.
    pub key: &'static str,
    /// The value in force, paths absolute; empty when there is none. Never a secret.
    pub value: String,
    pub source: Source,
}

impl Config {
    /// Every setting in a fixed order, defaults included. Options of the storage service are named and their
    /// values left out, since credentials may be among them.
    pub fn report(&self) -> Vec<Setting> {
        let setting = |key: &&'static str| Setting { key, value: self.shown(key), source: self.source(key) };
        keys::SETTINGS.iter().map(setting).collect()
    }

    fn shown(&self, key: &str) -> String {
        match key {
            keys::DEFAULT_STORAGE => self.default_storage.to_string(),
            keys::DATA_DIRECTORY => self.shown_data_directory(),
            keys::KEY_DIRECTORY => self.key_directory.display().to_string(),
            keys::PRIVATE_KEY_FILENAME => self.private_key_filename.clone(),
            keys::PUBLIC_KEY_FILENAME => self.public_key_filename.clone(),
            keys::KEY_ALGORITHM => self.key_algorithm.to_string(),
            keys::AGENT_ID_AND_VERSION => shown(self.agent_id_and_version),
            keys::AGENT_DOMAIN => shown(self.agent_domain.as_ref()),
            keys::DNS_VALIDATE => self.dns_validate.to_string(),
            keys::DNS_STRICT => self.dns_strict.to_string(),
            keys::DNS_REQUIRED => self.dns_required.to_string(),
            keys::DNS_SERVERS => joined(&self.dns_servers),
            keys::DNS_TRUST_ANCHOR => shown(self.dns_trust_anchor.as_deref().map(std::path::Path::display)),
            keys::KEY_RESOLUTION => joined(&self.key_resolution),
            keys::MINIMUM_TRUST => self.minimum_trust.to_string(),
            keys::UPDATE_POLICY => self.update_policy.to_string(),
            keys::S3_ENCRYPTION => shown(self.aws_s3_encryption),
            keys::S3_KMS_KEY_ID => shown(self.aws_s3_kms_key_id.as_ref()),
            keys::S3_STORAGE_CLASS => shown(self.aws_s3_storage_class.as_ref()),
            keys::STORAGE_OPTIONS => Value::Object(self.storage_options.to_json()).to_string(),
            keys::CACHE_BYTES => self.cache_bytes.to_string(),
            keys::CACHE_TTL_MS => self.cache_ttl_ms.to_string(),
            keys::LATEST_TTL_MS => self.latest_ttl_ms.to_string(),
            keys::MAX_DOCUMENT_BYTES => self.max_document_bytes.to_string(),
            _ => String::new(),
        }
    }

    /// A URL for another backend may carry `user:password@`.
    fn shown_data_directory(&self) -> String {
        match self.data_path() {
            Some(path) => path.display().to_string(),
            None => match self
                .data_directory
                .split_once("://")
                .and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)))
            {
                Some((scheme, (_, place))) => format!("{scheme}://(hidden)@{place}"),
                None => self.data_directory.clone(),
            },
        }
    }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn joined(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
