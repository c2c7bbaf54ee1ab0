//! One object from one store into the other: read once, judged, stored, and looked at where it is now.

use std::sync::Arc;

use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::finding::{Finding, What};
use super::log::{Outcome, Record};
use super::object::{judge, unreadable};
use crate::cancel::Cancel;
use crate::crypto::sha256;
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;
use crate::store::{self, Kind, Name, ObjectKey, Put, Sha256Hex, Tell};
use crate::trust::OneCall;
use crate::vault::Vault;

/// Documents in memory at once may be so long together, in KiB; one that is longer has it all for itself.
const BUDGET: u32 = 48 << 10;
/// What a document is taken for whose length no listing tells, in bytes.
const UNTOLD: u64 = 64 << 10;
/// Files that are known to be in the target, at most: whoever else wants them there need not ask.
const KNOWN_FILES: u64 = 100_000;

/// What is to be done with what is found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Compare what both sides have; else what has the same name, and no other length, is the same.
    pub deep: bool,
    /// Copy what is not what it was, too.
    pub keep_invalid: bool,
    /// Write nothing.
    pub dry_run: bool,
}

/// An object of the source, as the two listings show it.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub key: ObjectKey,
    /// At the source, where it is told.
    pub bytes: Option<u64>,
    /// Whether the target has something under its name; how long it is, where that is told.
    pub at_target: Option<Option<u64>>,
}

/// What became of an object, and the error of one that failed; `None` for one that was removed since it was listed.
pub type Copied = Option<(Record, Option<Error>)>;

/// Copies from one vault into the other. Clones share what they know.
#[derive(Clone)]
pub struct Copier {
    pub from: Arc<Vault>,
    pub to: Arc<Vault>,
    pub rules: Rules,
    call: OneCall,
    budget: Arc<Semaphore>,
    known_files: Cache<Sha256Hex, ()>,
    cancel: Cancel,
}

impl Copier {
    pub fn new(from: Arc<Vault>, to: Arc<Vault>, rules: Rules, cancel: Cancel) -> Copier {
        let budget = Arc::new(Semaphore::new(BUDGET as usize));
        let (call, known_files) = (OneCall::default(), Cache::new(KNOWN_FILES));
        Copier { from, to, rules, call, budget, known_files, cancel }
    }

    /// Copies an object. Errors: `JACS_ABORTED`.
    pub async fn copy(&self, item: Item) -> Result<Copied> {
        self.cancel.check()?;
        let copied = async {
            match item.key {
                ObjectKey::Version { kind, key } => Box::pin(self.copy_version(kind, key, item)).await,
                ObjectKey::File(hash) => Box::pin(self.copy_file(hash, item)).await,
            }
        };
        // On a disk what is under way is about to end; a server may take long to answer.
        let is_remote = self.from.store.is_remote() || self.to.store.is_remote();
        let copied = self.call.part(copied);
        match if is_remote { self.cancel.or(copied).await } else { copied.await } {
            Err(error) if error.code() != Code::Aborted => Ok(Some(failed(record(item, Outcome::Failed), error))),
            copied => copied,
        }
    }

    async fn copy_version(&self, kind: Kind, key: DocumentKey, item: Item) -> Result<Copied> {
        if let Some(record) = self.compare_lengths(item) {
            return Ok(Some((record, None)));
        }
        let _room = self.room(item.bytes.unwrap_or(UNTOLD)).await?;
        let bytes = match self.from.store.get(&item.key, self.from.max_bytes).await {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) => return Ok(gone_or_unreadable(error, item)?.map(|record| (record, None))),
        };
        let seen = Record { from: Some(sha256(&bytes)), bytes: bytes.len() as u64, ..record(item, Outcome::Refused) };
        match self.settle_version(kind, key, item, bytes, seen.clone()).await {
            Err(error) if error.code() != Code::Aborted => Ok(Some(failed(seen, error))),
            settled => settled.map(|record| Some((record, None))),
        }
    }

    /// What becomes of a version that was read.
    async fn settle_version(
        &self,
        kind: Kind,
        key: DocumentKey,
        item: Item,
        bytes: Bytes,
        seen: Record,
    ) -> Result<Record> {
        let judged = judge(&self.from, kind, key, &bytes).await?;
        let mut findings: Vec<Finding> = judged.finding.iter().cloned().collect();
        if judged.is_invalid() && !self.rules.keep_invalid {
            let to = self.digest_at_target(item).await?;
            return Ok(Record { to, findings, ..seen });
        }
        for hash in &judged.files {
            findings.extend(self.ensure_file(*hash, key).await?);
        }
        let stored = match item.at_target {
            Some(_) => self.digest_at_target(item).await?.map(|there| (Outcome::Same, there)),
            None if self.rules.dry_run => seen.from.map(|from| (Outcome::Copied, from)),
            None => self.store_version(kind, key, bytes).await?,
        };
        Ok(match stored {
            Some((outcome, there)) if Some(there) == seen.from => Record { outcome, to: Some(there), findings, ..seen },
            there => conflict(seen, there.map(|(_, there)| there), findings),
        })
    }

    /// Stores a version that the target does not have; what it has then.
    async fn store_version(&self, kind: Kind, key: DocumentKey, bytes: Bytes) -> Result<Option<(Outcome, [u8; 32])>> {
        let digest = sha256(&bytes);
        match self.to.put_bytes(kind, key, bytes, Name::Copied).await {
            Ok(Put::Created) => Ok(Some((Outcome::Copied, digest))),
            Ok(Put::Same) => Ok(Some((Outcome::Same, digest))),
            Err(error) if error.code() == Code::Conflict => {
                let object = ObjectKey::Version { kind, key };
                let there = self.to.store.get(&object, self.to.max_bytes).await.ok();
                Ok(there.map(|there| (Outcome::Conflict, sha256(&there))))
            }
            Err(error) => Err(error),
        }
    }

    async fn copy_file(&self, hash: Sha256Hex, item: Item) -> Result<Copied> {
        let settled = match self.compare_lengths(item) {
            Some(record) => Some(record),
            None if item.at_target.is_some() || self.rules.dry_run => self.compare_file(hash, item).await?,
            None => return self.store_file(hash, item).await,
        };
        Ok(settled.map(|record| (record, None)))
    }

    /// What becomes of a file that is not to be written.
    async fn compare_file(&self, hash: Sha256Hex, item: Item) -> Result<Option<Record>> {
        let (from, bytes) = match self.from.store.hash_file(hash, &self.cancel).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => return gone_or_unreadable(error, item),
        };
        let there = match item.at_target {
            Some(_) => self.digest_at_target(item).await?,
            None => None,
        };
        if from != hash {
            return Ok(Some(Record { to: there, ..altered(item, from, bytes) }));
        }
        let seen = Record { from: Some(*from.as_bytes()), bytes, ..record(item, Outcome::Same) };
        Ok(Some(match (item.at_target, there) {
            (None, _) => Record { outcome: Outcome::Copied, to: seen.from, ..seen },
            (Some(_), there) if there == seen.from => Record { to: there, ..seen },
            (Some(_), there) => conflict(seen, there, Vec::new()),
        }))
    }

    /// Stores a file that the target does not have, and reads it there.
    async fn store_file(&self, hash: Sha256Hex, item: Item) -> Result<Copied> {
        let contents = match self.from.store.contents(hash, &self.cancel).await {
            Ok(Some(contents)) => contents,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(gone_or_unreadable(error, item)?.map(|record| (record, None))),
        };
        let quietly: Tell = Arc::new(|_| ());
        let kept = self.to.store.keep(&contents, Some(hash), &quietly, &self.cancel).await;
        let Err(error) = kept else {
            let seen =
                Record { from: Some(*hash.as_bytes()), bytes: contents.length(), ..record(item, Outcome::Copied) };
            self.known_files.insert(hash, ());
            let record = match self.digest_at_target(item).await? {
                there if there == seen.from => Record { to: there, ..seen },
                there => conflict(seen, there, Vec::new()),
            };
            return Ok(Some((record, None)));
        };
        if error.code() == Code::Aborted {
            return Err(error);
        }
        // What is wrong may be here, there, or in between.
        let from = store::hash(&contents, quietly, &self.cancel).await?;
        let seen = Record { from: Some(*from.as_bytes()), bytes: contents.length(), ..record(item, Outcome::Same) };
        Ok(Some(match error.code() {
            _ if from != hash => (altered(item, from, seen.bytes), None),
            Code::Attachment => (conflict(seen, self.digest_at_target(item).await?, Vec::new()), None),
            _ => failed(seen, error),
        }))
    }

    /// Makes sure that the target has a file before a document that wants it.
    async fn ensure_file(&self, hash: Sha256Hex, document: DocumentKey) -> Result<Option<Finding>> {
        if self.rules.dry_run || self.known_files.contains_key(&hash) {
            return Ok(None);
        }
        if self.to.store.file_length(hash).await?.is_none() {
            let item = Item { key: ObjectKey::File(hash), bytes: None, at_target: None };
            let missing = match Box::pin(self.store_file(hash, item)).await? {
                None => Some("an attachment of the document is not in the store"),
                Some((_, Some(error))) => return Err(error),
                Some((record, None)) if record.outcome == Outcome::Refused => {
                    Some("an attachment of the document was altered")
                }
                Some(_) => None,
            };
            if let Some(message) = missing {
                let finding = Finding::new(What::AttachmentMissing, Code::Attachment, message);
                return Ok(Some(finding.with_key(document).with_path(ObjectKey::File(hash).path())));
            }
        }
        self.known_files.insert(hash, ());
        Ok(None)
    }

    /// What a look at the listings is enough for.
    fn compare_lengths(&self, item: Item) -> Option<Record> {
        let there = item.at_target.filter(|_| !self.rules.deep)?;
        let same = Record { bytes: item.bytes.unwrap_or(0), ..record(item, Outcome::Same) };
        Some(match (item.bytes, there) {
            (Some(here), Some(there)) if here != there => conflict(same, None, Vec::new()),
            // A disk tells the length of every file: this is none.
            (_, None) if self.to.store.is_local() => conflict(same, None, Vec::new()),
            _ => same,
        })
    }

    /// The hash of what the target has; `None` when it is nothing, or nothing that can be read as an object.
    async fn digest_at_target(&self, item: Item) -> Result<Option<[u8; 32]>> {
        let there = match item.key {
            ObjectKey::File(hash) => {
                let there = self.to.store.hash_file(hash, &self.cancel).await;
                there.map(|there| there.map(|(digest, _)| *digest.as_bytes()))
            }
            ObjectKey::Version { .. } => {
                self.to.store.get(&item.key, self.to.max_bytes).await.map(|bytes| Some(sha256(&bytes)))
            }
        };
        match there {
            Err(error) if error.code() == Code::NotFound || error.is_damage() => Ok(None),
            there => there,
        }
    }

    /// Waits until there is room for so many bytes.
    async fn room(&self, bytes: u64) -> Result<OwnedSemaphorePermit> {
        let kibibytes = u32::try_from(bytes / 1024 + 1).unwrap_or(BUDGET).min(BUDGET);
        let room = self.budget.clone().acquire_many_owned(kibibytes).await;
        room.map_err(|error| Error::new(Code::Internal, "the memory of a transfer is closed").with_source(error))
    }
}

fn altered(item: Item, from: Sha256Hex, bytes: u64) -> Record {
    let message = "the stored attachment is not what its hash says";
    let finding = Finding::new(What::AttachmentAltered, Code::Attachment, message);
    let findings = vec![finding.with_key(item.key).with_path(item.key.path())];
    Record { from: Some(*from.as_bytes()), bytes, findings, ..record(item, Outcome::Refused) }
}

fn failed(seen: Record, error: Error) -> (Record, Option<Error>) {
    let finding = Finding::of(What::Failed, &error).with_key(seen.key).with_path(seen.key.path());
    (Record { outcome: Outcome::Failed, findings: vec![finding], ..seen }, Some(error))
}

fn record(item: Item, outcome: Outcome) -> Record {
    Record {
        key: item.key,
        outcome,
        from: None,
        to: None,
        bytes: item.bytes.unwrap_or(0),
        findings: Vec::new(),
        is_earlier: false,
    }
}

fn conflict(seen: Record, to: Option<[u8; 32]>, mut findings: Vec<Finding>) -> Record {
    let message = "the target has other bytes under the same key; they were not touched";
    findings.push(Finding::new(What::Conflict, Code::Conflict, message).with_key(seen.key).with_path(seen.key.path()));
    Record { outcome: Outcome::Conflict, to, findings, ..seen }
}

fn gone_or_unreadable(error: Error, item: Item) -> Result<Option<Record>> {
    if error.code() == Code::NotFound {
        return Ok(None);
    }
    let Some(finding) = unreadable(&error, item.key, item.key.path()) else { return Err(error) };
    Ok(Some(Record { findings: vec![finding], ..record(item, Outcome::Refused) }))
}
