//! The source `self`: the loaded agent's key.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use super::stored::{Judged, read_self_signed};
use crate::crypto::PublicKey;
use crate::error::Result;
use crate::id::{DocumentId, DocumentKey, Version};
use crate::store::Store;

/// The loaded agent's key and the versions of the agent that are known to be its.
pub struct OwnKey {
    id: DocumentId,
    key: PublicKey,
    versions: RwLock<HashSet<Version>>,
}

impl OwnKey {
    pub fn new(id: DocumentId, key: PublicKey, versions: impl IntoIterator<Item = Version>) -> OwnKey {
        OwnKey { id, key, versions: RwLock::new(versions.into_iter().collect()) }
    }

    pub fn id(&self) -> DocumentId {
        self.id
    }

    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Our key, when `version` is one of ours: known from the key directory, or a document in the store (another
    /// machine may have made it) that our own key signed. Else why not.
    pub async fn find(
        &self,
        version: Version,
        store: &Store,
        judged: &Judged,
        max_bytes: u64,
    ) -> Result<Result<PublicKey, String>> {
        if self.knows(version) {
            return Ok(Ok(self.key.clone()));
        }
        let key = DocumentKey { id: self.id, version };
        let stored = read_self_signed(store, judged, key, max_bytes).await?;
        // An agent document of `jacs` carries no key; ours verifies it all the same.
        if stored.is_some_and(|agent| agent.verifies_with(&self.key)) {
            self.versions.write().unwrap_or_else(PoisonError::into_inner).insert(version);
            return Ok(Ok(self.key.clone()));
        }
        Ok(Err("the loaded agent has no such version".into()))
    }

    /// Whether the version is known to be ours without a look at the store.
    pub fn knows(&self, version: Version) -> bool {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).contains(&version)
    }
}
