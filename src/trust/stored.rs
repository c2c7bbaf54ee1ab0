//! The source `storage`: agent documents that lie beside the documents.
//!
//! Whoever can write to the store can put an agent document there, so one is believed only as part of the one
//! chain of its agent: a single first version, and every later one signed by the key of the version before.

use futures::{StreamExt, TryStreamExt, stream};

use crate::canonical::Object;
use crate::crypto::{Algorithm, PublicKey};
use crate::document::{Claim, Origin, Parsed};
use crate::error::{Code, Result};
use crate::id::{DocumentKey, Version};
use crate::store::{Kind, ObjectKey, Store};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Versions of one agent that are looked at; more is not an agent's history but an attack on the reader.
const MAX_VERSIONS: usize = 1000;
/// Agent documents read at the same time.
const CONCURRENT_READS: usize = 8;

/// An agent document as far as it can be judged alone: its hash holds and it claims to be signed by itself.
#[derive(Clone)]
pub struct AgentVersion {
    text: String,
    key: DocumentKey,
    original: Version,
    previous: Option<Version>,
    public_key: Option<PublicKey>,
}

impl AgentVersion {
    fn read(text: String, origin: Origin, max_bytes: u64) -> Option<AgentVersion> {
        let parsed = Parsed::read(&text, origin, max_bytes).ok()?;
        parsed.check_hash().ok()?;
        let claim = parsed.claim().ok()?;
        parsed.check_fields(&claim, false).ok()?;
        let key = parsed.header.key;
        if claim.agent != key || !parsed.header.is_agent() {
            return None;
        }
        let public_key = public_key(&parsed.object, claim.algorithm);
        let (original, previous) = (parsed.header.original_version, parsed.header.previous_version);
        drop(parsed);
        Some(AgentVersion { text, key, original, previous, public_key })
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

/// The key of the claimed agent version, or why there is none to believe.
pub async fn find(
    store: &Store,
    claim: &Claim,
    document: &Parsed<'_>,
    introduces: bool,
    max_bytes: u64,
) -> Result<Result<PublicKey, String>> {
    let mut chain = read_all(store, claim, max_bytes).await?;
    if introduces && document.header.key == claim.agent && !chain.iter().any(|agent| agent.key == claim.agent) {
        chain.extend(AgentVersion::read(document.canonical_text(), Origin::Caller, max_bytes));
    }
    Ok(believe(&chain, claim.agent.version))
}

/// One agent document of the store; `None` when it is missing or not what it should be.
pub async fn read_self_signed(store: &Store, key: DocumentKey, max_bytes: u64) -> Result<Option<AgentVersion>> {
    match store.get(&ObjectKey::Version { kind: Kind::Agent, key }, max_bytes).await {
        Ok(bytes) => {
            Ok(String::from_utf8(bytes).ok().and_then(|text| AgentVersion::read(text, Origin::Storage(key), max_bytes)))
        }
        Err(error) if matches!(error.code(), Code::NotFound | Code::Hash) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn read_all(store: &Store, claim: &Claim, max_bytes: u64) -> Result<Vec<AgentVersion>> {
    let id = claim.agent.id;
    let versions = store.versions(Kind::Agent, id).await?;
    let reads = versions
        .into_iter()
        .take(MAX_VERSIONS)
        .map(|version| read_self_signed(store, DocumentKey { id, version }, max_bytes));
    let read: Vec<Option<AgentVersion>> = stream::iter(reads).buffered(CONCURRENT_READS).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

/// Walks from the claimed version back to the first; every link is by the same key.
fn believe(agents: &[AgentVersion], version: Version) -> Result<PublicKey, String> {
    let sound: Vec<(&AgentVersion, &PublicKey)> = agents
        .iter()
        .filter_map(|agent| agent.public_key.as_ref().map(|key| (agent, key)))
        .filter(|(agent, key)| agent.verifies_with(key))
        .collect();
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
