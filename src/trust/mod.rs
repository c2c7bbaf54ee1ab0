//! Whose key is it? A signature proves which key signed; the sources here say whose key that is.
//!
//! | file | source |
//! |---|---|
//! | `own` | `self`: the loaded agent |
//! | `stored` | `storage`: agent documents beside the documents |
//! | `asked` | none: answers, for the length of one call |
//!
//! Pins, registry and DNS will stand beside them. Who a key belongs to is decided anew for every read.

mod asked;
mod own;
mod stored;

pub use asked::{OneCall, in_one_call};
pub use own::OwnKey;

use crate::config::{KeyResolution, KeySource};
use crate::crypto::PublicKey;
use crate::document::{Parsed, SignedBy};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::store::Store;

/// A key, and why it is believed to be the signer's.
#[derive(Clone, Debug)]
pub struct Believed {
    pub key: PublicKey,
    pub source: KeySource,
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
}

/// Where keys are looked for.
pub struct Keyring {
    /// `None` where no agent is loaded.
    pub own: Option<OwnKey>,
    store: Store,
    sources: Vec<KeyResolution>,
    judged: stored::Judged,
    max_bytes: u64,
}

impl Keyring {
    /// `sources` are asked in their order, after the loaded agent's own key.
    ///
    /// Errors: `JACS_UNSUPPORTED` for a source that this version does not have.
    pub fn new(own: Option<OwnKey>, store: Store, sources: Vec<KeyResolution>, max_bytes: u64) -> Result<Keyring> {
        match sources.iter().find(|source| matches!(source, KeyResolution::Registry | KeyResolution::Dns)) {
            Some(source) => {
                let error =
                    Error::new(Code::Unsupported, "this version does not have a key source of `jacs_key_resolution`");
                Err(error.with("source", source))
            }
            None => Ok(Keyring { own, store, sources, judged: Default::default(), max_bytes }),
        }
    }

    /// The key that a signature over `document` names. `introduced` is the document itself where it is about to be
    /// stored: that of an agent speaks for itself, as far as it continues what is stored.
    ///
    /// Errors: `JACS_UNAVAILABLE`, `JACS_PERMISSION` when a source could not be asked; never because a key is
    /// unknown or wrong, which is in what comes back.
    pub async fn find(
        &self,
        by: &SignedBy<'_>,
        document: DocumentKey,
        introduced: Option<&Parsed<'_>>,
    ) -> Result<Found> {
        let mut found = Found::default();
        if let Some(own) = self.own.as_ref().filter(|own| own.id() == by.agent.id) {
            // The store's word about our own id is never taken: it answers only which of our versions exist.
            let answer = match document == by.agent {
                true => Ok(own.key().clone()),
                false => own.find(by.agent.version, &self.store, &self.judged, self.max_bytes).await?,
            };
            found.note(KeySource::SelfKey, answer, by);
        } else if self.sources.contains(&KeyResolution::Storage) {
            let introduced = introduced.filter(|_| document == by.agent);
            let ask = stored::find(&self.store, &self.judged, by.agent, introduced, self.max_bytes);
            let answer = match introduced {
                Some(_) => ask.await?,
                None => asked::once(by.agent, ask).await?,
            };
            found.note(KeySource::Storage, answer, by);
        }
        Ok(found)
    }

    /// The id of the loaded agent.
    pub fn own_id(&self) -> Option<DocumentId> {
        self.own.as_ref().map(OwnKey::id)
    }

    /// What [`find`](Self::find) would say, where that needs no look at the store.
    pub fn find_known(&self, by: &SignedBy<'_>) -> Option<Found> {
        let own = self.own.as_ref().filter(|own| own.id() == by.agent.id && own.knows(by.agent.version))?;
        let mut found = Found::default();
        found.note(KeySource::SelfKey, Ok(own.key().clone()), by);
        Some(found)
    }
}

impl Found {
    /// Notes what a source said, and takes its key when it is the one that the claim names.
    fn note(&mut self, source: KeySource, answer: Result<PublicKey, String>, by: &SignedBy<'_>) {
        let result = match answer {
            Ok(key) if key.algorithm() != by.algorithm => "its key is of another algorithm".into(),
            Ok(key) if key.hash() != by.public_key_hash => "its key has another publicKeyHash".into(),
            Ok(key) => {
                self.believed = Some(Believed { key, source });
                "found".into()
            }
            Err(reason) => reason,
        };
        self.tried.push(Tried { source, result });
    }

    /// The key (check 4). Errors: `JACS_KEY`.
    pub fn key(&self, by: &SignedBy<'_>) -> Result<&Believed> {
        self.believed.as_ref().ok_or_else(|| {
            let mut error = Error::new(Code::Key, "no key was found that is the signer's").with("agent", by.agent);
            for tried in &self.tried {
                error = error.with(tried.source.name(), &tried.result);
            }
            error
        })
    }
}
