//! The versions of one agent: which belong to its chain, and what ended a key. Nothing here reads anything.
//!
//! A version hangs on the one before by the same key, or because the key before says so in a rotation proof. Whoever can
//! write to the store can put versions there, and whoever has an old key can make proofs: where one key hands over to two,
//! neither is believed.

use super::agent_version::AgentVersion;
use super::rotation::{Form, Reason};
use crate::crypto::PublicKey;
use crate::document::CLOCK_TOLERANCE_SECONDS;
use crate::id::Version;

/// After this time a key did not sign any more, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Seconds since 1970.
    pub at: i64,
    pub reason: Reason,
}

impl Ended {
    /// The earlier of two ends of one key, for the worse of their reasons.
    pub fn strictest(self, other: Ended) -> Ended {
        let reason = if self.reason == Reason::Compromised { self.reason } else { other.reason };
        Ended { at: self.at.min(other.at), reason }
    }

    /// Whether a signature of that time is later than the key's end, more than clocks may differ.
    pub fn is_before(&self, iat: i64) -> bool {
        iat > self.at.saturating_add(CLOCK_TOLERANCE_SECONDS)
    }
}

/// A version's key, as the chain has it.
#[derive(Clone, Debug)]
pub struct Standing {
    pub key: PublicKey,
    pub ended: Option<Ended>,
}

/// How a version hangs on the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Both have the same key.
    Same,
    /// The key before handed over.
    Rotated(Form),
}

/// What hangs together of an agent's versions.
pub struct Chain<'a> {
    sound: Vec<Sound<'a>>,
    ends: Vec<End<'a>>,
}

/// What a key itself said of its end, whoever it named.
struct End<'a> {
    key: &'a PublicKey,
    form: Form,
    ended: Ended,
}

#[derive(Clone, Copy)]
struct Sound<'a> {
    agent: &'a AgentVersion,
    key: &'a PublicKey,
    /// The position of the version before, and how this one hangs on it.
    link: Option<(usize, Link)>,
}

impl<'a> Chain<'a> {
    pub fn new(agents: impl IntoIterator<Item = &'a AgentVersion>) -> Chain<'a> {
        let with_key = |agent: &'a AgentVersion| Some(Sound { agent, key: agent.sound_key()?, link: None });
        let mut sound: Vec<Sound> = agents.into_iter().filter_map(with_key).collect();
        let links: Vec<_> = sound.iter().map(|next| link(&sound, next)).collect();
        sound.iter_mut().zip(links).for_each(|(sound, link)| sound.link = link);
        let ends = sound.iter().filter_map(|next| end(&sound, next)).collect();
        drop_doubtful(&mut sound);
        Chain { sound, ends }
    }

    /// The key of a version that leads to the agent's one first version; else why it does not.
    pub fn by_first(&self, version: Version) -> Result<Standing, &'static str> {
        if self.sound.iter().filter(|sound| sound.agent.is_first()).count() > 1 {
            return Err("the store holds several first versions of this agent");
        }
        let at = self.position(version).ok_or("the agent document is not signed by its own key")?;
        let root = self.way_back(at).last().unwrap_or(at);
        match self.sound[root].agent.is_first() {
            true => self.standing(at, Form::Lossy),
            false => Err("the chain to the agent's first version is broken"),
        }
    }

    /// The key of a version that hangs together with `anchor`, a key that something else than the store vouches for: by the
    /// same key, or by proofs that name the keys themselves.
    pub fn by_anchor(&self, anchor: &PublicKey, version: Version) -> Option<Standing> {
        let at = self.position(version)?;
        // A successor of the anchored key, or one of the keys before it, which it names.
        let is_before =
            |later: usize| self.sound[later].key == anchor && self.way_back_by_keys(later).any(|before| before == at);
        let hangs = self.succeeds(anchor, version) || (0..self.sound.len()).any(is_before);
        hangs.then(|| self.standing(at, Form::Raw).ok()).flatten()
    }

    /// Whether proofs that name keys lead from `key` to a version.
    pub fn succeeds(&self, key: &PublicKey, version: Version) -> bool {
        let at = self.position(version);
        at.is_some_and(|at| self.way_back_by_keys(at).any(|before| self.sound[before].key == key))
    }

    /// The other keys that proofs which name keys lead to from a version: the agent's keys after it.
    pub fn successors(&self, version: Version) -> Vec<&'a PublicKey> {
        let Some(at) = self.position(version) else { return Vec::new() };
        let mut later = Vec::new();
        for (position, sound) in self.sound.iter().enumerate() {
            let is_new = sound.key != self.sound[at].key && !later.contains(&sound.key);
            if is_new && self.way_back_by_keys(position).any(|before| before == at) {
                later.push(sound.key);
            }
        }
        later
    }

    fn position(&self, version: Version) -> Option<usize> {
        self.sound.iter().position(|sound| sound.agent.key.version == version)
    }

    /// From a version back to the first that it leads to; itself first. A ring is gone round once.
    fn way_back(&self, from: usize) -> impl Iterator<Item = usize> {
        let next = |at: &usize| self.sound[*at].link.map(|(before, _)| before);
        std::iter::successors(Some(from), next).take(self.sound.len())
    }

    /// The same, as far as the links name keys and not their hashes.
    fn way_back_by_keys(&self, from: usize) -> impl Iterator<Item = usize> {
        let next = |at: &usize| match self.sound[*at].link {
            Some((before, Link::Same | Link::Rotated(Form::Raw))) => Some(before),
            _ => None,
        };
        std::iter::successors(Some(from), next).take(self.sound.len())
    }

    fn standing(&self, at: usize, least: Form) -> Result<Standing, &'static str> {
        let Sound { agent, key, .. } = self.sound[at];
        let ended = self.first_end(key, least);
        match ended.is_some_and(|ended| ended.is_before(agent.iat)) {
            true => Err("this version of the agent was signed after its key had been replaced"),
            false => Ok(Standing { key: key.clone(), ended }),
        }
    }

    /// When a key ended by proofs that name keys.
    pub fn ended(&self, key: &PublicKey) -> Option<Ended> {
        self.first_end(key, Form::Raw)
    }

    /// The first end of a key that counts.
    fn first_end(&self, key: &PublicKey, least: Form) -> Option<Ended> {
        let ends = self.ends.iter().filter(|end| end.key == key && end.form >= least).map(|end| end.ended);
        ends.reduce(Ended::strictest)
    }
}

fn end<'a>(sound: &[Sound<'a>], next: &Sound<'a>) -> Option<End<'a>> {
    let Some((before, Link::Rotated(form))) = next.link else { return None };
    let proof = next.agent.proof.as_ref()?;
    Some(End { key: sound[before].key, form, ended: Ended { at: proof.at.as_second(), reason: proof.reason } })
}

/// How a version hangs on the one that it names.
fn link(sound: &[Sound], next: &Sound) -> Option<(usize, Link)> {
    let named = next.agent.previous?;
    let at = sound.iter().position(|sound| sound.agent.key.version == named)?;
    let before = &sound[at];
    if before.agent.original != next.agent.original {
        return None;
    }
    if before.key == next.key {
        return Some((at, Link::Same));
    }
    Some((at, Link::Rotated(next.agent.handed_over_by(before.key)?)))
}

/// Takes away links by which one key hands over to several: of a true and a forged one nobody can tell which is which. A
/// proof that names the keys themselves is not made doubtful by one that names their hashes, which others share.
fn drop_doubtful(sound: &mut [Sound]) {
    let rotated = |at: usize| match sound[at].link {
        Some((before, Link::Rotated(form))) => Some((sound[before].key, sound[at].key, form)),
        _ => None,
    };
    let is_doubtful = |at: &usize| {
        let Some((before, key, form)) = rotated(*at) else { return false };
        (0..sound.len())
            .filter_map(rotated)
            .any(|(other_before, other, other_form)| other_before == before && other != key && other_form >= form)
    };
    let doubtful: Vec<usize> = (0..sound.len()).filter(is_doubtful).collect();
    for at in doubtful {
        sound[at].link = None;
    }
}
