//! What is configured, where each value came from, and what is wrong with it. Writes nothing.

use super::Agent;
use super::documents::blocking;
use crate::config::Setting;
use crate::document::{Origin, Parsed};
use crate::error::{Code, Result};
use crate::store::{Description, Kind};
use crate::vault::CacheCounts;

/// The findings.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    pub settings: Vec<Setting>,
    pub store: Description,
    pub cache: CacheCounts,
    pub warnings: Vec<String>,
}

impl Agent {
    /// Errors: `JACS_UNAVAILABLE`, `JACS_PERMISSION` when the backend cannot be asked.
    pub async fn doctor(&self) -> Result<Diagnosis> {
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
        warnings.extend(self.check_own_documents().await?);
        if self.config.data_path().is_some_and(|data| self.key_directory.folder().starts_with(data)) {
            warnings.push("the keys lie inside the data directory: a copy of the documents carries them along".into());
        }
        Ok(Diagnosis { settings: self.config.report(), store, cache: self.vault.cache.counts(), warnings })
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
                Err(error) if matches!(error.code(), Code::Hash | Code::Permission) => Some(error),
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
