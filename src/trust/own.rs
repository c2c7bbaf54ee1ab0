//! The source `self`: the loaded agent's key, and the keys that it replaced.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::agent_version::AgentVersion;
use super::chain::{Chain, Standing};
use super::stored::Stored;
use crate::crypto::PublicKey;
use crate::id::{DocumentId, Version};

/// The loaded agent's key and the versions of the agent that are known to be its.
pub struct OwnKey {
    id: DocumentId,
    key: PublicKey,
    versions: RwLock<HashMap<Version, Standing>>,
}

impl OwnKey {
    /// `documents`: the agent's own, as its key directory has them; `version`, one that its key is known to have signed.
    pub fn new<'a>(
        id: DocumentId,
        key: PublicKey,
        version: Option<Version>,
        documents: impl IntoIterator<Item = &'a AgentVersion>,
    ) -> OwnKey {
        let documents: Vec<&AgentVersion> = documents.into_iter().filter(|document| document.key.id == id).collect();
        let own = OwnKey { id, key, versions: RwLock::default() };
        let present = version.map(|version| (version, Standing { key: own.key.clone(), ended: None }));
        let chain = Chain::new(documents.iter().copied());
        let known = documents.iter().filter_map(|document| own.judge(document, &chain));
        own.versions.write().unwrap_or_else(PoisonError::into_inner).extend(known.chain(present));
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
        let standing = match chain.by_anchor(&self.key, version) {
            Some(standing) => standing,
            // An agent document of `jacs` carries no key; ours verifies it all the same.
            None if document.public_key.is_none() && document.verifies_with(&self.key) => {
                Standing { key: self.key.clone(), ended: None }
            }
            None => return None,
        };
        Some((version, standing))
    }
}
