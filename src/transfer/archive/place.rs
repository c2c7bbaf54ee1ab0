//! One object of an archive into the store: verified, then put where nothing else is.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::super::finding::{Finding, What};
use super::super::object::stored_files;
use super::leaves::Leaf;
use super::names::Named;
use super::scan::Item;
use super::succession::Touched;
use crate::cancel::Cancel;
use crate::crypto::sha256;
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::local_file::Contents;
use crate::store::{Kind, Name, ObjectKey, Put, Sha256Hex, Tell};
use crate::vault::{Examined, Vault, VerifyOptions};

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Copied,
    Same,
    Conflict,
    Refused,
    /// The storage could not take it.
    Failed,
}

/// An entry that was looked at.
pub struct Placed {
    pub outcome: Outcome,
    pub leaf: Option<Leaf>,
    pub bytes: u64,
    pub findings: Vec<Finding>,
    /// Whether who watches was told of the bytes.
    pub told: bool,
}

impl Placed {
    /// Whether the store has it now.
    pub fn is_there(&self) -> bool {
        matches!(self.outcome, Outcome::Copied | Outcome::Same)
    }
}

/// Whose documents come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agents {
    /// Those of agents that the store knew before.
    Known,
    Any,
}

/// Puts entries into a store.
pub struct Placer {
    pub target: Arc<Vault>,
    /// Where agents are looked up: the target, or what it would be.
    pub judge: Arc<Vault>,
    pub dry_run: bool,
    pub agents: Agents,
    /// Whether the target had nothing: what cannot be verified could otherwise stand in the way of what it has.
    pub was_empty: bool,
    /// Whether the target has documents from before.
    pub has_documents: bool,
    /// Agents that the store has, and the loaded one.
    pub known: HashSet<DocumentId>,
    /// Agents of the archive besides.
    pub new: Mutex<HashSet<DocumentId>>,
    pub touched: Touched,
    pub cancel: Cancel,
}

/// A version that every check holds for.
struct Valid {
    key: DocumentKey,
    signer: DocumentId,
    /// As it is stored.
    bytes: Bytes,
    is_original: bool,
    files: Vec<Sha256Hex>,
    /// What is to be said of it all the same.
    note: Option<Finding>,
}

impl Placer {
    /// An agent's document, which speaks for itself. `None`: it is none.
    ///
    /// Errors: where no verdict was possible.
    pub async fn agent(&self, item: &Item) -> Result<Option<Placed>> {
        let verified = self.verify(item, Kind::Agent).await?;
        let valid = match verified {
            Ok(Some(valid)) => valid,
            Ok(None) => return Ok(None),
            Err(refused) => return Ok(Some(refused)),
        };
        let id = valid.key.id;
        let mut findings = Vec::new();
        let is_new = !self.known.contains(&id);
        if is_new && self.has_documents && !self.target.store.versions(Kind::Document, id).await?.is_empty() {
            let error = Error::new(Code::Conflict, "the id is that of a document").with_key(valid.key);
            return Ok(Some(refused(item, &error, &valid.bytes)));
        }
        if is_new && self.new_agents().insert(id) {
            let finding = Finding::new(What::NewAgent, Code::Untrusted, "an agent that the store does not know");
            findings.push(finding.with_key(id).with_path(&*item.path));
        }
        let placed = match is_new && self.agents == Agents::Known {
            true => stranger(item, &valid),
            false => self.put(item, Kind::Agent, &valid).await?,
        };
        findings.extend(placed.findings);
        Ok(Some(Placed { findings, ..placed }))
    }

    /// A document. `None`: it is an agent's, which came in before. Errors: as [`agent`](Self::agent).
    pub async fn document(&self, item: &Item) -> Result<Option<Placed>> {
        let valid = match self.verify(item, Kind::Document).await? {
            Ok(Some(valid)) => valid,
            Ok(None) => return Ok(None),
            Err(refused) => return Ok(Some(refused)),
        };
        let id = valid.key.id;
        if self.known.contains(&id) || self.new_agents().contains(&id) {
            let error = Error::new(Code::Conflict, "the id is that of an agent").with_key(valid.key);
            return Ok(Some(refused(item, &error, &valid.bytes)));
        }
        if self.agents == Agents::Known && !self.known.contains(&valid.signer) {
            return Ok(Some(stranger(item, &valid)));
        }
        let had_before = self.has_documents && !self.target.store.versions(Kind::Document, id).await?.is_empty();
        let mut placed = self.put(item, Kind::Document, &valid).await?;
        placed.findings.extend(valid.note);
        if placed.is_there() {
            for hash in &valid.files {
                placed.findings.extend(self.missing(*hash, valid.key).await?);
            }
        }
        if placed.outcome == Outcome::Copied && !self.dry_run {
            self.touched.note(valid.key, valid.signer, valid.is_original, had_before);
        }
        Ok(Some(placed))
    }

    /// An attachment. Errors: as [`agent`](Self::agent).
    pub async fn file(&self, item: &Item, tell: &Tell) -> Result<Option<Placed>> {
        let Named::Object(key @ ObjectKey::File(hash)) = item.named else { return Ok(None) };
        let (digest, bytes) = (item.contents.sha256, item.contents.contents.length());
        let mut leaf = Leaf { key, from: Some(digest), to: None };
        let placed = |outcome, leaf, findings| Placed { outcome, leaf: Some(leaf), bytes, findings, told: false };
        if Sha256Hex::from(digest) != hash {
            let message = "the bytes of the entry are not what its name says";
            let finding = Finding::new(What::Refused, Code::Attachment, message);
            return Ok(Some(placed(Outcome::Refused, leaf, vec![finding.with_key(hash).with_path(&*item.path)])));
        }
        let there = match self.target.store.hash_file(hash, &self.cancel).await {
            Err(error) if error.is_damage() => {
                return Ok(Some(placed(Outcome::Conflict, leaf, vec![conflict(item, hash)])));
            }
            there => there?.map(|(there, _)| *there.as_bytes()),
        };
        if let Some(there) = there {
            leaf.to = Some(there);
            let is_same = there == digest;
            let findings = if is_same { Vec::new() } else { vec![conflict(item, hash)] };
            return Ok(Some(placed(if is_same { Outcome::Same } else { Outcome::Conflict }, leaf, findings)));
        }
        if !self.dry_run {
            let kept = self.target.store.keep(&item.contents.contents, Some(hash), tell, &self.cancel).await;
            match kept {
                // Somebody stored it meanwhile, and something else.
                Err(error) if error.code() == Code::Attachment => {
                    return Ok(Some(placed(Outcome::Conflict, leaf, vec![conflict(item, hash)])));
                }
                kept => drop(kept?),
            }
        }
        leaf.to = Some(digest);
        Ok(Some(placed(Outcome::Copied, leaf, Vec::new())))
    }

    /// Makes the checks. `Ok(None)`: the content is of the other kind, where only that tells.
    async fn verify(&self, item: &Item, kind: Kind) -> Result<std::result::Result<Option<Valid>, Placed>> {
        let Contents::Memory(bytes) = &item.contents.contents else {
            return Err(Error::new(Code::Internal, "a document is not in memory"));
        };
        let (key, is_of_layout) = match item.named {
            Named::Object(ObjectKey::Version { key, .. }) => (key, true),
            Named::Document { key, .. } => (key, false),
            Named::Object(ObjectKey::File(_)) => return Ok(Ok(None)),
        };
        let refuse = |error: Error| Ok(Err(refused(item, &error.with_key(key), bytes)));
        let Ok(text) = std::str::from_utf8(bytes) else {
            return refuse(Error::new(Code::Hash, "the entry is not UTF-8"));
        };
        if item.named.kind().is_none() && is_agent(text, key, self.judge.max_bytes) != (kind == Kind::Agent) {
            return Ok(Ok(None));
        }
        // A backup brings back what it has: also what has fields that nobody signs, or a signer whose key was never there.
        let restores = self.was_empty && kind == Kind::Document;
        let introduces = kind == Kind::Agent;
        let options = VerifyOptions { introduces, allow_unsigned: restores, ..VerifyOptions::default() };
        let Examined { report, parsed, .. } = self.judge.examine(text, Origin::Storage(key), &options).await?;
        let (parsed, note) = match (parsed, &report.error) {
            (Some(parsed), None) => (parsed, None),
            (Some(parsed), Some(error)) if restores && matches!(error.code(), Code::Key | Code::Untrusted) => {
                let what = if error.code() == Code::Key { What::Key } else { What::Untrusted };
                (parsed, Some(Finding::of(what, error).with_key(key).with_path(&*item.path)))
            }
            (_, error) => {
                let lost = || Error::new(Code::Internal, "a document passed its checks without being one");
                let error = error.clone().unwrap_or_else(lost);
                // Where strangers stay outside their keys do, too: that says more than that there is none.
                let claimed = report.agent.map(|agent| agent.id);
                let stranger = claimed.filter(|id| self.agents == Agents::Known && !self.known.contains(id));
                return refuse(match stranger.filter(|_| error.code() == Code::Key) {
                    Some(id) => unknown(id),
                    None => error,
                });
            }
        };
        let is_agent = parsed.header.is_agent();
        let fits = match kind {
            Kind::Agent => is_agent && report.agent == Some(key),
            Kind::Document => !is_agent && &*parsed.header.document_type != "config",
        };
        let Some(signer) = report.agent.map(|agent| agent.id).filter(|_| fits) else {
            let message = "only documents, and agents signed by themselves in their own place, come in";
            return refuse(Error::new(Code::Input, message));
        };
        let files = stored_files(&parsed);
        Ok(Ok(Some(Valid {
            key,
            signer,
            is_original: parsed.header.original_version == key.version,
            bytes: match is_of_layout {
                true => bytes.clone(),
                // In the one form of what is stored here.
                false => parsed.canonical_text().into(),
            },
            files,
            note,
        })))
    }

    async fn put(&self, item: &Item, kind: Kind, valid: &Valid) -> Result<Placed> {
        let key = ObjectKey::Version { kind, key: valid.key };
        let digest = sha256(&valid.bytes);
        let put = match self.dry_run {
            true => self.compare(&key, kind, valid).await,
            false => self.target.put_bytes(kind, valid.key, valid.bytes.clone(), Name::Copied).await,
        };
        let mut leaf = Leaf { key, from: Some(digest), to: Some(digest) };
        let (outcome, findings) = match put {
            Ok(Put::Created) => (Outcome::Copied, Vec::new()),
            Ok(Put::Same) => (Outcome::Same, Vec::new()),
            Err(error) if error.code() == Code::Conflict || error.is_damage() => {
                let there = self.target.store.get(&key, self.target.max_bytes).await.ok();
                leaf.to = there.map(|there| sha256(&there));
                (Outcome::Conflict, vec![conflict(item, valid.key)])
            }
            Err(error) => return Err(error),
        };
        Ok(Placed { outcome, leaf: Some(leaf), bytes: valid.bytes.len() as u64, findings, told: false })
    }

    /// What a put would say; the judge learns of agents all the same.
    async fn compare(&self, key: &ObjectKey, kind: Kind, valid: &Valid) -> Result<Put> {
        let there = match self.target.store.get(key, self.target.max_bytes).await {
            Err(error) if error.code() == Code::NotFound => None,
            there => Some(there?),
        };
        match there {
            Some(there) if there == valid.bytes => Ok(Put::Same),
            Some(_) => Err(Error::new(Code::Conflict, "other bytes are already stored under that key")),
            None if kind == Kind::Agent => {
                self.judge.put_bytes(kind, valid.key, valid.bytes.clone(), Name::Given).await.map(|_| Put::Created)
            }
            None => Ok(Put::Created),
        }
    }

    async fn missing(&self, hash: Sha256Hex, document: DocumentKey) -> Result<Option<Finding>> {
        if self.dry_run {
            return Ok(None);
        }
        let missing = match self.target.store.file_length(hash).await {
            Err(error) if error.is_damage() => true,
            length => length?.is_none(),
        };
        let message = "an attachment of the document is neither in the archive nor in the store";
        let finding = || Finding::new(What::AttachmentMissing, Code::Attachment, message);
        Ok(missing.then(|| finding().with_key(document).with_path(ObjectKey::File(hash).path())))
    }

    /// Agents of the archive that the store did not know.
    pub fn new_agents(&self) -> MutexGuard<'_, HashSet<DocumentId>> {
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stranger(item: &Item, valid: &Valid) -> Placed {
    let error = unknown(valid.signer).with_key(valid.key);
    refused(item, &error, &valid.bytes)
}

fn unknown(signer: DocumentId) -> Error {
    let message = "the signer is an agent that the store does not know: import with `agents: 'any'`, if it may come in";
    Error::new(Code::Untrusted, message).with("agent", signer)
}

/// Whether a text says that it is an agent's document; what is none is refused as a document.
fn is_agent(text: &str, key: DocumentKey, max_bytes: u64) -> bool {
    Parsed::read(text, Origin::Storage(key), max_bytes).is_ok_and(|parsed| parsed.header.is_agent())
}

fn refused(item: &Item, error: &Error, bytes: &[u8]) -> Placed {
    let leaf = match item.named {
        Named::Object(key) => Some(Leaf { key, from: Some(sha256(bytes)), to: None }),
        Named::Document { .. } => None,
    };
    let findings = vec![Finding::of(What::Refused, error).with_path(&*item.path)];
    Placed { outcome: Outcome::Refused, leaf, bytes: bytes.len() as u64, findings, told: false }
}

fn conflict(item: &Item, key: impl std::fmt::Display) -> Finding {
    let message = "the store has other bytes under the same key; they were not touched";
    Finding::new(What::Conflict, Code::Conflict, message).with_key(key).with_path(&*item.path)
}
