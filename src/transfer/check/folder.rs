//! One id: what stands in its folder, read, judged, and repaired where that is asked for.

use std::collections::HashSet;

use futures::{StreamExt, stream};

use super::chain::{Family, is_sole_first};
use super::files::not_a_file;
use super::judge::{Judged, path_of};
use super::repair::{KnownOf, Outcome};
use super::tally::Tally;
use super::{Check, Finding, What};
use crate::error::{Code, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::store::layout::{self, ObjectKey};
use crate::store::{Entry, FileAccess, Kind, Odd, Seen, Survey, Trouble};
use crate::trust::OneCall;
use crate::vault::VersionState;

/// Versions of one document that are read at once where each takes a request.
const AT_ONCE: usize = 8;
/// What was brought back is looked at, too; so often at most.
const ROUNDS: usize = 4;

/// What was read of the versions of an id.
#[derive(Default)]
struct Seeing {
    states: Vec<VersionState>,
    /// Damage of which it is told once the folder is read, and repaired.
    broken: Vec<Finding>,
    /// Versions of an agent that are not part of its chain.
    outside: Vec<Finding>,
    damaged: bool,
    /// Of some nothing is known.
    unknown: bool,
}

/// A look at one id.
pub(super) struct Look<'a> {
    check: &'a Check,
    kind: Kind,
    id: DocumentId,
    pub tally: Tally,
    /// What was told, where it is looked at more than once.
    told: HashSet<(What, String)>,
    damaged: HashSet<String>,
    repaired: HashSet<String>,
}

impl Check {
    /// Looks at one id. Errors: `JACS_ABORTED`, and that of a storage that is away.
    pub(super) async fn look_at_id(
        &self,
        survey: &Survey,
        kind: Kind,
        id: DocumentId,
        listed: Option<Vec<Entry>>,
    ) -> Result<Tally> {
        let mut look = Look {
            check: self,
            kind,
            id,
            tally: Tally::default(),
            told: HashSet::new(),
            damaged: HashSet::new(),
            repaired: HashSet::new(),
        };
        if kind == Kind::Agent {
            look.look_beside().await?;
        }
        let mut fixed = look.look(survey, listed, true).await?;
        for _ in 1..ROUNDS {
            if !fixed {
                break;
            }
            // What was answered about an agent's version before it was brought back does not hold any more.
            fixed = OneCall::default().part(Box::pin(look.look(survey, None, false))).await?;
        }
        look.tally.damaged += look.damaged.len() as u64;
        look.tally.repaired += look.damaged.intersection(&look.repaired).count() as u64;
        Ok(look.tally)
    }
}

impl Look<'_> {
    /// What is stored under an agent's id must not be hidden by a document of the same id.
    async fn look_beside(&mut self) -> Result<()> {
        if let Ok(versions) = self.check.vault.store.versions(Kind::Document, self.id).await
            && !versions.is_empty()
        {
            let message = "documents are stored under the id of an agent, and hide it";
            let finding = Finding::new(What::Misplaced, Code::Hash, message);
            let path = layout::prefix(Kind::Document, self.id);
            self.tell(finding.with_key(self.id).with_path(path), None);
        }
        Ok(())
    }

    /// Whether something was brought back, so that another look is worth it.
    async fn look(&mut self, survey: &Survey, listed: Option<Vec<Entry>>, first: bool) -> Result<bool> {
        let check = self.check;
        let found = survey.folder(self.id, listed, &mut |seen| self.see(seen)).await?;
        let folder = match found {
            Ok(folder) => folder,
            Err(trouble) => return self.no_folder(trouble).await,
        };
        if !folder.versions.iter().any(|version| check.is_wanted(*version)) {
            return Ok(false);
        }
        let mut seen = Seeing::default();
        if check.vault.store.is_local() {
            for position in 0..folder.versions.len() {
                let judged = check.judge(self.kind, &folder, position).await?;
                self.settle(judged, first, &mut seen).await?;
            }
        } else {
            let kind = self.kind;
            let judge = |position| check.judge(kind, &folder, position);
            let positions: Vec<usize> = (0..folder.versions.len()).collect();
            for some in positions.chunks(AT_ONCE) {
                // All of them before the first is settled: one that nobody drives meanwhile would keep its place at the
                // server, and settling may have to wait for one.
                let judged: Vec<_> = stream::iter(some.iter().copied()).map(judge).buffered(AT_ONCE).collect().await;
                for judged in judged {
                    self.settle(judged?, first, &mut seen).await?;
                }
            }
        }
        let Seeing { states, broken, outside, damaged, unknown } = seen;
        let mut fixed = false;
        for finding in broken {
            fixed |= self.replace(finding, &states).await?;
        }
        if fixed || unknown || is_sole_first(&states) && outside.is_empty() {
            return Ok(fixed);
        }
        let policy = check.vault.update_policy;
        let (stored, wanted) = (&folder.versions, |version| check.is_wanted(version));
        let family = Family { kind: self.kind, id: self.id, stored, damaged, outside, policy, wanted: &wanted };
        self.look_at_chain(family, states).await
    }

    async fn look_at_chain(&mut self, family: Family<'_>, states: Vec<VersionState>) -> Result<bool> {
        let chain = family.examine(states);
        for finding in chain.findings {
            self.tell(finding, None);
        }
        let mut fixed = false;
        for missing in chain.missing {
            let object = ObjectKey::Version { kind: self.kind, key: missing.key };
            let outcome = match &self.check.repair {
                Some(repair) => Some(repair.fetch(self.check, object, missing.sha256.as_deref()).await?),
                None => None,
            };
            fixed |= outcome == Some(Outcome::Repaired);
            self.tell(missing.finding, outcome);
        }
        Ok(fixed)
    }

    /// Tells what there is to say of one version; what may be repaired is left for when its folder is read.
    async fn settle(&mut self, mut judged: Judged, first: bool, seen: &mut Seeing) -> Result<()> {
        let check = self.check;
        if judged.gone {
            return Ok(());
        }
        let (kind, key) = (self.kind, judged.key);
        let path = || path_of(kind, key);
        if let Some(error) = judged.unasked {
            seen.unknown = true;
            return check.unchecked(&mut self.tally, &path(), self.id, &error);
        }
        check.asked();
        let state = judged.state.take();
        let is_wanted = check.is_wanted(judged.key.version) && is_late_enough(check, state.as_ref());
        seen.states.extend(state);
        seen.damaged |= judged.finding.as_ref().is_some_and(|it| it.what.is_damage() && it.what != What::AgentChain);
        if !is_wanted {
            return Ok(());
        }
        if first {
            self.tally.scanned += 1;
            self.tally.bytes += judged.bytes;
        }
        if let Some(access) = judged.access {
            self.tell(permissions(access).with_key(judged.key).with_path(path()), None);
        }
        if judged.uneven {
            let message = "the document is valid and not in canonical form";
            let note = Finding::new(What::NotCanonical, Code::Input, message);
            self.tell(note.with_key(judged.key).with_path(path()), None);
        }
        if let Some(finding) = judged.finding {
            let finding = Finding { key: Some(judged.key.to_string()), ..finding }.with_path(path());
            match finding.what {
                What::AgentChain => seen.outside.push(finding),
                what if what.is_damage() => seen.broken.push(finding),
                _ => self.tell(finding, None),
            }
        }
        match judged.names.is_empty() {
            true => Ok(()),
            false => check.name_files(&mut self.tally, &judged.key.to_string(), judged.names, judged.asks).await,
        }
    }

    /// Tells of a damaged version, after it was replaced where that can be.
    async fn replace(&mut self, finding: Finding, states: &[VersionState]) -> Result<bool> {
        let key = finding.key.as_deref().and_then(|key| key.parse::<DocumentKey>().ok());
        let outcome = match (&self.check.repair, key) {
            (Some(repair), Some(key)) => {
                let known = known_of(key, states);
                Some(repair.replace(self.check, ObjectKey::Version { kind: self.kind, key }, &known).await?)
            }
            _ => None,
        };
        let fixed = outcome == Some(Outcome::Repaired);
        self.tell(finding, outcome);
        Ok(fixed)
    }

    async fn no_folder(&mut self, trouble: Trouble) -> Result<bool> {
        let path = layout::prefix(self.kind, self.id);
        let finding = match trouble {
            Trouble::Gone => return Ok(false),
            Trouble::Unasked(error) => {
                self.check.unchecked(&mut self.tally, &path, self.id, &error)?;
                return Ok(false);
            }
            Trouble::NotAFile(what) => not_a_file(what),
            Trouble::Unreadable(error) => Finding::of(What::Unreadable, &error),
        };
        let outcome = match &self.check.repair {
            Some(repair) => Some(repair.replace_folder(self.check, self.kind, self.id).await?),
            None => None,
        };
        let fixed = outcome == Some(Outcome::Repaired);
        self.tell(Finding { key: Some(self.id.to_string()), ..finding }.with_path(path), outcome);
        Ok(fixed)
    }

    fn see(&mut self, seen: Seen) -> Result<()> {
        if let Seen::Odd(path, odd) = seen {
            self.tell(of_odd(path, odd), None);
        }
        self.check.check_on()
    }

    fn tell(&mut self, finding: Finding, outcome: Option<Outcome>) {
        let object = finding.path.clone().unwrap_or_default();
        // Where nothing is repaired, it is looked at once.
        if self.check.repair.is_some() && !self.told.insert((finding.what, object.clone())) {
            return;
        }
        if finding.what.is_damage() {
            if outcome == Some(Outcome::Repaired) {
                self.repaired.insert(object.clone());
            }
            self.damaged.insert(object);
        }
        self.check.tell(&mut self.tally, Outcome::note(outcome, finding));
    }
}

/// Whether a version whose id tells no time is among those that are asked for.
fn is_late_enough(check: &Check, state: Option<&VersionState>) -> bool {
    let (Some(since), Some(state)) = (check.since, state) else { return true };
    let made =
        state.header.as_ref().filter(|_| state.key.version.unix_ms().is_none()).map(|header| header.version_date);
    made.is_none_or(|made| made >= since)
}

/// What there is to say of something that is not as the layout has it.
pub(super) fn of_odd(path: String, odd: Odd) -> Finding {
    let finding = match odd {
        Odd::Stray => Finding::new(What::Stray, Code::Input, "what stands there is not of the layout"),
        Odd::Temporary => Finding::new(What::Temporary, Code::Input, "a writer left a temporary file behind"),
        Odd::Empty => Finding::new(What::Stray, Code::Input, "the folder of an id has no version"),
        Odd::Instead(what) => not_a_file(what),
        Odd::Unreadable(error) => Finding::of(What::Unreadable, &error),
        Odd::Open(access) => permissions(access),
    };
    let path = if path.is_empty() { ".".to_owned() } else { path };
    let id = path.split('/').nth(1).and_then(|id| id.parse::<DocumentId>().ok());
    let finding = id.into_iter().fold(finding, Finding::with_key);
    finding.with_path(path)
}

/// What there is to say of an entry with which others may do something.
pub(super) fn permissions(access: FileAccess) -> Finding {
    let message = match access.mode & 0o066 {
        0 => "it belongs to another user than the data directory".to_owned(),
        others => {
            let verb = if others & 0o022 == 0 { "read" } else { "write" };
            format!("others may {verb} it (mode: {:o})", access.mode)
        }
    };
    Finding::new(What::Permissions, Code::Permission, message)
}

/// What the sound versions of an id say about one that is damaged.
fn known_of(key: DocumentKey, states: &[VersionState]) -> KnownOf {
    let sound = || states.iter().filter(|state| state.error.is_none() && state.key != key);
    let successor = sound()
        .filter_map(|state| state.header.as_ref())
        .find(|header| header.previous_version == Some(key.version) && header.previous_sha256.is_some());
    let signers: HashSet<DocumentId> = sound().filter_map(|state| Some(state.agent?.id)).collect();
    KnownOf {
        sha256: successor.and_then(|header| header.previous_sha256.as_deref()).map(str::to_owned),
        signers: (!signers.is_empty()).then_some(signers),
    }
}
