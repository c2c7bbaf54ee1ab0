//! The source `self`: the loaded agent's key, and the keys that it replaced.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::agent_version::AgentVersion;
use super::chain::{Chain, Ended, Standing};
use super::stored::Stored;
use crate::crypto::PublicKey;
use crate::id::{DocumentId, DocumentKey, Version};

/// The loaded agent's key and the versions of the agent that are known to be its.
pub struct OwnKey {
    id: DocumentId,
    key: PublicKey,
    /// Those that it replaced and that lie beside it.
    retired: Vec<Standing>,
    versions: RwLock<HashMap<Version, Standing>>,
}

impl OwnKey {
    /// `documents`: the agent's own, as its key directory has them, with the keys that were replaced; `agent`, the version that its
    /// key is known to have signed.
    pub fn new<'a>(
        agent: DocumentKey,
        key: PublicKey,
        documents: impl IntoIterator<Item = &'a AgentVersion>,
        retired: Vec<PublicKey>,
    ) -> OwnKey {
        let id = agent.id;
        let documents: Vec<&AgentVersion> = documents.into_iter().filter(|document| document.key.id == id).collect();
        let retired = standings(id, &key, retired, &documents);
        let own = OwnKey { id, key, retired, versions: RwLock::default() };
        let present = (agent.version, Standing { key: own.key.clone(), ended: None });
        let chain = Chain::new(documents.iter().copied());
        let known: Vec<_> = documents.iter().filter_map(|document| own.judge(document, &chain)).collect();
        own.versions.write().unwrap_or_else(PoisonError::into_inner).extend(known.into_iter().chain([present]));
        own
    }

    pub fn id(&self) -> DocumentId {
        self.id
    }

    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What is known of a version without a look at the store.
    pub fn knows(&self, version: Version) -> Option<Standing> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).get(&version).cloned()
    }

    /// The key of this `publicKeyHash` that was replaced and lies beside ours: agent documents of `jacs` carry no key, so no chain of
    /// them tells it.
    pub fn replaced(&self, public_key_hash: &str) -> Option<Standing> {
        self.retired.iter().find(|retired| retired.key.hash() == public_key_hash).cloned()
    }

    /// Our key at a version, as far as our present key speaks for it: another machine may have made the version. The store's word
    /// about our own id is never taken: it answers only which of our versions exist.
    pub fn find(&self, version: Version, stored: &Stored) -> Result<Standing, String> {
        if let Some(known) = self.knows(version) {
            return Ok(known);
        }
        let chain = Chain::new(stored.agents.iter().map(|agent| &**agent));
        let document = stored.agents.iter().find(|agent| agent.key.version == version);
        match document.and_then(|document| self.judge(document, &chain)) {
            Some((version, standing)) => {
                let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
                versions.insert(version, standing.clone());
                Ok(standing)
            }
            None => Err("the loaded agent has no such version".into()),
        }
    }

    fn judge(&self, document: &AgentVersion, chain: &Chain) -> Option<(Version, Standing)> {
        let version = document.key.version;
        if let Some(standing) = chain.by_anchor(&self.key, version) {
            return Some((version, standing));
        }
        // An agent document of `jacs` carries no key; ours verifies it all the same.
        let is_ours = document.public_key.is_none() && document.verifies_with(&self.key);
        is_ours.then(|| (version, Standing { key: self.key.clone(), ended: None }))
    }
}

/// The keys that were replaced, each with its end, as one of the agent's documents proves it. Without an end none is believed: which
/// key it was stands in a file as safe as ours, but not until when.
fn standings(id: DocumentId, key: &PublicKey, retired: Vec<PublicKey>, documents: &[&AgentVersion]) -> Vec<Standing> {
    let ended = |old: &PublicKey| {
        let ends = documents.iter().filter_map(|document| document.proof.as_ref()).filter(|proof| {
            let mut successors = retired.iter().chain([key]);
            successors.any(|new| proof.holds(id, old, new).is_some())
        });
        let ends = ends.map(|proof| Ended { at: proof.at.as_second(), reason: proof.reason });
        ends.reduce(Ended::strictest)
    };
    let ends: Vec<Option<Ended>> = retired.iter().map(ended).collect();
    let known = retired.into_iter().zip(ends).filter(|(_, ended)| ended.is_some());
    known.map(|(key, ended)| Standing { key, ended }).collect()
}
