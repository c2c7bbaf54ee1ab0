//! One version of an agent's document, as far as it can be judged alone.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::rotation::{Form, Proof};
use crate::canonical::Object;
use crate::crypto::{Algorithm, PublicKey};
use crate::document::{Origin, Parsed};
use crate::id::{DocumentKey, Version};

/// An agent document whose hash holds and that claims to be signed by itself.
pub struct AgentVersion {
    pub text: String,
    pub key: DocumentKey,
    pub original: Version,
    pub previous: Option<Version>,
    /// `jacsPublicKey`; documents of `jacs` carry none.
    pub public_key: Option<PublicKey>,
    /// `jacsAgentDomain`.
    pub domain: Option<String>,
    pub proof: Option<Proof>,
    /// When it was signed, as it says; seconds since 1970.
    pub iat: i64,
    /// Whether its own key signed it, once somebody asked.
    sound: OnceLock<bool>,
    /// How far its proof goes, and the SHA-256 of the old key that was asked for first.
    handed_over: OnceLock<(String, Option<Form>)>,
}

impl AgentVersion {
    /// `None` for a text that is not an agent's own document.
    pub fn read(text: String, origin: Origin, max_bytes: u64) -> Option<AgentVersion> {
        let parsed = Parsed::read(&text, origin, max_bytes).ok()?;
        parsed.check_hash().ok()?;
        let claim = parsed.claim().ok()?;
        parsed.check_fields(&claim, false).ok()?;
        let (header, by) = (&parsed.header, &claim.by);
        let (key, original, previous) = (header.key, header.original_version, header.previous_version);
        if !header.is_agents_own(by.agent) {
            return None;
        }
        let public_key = public_key(&parsed.object, by.algorithm);
        let (proof, iat) = (Proof::read(&parsed.object), by.iat);
        let domain = parsed.object.text("jacsAgentDomain").map(str::to_owned);
        drop(claim);
        drop(parsed);
        Some(AgentVersion {
            text,
            key,
            original,
            previous,
            public_key,
            domain,
            proof,
            iat,
            sound: OnceLock::new(),
            handed_over: OnceLock::new(),
        })
    }

    /// The key that it carries, if that signed it.
    pub fn sound_key(&self) -> Option<&PublicKey> {
        self.public_key.as_ref().filter(|key| *self.sound.get_or_init(|| self.verifies_with(key)))
    }

    /// How far the proof goes that `old` handed over to its key. The answer for the version before it is kept: every read of what
    /// an agent signed asks for it, and whoever writes to the store may have put many proofs there.
    pub fn handed_over_by(&self, old: &PublicKey) -> Option<Form> {
        let key = self.sound_key()?;
        let holds = || self.proof.as_ref()?.holds(self.key.id, old, key);
        let (kept, form) = self.handed_over.get_or_init(|| (old.sha256().to_owned(), holds()));
        if kept == old.sha256() { *form } else { holds() }
    }

    /// Whether `key` made this document's signature.
    pub fn verifies_with(&self, key: &PublicKey) -> bool {
        let parsed = Parsed::read(&self.text, Origin::Caller, u64::MAX);
        parsed.and_then(|parsed| parsed.check_signature(&parsed.claim()?, key)).is_ok()
    }

    pub fn is_first(&self) -> bool {
        self.original == self.key.version && self.previous.is_none()
    }
}

/// `jacsPublicKey`: base64 of the raw bytes.
fn public_key(object: &Object, algorithm: Algorithm) -> Option<PublicKey> {
    let raw = STANDARD.decode(object.text("jacsPublicKey")?).ok()?;
    PublicKey::new(algorithm, &raw).ok()
}
