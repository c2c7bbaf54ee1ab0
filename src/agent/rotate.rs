//! Another key for the same agent, and another text of its document: each a new version that the version before leads to.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use super::Agent;
use super::configuration;
use super::key_directory::{Change, KeyDirectory, NewConfiguration, NewKeys, OwnDocument};
use super::load::LoadOptions;
use crate::canonical::{Object, Value};
use crate::config::{Config, find_password};
use crate::crypto::{Algorithm, PublicKey, SecretKey, Signer, check_strength, key_file};
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

impl Agent {
    /// Makes a new key, a new version of the agent document with the proof by the old key, and writes both beside the keys; the
    /// agent that has them.
    ///
    /// Errors: `JACS_PERMISSION` for an agent that was loaded read-only, `JACS_PASSWORD`, `JACS_KEY` when another process changed the
    /// keys, `JACS_INPUT`.
    pub async fn rotate(&self, options: Rotate, environment: &Environment, working_directory: &Path) -> Result<Agent> {
        self.check_writable()?;
        let algorithm = self.algorithm_of(options.algorithm.as_deref())?;
        let password =
            find_password(options.password.as_ref().map(|text| text.as_str()), environment, working_directory)?;
        let password = password.ok_or_else(|| {
            Error::new(Code::Password, "the new private key needs a password: the option `password`, JACS_PRIVATE_KEY_PASSWORD or JACS_PASSWORD_FILE")
        })?;
        let new_password = options.new_password.unwrap_or_else(|| password.text.clone());
        check_strength(&new_password)?;
        let plan = Plan::of(self);
        let (password_text, new_text, reason) = (password.text.clone(), new_password.clone(), options.reason);
        blocking(move || plan.rotate(algorithm, &password_text, &new_text, reason)).await?;
        self.load_again(new_password, environment, working_directory).await
    }

    /// A new version of the agent document, by the same key; the agent that has it.
    ///
    /// Errors: as [`rotate`](Self::rotate).
    pub async fn update_agent(
        &self,
        changes: AgentChanges,
        password: Option<Zeroizing<String>>,
        environment: &Environment,
        working_directory: &Path,
    ) -> Result<Agent> {
        self.check_writable()?;
        let _ = (changes, password, environment, working_directory, Plan::of(self));
        Err(Error::new(Code::Unsupported, "not yet"))
    }

    fn algorithm_of(&self, asked: Option<&str>) -> Result<Algorithm> {
        let Some(name) = asked else { return Ok(self.public_key().algorithm()) };
        Algorithm::parse(name)
            .ok_or_else(|| Error::new(Code::Input, "the key algorithm is not known").with("algorithm", name))
    }

    async fn load_again(
        &self,
        password: Zeroizing<String>,
        environment: &Environment,
        working_directory: &Path,
    ) -> Result<Agent> {
        let options = LoadOptions { password: Some(password), read_only: false };
        let mut config = self.config.clone();
        config.agent_id_and_version = None;
        let _ = PathBuf::new();
        Agent::load(config, &options, environment, working_directory).await
    }
}

/// What is needed to change the files, away from the agent.
struct Plan {
    directory: KeyDirectory,
    config: Config,
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

    fn rotate(&self, algorithm: Algorithm, password: &str, new_password: &str, reason: Reason) -> Result<()> {
        let _lock = self.directory.lock()?;
        if self.directory.public_key()? != self.public_key {
            return Err(Error::new(Code::Key, "another process replaced the keys: load the agent again")
                .with_path(self.directory.folder()));
        }
        let old = self.directory.unlock(self.public_key.algorithm(), password)?;
        let new = SecretKey::generate(algorithm)?;
        let now = Timestamp::now();
        let before = Parsed::read(&self.document, Origin::Caller, MAX_AGENT_BYTES)?;
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
        let configuration = self.configuration(&document, &new, now)?;
        self.directory.change(&Change { document, keys: Some(keys), configuration })
    }

    /// The next version of the agent document, signed as itself.
    fn sign(&self, agent: Object, before: &Parsed, signer: &dyn Signer, now: Timestamp) -> Result<OwnDocument> {
        let draft = Draft::following(agent, before, now);
        let author = Author { agent: draft.key, signer };
        let signed = draft.sign(&author, now, self.config.max_document_bytes.min(MAX_AGENT_BYTES))?;
        Ok(OwnDocument { key: signed.key, text: signed.text })
    }

    fn configuration(
        &self,
        agent: &OwnDocument,
        signer: &dyn Signer,
        now: Timestamp,
    ) -> Result<Option<NewConfiguration>> {
        configuration::follow(&self.config, agent.key, signer, now)
    }
}
