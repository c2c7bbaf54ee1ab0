//! The versions of one document: whose document it is, which versions count, what the heads are and which
//! one is the newest (specification, "Succession").

use std::cmp::Ordering;
use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::{CONCURRENT_READS, Stored, Vault, VerifyOptions};
use crate::config::{KeySource, UpdatePolicy};
use crate::document::{CLOCK_TOLERANCE_SECONDS, Header, Origin};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};
use crate::store::Kind;

/// One version as it was found, and whether it counts.
#[derive(Clone, Debug)]
pub struct VersionState {
    pub key: DocumentKey,
    /// `None` when the text could not be taken apart.
    pub header: Option<Header>,
    /// Who claims to have signed.
    pub agent: Option<DocumentKey>,
    pub key_source: Option<KeySource>,
    /// What the checks found against it.
    pub error: Option<Error>,
    /// Why it does not count; `None` when it does.
    pub refused: Option<String>,
    pub head: bool,
    /// Its time lies ahead of our clock by more than the tolerance.
    pub future: bool,
}

/// All versions of one document, oldest first.
#[derive(Clone, Debug)]
pub struct Lineage {
    pub id: DocumentId,
    pub owner: Option<DocumentId>,
    pub versions: Vec<VersionState>,
}

impl Vault {
    /// Reads and judges every version of a document. Errors: `JACS_NOT_FOUND`; `JACS_CONFLICT` when the
    /// versions name different originals of which none is ours.
    pub async fn lineage(&self, kind: Kind, id: DocumentId) -> Result<Lineage> {
        let mut lineage = self.read_lineage(kind, id).await?;
        lineage.judge(self.update_policy)?;
        Ok(lineage)
    }

    /// Every version, oldest first, not judged yet. Errors: `JACS_NOT_FOUND`.
    pub(super) async fn read_lineage(&self, kind: Kind, id: DocumentId) -> Result<Lineage> {
        let versions = self.store.versions(kind, id).await?;
        if versions.is_empty() {
            return Err(Error::new(Code::NotFound, "no such document is stored").with_key(id));
        }
        let reads = versions.into_iter().map(|version| self.version_state(kind, DocumentKey { id, version }));
        let states: Vec<Option<VersionState>> = stream::iter(reads).buffered(CONCURRENT_READS).try_collect().await?;
        let mut versions: Vec<VersionState> = states.into_iter().flatten().collect();
        versions.sort_by(order);
        Ok(Lineage { id, owner: None, versions })
    }

    /// One version; `None` when it was removed since it was listed.
    async fn version_state(&self, kind: Kind, key: DocumentKey) -> Result<Option<VersionState>> {
        let mut state = VersionState {
            key,
            header: None,
            agent: None,
            key_source: None,
            error: None,
            refused: None,
            head: false,
            future: is_future(key.version, super::now()),
        };
        let text = match self.read_text(kind, key).await {
            Ok(text) => text,
            Err(error) => {
                return match error.code() {
                    Code::NotFound => Ok(None),
                    // Not a file, or not one that may be read, is damage like a changed one.
                    Code::Hash | Code::Permission => Ok(Some(VersionState { error: Some(error), ..state })),
                    _ => Err(error),
                };
            }
        };
        let examined = self.examine(&text, Origin::Storage(key), &VerifyOptions::default()).await?;
        state.header = examined.parsed.map(|parsed| parsed.header);
        state.agent = examined.report.agent;
        state.key_source = examined.report.key_source;
        state.error = examined.report.error;
        Ok(Some(state))
    }

    /// The newest version without reading every other: when all versions are ordered by their ids and our own
    /// key signed the greatest, it counts by itself. It is then verified with `options`. `None`: look at the whole
    /// lineage.
    pub async fn newest_of_ours(&self, kind: Kind, id: DocumentId, options: &VerifyOptions) -> Result<Option<Stored>> {
        let versions = self.store.versions(kind, id).await?;
        if !versions.iter().all(|version| version.unix_ms().is_some()) {
            return Ok(None);
        }
        let Some(greatest) = versions.last().copied().filter(|version| !is_future(*version, super::now())) else {
            return Ok(None);
        };
        let key = DocumentKey { id, version: greatest };
        let text = match self.read_text(kind, key).await {
            Err(error) if error.code() == Code::NotFound => return Ok(None),
            text => text?,
        };
        // What the default refuses does not count, whatever the caller accepts.
        let options = VerifyOptions { allow_unsigned: false, ..options.clone() };
        let examined = self.examine(&text, Origin::Storage(key), &options).await?;
        let ours = examined.report.is_valid() && examined.report.key_source == Some(KeySource::SelfKey);
        let Some(header) = examined.parsed.map(|parsed| parsed.header).filter(|_| ours) else { return Ok(None) };
        let linked = self.is_linked(kind, &header).await?;
        Ok(linked.then_some(Stored { kind, key, text }))
    }

    /// Whether the chain hash matches the replaced version, where that is at hand.
    async fn is_linked(&self, kind: Kind, header: &Header) -> Result<bool> {
        let (Some(previous), Some(hash)) = (header.previous_version, &header.previous_sha256) else { return Ok(true) };
        let key = DocumentKey { id: header.key.id, version: previous };
        let text = match self.read_text(kind, key).await {
            Err(error) if error.code() == Code::NotFound => return Ok(true),
            Err(error) if matches!(error.code(), Code::Hash | Code::Permission) => return Ok(false),
            text => text?,
        };
        let before = crate::document::Parsed::read(&text, Origin::Storage(key), self.max_bytes);
        Ok(before.is_ok_and(|before| before.check_hash().is_ok() && before.header.sha256 == *hash))
    }
}

impl Lineage {
    /// The winner: the greatest head. Errors: `JACS_CONFLICT` never; the error of a damaged version that may be
    /// newer than all that count; `JACS_UNTRUSTED` when no version counts.
    pub fn newest(&self) -> Result<&VersionState> {
        let winner = self.versions.iter().filter(|state| state.head).max_by(|a, b| order(a, b));
        for damaged in self.versions.iter().filter(|state| self.is_damaged(state)) {
            // Versions of a foreign kind have no order by id, so a damaged one may always be the newest.
            let older = winner.is_some_and(|winner| {
                damaged.key.version.unix_ms().is_some()
                    && winner.key.version.unix_ms().is_some()
                    && damaged.key < winner.key
            });
            if let (false, Some(error)) = (older, &damaged.error) {
                return Err(error.clone());
            }
        }
        winner.ok_or_else(|| {
            let greatest = self.versions.last();
            if let Some(error) = greatest.and_then(|state| state.error.clone()) {
                return error;
            }
            let why = greatest.and_then(|state| state.refused.clone()).unwrap_or_default();
            Error::new(Code::Untrusted, "no stored version of the document counts")
                .with("newest", why)
                .with_key(self.id)
        })
    }

    /// The keys of all heads, the winner first.
    pub fn heads(&self) -> Vec<DocumentKey> {
        let mut heads: Vec<&VersionState> = self.versions.iter().filter(|state| state.head).collect();
        heads.sort_by(|a, b| order(b, a));
        heads.into_iter().map(|state| state.key).collect()
    }

    pub fn get(&self, version: Version) -> Option<&VersionState> {
        self.versions.iter().find(|state| state.key.version == version)
    }

    /// Whether a version failed its checks in a way that its author cannot have meant: bytes that are not what
    /// was written, or a signature that claims the owner and is not the owner's. A stranger's is merely refused.
    pub fn is_damaged(&self, state: &VersionState) -> bool {
        match (&state.error, state.agent, self.owner) {
            (None, ..) => false,
            // By its id alone it cannot count, whatever its bytes are; so it stands in nobody's way.
            _ if state.future => false,
            (Some(error), Some(agent), Some(owner)) => {
                matches!(error.code(), Code::Hash | Code::Permission) || agent.id == owner
            }
            (Some(_), ..) => true,
        }
    }

    pub(super) fn judge(&mut self, policy: UpdatePolicy) -> Result<()> {
        let original = self.original()?;
        self.owner = original.and_then(|version| {
            let first = self.get(version)?;
            first.agent.filter(|_| first.error.is_none()).map(|agent| agent.id)
        });
        let refused: Vec<Option<String>> =
            self.versions.iter().map(|state| self.why_refused(state, original, policy)).collect();
        for (state, refused) in self.versions.iter_mut().zip(refused) {
            state.refused = refused;
        }
        let replaced: HashSet<Version> = self
            .versions
            .iter()
            .filter(|state| state.refused.is_none())
            .filter_map(|state| state.header.as_ref())
            .flat_map(|header| header.previous_version.iter().chain(&header.merged_versions).copied())
            .collect();
        for state in &mut self.versions {
            state.head = state.refused.is_none() && !replaced.contains(&state.key.version);
        }
        Ok(())
    }

    /// The version that this document began with. Where versions name different ones, those that our own key
    /// or a pinned one signed decide.
    fn original(&self) -> Result<Option<Version>> {
        let named = |least: KeySource| -> HashSet<Version> {
            let believed =
                |state: &&VersionState| state.error.is_none() && state.key_source.is_some_and(|source| source >= least);
            self.versions
                .iter()
                .filter(believed)
                .filter_map(|state| state.header.as_ref())
                .map(|header| header.original_version)
                .collect()
        };
        for least in [KeySource::Storage, KeySource::Pinned, KeySource::SelfKey] {
            let named = named(least);
            if named.len() <= 1 {
                // Only strangers disagree: nothing tells which of them is right.
                if named.is_empty() && least > KeySource::Storage {
                    break;
                }
                return Ok(named.into_iter().next());
            }
        }
        Err(Error::new(Code::Conflict, "the versions of the document name different originals").with_key(self.id))
    }

    fn why_refused(&self, state: &VersionState, original: Option<Version>, policy: UpdatePolicy) -> Option<String> {
        if let Some(error) = &state.error {
            return Some(format!("{}: {error}", error.code()));
        }
        let (Some(header), Some(agent)) = (&state.header, state.agent) else {
            return Some("not a signed document".into());
        };
        if state.future {
            return Some("its time lies in the future".into());
        }
        if Some(header.original_version) != original {
            return Some("it names another original version".into());
        }
        let trusted = policy == UpdatePolicy::Any || state.key_source.is_some_and(|source| source >= KeySource::Pinned);
        if !trusted && self.owner != Some(agent.id) {
            return Some(match self.owner {
                Some(owner) => format!("its signer is not the owner, {owner}"),
                None => "the original version is not here or not valid, so the owner is not known".into(),
            });
        }
        // A version that does not verify is not at hand: what was done to it says nothing about its successor.
        let before = header.previous_version.and_then(|previous| self.get(previous));
        let before = before.filter(|before| before.error.is_none()).and_then(|before| before.header.as_ref());
        match (before, &header.previous_sha256) {
            (Some(before), Some(hash)) if before.sha256 != *hash => {
                Some("its chain hash does not match the version it replaces".into())
            }
            _ => None,
        }
    }
}

/// Oldest first: by id where both are UUIDv7, else by date.
fn order(a: &VersionState, b: &VersionState) -> Ordering {
    let by_id = a.key.version.unix_ms().is_some() && b.key.version.unix_ms().is_some();
    let date = |state: &VersionState| state.header.as_ref().map(|header| header.version_date);
    if by_id { a.key.cmp(&b.key) } else { date(a).cmp(&date(b)).then_with(|| a.key.cmp(&b.key)) }
}

fn is_future(version: Version, now: Timestamp) -> bool {
    let latest = now.as_millisecond() + CLOCK_TOLERANCE_SECONDS * 1000;
    version.unix_ms().is_some_and(|ms| i64::try_from(ms).is_ok_and(|ms| ms > latest))
}
