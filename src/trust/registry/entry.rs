//! What the registry says about a key, judged by itself. Every member may be absent; what is there must fit together.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::asked::Asked;
use super::{Answer, RegistryKey};
use crate::crypto::{Algorithm, PublicKey, sha256_hex};

/// Keys of one agent that are looked at; more is not an agent's history but an attack on the reader.
const MAX_KEYS: usize = 200;
/// The longest status that is shown, in bytes.
const MAX_STATUS: usize = 32;

#[derive(Deserialize)]
struct Entry {
    jacs_id: Option<String>,
    version: Option<String>,
    /// PEM, or base64 of a SubjectPublicKeyInfo or of the raw key.
    public_key: Option<String>,
    /// Base64 of the PEM text.
    public_key_b64: Option<String>,
    /// Base64 of the raw key.
    public_key_raw_b64: Option<String>,
    algorithm: Option<String>,
    /// `sha256:` and the hex of the SHA-256 of the PEM text.
    public_key_hash: Option<String>,
    status: Option<String>,
    dns_verified: Option<bool>,
}

#[derive(Deserialize)]
struct List {
    jacs_id: Option<String>,
    keys: Vec<Value>,
}

/// The one key that was asked for.
pub(super) fn judge(value: Value, asked: &Asked) -> Answer {
    match Entry::deserialize(value) {
        Ok(entry) => entry.judge(asked).unwrap_or_else(Answer::None),
        Err(_) => Answer::None("the registry's answer is not a key"),
    }
}

/// The keys of an agent, newest first. A list that is none is one answer that says so.
pub(super) fn judge_all(value: Value, asked: &Asked) -> Vec<Answer> {
    let Ok(list) = List::deserialize(value) else { return vec![Answer::None("the registry's answer is not a list")] };
    match list {
        List { keys, .. } if keys.len() > MAX_KEYS => vec![Answer::None("the registry names more keys than are read")],
        List { jacs_id, .. } if asked.agent(jacs_id.as_deref(), None).is_none() => vec![Answer::None(ANOTHER)],
        List { keys, .. } => keys.into_iter().map(|key| judge(key, asked)).collect(),
    }
}

const ANOTHER: &str = "the registry's answer is about another agent";

impl Entry {
    fn judge(&self, asked: &Asked) -> Result<Answer, &'static str> {
        let (id, version) = asked.agent(self.jacs_id.as_deref(), self.version.as_deref()).ok_or(ANOTHER)?;
        if let Some(status) = self.status.as_deref().filter(|status| *status != "active") {
            return Ok(Answer::Revoked(shown(status)));
        }
        let (key, pem) = self.key()?;
        if self.algorithm.as_deref().is_some_and(|name| algorithm(name) != Some(key.algorithm())) {
            return Err("the registry's key is of another algorithm than it says");
        }
        let hashes: Vec<_> = pem.iter().map(|text| sha256_hex(text.as_bytes())).collect();
        let given = |hash: &str| hash.strip_prefix("sha256:").is_some_and(|hash| hashes.iter().any(|one| one == hash));
        if self.public_key_hash.as_deref().is_some_and(|hash| !given(hash)) {
            return Err("the registry's key has another hash than it says");
        }
        if let Asked::Hash(asked) = asked
            && !hashes.iter().map(String::as_str).chain([key.sha256(), key.hash()]).any(|hash| hash == asked)
        {
            return Err("the registry's key has another hash than was asked for");
        }
        Ok(Answer::Key(RegistryKey { key, id, version, dns_verified: self.dns_verified == Some(true) }))
    }

    /// The key in all its forms, and the PEM texts that its hash may be over: those given, else those that would be.
    fn key(&self) -> Result<(PublicKey, Vec<String>), &'static str> {
        let mut keys = Vec::new();
        let mut pem = Vec::new();
        let malformed = "the registry's key is malformed";
        if let Some(text) = &self.public_key {
            if text.trim_ascii_start().starts_with("-----") {
                keys.push(PublicKey::from_pem(text).ok());
                pem.push(text.clone());
            } else {
                let decoded = decode(text);
                keys.push(decoded.and_then(|bytes| PublicKey::from_info(&bytes).ok().or_else(|| raw(&bytes))));
            }
        }
        if let Some(text) = &self.public_key_b64 {
            let text = decode(text).and_then(|text| String::from_utf8(text).ok()).ok_or(malformed)?;
            keys.push(PublicKey::from_pem(&text).ok());
            pem.push(text);
        }
        if let Some(text) = &self.public_key_raw_b64 {
            keys.push(decode(text).and_then(|bytes| raw(&bytes)));
        }
        let keys = keys.into_iter().collect::<Option<Vec<_>>>().ok_or(malformed)?;
        let key = keys.first().ok_or("the registry's answer has no public key")?.clone();
        if keys.iter().any(|other| *other != key) {
            return Err("the registry's answer has several keys");
        }
        if pem.is_empty() {
            let text = key.pem().map_err(|_| malformed)?;
            pem = vec![format!("{text}\n"), text];
        }
        Ok((key, pem))
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn raw(bytes: &[u8]) -> Option<PublicKey> {
    // The algorithms' lengths differ.
    [Algorithm::Ed25519, Algorithm::Pq2025].into_iter().find_map(|algorithm| PublicKey::new(algorithm, bytes).ok())
}

/// The names that documents use, in any case, and that of FIPS 204.
fn algorithm(name: &str) -> Option<Algorithm> {
    match name.to_ascii_lowercase().as_str() {
        "ring-ed25519" => Some(Algorithm::Ed25519),
        "ml-dsa-87" => Some(Algorithm::Pq2025),
        name => Algorithm::parse(name),
    }
}

/// A server's word as it may stand in a message.
fn shown(status: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match (1..=MAX_STATUS).contains(&status.len()) && status.chars().all(plain) {
        true => status.to_owned(),
        false => "unknown".to_owned(),
    }
}
