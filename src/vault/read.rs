//! Reading: by key or the newest, verified.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Lineage, Reading, Report, Stored, Vault, VerifyOptions};
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Reference, Version};
use crate::store::{Kind, ObjectKey};
use crate::trust::in_one_call;

/// How much a read verifies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    #[default]
    Full,
    /// Only that the bytes are what was written: no claim about the signer.
    Hash,
}

/// What a read of the newest version does when there are several heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFork {
    /// The greatest head: every reader takes the same.
    #[default]
    Winner,
    Error,
}

#[derive(Clone, Debug)]
pub struct ReadOptions {
    pub verify: Verify,
    pub on_fork: OnFork,
    pub checks: VerifyOptions,
    pub reading: Reading,
}

impl Default for ReadOptions {
    fn default() -> Self {
        let (verify, on_fork) = (Verify::default(), OnFork::default());
        Self { verify, on_fork, checks: VerifyOptions::default(), reading: Reading::Cached }
    }
}

impl Vault {
    /// Reads a document, of the documents first and of the agents second.
    ///
    /// Errors: `JACS_NOT_FOUND`, the code of the first check that fails, `JACS_CONFLICT` for several heads with
    /// [`OnFork::Error`] or different originals.
    pub async fn get(&self, reference: Reference, options: &ReadOptions) -> Result<Stored> {
        match (reference, options.verify) {
            (Reference::Exact(key), Verify::Full) => self.get_verified(key, options).await,
            (Reference::Exact(key), Verify::Hash) => {
                let stored = self.get_exact(key).await?;
                Parsed::read(&stored.text, Origin::Storage(key), self.max_bytes)?.check_hash()?;
                Ok(stored)
            }
            (Reference::Newest(id), Verify::Full) => Box::pin(in_one_call(self.get_newest(id, options))).await,
            (Reference::Newest(id), Verify::Hash) => self.newest_by_hash(id).await,
        }
    }

    async fn get_verified(&self, key: DocumentKey, options: &ReadOptions) -> Result<Stored> {
        let [kind, other] = self.places(key.id);
        let find = |kind| self.find(kind, key, &options.checks, options.reading);
        let (kind, found) = first_found((kind, find(kind)), (other, find(other))).await?;
        Ok(Stored { kind, key, text: found.valid()? })
    }

    async fn get_newest(&self, id: DocumentId, options: &ReadOptions) -> Result<Stored> {
        let winner = options.on_fork == OnFork::Winner;
        if winner
            && options.reading == Reading::Cached
            && let Some((kind, key)) = self.cache.newest(id)
        {
            match self.find(kind, key, &options.checks, options.reading).await {
                // Another process removed it.
                Err(error) if error.code() == Code::NotFound => {}
                Ok(found) if found.error.is_some() => {}
                found => return Ok(Stored { kind, key, text: found?.text }),
            }
        }
        let before = self.cache.before(id);
        let stored = match winner {
            true => self.newest_by_itself(Kind::Document, id, &options.checks, options.reading).await?,
            false => None,
        };
        let stored = match stored {
            Some(stored) => stored,
            None => self.newest_of_lineage(id, options).await?,
        };
        if winner {
            self.cache.keep_newest(before, stored.kind, stored.key);
        }
        Ok(stored)
    }

    async fn newest_of_lineage(&self, id: DocumentId, options: &ReadOptions) -> Result<Stored> {
        let (kind, lineage) = self.find_lineage(id, options.reading).await?;
        let key = lineage.newest()?.key;
        let heads = lineage.heads();
        if options.on_fork == OnFork::Error && heads.len() > 1 {
            return Err(fork(Error::new(Code::Conflict, "the document has several heads"), key, &heads));
        }
        let found = self.find(kind, key, &options.checks, options.reading).await?;
        Ok(Stored { kind, key, text: found.valid()? })
    }

    /// The newest version as far as ids and dates tell; nothing is claimed about who wrote it.
    async fn newest_by_hash(&self, id: DocumentId) -> Result<Stored> {
        let (kind, mut lineage) = self.find_lineage_unjudged(id, Reading::Fresh).await?;
        let replaced: HashSet<Version> =
            lineage.versions.iter().filter_map(|state| state.header.as_ref()?.previous_version).collect();
        lineage.versions.retain(|state| !state.future && !replaced.contains(&state.key.version));
        let state = lineage
            .versions
            .pop()
            .ok_or_else(|| Error::new(Code::NotFound, "no such document is stored").with_key(id))?;
        let text = self.read_text(kind, state.key).await?;
        Parsed::read(&text, Origin::Storage(state.key), self.max_bytes)?.check_hash()?;
        Ok(Stored { kind, key: state.key, text: Arc::new(text) })
    }

    /// The report for a stored document, valid or not. Errors: `JACS_NOT_FOUND`, and where no verdict was possible.
    pub async fn inspect(&self, reference: Reference, options: &VerifyOptions) -> Result<Report> {
        Box::pin(in_one_call(self.inspect_all(reference, options))).await
    }

    async fn inspect_all(&self, reference: Reference, options: &VerifyOptions) -> Result<Report> {
        let id = match reference {
            Reference::Newest(id) => id,
            Reference::Exact(key) => {
                let report = self.inspect_exact(key, options).await?;
                // Versions that cannot be judged have no heads to tell; that is no fault of this one.
                let heads = self.find_lineage(key.id, Reading::Fresh).await.ok().map(|(_, lineage)| lineage.heads());
                return Ok(Report { heads, ..report });
            }
        };
        let (_, lineage) = self.find_lineage(id, Reading::Fresh).await?;
        let newest = lineage.newest().map(|state| state.key);
        // Where no version can be named the newest, the one that stands in the way is reported.
        let damaged = newest.as_ref().err().and_then(|error| error.details().key.as_ref()?.parse().ok());
        let key = newest.as_ref().ok().copied().or(damaged).or(lineage.versions.last().map(|state| state.key));
        let key = key.ok_or_else(|| Error::new(Code::NotFound, "no such document is stored").with_key(id))?;
        let mut report = self.inspect_exact(key, options).await?;
        if report.is_valid() {
            report.note("succession", newest);
        }
        Ok(Report { heads: Some(lineage.heads()), ..report })
    }

    async fn inspect_exact(&self, key: DocumentKey, options: &VerifyOptions) -> Result<Report> {
        match self.get_exact(key).await {
            Ok(stored) => {
                let report = self.examine(&stored.text, Origin::Storage(key), options).await?.report;
                Ok(Report { key: Some(key), ..report })
            }
            Err(error) => {
                // That the way to it is barred is no verdict about the version itself.
                let is_verdict = match error.code() {
                    Code::Hash => true,
                    Code::Permission if error.is_damage() => self.is_listed(key).await?,
                    _ => false,
                };
                if !is_verdict {
                    return Err(error);
                }
                let mut report = Report { key: Some(key), ..Report::default() };
                report.note::<()>("format", Err(error));
                Ok(report)
            }
        }
    }

    async fn is_listed(&self, key: DocumentKey) -> Result<bool> {
        for kind in self.places(key.id) {
            if self.store.versions(kind, key.id).await?.contains(&key.version) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All versions of a document or an agent, and which count.
    pub async fn find_lineage(&self, id: DocumentId, reading: Reading) -> Result<(Kind, Lineage)> {
        let (kind, mut lineage) = self.find_lineage_unjudged(id, reading).await?;
        lineage.judge(self.update_policy)?;
        Ok((kind, lineage))
    }

    async fn find_lineage_unjudged(&self, id: DocumentId, reading: Reading) -> Result<(Kind, Lineage)> {
        let [kind, other] = self.places(id);
        let read = |kind| self.read_lineage(kind, id, reading);
        first_found((kind, read(kind)), (other, read(other))).await
    }

    /// Documents first, agents second; but what is planted under our own agent's id hides nothing.
    pub(super) fn places(&self, id: DocumentId) -> [Kind; 2] {
        match Some(id) == self.keyring.own_id() {
            true => [Kind::Agent, Kind::Document],
            false => [Kind::Document, Kind::Agent],
        }
    }

    /// The text under a key. Errors: `JACS_NOT_FOUND`; `JACS_HASH` when it is no text or over the limit.
    pub async fn read_text(&self, kind: Kind, key: DocumentKey) -> Result<String> {
        let bytes = self
            .store
            .get(&ObjectKey::Version { kind, key }, self.max_bytes)
            .await
            .map_err(|error| error.with_key(key))?;
        String::from_utf8(bytes).map_err(|_| Error::new(Code::Hash, "the stored bytes are not UTF-8").with_key(key))
    }

    async fn get_exact(&self, key: DocumentKey) -> Result<Stored> {
        let [kind, other] = self.places(key.id);
        let read = |kind| self.read_text(kind, key);
        let (kind, text) = first_found((kind, read(kind)), (other, read(other))).await?;
        Ok(Stored { kind, key, text: Arc::new(text) })
    }
}

/// What the first place has or, only where nothing is there, the second; with the place.
async fn first_found<T>(
    first: (Kind, impl Future<Output = Result<T>>),
    second: (Kind, impl Future<Output = Result<T>>),
) -> Result<(Kind, T)> {
    let missing = match first.1.await {
        Err(error) if error.code() == Code::NotFound => error,
        found => return Ok((first.0, found?)),
    };
    match second.1.await {
        Err(error) if error.code() == Code::NotFound => Err(missing),
        found => Ok((second.0, found?)),
    }
}

/// Tells the caller which versions there are to choose from.
pub(super) fn fork(error: Error, current: DocumentKey, heads: &[DocumentKey]) -> Error {
    error.with_key(current.id).with_details(|details| {
        details.current = Some(current.to_string());
        details.heads = Some(heads.iter().map(DocumentKey::to_string).collect());
    })
}
