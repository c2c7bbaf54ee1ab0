//! The versions of one document: whose document it is, which versions count, what the heads are and which
//! one is the newest (specification, "Succession").

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::{CONCURRENT_READS, Reading, Stored, Vault, VerifyOptions};
use crate::config::{KeySource, UpdatePolicy};
use crate::document::{CLOCK_TOLERANCE_SECONDS, Header};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};
use crate::store::Kind;
use crate::trust::in_one_call;

/// One version as it was found, and whether it counts.
#[derive(Clone, Debug)]
pub struct VersionState {
    pub key: DocumentKey,
    /// `None` when the text could not be taken apart.
    pub header: Option<Header>,
    /// Who claims to have signed.
    pub agent: Option<DocumentKey>,
    pub key_source: Option<KeySource>,
    /// See [`Report::disowned`](super::Report::disowned).
    pub disowned: bool,
    /// What the checks found against it.
    pub error: Option<Error>,
    /// Why it does not count; `None` when it does.
    pub refused: Option<Refused>,
    pub head: bool,
    /// Its time lies ahead of our clock by more than the tolerance.
    pub future: bool,
}

/// Why a version does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A check failed.
    Invalid(String),
    Future,
    /// It names another original version.
    Original,
    /// Its signer is not this owner.
    Stranger(DocumentId),
    /// The original version, whose signer is the owner, is not here or not valid.
    NoOwner,
    /// Its chain hash does not match.
    Unlinked,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Invalid(why) => f.write_str(why),
            Refused::Future => f.write_str("its time lies in the future"),
            Refused::Original => f.write_str("it names another original version"),
            Refused::Stranger(owner) => write!(f, "its signer is not the owner, {owner}"),
            Refused::NoOwner => f.write_str("the original version is not here or not valid, so the owner is not known"),
            Refused::Unlinked => f.write_str("its chain hash does not match the version it replaces"),
        }
    }
}

impl VersionState {
    /// A version of which nothing is known yet.
    pub fn new(key: DocumentKey) -> VersionState {
        let future = is_future(key.version, super::now());
        VersionState {
            key,
            header: None,
            agent: None,
            key_source: None,
            disowned: false,
            error: None,
            refused: None,
            head: false,
            future,
        }
    }

    /// The same, with what its header says.
    #[must_use]
    pub fn with_header(self, header: Option<Header>) -> VersionState {
        let mut future = self.future;
        if let (None, Some(header)) = (self.key.version.unix_ms(), &header) {
            // An id without a time is ordered by its date.
            future = header.version_date > super::now() + SignedDuration::from_secs(CLOCK_TOLERANCE_SECONDS);
        }
        VersionState { header, future, ..self }
    }
}

/// All versions of one document, oldest first.
#[derive(Clone, Debug)]
pub struct Lineage {
    pub id: DocumentId,
    /// The version with which it began, once judged and where that is known.
    pub original: Option<Version>,
    pub owner: Option<DocumentId>,
    pub versions: Vec<VersionState>,
    positions: HashMap<Version, usize>,
}

impl Vault {
    /// Reads and judges every version of a document. Errors: `JACS_NOT_FOUND`; `JACS_CONFLICT` when the
    /// versions name different originals of which none is ours.
    pub async fn lineage(&self, kind: Kind, id: DocumentId, reading: Reading) -> Result<Lineage> {
        let mut lineage = self.read_lineage(kind, id, reading).await?;
        lineage.judge(self.update_policy)?;
        Ok(lineage)
    }

    /// Every version, oldest first, not judged yet. Errors: `JACS_NOT_FOUND`.
    pub(super) async fn read_lineage(&self, kind: Kind, id: DocumentId, reading: Reading) -> Result<Lineage> {
        let versions = self.store.versions(kind, id).await?;
        if versions.is_empty() {
            return Err(Error::new(Code::NotFound, "no such document is stored").with_key(id));
        }
        let reads = versions.into_iter().map(|version| self.version_state(kind, DocumentKey { id, version }, reading));
        let states: Vec<Option<VersionState>> =
            in_one_call(stream::iter(reads).buffered(CONCURRENT_READS).try_collect()).await?;
        Ok(Lineage::of(id, states.into_iter().flatten().collect()))
    }

    /// One version; `None` when it was removed since it was listed.
    async fn version_state(&self, kind: Kind, key: DocumentKey, reading: Reading) -> Result<Option<VersionState>> {
        let state = VersionState::new(key);
        let found = match self.find(kind, key, &VerifyOptions::default(), reading).await {
            Ok(found) => found,
            Err(error) => {
                return match error.code() {
                    Code::NotFound => Ok(None),
                    // Not a file, or not one that may be read, is damage like a changed one.
                    _ if error.is_damage() => Ok(Some(VersionState { error: Some(error), ..state })),
                    _ => Err(error),
                };
            }
        };
        let (agent, key_source, disowned, error) = (found.agent, found.key_source, found.disowned, found.error);
        Ok(Some(VersionState { agent, key_source, disowned, error, ..state.with_header(found.header) }))
    }

    /// The newest version without reading every other: when all versions are ordered by their ids and our own key, or
    /// a pinned one, signed the greatest, that one counts by itself. It is then verified with `options`. `None`: look at
    /// the whole lineage. There is no such way for others: who owns the document, which decides whether theirs counts,
    /// is said by all versions together.
    pub async fn newest_by_itself(
        &self,
        kind: Kind,
        id: DocumentId,
        options: &VerifyOptions,
        reading: Reading,
    ) -> Result<Option<Stored>> {
        let versions = self.store.versions(kind, id).await?;
        if !versions.iter().all(|version| version.unix_ms().is_some()) {
            return Ok(None);
        }
        let Some(greatest) = versions.last().copied().filter(|version| !is_future(*version, super::now())) else {
            return Ok(None);
        };
        let key = DocumentKey { id, version: greatest };
        // What the default refuses does not count, whatever the caller accepts.
        let options = VerifyOptions { allow_unsigned: false, ..options.clone() };
        let found = match self.find(kind, key, &options, reading).await {
            Err(error) if error.code() == Code::NotFound => return Ok(None),
            found => found?,
        };
        let counts = found.error.is_none() && found.key_source.is_some_and(|source| source >= KeySource::Pinned);
        let Some(header) = found.header.filter(|_| counts) else { return Ok(None) };
        let is_linked = self.is_linked(kind, &header, reading).await?;
        Ok(is_linked.then_some(Stored { kind, key, text: found.text }))
    }

    /// Whether the chain hash matches the replaced version, where that is at hand.
    async fn is_linked(&self, kind: Kind, header: &Header, reading: Reading) -> Result<bool> {
        let (Some(previous), Some(hash)) = (header.previous_version, &header.previous_sha256) else { return Ok(true) };
        let key = DocumentKey { id: header.key.id, version: previous };
        let before = match self.find(kind, key, &VerifyOptions::default(), reading).await {
            Err(error) if error.code() == Code::NotFound => return Ok(true),
            Err(error) if error.is_damage() => return Ok(false),
            before => before?,
        };
        // Who signed it is another question; only that its bytes are what was written.
        let is_whole = before.error.is_none_or(|error| error.code() != Code::Hash);
        Ok(is_whole && before.header.is_some_and(|before| before.sha256 == *hash))
    }
}

impl Lineage {
    /// The versions of a document, not judged yet.
    pub fn of(id: DocumentId, mut versions: Vec<VersionState>) -> Lineage {
        sort(&mut versions);
        let positions = versions.iter().enumerate().map(|(position, state)| (state.key.version, position)).collect();
        Lineage { id, original: None, owner: None, versions, positions }
    }

    /// The winner: the greatest head. Errors: that of a damaged version that may be newer than all that count;
    /// `JACS_UNTRUSTED` when no version counts.
    pub fn newest(&self) -> Result<&VersionState> {
        let winner = self.sorted_heads().pop();
        for damaged in self.versions.iter().filter(|state| self.is_damaged(state)) {
            // A version of a foreign kind has no order by id, so a damaged one may always be the newest.
            let older = winner.is_some_and(|winner| has_time(damaged) && has_time(winner) && damaged.key < winner.key);
            if let (false, Some(error)) = (older, &damaged.error) {
                return Err(error.clone());
            }
        }
        winner.ok_or_else(|| {
            let greatest = self.versions.last();
            if let Some(error) = greatest.and_then(|state| state.error.clone()) {
                return error;
            }
            let why = greatest.and_then(|state| state.refused.as_ref()).map(ToString::to_string).unwrap_or_default();
            Error::new(Code::Untrusted, "no stored version of the document counts")
                .with("newest", why)
                .with_key(self.id)
        })
    }

    /// The keys of all heads, the winner first.
    pub fn heads(&self) -> Vec<DocumentKey> {
        self.sorted_heads().into_iter().rev().map(|state| state.key).collect()
    }

    /// The heads, the winner last. Their order depends on them alone: what a stranger put beside them changes nothing.
    fn sorted_heads(&self) -> Vec<&VersionState> {
        let mut heads: Vec<&VersionState> = self.versions.iter().filter(|state| state.head).collect();
        sort(&mut heads);
        heads
    }

    pub fn get(&self, version: Version) -> Option<&VersionState> {
        self.versions.get(*self.positions.get(&version)?)
    }

    /// Whether a version failed its checks in a way that its author cannot have meant: bytes that are not what
    /// was written, or a signature that claims the owner and is not the owner's. A stranger's is merely refused.
    pub fn is_damaged(&self, state: &VersionState) -> bool {
        match (&state.error, state.agent, self.owner) {
            (None, ..) => false,
            // By its id alone it cannot count, whatever its bytes are; so it stands in nobody's way.
            _ if state.future => false,
            // Its owner gave up the key: whoever has it can make any number of them.
            _ if state.disowned => false,
            (Some(error), Some(agent), Some(owner)) => error.is_damage() || agent.id == owner,
            (Some(_), ..) => true,
        }
    }

    /// Decides which versions count. Errors: `JACS_CONFLICT` when they name different originals of which none is ours.
    pub fn judge(&mut self, policy: UpdatePolicy) -> Result<()> {
        let original = self.original()?;
        self.original = original;
        self.owner = original.and_then(|version| self.find_owner(version));
        let refused: Vec<Option<Refused>> =
            self.versions.iter().map(|state| self.why_refused(state, original, policy)).collect();
        for (state, refused) in self.versions.iter_mut().zip(refused) {
            state.refused = refused;
        }
        let unlinked: Vec<bool> = self.versions.iter().map(|state| self.is_unlinked(state)).collect();
        for (state, _) in self.versions.iter_mut().zip(unlinked).filter(|(_, unlinked)| *unlinked) {
            state.refused = Some(Refused::Unlinked);
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

    fn why_refused(&self, state: &VersionState, original: Option<Version>, policy: UpdatePolicy) -> Option<Refused> {
        if let Some(error) = &state.error {
            return Some(Refused::Invalid(format!("{}: {error}", error.code())));
        }
        let (Some(header), Some(agent)) = (&state.header, state.agent) else {
            return Some(Refused::Invalid("not a signed document".into()));
        };
        if state.future {
            return Some(Refused::Future);
        }
        if Some(header.original_version) != original {
            return Some(Refused::Original);
        }
        let trusted = policy == UpdatePolicy::Any || state.key_source.is_some_and(|source| source >= KeySource::Pinned);
        if !trusted && self.owner != Some(agent.id) {
            return Some(self.owner.map_or(Refused::NoOwner, Refused::Stranger));
        }
        None
    }

    /// Whether a version that would count otherwise names another hash than that of the version it replaces. What
    /// does not verify, or a stranger put in its place, is not at hand: it says nothing about its successor.
    fn is_unlinked(&self, state: &VersionState) -> bool {
        let Some(header) = state.header.as_ref().filter(|_| state.refused.is_none()) else { return false };
        let before = header.previous_version.and_then(|previous| self.get(previous));
        let before = before.filter(|before| before.refused.is_none()).and_then(|before| before.header.as_ref());
        matches!((before, &header.previous_sha256), (Some(before), Some(hash)) if before.sha256 != *hash)
    }

    /// The signer of the first version; unless a version by our own key or a pinned one leads there by its chain of
    /// hashes and names another hash: then the first was removed, and a stranger's put in its place.
    fn find_owner(&self, original: Version) -> Option<DocumentId> {
        let first = self.get(original).filter(|first| first.error.is_none())?;
        let is_believed = |state: &&VersionState| {
            state.error.is_none() && state.key_source.is_some_and(|source| source >= KeySource::Pinned)
        };
        let mut seen = HashSet::new();
        let contradicted =
            self.versions.iter().filter(is_believed).any(|state| self.contradicts(state, first, &mut seen));
        first.agent.filter(|_| !contradicted).map(|agent| agent.id)
    }

    /// `seen` has the versions from which that was found not to be so.
    fn contradicts(&self, from: &VersionState, first: &VersionState, seen: &mut HashSet<Version>) -> bool {
        let mut state = from;
        while seen.insert(state.key.version) {
            let Some(header) = &state.header else { return false };
            let before = header.previous_version.and_then(|previous| self.get(previous));
            let Some(before) = before.filter(|before| before.error.is_none()) else { return false };
            let hash = before.header.as_ref().map(|header| &header.sha256);
            if header.previous_sha256.as_ref().is_some_and(|named| Some(named) != hash) {
                return before.key == first.key;
            }
            state = before;
        }
        false
    }
}

/// Oldest first: by id where all are UUIDv7, else all by date, so that the order is one whatever stands there.
fn sort<S: Borrow<VersionState>>(versions: &mut [S]) {
    if versions.iter().all(|state| has_time(state.borrow())) {
        return versions.sort_by_key(|state| state.borrow().key);
    }
    let date = |state: &VersionState| state.header.as_ref().map(|header| header.version_date);
    versions.sort_by_key(|state| (date(state.borrow()), state.borrow().key));
}

fn has_time(state: &VersionState) -> bool {
    state.key.version.unix_ms().is_some()
}

fn is_future(version: Version, now: Timestamp) -> bool {
    let latest = now.as_millisecond() + CLOCK_TOLERANCE_SECONDS * 1000;
    version.unix_ms().is_some_and(|ms| i64::try_from(ms).is_ok_and(|ms| ms > latest))
}
