//! Documents of a key that somebody else may have: they count as far as later versions by a key that is believed name
//! their hashes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Vault, VerifyOptions};
use crate::document::{Header, Origin, Parsed};
use crate::error::{Code, Result};
use crate::id::{DocumentId, DocumentKey, Version};
use crate::store::Kind;
use crate::trust::{Ended, Reason};

/// Versions of one document that are looked through; whoever has the old key can make any number.
const MAX_VERSIONS: usize = 10_000;

/// What was looked through last: a history asks for each of its versions.
#[derive(Default)]
pub struct Successions(Mutex<Option<Arc<Succession>>>);

/// The versions of one document, by version and hash of what they replaced.
struct Succession {
    kind: Kind,
    id: DocumentId,
    versions: Vec<Version>,
    later: HashMap<(Version, String), Vec<Later>>,
}

/// A version that replaced another. Its text is read again when it is needed: all together may be more than memory holds.
struct Later {
    key: DocumentKey,
    sha256: String,
}

impl Vault {
    /// Whether a valid version by another key of the same agent leads back to just this text, hash by hash. Those between count
    /// for their hashes alone. Errors: where that cannot be read.
    pub(super) async fn is_vouched_for(&self, header: &Header, signer: DocumentId) -> Result<bool> {
        let kind = if header.is_agent() { Kind::Agent } else { Kind::Document };
        let succession = self.succession(kind, header.key.id).await?;
        let mut ahead = vec![(header.key.version, header.sha256.to_string())];
        let mut seen = HashSet::new();
        while let Some(place) = ahead.pop() {
            if !seen.insert(place.clone()) {
                continue;
            }
            for later in succession.later.get(&place).map_or(&[][..], Vec::as_slice) {
                let Some(text) = self.read_whole(kind, later.key).await? else { continue };
                let (origin, options) = (Origin::Storage(later.key), VerifyOptions::default());
                if self.may_vouch(&text, later, signer).await?
                    && Box::pin(self.examine(&text, origin, &options)).await?.report.is_valid()
                {
                    return Ok(true);
                }
                ahead.push((later.key.version, later.sha256.clone()));
            }
        }
        Ok(false)
    }

    /// That of a document; looked through again when the store has other versions of it since.
    async fn succession(&self, kind: Kind, id: DocumentId) -> Result<Arc<Succession>> {
        let versions = self.store.versions(kind, id).await?;
        let last = self.successions.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = last.filter(|last| last.kind == kind && last.id == id && last.versions == versions) {
            return Ok(last);
        }
        let later = self.successors(kind, id, &versions).await?;
        let succession = Arc::new(Succession { kind, id, versions, later });
        *self.successions.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(succession.clone());
        Ok(succession)
    }

    async fn successors(
        &self,
        kind: Kind,
        id: DocumentId,
        versions: &[Version],
    ) -> Result<HashMap<(Version, String), Vec<Later>>> {
        let mut found: HashMap<_, Vec<Later>> = HashMap::new();
        for version in versions.iter().copied().take(MAX_VERSIONS) {
            let key = DocumentKey { id, version };
            let Some(text) = self.read_whole(kind, key).await? else { continue };
            let Ok(parsed) = Parsed::read(&text, Origin::Storage(key), self.max_bytes) else { continue };
            // The hash that leads on must be that of the text.
            if parsed.check_hash().is_err() {
                continue;
            }
            let after = parsed.header;
            let (Some(previous), Some(hash)) = (after.previous_version, after.previous_sha256.as_deref()) else {
                continue;
            };
            let (place, sha256) = ((previous, hash.to_string()), after.sha256.to_string());
            found.entry(place).or_default().push(Later { key, sha256 });
        }
        Ok(found)
    }

    /// `None` for what is not there, or damaged.
    async fn read_whole(&self, kind: Kind, key: DocumentKey) -> Result<Option<String>> {
        match self.read_text(kind, key).await {
            Err(error) if error.code() == Code::NotFound || error.is_damage() => Ok(None),
            text => text.map(Some),
        }
    }

    /// Whether a version is the signer's, and not itself one that others must speak for. Asked before it is examined, so that no
    /// chain of them is as deep as the stack.
    async fn may_vouch(&self, text: &str, later: &Later, signer: DocumentId) -> Result<bool> {
        let Ok(parsed) = Parsed::read(text, Origin::Storage(later.key), self.max_bytes) else {
            return Ok(false);
        };
        let Some(claim) = parsed.claim().ok().filter(|claim| claim.by.agent.id == signer) else { return Ok(false) };
        let found = Box::pin(self.keyring.find(&claim.by, later.key, None, self.minimum_trust)).await?;
        let is_compromised = |ended: Ended| ended.reason == Reason::Compromised;
        Ok(found.believed.is_some_and(|believed| !believed.ended.is_some_and(is_compromised)))
    }
}
