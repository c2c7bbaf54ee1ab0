//! What there is to say of the versions of one id together: chains, heads, whose they are.

use std::collections::{BTreeMap, HashSet};

use super::judge::path_of;
use super::{Finding, What};
use crate::config::UpdatePolicy;
use crate::error::Code;
use crate::id::{DocumentId, DocumentKey, Version};
use crate::store::{Kind, layout};
use crate::vault::{Lineage, Refused, VersionState};

/// A version that others name and that is not stored.
pub struct Missing {
    pub finding: Finding,
    pub key: DocumentKey,
    /// What its `jacsSha256` must be, where that is known.
    pub sha256: Option<Box<str>>,
}

/// What was found.
#[derive(Default)]
pub struct Chain {
    pub findings: Vec<Finding>,
    pub missing: Vec<Missing>,
}

/// The versions of an id, read and judged one by one.
pub struct Family<'a> {
    pub kind: Kind,
    pub id: DocumentId,
    /// All that are stored, ascending.
    pub stored: &'a [Version],
    /// Whether any of them is damaged.
    pub damaged: bool,
    /// Of agents: those that were found not to be part of the chain.
    pub outside: Vec<Finding>,
    pub policy: UpdatePolicy,
    /// Of which it is told.
    pub wanted: &'a (dyn Fn(Version) -> bool + Sync),
}

/// Whether a version that stands alone is a first one without a flaw: then there is nothing to say.
pub fn is_sole_first(states: &[VersionState]) -> bool {
    let [state] = states else { return states.is_empty() };
    let is_first = state.header.as_ref().is_some_and(|header| {
        header.original_version == state.key.version
            && header.previous_version.is_none()
            && header.merged_versions.is_empty()
    });
    is_first && state.error.is_none() && !state.future
}

/// Whether the way from a version to the first leads to one that is damaged or not stored.
fn leads_to_damage(lineage: &Lineage, finding: &Finding) -> bool {
    let key = finding.key.as_deref().and_then(|key| key.parse::<DocumentKey>().ok());
    let mut version = key.map(|key| key.version);
    for _ in 0..=lineage.versions.len() {
        let Some(named) = version else { return false };
        match lineage.get(named) {
            Some(state) if state.error.is_none() => {
                version = state.header.as_ref().and_then(|header| header.previous_version);
            }
            _ => return true,
        }
    }
    false
}

impl Family<'_> {
    pub fn examine(mut self, mut states: Vec<VersionState>) -> Chain {
        let mut chain = Chain::default();
        let mut outside = std::mem::take(&mut self.outside);
        if self.kind == Kind::Agent {
            // What an agent's version names is asked although the chain to it is broken, for that may be why.
            let outside: HashSet<&str> = outside.iter().filter_map(|finding| finding.key.as_deref()).collect();
            for state in states.iter_mut().filter(|state| outside.contains(&*state.key.to_string())) {
                state.error = None;
            }
        }
        let mut lineage = Lineage::of(self.id, states);
        match lineage.judge(self.policy) {
            Err(_) if self.kind == Kind::Agent => {}
            Err(error) => chain.findings.push(self.of_all(
                What::Originals,
                error.code(),
                "the versions of the document name different first versions",
            )),
            Ok(()) => self.judged(&lineage, &mut chain),
        }
        if self.kind == Kind::Agent {
            chain.findings.retain(|finding| finding.what != What::NotAccepted);
            // A version behind one that is damaged or missing is outside because of that.
            outside.retain(|finding| !leads_to_damage(&lineage, finding));
            chain.findings.extend(outside);
        }
        chain
    }

    fn judged(&self, lineage: &Lineage, chain: &mut Chain) {
        let original = lineage.original.and_then(|version| lineage.get(version));
        let mut broken = Vec::new();
        let is_wanted = |state: &&VersionState| (self.wanted)(state.key.version);
        for state in lineage.versions.iter().filter(|state| state.error.is_none()).filter(is_wanted) {
            let say = |what, code, message: &str| self.of_one(state.key, what, code, message);
            if self.is_broken(lineage, state) {
                broken.push(say(
                    What::BrokenChain,
                    Code::Hash,
                    "the version names another hash than that of the version it replaces",
                ));
                continue;
            }
            match &state.refused {
                None if self.has_no_begin(state) => {
                    broken.push(say(What::BrokenChain, Code::Hash, "the version replaces none and is not the first"));
                }
                None | Some(Refused::Invalid(_) | Refused::Unlinked | Refused::NoOwner) => {}
                Some(Refused::Future) => chain.findings.push(say(
                    What::Future,
                    Code::Signature,
                    "the time of the version lies ahead of the clock",
                )),
                Some(why @ (Refused::Original | Refused::Stranger(_))) => {
                    chain.findings.push(say(
                        What::NotAccepted,
                        Code::Untrusted,
                        &format!("the version does not count: {why}"),
                    ));
                }
            }
        }
        if broken.is_empty()
            && let Some(ring) = self.ring(lineage)
        {
            broken.push(ring);
        }
        let is_broken = !broken.is_empty();
        chain.findings.extend(broken);
        chain.missing = self.missing(lineage);
        // Whose document it is, is not known because of what was told already; or because nobody can tell.
        let is_explained = is_broken
            || original.is_none()
            || original
                .and_then(|original| original.error.as_ref())
                .is_some_and(|error| !matches!(error.code(), Code::Key | Code::Untrusted));
        if !is_explained {
            let ownerless = |state: &&VersionState| state.refused == Some(Refused::NoOwner);
            for state in lineage.versions.iter().filter(ownerless).filter(is_wanted) {
                chain.findings.push(self.of_one(
                    state.key,
                    What::NotAccepted,
                    Code::Untrusted,
                    &format!("the version does not count: {}", Refused::NoOwner),
                ));
            }
        }
        let heads = lineage.heads();
        if heads.len() > 1 && !self.damaged && chain.missing.is_empty() && !is_broken {
            let mut note = self.of_all(
                What::Fork,
                Code::Conflict,
                "the document has several heads: an update with `merges` joins them",
            );
            note.message = format!(
                "{} (heads: {})",
                note.message,
                heads.iter().take(8).map(|head| head.version.to_string()).collect::<Vec<_>>().join(", ")
            );
            chain.findings.push(note);
        }
    }

    /// Whether a version that would count otherwise names another hash than that of the version it replaces.
    fn is_broken(&self, lineage: &Lineage, state: &VersionState) -> bool {
        let counts = matches!(state.refused, None | Some(Refused::Unlinked))
            || (lineage.owner.is_none() && state.refused == Some(Refused::NoOwner));
        let Some(header) = state.header.as_ref().filter(|_| counts) else { return false };
        let before =
            header.previous_version.and_then(|previous| lineage.get(previous)).filter(|before| before.error.is_none());
        let before = before.filter(|before| before.refused.is_none() || lineage.owner.is_none());
        let before = before.and_then(|before| before.header.as_ref());
        matches!((before, &header.previous_sha256), (Some(before), Some(hash)) if before.sha256 != *hash)
    }

    fn has_no_begin(&self, state: &VersionState) -> bool {
        state
            .header
            .as_ref()
            .is_some_and(|header| header.previous_version.is_none() && header.original_version != state.key.version)
    }

    /// Without hashes, a chain can be closed to a ring.
    fn ring(&self, lineage: &Lineage) -> Option<Finding> {
        let mut leading: HashSet<Version> = HashSet::new();
        for first in lineage.versions.iter().filter(|state| state.refused.is_none()) {
            let (mut path, mut next) = (HashSet::new(), Some(first));
            while let Some(state) = next.filter(|state| !leading.contains(&state.key.version)) {
                if !path.insert(state.key.version) {
                    return Some(self.of_one(
                        state.key,
                        What::BrokenChain,
                        Code::Hash,
                        "the chain of the version leads back to itself",
                    ));
                }
                let previous = state.header.as_ref().and_then(|header| header.previous_version);
                next = previous.and_then(|previous| lineage.get(previous));
            }
            leading.extend(path);
        }
        None
    }

    /// Versions that those name that count, or would if their owner were known.
    fn missing(&self, lineage: &Lineage) -> Vec<Missing> {
        let counts = |state: &&VersionState| {
            state.error.is_none()
                && matches!(state.refused, None | Some(Refused::Unlinked | Refused::NoOwner))
                && (self.wanted)(state.key.version)
        };
        let mut named: BTreeMap<Version, (What, Option<Box<str>>)> = BTreeMap::new();
        for header in lineage.versions.iter().filter(counts).filter_map(|state| state.header.as_ref()) {
            for merged in &header.merged_versions {
                named.entry(*merged).or_insert((What::MissingPredecessor, None));
            }
            if let Some(previous) = header.previous_version {
                let known = named.entry(previous).or_insert((What::MissingPredecessor, None));
                known.1 = known.1.take().or_else(|| header.previous_sha256.clone());
            }
            named.entry(header.original_version).or_insert((What::MissingOriginal, None)).0 = What::MissingOriginal;
        }
        let missing = named.into_iter().filter(|(version, _)| self.stored.binary_search(version).is_err());
        let told = missing.map(|(version, (what, sha256))| {
            let message = match what {
                What::MissingOriginal => "the first version is not stored",
                _ => "a version that another one replaces is not stored",
            };
            let key = DocumentKey { id: self.id, version };
            Missing { finding: self.of_one(key, what, Code::NotFound, message), key, sha256 }
        });
        told.collect()
    }

    fn of_one(&self, key: DocumentKey, what: What, code: Code, message: &str) -> Finding {
        Finding::new(what, code, message).with_key(key).with_path(path_of(self.kind, key))
    }

    fn of_all(&self, what: What, code: Code, message: &str) -> Finding {
        Finding::new(what, code, message).with_key(self.id).with_path(layout::prefix(self.kind, self.id))
    }
}
