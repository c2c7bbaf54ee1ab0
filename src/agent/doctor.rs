//! What is configured, where each value came from, and what is wrong with it. Writes nothing.

use super::Agent;
use crate::config::{Config, KeyResolution, Setting};
use crate::document::{Origin, Parsed};
use crate::error::{Code, Result};
use crate::store::blocking;
use crate::store::{CreateOnce, Description, Findings, Kind};
use crate::vault::CacheCounts;

/// The findings.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    pub settings: Vec<Setting>,
    pub keys: KeyLookup,
    pub store: Description,
    /// Of a backend behind a network.
    pub server: Option<Findings>,
    pub cache: CacheCounts,
    pub warnings: Vec<String>,
    /// What could be better, although nothing is wrong.
    pub advice: Vec<String>,
}

/// Who is asked whose key it is.
#[derive(Clone, Debug)]
pub struct KeyLookup {
    pub resolution: Vec<KeyResolution>,
    /// The registry's URL, where it is among them.
    pub registry: Option<String>,
    /// Whether the records of domains are looked up.
    pub dns: bool,
    /// Neither of the two is asked.
    pub offline: bool,
}

impl KeyLookup {
    fn of(config: &Config) -> KeyLookup {
        let resolution = config.key_resolution.clone();
        let registry = config.keys_base_url.clone().filter(|_| resolution.contains(&KeyResolution::Registry));
        KeyLookup { resolution, registry, dns: config.confirms_by_dns(), offline: config.offline }
    }
}

impl Agent {
    /// With `probe` a server is shown one object, which is removed again: what it can do is found out by doing it.
    ///
    /// Errors: `JACS_UNAVAILABLE`, `JACS_PERMISSION` when a local backend cannot be asked; what a server refuses is a
    /// warning.
    pub async fn doctor(&self, probe: bool) -> Result<Diagnosis> {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.config.warnings.iter().cloned());
        warnings.extend(self.key_directory.warnings());
        warnings.extend(self.check_config_signature());
        let store = self.vault.store.clone();
        let store = blocking(move || Ok(store.describe())).await?;
        if store.directory.as_ref().is_some_and(|directory| !directory.writable) && !self.is_read_only() {
            warnings.push("the data directory cannot be written".into());
        }
        if store.directory.as_ref().is_some_and(|directory| !directory.locks) {
            let text = "the filesystem has no locks: updates of one document by several processes may fork it";
            warnings.push(text.into());
        }
        let server = self.vault.store.probe(probe).await;
        let mut advice = Vec::new();
        match &server {
            Some(findings) => {
                warnings.extend(server_warnings(findings));
                advice.extend(server_advice(findings));
                let asked = self.config.aws_s3_encryption.map(|encryption| encryption.name());
                if findings.may.write == Some(true) && asked.is_some() && findings.encryption.as_deref() != asked {
                    advice.push("the server does not say that it encrypts as `aws_s3_encryption` asks".into());
                }
                // What keeps the server from answering is among the warnings already.
                if findings.may.list == Some(true) {
                    let checked = self.check_own_documents().await;
                    warnings.extend(checked.unwrap_or_else(|error| {
                        vec![format!("reading the agent's own document failed: {}: {error}", error.code())]
                    }));
                }
            }
            None => warnings.extend(self.check_own_documents().await?),
        }
        if self.config.data_path().is_some_and(|data| self.key_directory.folder().starts_with(data)) {
            warnings.push("the keys lie inside the data directory: a copy of the documents carries them along".into());
        }
        let (settings, cache) = (self.config.report(), self.vault.cache.counts());
        let keys = KeyLookup::of(&self.config);
        Ok(Diagnosis { settings, keys, store, server, cache, warnings, advice })
    }

    /// Without these, nobody else can verify what the agent signed, and it cannot write.
    async fn check_own_documents(&self) -> Result<Vec<String>> {
        let beside = self.key_directory.own_documents(self.public_key(), self.vault.max_bytes)?;
        let mut warnings = Vec::new();
        for document in beside.iter().filter(|document| document.key.id == self.key.id) {
            let damage = match self.vault.read_text(Kind::Agent, document.key).await {
                Ok(text) => {
                    let parsed = Parsed::read(&text, Origin::Storage(document.key), self.vault.max_bytes);
                    parsed.and_then(|parsed| parsed.check_hash()).err()
                }
                Err(error) if error.is_damage() => Some(error),
                Err(error) if error.code() == Code::NotFound => None,
                Err(error) => return Err(error),
            };
            warnings.extend(damage.map(|error| {
                format!("the agent's own document is damaged in the store; removed there, it is written anew: {error}")
            }));
        }
        Ok(warnings)
    }

    /// Configurations are edited by people, so a signature that no longer holds is no error.
    fn check_config_signature(&self) -> Option<String> {
        let signed = self.config.signed.as_ref()?;
        let checked = Parsed::read(signed.as_str(), Origin::Caller, u64::MAX).and_then(|parsed| {
            parsed.check_hash()?;
            let claim = parsed.claim()?;
            parsed.check_fields(&claim, false)?;
            parsed.check_signature(&claim, self.public_key())
        });
        checked.err().map(|error| format!("the signature of the configuration does not hold: {error}"))
    }
}

/// Clocks may differ by this; S3 refuses what is signed 15 minutes early or late.
const SKEW_SECONDS: u64 = 60;

fn server_warnings(findings: &Findings) -> Vec<String> {
    let mut warnings: Vec<String> =
        findings.failures.iter().map(|(what, error)| format!("{what} failed: {}: {error}", error.code())).collect();
    if findings.create_once == CreateOnce::None {
        let text = "the server ignores the condition of a write: nothing but a look beforehand keeps an object from being overwritten";
        warnings.push(text.into());
    }
    if findings.may.read == Some(false) && findings.failures.is_empty() {
        warnings.push("what was written is not what is read".into());
    }
    if findings.partial_uploads == Some(true) {
        let text = "the server shows uploads that were broken off: a lost connection may leave a damaged document";
        warnings.push(text.into());
    }
    if let Some(skew) = findings.clock_skew_seconds.filter(|skew| skew.unsigned_abs() > SKEW_SECONDS) {
        let side = if skew > 0 { "late" } else { "early" };
        let seconds = skew.unsigned_abs();
        warnings.push(format!("the clock of this machine is {seconds} s {side} beside the server's"));
    }
    warnings
}

fn server_advice(findings: &Findings) -> Vec<String> {
    let mut advice = Vec::new();
    if findings.versioning == Some(false) {
        let text = "versioning of the bucket is off: what is removed, or overwritten by others, cannot be brought back";
        advice.push(text.into());
    }
    if findings.versioning.is_some() {
        let text = "uploads of large attachments that broke off stay, and cost, until a lifecycle rule of the bucket ends them (AbortIncompleteMultipartUpload)";
        advice.push(text.into());
    }
    if findings.create_once == CreateOnce::Checked {
        let text = "two writers of one key at the same moment may both be told that they were first: fresh documents are not concerned";
        advice.push(text.into());
    }
    advice
}
