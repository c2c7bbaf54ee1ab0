//! The source `storage`: agent documents that lie beside the documents.
//!
//! Whoever can write to the store can put an agent document there, so one is believed only as part of the one
//! chain of its agent: a single first version, and every later one signed by the key of the version before.
//! What the store holds is read anew for every claim; only a text that was judged is not judged again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};

use crate::canonical::Object;
use crate::crypto::{Algorithm, PublicKey};
use crate::document::{MAX_AGENT_BYTES, Origin, Parsed};
use crate::error::{Code, Result};
use crate::id::{DocumentKey, Version};
use crate::store::{Kind, ObjectKey, Store};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Versions of one agent that are looked at; more is not an agent's history but an attack on the reader.
const MAX_VERSIONS: usize = 200;
/// Agent documents read at the same time.
const CONCURRENT_READS: usize = 8;
/// Judged texts that are remembered, and how long one may be.
const REMEMBERED: usize = 1000;
const REMEMBERED_BYTES: usize = 64 << 10;

/// An agent document as far as it can be judged alone: its hash holds and it claims to be signed by itself.
pub struct AgentVersion {
    text: String,
    key: DocumentKey,
    original: Version,
    previous: Option<Version>,
    public_key: Option<PublicKey>,
    /// Whether its own key signed it, once somebody asked.
    sound: OnceLock<bool>,
}

impl AgentVersion {
    fn read(text: String, origin: Origin, max_bytes: u64) -> Option<AgentVersion> {
        let parsed = Parsed::read(&text, origin, max_bytes).ok()?;
        parsed.check_hash().ok()?;
        let claim = parsed.claim().ok()?;
        parsed.check_fields(&claim, false).ok()?;
        let key = parsed.header.key;
        if claim.by.agent != key || !parsed.header.is_agent() {
            return None;
        }
        let public_key = public_key(&parsed.object, claim.by.algorithm);
        let (original, previous) = (parsed.header.original_version, parsed.header.previous_version);
        drop(parsed);
        Some(AgentVersion { text, key, original, previous, public_key, sound: OnceLock::new() })
    }

    /// The key that it carries, if that signed it.
    fn sound_key(&self) -> Option<&PublicKey> {
        self.public_key.as_ref().filter(|key| *self.sound.get_or_init(|| self.verifies_with(key)))
    }

    /// Whether `key` made this document's signature.
    pub fn verifies_with(&self, key: &PublicKey) -> bool {
        let parsed = Parsed::read(&self.text, Origin::Caller, u64::MAX);
        parsed.and_then(|parsed| parsed.check_signature(&parsed.claim()?, key)).is_ok()
    }

    fn is_first(&self) -> bool {
        self.original == self.key.version && self.previous.is_none()
    }
}

/// The texts of agent documents that were judged last, with what was found of them.
#[derive(Default)]
pub struct Judged(Mutex<HashMap<DocumentKey, Arc<AgentVersion>>>);

impl Judged {
    fn judge(&self, text: String, key: DocumentKey, max_bytes: u64) -> Option<Arc<AgentVersion>> {
        let known = self.table().get(&key).cloned();
        if let Some(known) = known.filter(|known| known.text == text) {
            return Some(known);
        }
        let agent = Arc::new(AgentVersion::read(text, Origin::Storage(key), max_bytes)?);
        if agent.text.len() <= REMEMBERED_BYTES {
            let mut table = self.table();
            if table.len() >= REMEMBERED {
                table.clear();
            }
            table.insert(key, agent.clone());
        }
        Some(agent)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<DocumentKey, Arc<AgentVersion>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of an agent version, or why there is none to believe. `introduced` is that version where it is about to be
/// stored and speaks for itself.
pub async fn find(
    store: &Store,
    judged: &Judged,
    agent: DocumentKey,
    introduced: Option<&Parsed<'_>>,
    max_bytes: u64,
) -> Result<Result<PublicKey, String>> {
    let mut chain = read_all(store, judged, agent, max_bytes).await?;
    if let Some(document) = introduced.filter(|_| !chain.iter().any(|stored| stored.key == agent)) {
        chain.extend(AgentVersion::read(document.canonical_text(), Origin::Caller, max_bytes).map(Arc::new));
    }
    Ok(believe(&chain, agent.version))
}

/// One agent document of the store; `None` when it is missing or not what it should be.
pub async fn read_self_signed(
    store: &Store,
    judged: &Judged,
    key: DocumentKey,
    max_bytes: u64,
) -> Result<Option<Arc<AgentVersion>>> {
    match store.get(&ObjectKey::Version { kind: Kind::Agent, key }, max_bytes.min(MAX_AGENT_BYTES)).await {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok().and_then(|text| judged.judge(text, key, max_bytes))),
        Err(error) if matches!(error.code(), Code::NotFound | Code::Hash) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn read_all(
    store: &Store,
    judged: &Judged,
    agent: DocumentKey,
    max_bytes: u64,
) -> Result<Vec<Arc<AgentVersion>>> {
    let id = agent.id;
    let versions = store.versions(Kind::Agent, id).await?;
    let reads = versions.into_iter().take(MAX_VERSIONS).map(async |version| {
        match read_self_signed(store, judged, DocumentKey { id, version }, max_bytes).await {
            // What may not be read beside the version that is asked for does not keep that from being believed.
            Err(error) if error.code() == Code::Permission && error.is_damage() && version != agent.version => Ok(None),
            read => read,
        }
    });
    let read: Vec<Option<Arc<AgentVersion>>> = stream::iter(reads).buffered(CONCURRENT_READS).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

/// Walks from the claimed version back to the first; every link is by the same key.
fn believe(agents: &[Arc<AgentVersion>], version: Version) -> Result<PublicKey, String> {
    let sound: Vec<(&AgentVersion, &PublicKey)> =
        agents.iter().filter_map(|agent| Some((&**agent, agent.sound_key()?))).collect();
    if sound.iter().filter(|(agent, _)| agent.is_first()).count() > 1 {
        return Err("the store holds several first versions of this agent".into());
    }
    let at = |version: Version| sound.iter().find(|(agent, _)| agent.key.version == version).copied();
    let Some((mut agent, key)) = at(version) else {
        return Err(match agents.iter().find(|agent| agent.key.version == version) {
            Some(agent) if agent.public_key.is_none() => "the agent document carries no public key".into(),
            Some(_) => "the agent document is not signed by its own key".into(),
            None => "no such agent document".into(),
        });
    };
    for _ in 0..sound.len() {
        if agent.is_first() {
            return Ok(key.clone());
        }
        match agent.previous.and_then(at) {
            Some((before, key_before)) if key_before == key && before.original == agent.original => agent = before,
            Some(_) => return Err("the key of an earlier version is another".into()),
            None => return Err("the chain to the agent's first version is broken".into()),
        }
    }
    Err("the chain to the agent's first version is broken".into())
}

/// `jacsPublicKey`: base64 of the raw bytes.
fn public_key(object: &Object, algorithm: Algorithm) -> Option<PublicKey> {
    let raw = STANDARD.decode(object.text("jacsPublicKey")?).ok()?;
    PublicKey::new(algorithm, &raw).ok()
}
