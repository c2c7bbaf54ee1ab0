//! Whose key is it? A signature proves which key signed; the sources here say whose key that is.
//!
//! | file | source |
//! |---|---|
//! | `own` | `self`: the loaded agent |
//! | `stored` | `storage`: agent documents beside the documents |
//!
//! Pins, registry and DNS will stand beside them. Who a key belongs to is decided anew for every read.

mod own;
mod stored;

pub use own::OwnKey;

use crate::config::KeySource;
use crate::crypto::PublicKey;
use crate::document::{Claim, Parsed};
use crate::error::{Code, Error, Result};
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
    pub own: Option<OwnKey>,
    store: Store,
    sources: Vec<KeySource>,
    max_bytes: u64,
}

impl Keyring {
    /// `sources` are asked in their order, after the loaded agent's own key.
    pub fn new(own: Option<OwnKey>, store: Store, sources: Vec<KeySource>, max_bytes: u64) -> Keyring {
        Keyring { own, store, sources, max_bytes }
    }

    /// The key that `claim` names. `document` is the signed document itself: an agent's document that is not
    /// stored yet speaks for itself, as far as it continues what is stored.
    ///
    /// Errors: `JACS_UNAVAILABLE`, `JACS_PERMISSION` when a source could not be asked; never because a key is
    /// unknown or wrong, which is in what comes back.
    pub async fn find(&self, claim: &Claim, document: &Parsed<'_>) -> Result<Found> {
        let mut found = Found::default();
        if let Some(own) = self.own.as_ref().filter(|own| own.id() == claim.agent.id) {
            // The store's word about our own id is never taken: it answers only which of our versions exist.
            let answer = match own.find(claim, document, &self.store, self.max_bytes).await? {
                Ok(key) => found.accept(key, KeySource::SelfKey, claim),
                Err(reason) => reason,
            };
            found.tried.push(Tried { source: KeySource::SelfKey, result: answer });
            return Ok(found);
        }
        for source in &self.sources {
            let answer = match source {
                KeySource::Storage => stored::find(&self.store, claim, document, self.max_bytes).await?,
                other => return Err(unsupported(*other)),
            };
            let result = match answer {
                Ok(key) => found.accept(key, *source, claim),
                Err(reason) => reason,
            };
            found.tried.push(Tried { source: *source, result });
            if found.believed.is_some() {
                break;
            }
        }
        Ok(found)
    }
}

impl Found {
    /// Takes a key when it is the one that the claim names; what to say of it.
    fn accept(&mut self, key: PublicKey, source: KeySource, claim: &Claim) -> String {
        if key.algorithm() != claim.algorithm {
            return "its key is of another algorithm".into();
        }
        if key.hash() != &*claim.public_key_hash {
            return "its key has another publicKeyHash".into();
        }
        self.believed = Some(Believed { key, source });
        "found".into()
    }

    /// The key (check 4). Errors: `JACS_KEY`.
    pub fn key(&self, claim: &Claim) -> Result<&Believed> {
        self.believed.as_ref().ok_or_else(|| {
            let mut error = Error::new(Code::Key, "no key was found that is the signer's").with("agent", claim.agent);
            for tried in &self.tried {
                error = error.with(tried.source.as_str(), &tried.result);
            }
            error
        })
    }
}

fn unsupported(source: KeySource) -> Error {
    Error::new(Code::Unsupported, "this key source is not part of this version").with("source", source.as_str())
}
