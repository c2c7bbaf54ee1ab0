//! Another key for the same agent, and another text of its document: each a new version that the version before leads to.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::Agent;
use super::configuration;
use super::key_directory::{Change, KeyDirectory, KeyStamp, NewKeys, OwnDocument};
use super::load::{missing_password, read_only, vault};
use super::publication::checked_domain;
use crate::canonical::{Object, Value};
use crate::config::{Config, find_password};
use crate::crypto::{Algorithm, PublicKey, SecretKey, Signer, check_strength, key_file};
use crate::document::schema::Schemas;
use crate::document::{Author, Draft, MAX_AGENT_BYTES, Origin, Parsed};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::store::blocking;
use crate::trust::{ROTATION_PROOF, Reason, prove};

/// What a caller asks of a rotation.
#[derive(Default)]
pub struct Rotate {
    /// Of the present private key; found as in a load when absent.
    pub password: Option<Zeroizing<String>>,
    /// Of the new one, and of the old one that is kept; default: the present one.
    pub new_password: Option<Zeroizing<String>>,
    /// Default: that of the present key.
    pub algorithm: Option<String>,
    pub reason: Reason,
}

/// What a caller wants changed in the agent document; what is absent stays.
#[derive(Clone, Default)]
pub struct AgentChanges {
    pub name: Option<String>,
    pub description: Option<String>,
    /// Empty: none any more.
    pub domain: Option<String>,
}

impl AgentChanges {
    /// Whether a document says all of it already: whoever starts a service may say it every time.
    fn are_in(&self, agent: &Object) -> bool {
        let members = [("name", &self.name), ("description", &self.description), ("jacsAgentDomain", &self.domain)];
        let is_there = |name: &str, value: &str| agent.text(name).unwrap_or_default() == value;
        members.iter().all(|(name, value)| value.as_deref().is_none_or(|value| is_there(name, value)))
    }
}

impl Agent {
    /// Makes a new key and a new version of the agent document with the proof by the old key, and writes both beside the keys;
    /// the agent that has them.
    ///
    /// Errors: `JACS_PERMISSION` for an agent that was loaded read-only, `JACS_PASSWORD`, `JACS_KEY` when another process replaced
    /// the keys, `JACS_INPUT`.
    pub async fn rotate(&self, options: Rotate, environment: &Environment, working_directory: &Path) -> Result<Agent> {
        self.check_writable()?;
        let algorithm = match options.algorithm.as_deref() {
            None => self.public_key().algorithm(),
            Some(name) => Algorithm::parse(name)
                .ok_or_else(|| Error::new(Code::Input, "the key algorithm is not known").with("algorithm", name))?,
        };
        let given = options.password.as_ref().map(|text| text.as_str());
        let password = find_password(given, environment, working_directory)?.ok_or_else(missing_password)?;
        let new_password = options.new_password.unwrap_or_else(|| password.text.clone());
        check_strength(&new_password)?;
        let (plan, reason) = (Plan::of(self), options.reason);
        let new = blocking(move || plan.rotate(algorithm, &password.text, &new_password, reason)).await?;
        self.renewed(new)
    }

    /// Writes a new version of the agent document, by the same key; the agent that has it.
    ///
    /// Errors: `JACS_PERMISSION` for an agent that was loaded read-only, `JACS_KEY` when another process replaced the keys,
    /// `JACS_INPUT`.
    pub async fn update_agent(&self, mut changes: AgentChanges) -> Result<Agent> {
        self.check_writable()?;
        if let Some(domain) = changes.domain.as_mut().filter(|domain| !domain.is_empty()) {
            *domain = checked_domain(domain)?;
        }
        let signer = self.signer.clone().ok_or_else(read_only)?;
        let (plan, domain) = (Plan::of(self), changes.domain.clone());
        let mut agent = self.renewed(blocking(move || plan.update(&changes, signer)).await?)?;
        if let Some(domain) = domain {
            agent.config.agent_domain = Some(domain).filter(|domain| !domain.is_empty());
        }
        Ok(agent)
    }

    /// The same agent with another version of its document, on the same store.
    fn renewed(&self, new: Renewed) -> Result<Agent> {
        let mut config = self.config.clone();
        config.agent_id_and_version = Some(new.document.key);
        let public_key = new.signer.public_key().clone();
        let own = self.key_directory.own_key(&new.document, public_key.clone(), config.max_document_bytes)?;
        let vault = vault(&config, &self.environment, self.vault.store.clone(), Some(own))?;
        Ok(Agent {
            key: new.document.key,
            document: new.document.text,
            config,
            public_key,
            vault: Arc::new(vault),
            environment: self.environment.clone(),
            key_stamp: new.key_stamp,
            key_directory: self.key_directory.clone(),
            signer: Some(new.signer),
            warnings: self.warnings.clone(),
            schemas: Schemas::new(),
            published: OnceCell::new(),
            sweep: None,
        })
    }
}

/// What a change made.
struct Renewed {
    document: OwnDocument,
    signer: Arc<SecretKey>,
    /// Taken under the lock.
    key_stamp: KeyStamp,
}

/// What is needed to change the files, away from the agent.
struct Plan {
    directory: KeyDirectory,
    config: Config,
    /// Of the agent as it was loaded.
    document: String,
    public_key: PublicKey,
}

impl Plan {
    fn of(agent: &Agent) -> Plan {
        Plan {
            directory: agent.key_directory.clone(),
            config: agent.config.clone(),
            document: agent.document.clone(),
            public_key: agent.public_key().clone(),
        }
    }

    fn rotate(&self, algorithm: Algorithm, password: &str, new_password: &str, reason: Reason) -> Result<Renewed> {
        let _lock = self.lock()?;
        let old = self.directory.unlock(self.public_key.algorithm(), password)?;
        let new = SecretKey::generate(algorithm)?;
        let now = Timestamp::now();
        let document = self.newest()?;
        let before = Parsed::read(&document, Origin::Caller, MAX_AGENT_BYTES)?;
        let mut agent = before.object.clone().into_owned();
        agent.set("jacsPublicKey", STANDARD.encode(new.public_key().raw()));
        agent.set(ROTATION_PROOF, Value::Object(prove(before.header.key.id, &old, new.public_key(), now, reason)?));
        let document = self.sign(agent, &before, &new, now)?;
        let note = json!({
            "agent": document.key.id.to_string(),
            "lastVersion": before.header.key.version.to_string(),
            "keySha256": self.public_key.sha256(),
            "algorithm": self.public_key.algorithm().name(),
            "replacedAt": now.to_string(),
            "reason": reason.name(),
            "note": "This key was replaced. What it signs from now on is not valid. Keep it only to prove what it signed.",
        });
        let keys = NewKeys {
            private: key_file::encrypt(&new.to_plain()?, new_password)?.to_string(),
            public: new.public_key().raw().to_vec(),
            retired: before.header.key,
            retired_private: key_file::encrypt(&old.to_plain()?, new_password)?.to_string(),
            retired_public: self.public_key.raw().to_vec(),
            retired_note: format!("{note:#}\n"),
        };
        let configuration = configuration::follow(&self.config, document.key, None, &new, now)?;
        self.keep(&before)?;
        self.directory.change(&Change { document: document.clone(), keys: Some(keys), configuration })?;
        Ok(Renewed { document, signer: Arc::new(new), key_stamp: self.directory.stamp() })
    }

    fn update(&self, changes: &AgentChanges, signer: Arc<SecretKey>) -> Result<Renewed> {
        let _lock = self.lock()?;
        let now = Timestamp::now();
        let document = self.newest()?;
        let before = Parsed::read(&document, Origin::Caller, MAX_AGENT_BYTES)?;
        if changes.are_in(&before.object) {
            let document = OwnDocument { key: before.header.key, text: before.canonical_text() };
            return Ok(Renewed { document, signer, key_stamp: self.directory.stamp() });
        }
        let mut agent = before.object.clone().into_owned();
        // It belongs to the version in which the key changed.
        agent.remove(ROTATION_PROOF);
        // Those of `jacs` carry none.
        agent.set("jacsPublicKey", STANDARD.encode(self.public_key.raw()));
        for (name, value) in [("name", &changes.name), ("description", &changes.description)] {
            value.iter().for_each(|value| agent.set(name, value.clone()));
        }
        match changes.domain.as_deref() {
            None => {}
            Some("") => drop(agent.remove("jacsAgentDomain")),
            Some(domain) => agent.set("jacsAgentDomain", domain.to_owned()),
        }
        let document = self.sign(agent, &before, &*signer, now)?;
        let domain = changes.domain.as_deref();
        let configuration = configuration::follow(&self.config, document.key, domain, &*signer, now)?;
        self.keep(&before)?;
        self.directory.change(&Change { document: document.clone(), keys: None, configuration })?;
        Ok(Renewed { document, signer, key_stamp: self.directory.stamp() })
    }

    /// An agent of `jacs` has its document elsewhere: what follows it needs it here.
    fn keep(&self, before: &Parsed) -> Result<()> {
        let document = OwnDocument { key: before.header.key, text: before.canonical_text() };
        match self.directory.has_own_document(document.key) {
            true => Ok(()),
            false => self.directory.write_own_document(&document),
        }
    }

    /// Errors: `JACS_KEY` when another process replaced the keys meanwhile.
    fn lock(&self) -> Result<Option<File>> {
        let lock = self.directory.lock()?;
        match self.directory.public_key()? == self.public_key {
            true => Ok(lock),
            false => Err(replaced_keys(self.directory.folder())),
        }
    }

    /// The last version of the agent document: another process may have changed it by the same key. Asked under the lock.
    fn newest(&self) -> Result<String> {
        let loaded = Parsed::read(&self.document, Origin::Caller, MAX_AGENT_BYTES)?.header.key;
        let own = self.directory.own_documents(&self.public_key, MAX_AGENT_BYTES)?;
        let later = own.into_iter().rfind(|own| own.key.id == loaded.id && own.key.version > loaded.version);
        Ok(later.map_or_else(|| self.document.clone(), |own| own.text))
    }

    /// The next version of the agent document, signed as itself.
    fn sign(&self, agent: Object, before: &Parsed, signer: &dyn Signer, now: Timestamp) -> Result<OwnDocument> {
        let draft = Draft::following(agent, before, now);
        let author = Author { agent: draft.key, signer };
        let signed = draft.sign(&author, now, self.config.max_document_bytes.min(MAX_AGENT_BYTES))?;
        Ok(OwnDocument { key: signed.key, text: signed.text })
    }
}

/// Another process has other keys since.
pub(super) fn replaced_keys(folder: &Path) -> Error {
    Error::new(Code::Key, "another process replaced the keys: load the agent again").with_path(folder)
}
