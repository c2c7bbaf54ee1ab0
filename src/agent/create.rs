//! A new agent: keys, agent document, configuration, in this order, each durable before the next. A mark in the
//! key directory says that a creation is under way; whoever calls again after a crash finishes it.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use super::Agent;
use super::configuration::{MAX_CONFIG_BYTES, readable};
use super::key_directory::{KeyDirectory, OwnDocument};
use super::load::LoadOptions;
use super::publication::checked_domain;
use crate::canonical::{Object, parse_object};
use crate::config::{Config, EnvironmentUse, find_password};
use crate::crypto::{Algorithm, SecretKey, Signer, check_strength};
use crate::document::{Author, Draft, MAX_AGENT_BYTES};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};
use crate::local_file;
use crate::store::Store;
use crate::store::blocking;

/// `$schema` of agent documents and of configurations.
const AGENT_SCHEMA: &str = "https://hai.ai/schemas/agent/v1/agent.schema.json";
const CONFIG_SCHEMA: &str = "https://hai.ai/schemas/jacs.config.schema.json";

/// What a caller asks of a new agent.
#[derive(Default)]
pub struct CreateAgent {
    /// Default `./jacs.config.json`.
    pub config_path: Option<String>,
    pub data_directory: Option<String>,
    pub key_directory: Option<String>,
    pub storage: Option<String>,
    pub algorithm: Option<String>,
    pub password: Option<Zeroizing<String>>,
    pub name: Option<String>,
    pub description: Option<String>,
    /// `human`, `human-org`, `hybrid` or `ai` (default).
    pub agent_type: Option<String>,
    pub domain: Option<String>,
}

impl Agent {
    /// Makes an agent and loads it.
    ///
    /// Errors: `JACS_CONFLICT` over existing keys or a configuration that names an agent, with nothing written;
    /// `JACS_PASSWORD` for a missing or weak password, or a wrong one when a cut-off creation is finished;
    /// `JACS_CONFIG`, `JACS_INPUT`, `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn create(options: CreateAgent, environment: Environment, working_directory: PathBuf) -> Result<Agent> {
        let domain = options.domain.as_deref().map(checked_domain).transpose()?;
        let options = CreateAgent { domain, ..options };
        let path = working_directory.join(options.config_path.as_deref().unwrap_or("jacs.config.json"));
        let existing = read_config(&path)?;
        let config = resolve(&options, &path, existing.as_deref(), &environment, &working_directory)?;
        let cut_off = KeyDirectory::new(&config).is_being_created();
        if config.agent_id_and_version.is_some() && !cut_off {
            return Err(Error::new(Code::Conflict, "the configuration names an agent already").with_path(&path));
        }
        // Whatever the store would refuse is refused before keys are made.
        Store::open(&super::load::settings(&config, &environment)?).await?;
        check_agent_type(&options)?;
        let password =
            find_password(options.password.as_ref().map(|text| text.as_str()), &environment, &working_directory)?;
        let password = password.ok_or_else(|| {
            Error::new(Code::Password, "a new private key needs a password: the option `password`, JACS_PRIVATE_KEY_PASSWORD or JACS_PASSWORD_FILE")
        })?;
        let text = password.text.clone();
        let made = blocking(move || {
            let key = make(&options, &config, &path, existing, &text)?;
            // The options stay above the environment, as in every load with an object.
            let written = read_config(&path)?;
            let mut config = resolve(&options, &path, written.as_deref(), &environment, &working_directory)?;
            config.agent_id_and_version = Some(key);
            Ok((config, environment, working_directory))
        });
        let (config, environment, working_directory) = made.await?;
        let load = LoadOptions { password: Some(password.text), ..LoadOptions::default() };
        Agent::load(config, &load, &environment, &working_directory).await
    }
}

/// Everything that is written, under the lock of the key directory.
fn make(
    options: &CreateAgent,
    config: &Config,
    path: &Path,
    existing: Option<String>,
    password: &str,
) -> Result<DocumentKey> {
    let directory = KeyDirectory::new(config);
    refuse_existing(&directory)?;
    check_strength(password)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        return Err(Error::new(Code::Input, "the configuration's folder does not exist").with_path(folder));
    }
    let is_new = !directory.folder().exists();
    local_file::create_folder(directory.folder())?;
    let made = make_locked(&directory, options, config, path, existing, password);
    if made.is_err() && is_new {
        // Only when it is empty: what was begun stays, to be finished.
        let _ = std::fs::remove_dir(directory.folder());
    }
    made
}

fn make_locked(
    directory: &KeyDirectory,
    options: &CreateAgent,
    config: &Config,
    path: &Path,
    existing: Option<String>,
    password: &str,
) -> Result<DocumentKey> {
    let _lock = directory.lock()?;
    // Another process may have finished its creation while this one waited for the lock.
    refuse_existing(directory)?;
    if read_config(path)? != existing {
        return Err(Error::new(Code::Conflict, "the configuration was written meanwhile").with_path(path));
    }
    if let Some(named) = config.agent_id_and_version
        && !(directory.has_private_key() && directory.has_own_document(named))
    {
        return Err(Error::new(Code::Conflict, "the configuration names an agent already").with_path(path));
    }
    // All that can be wrong with the input shows here, before the first key is written.
    let plan = plan(directory, options, config, path, password)?;
    directory.begin_creation()?;
    if !directory.has_private_key() {
        directory.write_private_key(&plan.key, password)?;
    }
    if !directory.has_public_key() {
        directory.write_public_key(&plan.key)?;
    }
    directory.write_own_document(&plan.document)?;
    match (&plan.configuration, existing) {
        (Some(text), Some(_)) => local_file::replace(path, text.as_bytes())?,
        (Some(text), None) => local_file::create(path, text.as_bytes())?,
        (None, _) => {}
    }
    directory.end_creation()?;
    Ok(plan.document.key)
}

/// What will be written: made, or found where a creation was cut off.
struct Plan {
    key: SecretKey,
    document: OwnDocument,
    /// `None` when it is written already.
    configuration: Option<String>,
}

fn plan(directory: &KeyDirectory, options: &CreateAgent, config: &Config, path: &Path, password: &str) -> Result<Plan> {
    let key = find_key(directory, config, password)?;
    let now = Timestamp::now();
    let document = match directory.own_documents(key.public_key(), config.max_document_bytes)?.pop() {
        Some(made) => made,
        None => make_document(options, &key, config, now)?,
    };
    let configuration = match config.agent_id_and_version {
        None => Some(make_configuration(config, options, path, &document, &key, now)?),
        // The creation was cut off after its last file.
        Some(named) if named == document.key => None,
        Some(_) => return Err(Error::new(Code::Conflict, "the configuration names another agent").with_path(path)),
    };
    Ok(Plan { key, document, configuration })
}

fn refuse_existing(directory: &KeyDirectory) -> Result<()> {
    if (directory.has_private_key() || directory.has_public_key()) && !directory.is_being_created() {
        return Err(Error::new(Code::Conflict, "there are keys already").with_path(directory.private_key_path()));
    }
    Ok(())
}

/// The key of a creation that was cut off, or a new one.
fn find_key(directory: &KeyDirectory, config: &Config, password: &str) -> Result<SecretKey> {
    let algorithm = Algorithm::parse(config.key_algorithm.name());
    let algorithm = algorithm.ok_or_else(|| {
        Error::new(Code::Config, "the key algorithm is not known").with("algorithm", config.key_algorithm)
    })?;
    let key = match directory.has_private_key() {
        true => directory.unlock(algorithm, password)?,
        false => SecretKey::generate(algorithm)?,
    };
    if directory.has_public_key() && directory.public_key()? != *key.public_key() {
        return Err(Error::new(Code::Conflict, "a public key of another private key stands there already")
            .with_path(directory.folder()));
    }
    Ok(key)
}

fn make_document(options: &CreateAgent, key: &SecretKey, config: &Config, now: Timestamp) -> Result<OwnDocument> {
    let mut agent = Object::default();
    agent.set("$schema", AGENT_SCHEMA);
    agent.set("jacsType", "agent");
    agent.set("jacsLevel", "config");
    agent.set("jacsAgentType", options.agent_type.as_deref().unwrap_or("ai"));
    agent.set("jacsPublicKey", STANDARD.encode(key.public_key().raw()));
    agent.set("name", options.name.as_deref().unwrap_or("jacs-agent"));
    agent.set("description", options.description.as_deref().unwrap_or("JACS agent"));
    if let Some(domain) = &config.agent_domain {
        agent.set("jacsAgentDomain", domain.as_str());
    }
    let agent_key = DocumentKey { id: DocumentId::random(), version: Version::now() };
    let author = Author { agent: agent_key, signer: key };
    let signed =
        Draft::of_system(agent, agent_key, now).sign(&author, now, config.max_document_bytes.min(MAX_AGENT_BYTES))?;
    Ok(OwnDocument { key: signed.key, text: signed.text })
}

/// The configuration, signed: other implementations load an agent from no other.
fn make_configuration(
    config: &Config,
    options: &CreateAgent,
    path: &Path,
    agent: &OwnDocument,
    key: &SecretKey,
    now: Timestamp,
) -> Result<String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut members: Map<String, Json> = config.file_members(folder)?;
    members.insert("jacs_agent_id_and_version".into(), json!(agent.key.to_string()));
    members.insert("jacs_agent_key_algorithm".into(), json!(key.algorithm().name()));
    if options.domain.is_some() {
        members.insert("jacs_dns_validate".into(), json!(true));
    }
    for (name, value) in [("$schema", CONFIG_SCHEMA), ("jacsType", "config"), ("jacsLevel", "config")] {
        members.insert(name.into(), json!(value));
    }
    let text = Json::Object(members).to_string();
    let author = Author { agent: agent.key, signer: key };
    let config_key = DocumentKey { id: DocumentId::random(), version: Version::now() };
    let signed = Draft::of_system(parse_object(&text)?, config_key, now).sign(&author, now, MAX_CONFIG_BYTES)?;
    readable(&signed.text)
}

fn read_config(path: &Path) -> Result<Option<String>> {
    let bytes = match local_file::read_bounded(path, MAX_CONFIG_BYTES) {
        Ok((bytes, _)) => bytes,
        Err(failure) if failure.is_absent() => return Ok(None),
        Err(failure) => return Err(failure.into_error(Code::Config, "the configuration file cannot be read", path)),
    };
    let text = std::str::from_utf8(&bytes).map(str::to_owned);
    text.map(Some).map_err(|_| Error::new(Code::Config, "the configuration file is not UTF-8").with_path(path))
}

fn resolve(
    options: &CreateAgent,
    path: &Path,
    existing: Option<&str>,
    environment: &Environment,
    working_directory: &Path,
) -> Result<Config> {
    let mut object = Map::new();
    let given = [
        ("jacs_data_directory", &options.data_directory),
        ("jacs_key_directory", &options.key_directory),
        ("jacs_default_storage", &options.storage),
        ("jacs_agent_key_algorithm", &options.algorithm),
        ("jacs_agent_domain", &options.domain),
    ];
    for (key, value) in given {
        if let Some(value) = value {
            object.insert(key.into(), json!(value));
        }
    }
    let object = Json::Object(object).to_string();
    let file = Some((path, existing.unwrap_or("{}")));
    Config::resolve(Some(&object), file, environment, EnvironmentUse::Settings, working_directory)
}

fn check_agent_type(options: &CreateAgent) -> Result<()> {
    const KINDS: [&str; 4] = ["human", "human-org", "hybrid", "ai"];
    match options.agent_type.as_deref() {
        Some(kind) if !KINDS.contains(&kind) => {
            Err(Error::new(Code::Input, "an agent is `human`, `human-org`, `hybrid` or `ai`").with("agentType", kind))
        }
        _ => Ok(()),
    }
}
