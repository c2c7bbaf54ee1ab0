//! An agent from its configuration: the same on every backend, and without a socket as long as the agent's
//! own document lies beside its keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::Agent;
use super::key_directory::{KeyDirectory, KeyStamp, OwnDocument, check_own, entries, read_text};
use crate::config::{self, Config, Location, Source, Storage, find_password};
use crate::crypto::{Algorithm, PublicKey, SecretKey, Signer};
use crate::document::schema::Schemas;
use crate::document::{MAX_AGENT_BYTES, Origin, Parsed, Signed};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;
use crate::store::{Access, Aws, Durability, Hai, Kind, Name, ObjectKey, Other, Settings, Store, blocking};
use crate::trust::{AgentVersion, Confirming, Dns, Keyring, OwnKey, Pins, Registry, Sources};
use crate::vault::{Cache, CacheLimits, Successions, Vault};

/// Agents of a store that are looked through for the one that the key signed, when no id is configured.
const MAX_AGENTS: usize = 10_000;

/// How to load.
#[derive(Default)]
pub struct LoadOptions {
    pub password: Option<zeroize::Zeroizing<String>>,
    /// Needs no private key and no password.
    pub read_only: bool,
    /// Asks neither the registry nor DNS for keys, whatever is configured. Storage that is itself remote is asked.
    pub offline: bool,
}

impl Agent {
    /// Loads the agent that a configuration names.
    ///
    /// Errors: `JACS_KEY` for a missing or foreign key, `JACS_PASSWORD`, `JACS_NOT_FOUND` when there is no agent
    /// document that the key signed, `JACS_CONFIG`, `JACS_UNSUPPORTED` for a backend that this build lacks.
    pub async fn load(
        mut config: Config,
        options: &LoadOptions,
        environment: &Environment,
        working_directory: &Path,
    ) -> Result<Agent> {
        config.offline |= options.offline;
        let mut warnings = Vec::new();
        let password = match options.read_only {
            true => None,
            false => {
                let given = options.password.as_ref().map(|text| text.as_str());
                let password = find_password(given, environment, working_directory)?;
                password.map(|password| {
                    warnings.extend(password.warning);
                    password.text
                })
            }
        };
        let read = {
            let (config, read_only) = (config.clone(), options.read_only);
            blocking(move || Beside::read(&config, read_only, password.as_ref().map(|text| text.as_str()))).await?
        };
        let Beside { key_directory, key_stamp, public_key, signer, mut own } = read;
        let store = Store::open(&settings(&config, environment)?).await?;
        if choose(&config, &key_directory, &own).is_none() {
            own.extend(find_stored(&config, &store, &public_key).await?);
        }
        let chosen = choose(&config, &key_directory, &own).cloned().ok_or_else(|| not_found(&config))?;
        let own_key = key_directory.own_key(&chosen, public_key.clone(), config.max_document_bytes)?;
        let sweep = (!options.read_only).then(|| store.sweep());
        let vault = Arc::new(vault(&config, environment, store, Some(own_key))?);
        Ok(Agent {
            key: chosen.key,
            document: chosen.text,
            config,
            public_key,
            vault,
            environment: environment.without_ours(),
            key_stamp,
            key_directory,
            signer,
            warnings,
            schemas: Schemas::new(),
            published: OnceCell::new(),
            sweep,
        })
    }
}

/// A store as a configuration wants it to be seen; `own` is the loaded agent, where there is one.
pub(super) fn vault(config: &Config, environment: &Environment, store: Store, own: Option<OwnKey>) -> Result<Vault> {
    Ok(Vault {
        keyring: Keyring::new(own, store.clone(), sources(config, environment)?, config.max_document_bytes),
        store,
        minimum_trust: config.minimum_trust,
        update_policy: config.update_policy,
        max_bytes: config.max_document_bytes,
        cache: Cache::new(cache_limits(config)),
        successions: Successions::default(),
    })
}

/// What the store needs of the configuration, and of the environment: credentials, addresses, proxies.
pub fn settings(config: &Config, environment: &Environment) -> Result<Settings> {
    let options = &config.storage_options;
    let access = || Access {
        timeout_ms: options.timeout_ms,
        retries: options.retries,
        concurrency: options.concurrency,
        allow_http: options.allow_http,
        options: options.service.clone(),
        environment: environment.without_ours(),
    };
    Ok(match (&config.default_storage, &config.location) {
        (Storage::Fs, Location::Local(root)) => {
            let durability = match options.durability {
                config::Durability::Full => Durability::Full,
                config::Durability::None => Durability::None,
            };
            Settings::Fs { root: root.clone(), durability }
        }
        (Storage::Memory, _) => Settings::Memory,
        (Storage::Aws, Location::Bucket { name, prefix }) => Settings::Aws(Box::new(Aws {
            bucket: name.clone(),
            prefix: prefix.clone(),
            encryption: config.aws_s3_encryption.map(|encryption| encryption.name()),
            kms_key_id: config.aws_s3_kms_key_id.clone(),
            storage_class: config.aws_s3_storage_class.clone(),
            access: access(),
        })),
        (Storage::Hai, Location::SubPath(path)) => {
            Settings::Hai(Box::new(Hai { path: path.clone(), by_options: false, access: access() }))
        }
        (Storage::Other(scheme), Location::Other(directory)) => {
            Settings::Other(Box::new(Other { scheme: scheme.clone(), directory: directory.clone(), access: access() }))
        }
        (storage, _) => {
            return Err(Error::new(Code::Internal, "a storage has no place").with("storage", storage));
        }
    })
}

/// Whom a configuration asks whose key it is. Opens no connection. Errors: `JACS_CONFIG`.
fn sources(config: &Config, environment: &Environment) -> Result<Sources> {
    let order = config.key_resolution.clone();
    let registry = match order.contains(&config::KeyResolution::Registry) && !config.offline {
        true => Some(Registry::new(config.registry_url()?, environment)?),
        false => None,
    };
    let dns = match config.confirms_by_dns() {
        true => Some(Confirming {
            dns: match config.offline {
                true => None,
                false => Some(Dns::new(&config.dns_servers, config.dns_trust_anchor.as_deref(), config.dns_strict)?),
            },
            required: config.dns_required || config.dns_strict,
        }),
        false => None,
    };
    Ok(Sources { pins: Some(Pins::beside(&config.key_directory)), order, registry, dns })
}

fn cache_limits(config: &Config) -> CacheLimits {
    CacheLimits {
        bytes: config.cache_bytes,
        ttl: Duration::from_millis(config.cache_ttl_ms),
        latest_ttl: Duration::from_millis(config.latest_ttl_ms),
    }
}

pub(super) fn missing_password() -> Error {
    let message =
        "the private key needs its password: the option `password`, JACS_PRIVATE_KEY_PASSWORD or JACS_PASSWORD_FILE";
    Error::new(Code::Password, message)
}

pub(super) fn read_only() -> Error {
    Error::new(Code::Permission, "the agent was loaded read-only")
}

/// What lies in the key directory, all of it of one moment.
struct Beside {
    key_directory: KeyDirectory,
    key_stamp: KeyStamp,
    public_key: PublicKey,
    signer: Option<Arc<SecretKey>>,
    own: Vec<OwnDocument>,
}

/// So often the key directory is read again when another process replaces the keys meanwhile: that takes it far longer than a
/// read takes.
const READS: usize = 5;

impl Beside {
    /// `password`: asked for after all else was found in order, and not where nothing is to be signed.
    fn read(config: &Config, read_only: bool, password: Option<&str>) -> Result<Beside> {
        for _ in 1..READS {
            let there = KeyDirectory::new(config);
            let was_changing = there.is_changing();
            let directory = there.clone().settled(read_only)?;
            let stamp = directory.stamp();
            let read = Beside::read_once(config, &directory, stamp, was_changing, read_only, password);
            // The files belong together unless they were replaced one by one meanwhile.
            if directory.stamp() == stamp && (!there.is_changing() || was_changing && read_only) {
                return read;
            }
        }
        let directory = KeyDirectory::new(config).settled(read_only)?;
        Beside::read_once(config, &directory, directory.stamp(), true, read_only, password)
    }

    fn read_once(
        config: &Config,
        directory: &KeyDirectory,
        key_stamp: KeyStamp,
        was_changing: bool,
        read_only: bool,
        password: Option<&str>,
    ) -> Result<Beside> {
        let public_key = directory.public_key()?;
        let own = directory.own_documents(&public_key, config.max_document_bytes)?;
        // A configuration that names a version before a rotation names the algorithm before it, too.
        let named = config.agent_id_and_version;
        let is_older = named.is_some_and(|named| choose(config, directory, &own).is_some_and(|own| own.key != named));
        if !was_changing && !is_older {
            check_algorithm(config, &public_key)?;
        }
        let signer = match read_only {
            true => None,
            false => Some(Arc::new(unlock(directory, &public_key, password.ok_or_else(missing_password)?)?)),
        };
        Ok(Beside { key_directory: directory.clone(), key_stamp, public_key, signer, own })
    }
}

fn unlock(directory: &KeyDirectory, public_key: &PublicKey, password: &str) -> Result<SecretKey> {
    let secret = directory.unlock(public_key.algorithm(), password)?;
    if secret.public_key() == public_key {
        return Ok(secret);
    }
    Err(Error::new(Code::Key, "private and public key do not belong together").with_path(directory.private_key_path()))
}

fn check_algorithm(config: &Config, key: &PublicKey) -> Result<()> {
    let configured = Algorithm::parse(config.key_algorithm.name());
    if config.source("jacs_agent_key_algorithm") == Source::Default || configured == Some(key.algorithm()) {
        return Ok(());
    }
    let error = Error::new(Code::Config, "the key is not of the configured algorithm");
    Err(error.with("configured", config.key_algorithm).with("key", key.algorithm().name()))
}

/// The document that a configuration names, of those of the present key, oldest first, or what replaced it since; else the newest
/// of its agent where the named one lies beside the keys: it was replaced together with the key.
pub(super) fn choose<'a>(config: &Config, directory: &KeyDirectory, own: &'a [OwnDocument]) -> Option<&'a OwnDocument> {
    let Some(wanted) = config.agent_id_and_version else { return own.last() };
    let Some(named) = own.iter().find(|document| document.key == wanted) else {
        let newest = own.iter().rev().find(|document| document.key.id == wanted.id);
        return newest.filter(|_| directory.has_own_document(wanted));
    };
    // The versions of other implementations have no order but this.
    let after = |before: &&'a OwnDocument| {
        let before = before.key;
        let replaces = |after: &&OwnDocument| {
            let header = Parsed::read(&after.text, Origin::Caller, MAX_AGENT_BYTES).map(|parsed| parsed.header);
            header.is_ok_and(|header| header.key.id == before.id && header.previous_version == Some(before.version))
        };
        own.iter().find(replaces)
    };
    std::iter::successors(Some(named), after).take(own.len()).last()
}

fn not_found(config: &Config) -> Error {
    let error = Error::new(Code::NotFound, "no agent document was found that the loaded key signed");
    match config.agent_id_and_version {
        Some(key) => error.with_key(key),
        None => error,
    }
}

/// The agent's document from the store, in our place or in that of `jacs`; only if our key signed it.
async fn find_stored(config: &Config, store: &Store, public_key: &PublicKey) -> Result<Vec<OwnDocument>> {
    let max_bytes = config.max_document_bytes;
    let mut found = Vec::new();
    for key in candidates(config, store).await? {
        match store.get(&ObjectKey::Version { kind: Kind::Agent, key }, max_bytes).await {
            Ok(bytes) => found.extend(
                String::from_utf8(bytes).ok().and_then(|text| check_own(text, Some(key), public_key, max_bytes)),
            ),
            // What cannot be this agent's document keeps nobody from loading.
            Err(error) if error.code() == Code::NotFound || error.is_damage() => {}
            Err(error) => return Err(error),
        }
    }
    if let (true, Some(root)) = (found.is_empty(), config.location.local()) {
        for path in entries(&root.join("agent"))? {
            // Whoever can write to the store can put a file there that may not be read.
            let text = match read_text(&path, max_bytes) {
                Err(error) if error.code() == Code::Permission => None,
                text => text?,
            };
            let document = text.and_then(|text| check_own(text, None, public_key, max_bytes));
            found.extend(
                document.filter(|document| path.file_stem().is_some_and(|stem| *stem == *document.key.to_string())),
            );
        }
    }
    found.sort_by_key(|document| document.key.version);
    Ok(found)
}

async fn candidates(config: &Config, store: &Store) -> Result<Vec<DocumentKey>> {
    if let Some(key) = config.agent_id_and_version {
        return Ok(vec![key]);
    }
    let mut candidates = Vec::new();
    let mut ids = store.ids(Kind::Agent).await?;
    while let Some(id) = ids.next().await? {
        let versions = store.versions(Kind::Agent, id).await?;
        candidates.extend(versions.into_iter().map(|version| DocumentKey { id, version }));
        if candidates.len() >= MAX_AGENTS {
            break;
        }
    }
    Ok(candidates)
}

impl Agent {
    /// Puts the agent's own documents into the store, once: whoever reads there can then verify what it signed.
    pub async fn publish_own_documents(&self) -> Result<()> {
        self.published.get_or_try_init(|| self.publish()).await.copied()
    }

    async fn publish(&self) -> Result<()> {
        let beside = self.key_directory.agent_versions(self.vault.max_bytes)?;
        let is_ours = |document: &AgentVersion| {
            let own = self.vault.keyring.own.as_ref();
            document.key.id == self.key.id
                && document.key != self.key
                && own.is_some_and(|own| own.knows(document.key.version).is_some())
        };
        let ours =
            beside.into_iter().filter(is_ours).map(|document| OwnDocument { key: document.key, text: document.text });
        let loaded = OwnDocument { key: self.key, text: self.document.clone() };
        for document in ours.chain([loaded]) {
            let signed = Signed { key: document.key, text: document.text.clone() };
            match self.vault.put(Kind::Agent, &signed, Name::Own).await {
                Err(error) if error.code() == Code::Conflict => self.check_published(&document).await?,
                put => drop(put.map_err(|error| error.with("agent document", document.key))?),
            }
        }
        Ok(())
    }

    /// Another spelling of the same document may stand there: bytes are never changed once stored.
    async fn check_published(&self, document: &OwnDocument) -> Result<()> {
        let text = self.vault.read_text(Kind::Agent, document.key).await?;
        let same = Parsed::read(&text, crate::document::Origin::Storage(document.key), self.vault.max_bytes)
            .is_ok_and(|stored| stored.canonical_text() == document.text);
        match same {
            true => Ok(()),
            false => {
                Err(Error::new(Code::Conflict, "another agent document stands in the store under this agent's key")
                    .with_key(document.key))
            }
        }
    }
}
