//! A document's whole history: every version, verified, and how each hangs on the one before.

use std::collections::{BTreeSet, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::{CONCURRENT_READS, Lineage, Reading, Vault, VerifyOptions, VersionState};
use crate::error::{Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};
use crate::store::Kind;
use crate::trust::in_one_call;

/// How a version hangs on the one it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// It replaces none.
    First,
    /// The chain hash matches.
    Linked,
    /// It names the version it replaces without a hash, as other implementations do.
    Named,
    /// The version it replaces is not stored.
    Missing,
    /// The chain hash does not match.
    Broken,
}

#[derive(Clone, Debug)]
pub struct HistoryEntry {
    pub state: VersionState,
    pub chain: Chain,
}

/// Every version of a document, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    pub id: DocumentId,
    /// Every version that counts verified, none is damaged, and the chain of each leads to the first.
    pub valid: bool,
    pub owner: Option<DocumentId>,
    pub versions: Vec<HistoryEntry>,
    pub heads: Vec<DocumentKey>,
    /// Versions that are named by others and not stored.
    pub gaps: Vec<DocumentKey>,
}

impl Vault {
    /// Errors: `JACS_NOT_FOUND`, `JACS_CONFLICT` for different originals.
    pub async fn history(&self, id: DocumentId, options: &VerifyOptions) -> Result<History> {
        in_one_call(self.read_history(id, options)).await
    }

    async fn read_history(&self, id: DocumentId, options: &VerifyOptions) -> Result<History> {
        let (kind, mut lineage) = self.find_lineage(id, Reading::Fresh).await?;
        let damaged = lineage.newest().is_err() || lineage.versions.iter().any(|state| lineage.is_damaged(state));
        if *options != VerifyOptions::default() {
            self.check_demands(kind, &mut lineage, options).await?;
        }
        let gaps = gaps(&lineage);
        let chains: Vec<Chain> = lineage.versions.iter().map(|state| chain(&lineage, state)).collect();
        let (heads, leads_to_first) = (lineage.heads(), leads_to_first(&lineage));
        let counting = |entry: &&HistoryEntry| entry.state.refused.is_none();
        let versions: Vec<HistoryEntry> =
            lineage.versions.into_iter().zip(chains).map(|(state, chain)| HistoryEntry { state, chain }).collect();
        let sound = |entry: &HistoryEntry| {
            entry.state.error.is_none() && matches!(entry.chain, Chain::First | Chain::Linked | Chain::Named)
        };
        let valid = !damaged && gaps.is_empty() && leads_to_first && versions.iter().filter(counting).all(sound);
        Ok(History { id, valid, owner: lineage.owner, versions, heads, gaps })
    }
}

impl Vault {
    /// What the caller asks beyond the configuration decides about validity, not about succession.
    async fn check_demands(&self, kind: Kind, lineage: &mut Lineage, options: &VerifyOptions) -> Result<()> {
        let counting = lineage.versions.iter_mut().filter(|state| state.refused.is_none());
        let (keys, errors): (Vec<DocumentKey>, Vec<_>) = counting.map(|state| (state.key, &mut state.error)).unzip();
        let checks = keys.into_iter().map(|key| self.first_failure(kind, key, options));
        let found: Vec<Option<Error>> = stream::iter(checks).buffered(CONCURRENT_READS).try_collect().await?;
        errors.into_iter().zip(found).for_each(|(error, found)| *error = found);
        Ok(())
    }

    async fn first_failure(&self, kind: Kind, key: DocumentKey, options: &VerifyOptions) -> Result<Option<Error>> {
        Ok(self.find(kind, key, options, Reading::Fresh).await?.error)
    }
}

fn chain(lineage: &Lineage, state: &VersionState) -> Chain {
    let Some(header) = &state.header else { return Chain::Missing };
    let Some(previous) = header.previous_version else {
        return if header.original_version == state.key.version { Chain::First } else { Chain::Missing };
    };
    match (lineage.get(previous).and_then(|before| before.header.as_ref()), &header.previous_sha256) {
        (None, _) => Chain::Missing,
        (Some(_), None) => Chain::Named,
        (Some(before), Some(hash)) if before.sha256 == *hash => Chain::Linked,
        (Some(_), Some(_)) => Chain::Broken,
    }
}

/// Whether no counting version hangs on itself in the end: without hashes, a chain can be closed to a ring.
fn leads_to_first(lineage: &Lineage) -> bool {
    let mut leading = HashSet::new();
    let mut counting = lineage.versions.iter().filter(|state| state.refused.is_none());
    counting.all(|state| {
        let mut path = HashSet::new();
        let mut next = Some(state);
        while let Some(state) = next.filter(|state| !leading.contains(&state.key.version)) {
            if !path.insert(state.key.version) {
                return false;
            }
            let previous = state.header.as_ref().and_then(|header| header.previous_version);
            next = previous.and_then(|previous| lineage.get(previous));
        }
        leading.extend(path);
        true
    })
}

fn gaps(lineage: &Lineage) -> Vec<DocumentKey> {
    let counting =
        lineage.versions.iter().filter(|state| state.refused.is_none()).filter_map(|state| state.header.as_ref());
    let named: BTreeSet<Version> = counting
        .flat_map(|header| {
            header.previous_version.into_iter().chain(header.merged_versions.clone()).chain([header.original_version])
        })
        .collect();
    named
        .into_iter()
        .filter(|version| lineage.get(*version).is_none())
        .map(|version| DocumentKey { id: lineage.id, version })
        .collect()
}
