//! Whose key is it? A signature proves which key signed; the sources here say whose key that is.
//!
//! | file | what |
//! |---|---|
//! | `own` | the source `self`: the loaded agent |
//! | `pins` | the source `pinned`: the trust store beside the keys |
//! | `dns` | the source `dns`: the TXT records of domains |
//! | `stored` | the source `storage`: agent documents beside the documents |
//! | `agent_version` | one agent document, judged alone |
//! | `chain` | the versions of one agent together, and what ended a key |
//! | `rotation` | the proof by which one key hands over to the next |
//! | `registry` | the source `registry`: the HAI agent registry |
//! | `asked` | none: answers, for the length of one call |
//!
//! Who a key belongs to is decided anew for every read.

mod agent_version;
mod asked;
mod chain;
#[cfg(test)]
mod chain_test;
mod dns;
mod own;
mod pins;
mod registry;
mod rotation;
mod stored;

use std::sync::Arc;

pub use agent_version::AgentVersion;
pub use asked::{OneCall, in_one_call};
pub use chain::{Ended, Standing};
pub use dns::{Confirmation, Dns, Publication};
pub use own::OwnKey;
pub use pins::{Pin, Pins};
pub use registry::{Answer, Registry, RegistryKey};
pub use rotation::{MEMBER as ROTATION_PROOF, Reason, prove};

use self::chain::Chain;
use self::rotation::Form;
use self::stored::Stored;
use crate::config::{KeyResolution, KeySource};
use crate::crypto::PublicKey;
use crate::document::{Origin, Parsed, SignedBy};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::store::Store;
use crate::store::blocking;

/// A key, and why it is believed to be the signer's.
#[derive(Clone, Debug)]
pub struct Believed {
    pub key: PublicKey,
    pub source: KeySource,
    /// When it handed over to another key.
    pub ended: Option<Ended>,
}

/// A source that was asked, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub source: KeySource,
    pub result: String,
}

/// What all sources together said.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub believed: Option<Believed>,
    pub tried: Vec<Tried>,
    /// Why the signer is not to be believed, whoever else knows a key.
    pub refused: Option<&'static str>,
}

/// Where keys are looked for.
pub struct Keyring {
    /// `None` where no agent is loaded.
    pub own: Option<OwnKey>,
    /// `None` where there is no key directory to keep it in.
    pins: Option<Pins>,
    store: Store,
    sources: Vec<KeyResolution>,
    judged: stored::Judged,
    max_bytes: u64,
}

impl Keyring {
    /// `sources` are asked in their order, after the loaded agent's own key and the trust store.
    ///
    /// Errors: `JACS_UNSUPPORTED` for a source that this version does not have.
    pub fn new(
        own: Option<OwnKey>,
        pins: Option<Pins>,
        store: Store,
        sources: Vec<KeyResolution>,
        max_bytes: u64,
    ) -> Result<Keyring> {
        match sources.iter().find(|source| matches!(source, KeyResolution::Registry | KeyResolution::Dns)) {
            Some(source) => {
                let error =
                    Error::new(Code::Unsupported, "this version does not have a key source of `jacs_key_resolution`");
                Err(error.with("source", source))
            }
            None => Ok(Keyring { own, pins, store, sources, judged: Default::default(), max_bytes }),
        }
    }

    /// The key that a signature over `document` names. `introduced` is the document itself where it is about to be
    /// stored: that of an agent speaks for itself, as far as it continues what is stored.
    ///
    /// Errors: `JACS_UNAVAILABLE`, `JACS_PERMISSION` when a source could not be asked, `JACS_KEY` for a trust store that cannot be
    /// read; never because a key is unknown or wrong, which is in what comes back.
    pub async fn find(
        &self,
        by: &SignedBy<'_>,
        document: DocumentKey,
        introduced: Option<&Parsed<'_>>,
    ) -> Result<Found> {
        let mut found = Found::default();
        let introduced = introduced.filter(|_| document == by.agent);
        if let Some(own) = self.own.as_ref().filter(|own| own.id() == by.agent.id) {
            let answer = match own.knows(by.agent.version) {
                Some(known) => Ok(known),
                None if document == by.agent && by.public_key_hash == own.key().hash() => {
                    Ok(Standing { key: own.key().clone(), ended: None })
                }
                None => own.find(by.agent.version, &*Box::pin(self.stored(by.agent, None)).await?),
            };
            found.note(KeySource::SelfKey, answer, by);
            return Ok(found);
        }
        match Box::pin(self.pin(by.agent.id)).await? {
            Some(Pin::Blocked { .. }) => found.refuse("it is blocked", "the agent is blocked in the trust store"),
            Some(Pin::Trusted { key, .. }) => {
                let stored = Box::pin(self.stored(by.agent, introduced)).await?;
                found.note_pinned(&key, &stored, by);
            }
            None if self.sources.contains(&KeyResolution::Storage) => {
                let stored = Box::pin(self.stored(by.agent, introduced)).await?;
                found.note(KeySource::Storage, stored.standing.clone(), by);
            }
            None => {}
        }
        Ok(found)
    }

    async fn pin(&self, agent: DocumentId) -> Result<Option<Pin>> {
        match self.pins.clone() {
            Some(pins) => blocking(move || pins.get(agent)).await,
            None => Ok(None),
        }
    }

    async fn stored(&self, agent: DocumentKey, introduced: Option<&Parsed<'_>>) -> Result<Arc<Stored>> {
        let introduces = introduced.is_some();
        let introduced = introduced
            .and_then(|document| AgentVersion::read(document.canonical_text(), Origin::Caller, self.max_bytes));
        let ask =
            async { Ok(Arc::new(Stored::read(&self.store, &self.judged, agent, introduced, self.max_bytes).await?)) };
        match introduces {
            true => ask.await,
            false => asked::once(agent, ask).await,
        }
    }

    /// Whether proofs that name keys lead from a pinned key to an agent's version, by itself or over those in the store.
    pub async fn leads(&self, pinned: &PublicKey, agent: AgentVersion) -> Result<bool> {
        let key = agent.key;
        let by_itself = agent.public_key.as_ref().zip(agent.proof.as_ref());
        if by_itself.is_some_and(|(key, proof)| proof.holds(agent.key.id, pinned, key) == Some(Form::Raw)) {
            return Ok(true);
        }
        let stored = Stored::read(&self.store, &self.judged, key, Some(agent), self.max_bytes).await?;
        Ok(Chain::new(stored.agents.iter().map(|agent| &**agent)).succeeds(pinned, key.version))
    }

    /// The id of the loaded agent.
    pub fn own_id(&self) -> Option<DocumentId> {
        self.own.as_ref().map(OwnKey::id)
    }

    /// What [`find`](Self::find) would say, where that needs no look at the store.
    pub fn find_known(&self, by: &SignedBy<'_>) -> Option<Found> {
        let own = self.own.as_ref().filter(|own| own.id() == by.agent.id)?;
        let mut found = Found::default();
        found.note(KeySource::SelfKey, Ok(own.knows(by.agent.version)?), by);
        Some(found)
    }
}

impl Found {
    /// Notes what a source said, and takes its key when it is the one that the claim names.
    fn note(&mut self, source: KeySource, answer: Result<Standing, String>, by: &SignedBy<'_>) {
        let result = match answer {
            Ok(Standing { key, .. }) if key.algorithm() != by.algorithm => "its key is of another algorithm".into(),
            Ok(Standing { key, .. }) if key.hash() != by.public_key_hash => "its key has another publicKeyHash".into(),
            Ok(Standing { key, ended }) => {
                self.believed = Some(Believed { key, source, ended });
                "found".into()
            }
            Err(reason) => reason,
        };
        self.tried.push(Tried { source, result });
    }

    /// What is pinned wins over everything: another key is believed only as far as proofs lead from one to the other.
    fn note_pinned(&mut self, pinned: &PublicKey, stored: &Stored, by: &SignedBy<'_>) {
        let chain = Chain::new(stored.agents.iter().map(|agent| &**agent));
        let standing = match chain.by_anchor(pinned, by.agent.version) {
            Some(standing) => standing,
            // Its documents may lie elsewhere, and those of `jacs` carry no key.
            None if !stored.agents.iter().any(|agent| agent.key == by.agent && agent.public_key.is_some()) => {
                Standing { key: pinned.clone(), ended: chain.ended(pinned) }
            }
            None => return self.refuse("another key is pinned", ANOTHER_PINNED),
        };
        // Who pinned the very key believes it although its owner does not any more, until it ended.
        let ended = standing.ended.map(|ended| match standing.key == *pinned {
            true => Ended { reason: Reason::Scheduled, ..ended },
            false => ended,
        });
        let standing = Standing { ended, ..standing };
        self.note(KeySource::Pinned, Ok(standing), by);
        if self.believed.is_none() {
            self.refused = Some(ANOTHER_PINNED);
        }
    }

    fn refuse(&mut self, result: &str, reason: &'static str) {
        self.tried.push(Tried { source: KeySource::Pinned, result: result.to_owned() });
        self.refused = Some(reason);
    }

    /// The key (check 4). Errors: `JACS_KEY`, `JACS_UNTRUSTED`.
    pub fn key(&self, by: &SignedBy<'_>) -> Result<&Believed> {
        if let Some(reason) = self.refused {
            return Err(Error::new(Code::Untrusted, reason).with("agent", by.agent));
        }
        self.believed.as_ref().ok_or_else(|| {
            let mut error = Error::new(Code::Key, "no key was found that is the signer's").with("agent", by.agent);
            for tried in &self.tried {
                error = error.with(tried.source.name(), &tried.result);
            }
            error
        })
    }
}

const ANOTHER_PINNED: &str = "another key of the signer is pinned, and no rotation proof leads from one to the other";
