//! `jacsKeyRotationProof`: the old key says which key comes after it. In two forms: one names the keys by their lossy
//! hashes, as other implementations do; the other by the SHA-256 of their raw bytes, which alone is believed to tell one key
//! from another.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::canonical::Object;
use crate::crypto::{Algorithm, PublicKey, Signer};
use crate::document::parse_date;
use crate::error::Result;
use crate::id::DocumentId;

/// The member of an agent document.
pub const MEMBER: &str = "jacsKeyRotationProof";

const LOSSY: &str = "JACS_KEY_ROTATION";
const RAW: &str = "JACS_KEY_ROTATION_RAW";

/// Why a key was replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    #[default]
    Scheduled,
    /// Somebody else may have the old key: what it signed counts only where something else speaks for it.
    Compromised,
}

impl Reason {
    pub const ALL: [Reason; 2] = [Reason::Scheduled, Reason::Compromised];

    pub fn name(self) -> &'static str {
        match self {
            Reason::Scheduled => "scheduled",
            Reason::Compromised => "compromised",
        }
    }

    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// How far a proof goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// It names the keys by hashes that other keys share.
    Lossy,
    /// It names the keys.
    Raw,
}

/// A proof as it stands in an agent document. Nothing in it is believed before [`holds`](Proof::holds) was asked.
#[derive(Clone, Debug)]
pub struct Proof {
    /// When the old key ended.
    pub at: Timestamp,
    pub reason: Reason,
    timestamp: String,
    algorithm: Algorithm,
    message: String,
    signature: Vec<u8>,
    old_hash: String,
    new_hash: String,
    raw: Option<Raw>,
}

#[derive(Clone, Debug)]
struct Raw {
    old_sha256: String,
    new_sha256: String,
    signature: Vec<u8>,
}

/// The proof that `old` makes for `new`, both forms.
pub fn prove(
    agent: DocumentId,
    old: &dyn Signer,
    new: &PublicKey,
    at: Timestamp,
    reason: Reason,
) -> Result<Object<'static>> {
    let timestamp = at.to_string();
    let (before, after) = (old.public_key(), new);
    let message = message(LOSSY, agent, before.hash(), after.hash(), &timestamp);
    let raw_message = self::message(RAW, agent, before.sha256(), after.sha256(), &timestamp);
    let members = [
        ("newKeySha256", after.sha256().to_owned()),
        ("newPublicKeyHash", after.hash().to_owned()),
        ("oldKeySha256", before.sha256().to_owned()),
        ("oldPublicKeyHash", before.hash().to_owned()),
        ("rawSignature", STANDARD.encode(old.sign(raw_message.as_bytes())?)),
        ("reason", reason.name().to_owned()),
        ("signature", STANDARD.encode(old.sign(message.as_bytes())?)),
        ("signingAlgorithm", old.algorithm().name().to_owned()),
        ("timestamp", timestamp),
        ("transitionMessage", message),
    ];
    let mut proof = Object::default();
    for (name, value) in members {
        proof.set(name, value);
    }
    Ok(proof)
}

fn message(lead: &str, agent: DocumentId, old: &str, new: &str, timestamp: &str) -> String {
    format!("{lead}:{agent}:{old}:{new}:{timestamp}")
}

impl Proof {
    /// The proof of an agent document; `None` when there is none, or none that can be read.
    pub fn read(agent: &Object) -> Option<Proof> {
        let proof = agent.get(MEMBER)?.as_object()?;
        let text = |name: &str| proof.text(name).map(str::to_owned);
        let signature = |name: &str| STANDARD.decode(proof.text(name)?).ok();
        let timestamp = text("timestamp")?;
        let raw = || {
            Some(Raw {
                old_sha256: text("oldKeySha256")?,
                new_sha256: text("newKeySha256")?,
                signature: signature("rawSignature")?,
            })
        };
        Some(Proof {
            at: parse_date(&timestamp)?,
            // A reason that is not known must not be taken for the harmless one.
            reason: match proof.get("reason") {
                None => Reason::Scheduled,
                Some(reason) => reason.as_str().and_then(Reason::from_name).unwrap_or(Reason::Compromised),
            },
            timestamp,
            algorithm: Algorithm::parse(proof.text("signingAlgorithm")?)?,
            message: text("transitionMessage")?,
            signature: signature("signature")?,
            old_hash: text("oldPublicKeyHash")?,
            new_hash: text("newPublicKeyHash")?,
            raw: raw(),
        })
    }

    /// The SHA-256 of the old key's raw bytes, as the new key's document names it.
    pub fn old_sha256(&self) -> Option<&str> {
        self.raw.as_ref().map(|raw| raw.old_sha256.as_str())
    }

    /// How far the proof goes that `old` handed over to `new`; `None` when it does not hold. A raw form that is there and does
    /// not hold makes all of it worthless.
    pub fn holds(&self, agent: DocumentId, old: &PublicKey, new: &PublicKey) -> Option<Form> {
        let lossy = message(LOSSY, agent, old.hash(), new.hash(), &self.timestamp);
        let named = self.old_hash == old.hash() && self.new_hash == new.hash() && self.algorithm == old.algorithm();
        if !named || self.message != lossy || !old.verify(lossy.as_bytes(), &self.signature) {
            return None;
        }
        let Some(raw) = &self.raw else { return Some(Form::Lossy) };
        let message = message(RAW, agent, old.sha256(), new.sha256(), &self.timestamp);
        let holds = raw.old_sha256 == old.sha256()
            && raw.new_sha256 == new.sha256()
            && old.verify(message.as_bytes(), &raw.signature);
        holds.then_some(Form::Raw)
    }
}
