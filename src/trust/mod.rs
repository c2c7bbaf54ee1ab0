//! Whose key is it? A signature proves which key signed; the sources here say whose key that is.
//!
//! | file | what |
//! |---|---|
//! | `own` | the source `self`: the loaded agent |
//! | `pins` | the source `pinned`: the trust store beside the keys |
//! | `stored` | the source `storage`: agent documents beside the documents |
//! | `agent_version` | one agent document, judged alone |
//! | `chain` | the versions of one agent together, and what ended a key |
//! | `rotation` | the proof by which one key hands over to the next |
//! | `registry` | the source `registry`: the HAI agent registry |
//! | `dns` | the source `dns`: TXT records of domains, which confirm what others found |
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
    /// The domain whose record names it.
    pub domain: Option<String>,
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
    store: Store,
    sources: Sources,
    judged: stored::Judged,
    max_bytes: u64,
}

/// Who is asked beside the loaded agent.
#[derive(Default)]
pub struct Sources {
    /// `None` where there is no key directory that keeps it.
    pub pins: Option<Pins>,
    /// In this order, until one has a key that is believed enough.
    pub order: Vec<KeyResolution>,
    /// `None`: not asked, though the order may name it (offline).
    pub registry: Option<Registry>,
    /// `None`: keys are not confirmed.
    pub dns: Option<Confirming>,
}

/// How keys that others found are confirmed.
pub struct Confirming {
    /// `None`: not asked (offline).
    pub dns: Option<Dns>,
    /// Without a record, or a domain, a key is not believed.
    pub required: bool,
}

impl Keyring {
    pub fn new(own: Option<OwnKey>, store: Store, sources: Sources, max_bytes: u64) -> Keyring {
        Keyring { own, store, sources, judged: Default::default(), max_bytes }
    }

    /// The key that a signature over `document` names. `introduced` is the document itself where it is about to be
    /// stored: that of an agent speaks for itself, as far as it continues what is stored. `least`: how much it must be believed.
    ///
    /// Errors: `JACS_UNAVAILABLE`, `JACS_PERMISSION` when a source could not be asked, `JACS_KEY` for a trust store that cannot be
    /// read, `JACS_CONFIG` for settings of DNS that show to be wrong; never because a key is unknown or wrong, which is in what
    /// comes back.
    pub async fn find(
        &self,
        by: &SignedBy<'_>,
        document: DocumentKey,
        introduced: Option<&Parsed<'_>>,
        least: KeySource,
    ) -> Result<Found> {
        let mut found = Found::default();
        let introduced = introduced.filter(|_| document == by.agent);
        if let Some(own) = self.own.as_ref().filter(|own| own.id() == by.agent.id) {
            let answer = match own.knows(by.agent.version) {
                Some(known) if known.key.hash() == by.public_key_hash => Ok(known),
                // The agent's own document: after a rotation `jacs` names the version before, whose key was another.
                _ if document.id == by.agent.id && by.public_key_hash == own.key().hash() => {
                    Ok(Standing { key: own.key().clone(), ended: None })
                }
                Some(known) => Ok(known),
                None if let Some(replaced) = own.replaced(by.public_key_hash) => Ok(replaced),
                None => own.find(by.agent.version, &*Box::pin(self.stored(by.agent, None)).await?),
            };
            found.note(KeySource::SelfKey, answer, by);
            return Ok(found);
        }
        match Box::pin(self.pin(by.agent.id)).await? {
            Some(Pin::Blocked { .. }) => {
                found.refuse(KeySource::Pinned, "it is blocked", "the agent is blocked in the trust store");
            }
            Some(Pin::Trusted { key, .. }) => {
                let stored = Box::pin(self.stored(by.agent, introduced)).await?;
                found.note_pinned(&key, &stored, by);
            }
            None => Box::pin(self.ask(by, introduced, least, &mut found)).await?,
        }
        Ok(found)
    }

    /// Asks the sources that others can write to.
    async fn ask(
        &self,
        by: &SignedBy<'_>,
        introduced: Option<&Parsed<'_>>,
        least: KeySource,
        found: &mut Found,
    ) -> Result<()> {
        for source in &self.sources.order {
            match source {
                KeyResolution::Storage => {
                    let stored = self.stored(by.agent, introduced).await?;
                    found.note(KeySource::Storage, stored.standing.clone(), by);
                }
                KeyResolution::Registry => match &self.sources.registry {
                    Some(registry) => self.ask_registry(registry, by, found).await?,
                    None => found.tried.push(Tried { source: KeySource::Registry, result: NOT_ASKED.into() }),
                },
                KeyResolution::Local | KeyResolution::Dns => {}
            }
            if found.refused.is_some() || found.believed.as_ref().is_some_and(|believed| believed.source >= least) {
                break;
            }
        }
        match (&self.sources.dns, &found.believed) {
            (Some(confirming), Some(believed)) if found.refused.is_none() => {
                let key = believed.key.clone();
                self.confirm(confirming, by, &key, introduced, found).await
            }
            _ => Ok(()),
        }
    }

    async fn ask_registry(&self, registry: &Registry, by: &SignedBy<'_>, found: &mut Found) -> Result<()> {
        let ended = found.believed.as_ref().and_then(|believed| believed.ended);
        let answer = match registry.key(by.agent).await? {
            Answer::Key(entry) => Ok(Standing { key: entry.key, ended }),
            Answer::None(reason) => Err(reason.to_owned()),
            Answer::Revoked(status) => {
                let result = format!("the key is {status}");
                found.refuse(KeySource::Registry, &result, "the registry says that the key is not in force");
                return Ok(());
            }
        };
        found.note(KeySource::Registry, answer, by);
        Ok(())
    }

    async fn confirm(
        &self,
        confirming: &Confirming,
        by: &SignedBy<'_>,
        key: &PublicKey,
        introduced: Option<&Parsed<'_>>,
        found: &mut Found,
    ) -> Result<()> {
        let Some(dns) = &confirming.dns else {
            match confirming.required {
                true => found.refuse(
                    KeySource::Dns,
                    NOT_ASKED,
                    "the agent's domain must confirm the key, and is not asked (offline)",
                ),
                false => found.unconfirmed(NOT_ASKED, false),
            }
            return Ok(());
        };
        let stored = self.stored(by.agent, introduced).await?;
        // Agent documents of `jacs` carry no key: then the one that others gave must have signed them.
        let is_by_key = |agent: &AgentVersion| match agent.public_key {
            Some(_) => agent.sound_key() == Some(key),
            None => agent.verifies_with(key),
        };
        let agent = stored.agents.iter().find(|agent| agent.key == by.agent && is_by_key(agent));
        let Some(domain) = agent.and_then(|agent| agent.domain.as_deref()) else {
            found.unconfirmed("the agent names no domain", confirming.required);
            return Ok(());
        };
        let chain = Chain::new(stored.agents.iter().map(|agent| &**agent));
        let successors = chain.successors(by.agent.version);
        let asked = dns.confirm(by.agent.id, domain, key, by.public_key_hash, &successors);
        let confirmation = match Box::pin(asked::confirmed_once(by.agent, key, asked)).await {
            // Nobody is made to believe more by a server that does not answer.
            Err(error) if error.code() == Code::Unavailable && !confirming.required => {
                found.unconfirmed("the domain's servers could not be asked", false);
                return Ok(());
            }
            asked => asked?,
        };
        match confirmation {
            Confirmation::Confirmed { raw: true, .. } => {
                found.confirmed("found", domain, None);
            }
            // Whose key it is now says itself, in its document, which was before.
            Confirmation::Succeeded { .. } => found.confirmed("found: it names a later key", domain, chain.ended(key)),
            // Other keys share that hash.
            Confirmation::Confirmed { raw: false, .. } => {
                found.unconfirmed("the record names the key by its publicKeyHash alone", confirming.required);
            }
            Confirmation::Absent(reason) | Confirmation::Insecure(reason) => {
                found.unconfirmed(&reason, confirming.required);
            }
            Confirmation::Another(reason) => {
                found.refuse(KeySource::Dns, &reason, "the record of the agent's domain does not name this key");
            }
        }
        Ok(())
    }

    async fn pin(&self, agent: DocumentId) -> Result<Option<Pin>> {
        match self.sources.pins.clone() {
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
        let by_itself = by_itself.is_some_and(|(key, proof)| proof.holds(agent.key.id, pinned, key) == Some(Form::Raw));
        let stored = Stored::read(&self.store, &self.judged, key, Some(agent), self.max_bytes).await?;
        let chain = Chain::new(stored.agents.iter().map(|agent| &**agent));
        // By itself only where the pinned key handed over to nobody else that is known.
        Ok(chain.succeeds(pinned, key.version) || by_itself && chain.ended(pinned).is_none())
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
                self.believed = Some(Believed { key, source, ended, domain: None });
                "found".into()
            }
            Err(reason) => reason,
        };
        self.tried.push(Tried { source, result });
    }

    /// What is pinned wins over everything: another key is believed only as far as proofs lead from one to the other.
    fn note_pinned(&mut self, pinned: &PublicKey, stored: &Stored, by: &SignedBy<'_>) {
        let chain = Chain::new(stored.agents.iter().map(|agent| &**agent));
        let is_named = |key: &PublicKey| key.algorithm() == by.algorithm && key.hash() == by.public_key_hash;
        let standing = match chain.by_anchor(pinned, by.agent.version) {
            Some(standing) if is_named(&standing.key) => standing,
            // Whatever the store has under that version, or has not.
            _ if is_named(pinned) => Standing { key: pinned.clone(), ended: chain.ended(pinned) },
            _ => return self.refuse(KeySource::Pinned, "another key is pinned", ANOTHER_PINNED),
        };
        // Who pinned the very key believes it although its owner does not any more, until it ended.
        let ended = standing.ended.map(|ended| match standing.key == *pinned {
            true => Ended { reason: Reason::Scheduled, ..ended },
            false => ended,
        });
        let standing = Standing { ended, ..standing };
        self.note(KeySource::Pinned, Ok(standing), by);
    }

    fn refuse(&mut self, source: KeySource, result: &str, reason: &'static str) {
        self.tried.push(Tried { source, result: result.to_owned() });
        self.refused = Some(reason);
    }

    /// DNS confirms the key, which may have `ended`.
    fn confirmed(&mut self, result: &str, domain: &str, ended: Option<Ended>) {
        self.tried.push(Tried { source: KeySource::Dns, result: result.to_owned() });
        if let Some(believed) = &mut self.believed {
            believed.source = KeySource::Dns;
            believed.ended = believed.ended.or(ended);
            believed.domain = Some(domain.to_owned());
        }
    }

    /// DNS does not confirm the key.
    fn unconfirmed(&mut self, result: &str, required: bool) {
        match required {
            true => self.refuse(KeySource::Dns, result, "the agent's domain does not confirm the key"),
            false => self.tried.push(Tried { source: KeySource::Dns, result: result.to_owned() }),
        }
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

const NOT_ASKED: &str = "not asked (offline)";
const ANOTHER_PINNED: &str =
    "another key of the signer is pinned, and no rotation proof at hand leads from one to the other";
