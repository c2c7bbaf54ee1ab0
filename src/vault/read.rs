//! Reading: by key or the newest, verified.

use super::{Lineage, Report, Stored, Vault, VerifyOptions};
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Reference};
use crate::store::{Kind, ObjectKey};

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

#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    pub verify: Verify,
    pub on_fork: OnFork,
    pub checks: VerifyOptions,
}

impl Vault {
    /// Reads a document, of the documents first and of the agents second.
    ///
    /// Errors: `JACS_NOT_FOUND`, the code of the first check that fails, `JACS_CONFLICT` for several heads with
    /// [`OnFork::Error`] or different originals.
    pub async fn get(&self, reference: Reference, options: &ReadOptions) -> Result<Stored> {
        let stored = match (reference, options.verify, options.on_fork) {
            (Reference::Exact(key), ..) => self.get_exact(key).await?,
            (Reference::Newest(id), Verify::Hash, _) => return self.newest_by_hash(id).await,
            (Reference::Newest(id), Verify::Full, OnFork::Winner) => {
                match self.newest_of_ours(Kind::Document, id, &options.checks).await? {
                    Some(verified) => return Ok(verified),
                    None => self.get_newest(id, OnFork::Winner).await?,
                }
            }
            (Reference::Newest(id), Verify::Full, OnFork::Error) => self.get_newest(id, OnFork::Error).await?,
        };
        let origin = Origin::Storage(stored.key);
        match options.verify {
            Verify::Hash => Parsed::read(&stored.text, origin, self.max_bytes)?.check_hash()?,
            Verify::Full => {
                self.examine(&stored.text, origin, &options.checks).await?.valid()?;
            }
        }
        Ok(stored)
    }

    /// The newest version as far as ids and dates tell; nothing is claimed about who wrote it.
    async fn newest_by_hash(&self, id: DocumentId) -> Result<Stored> {
        let (kind, mut lineage) = self.find_lineage_unjudged(id).await?;
        let state = lineage
            .versions
            .pop()
            .ok_or_else(|| Error::new(Code::NotFound, "no such document is stored").with_key(id))?;
        let text = self.read_text(kind, state.key).await?;
        Parsed::read(&text, Origin::Storage(state.key), self.max_bytes)?.check_hash()?;
        Ok(Stored { kind, key: state.key, text })
    }

    /// The report for a stored document, valid or not. Errors: `JACS_NOT_FOUND`, and where no verdict was possible.
    pub async fn inspect(&self, reference: Reference, options: &VerifyOptions) -> Result<Report> {
        let id = match reference {
            Reference::Newest(id) => id,
            Reference::Exact(key) => {
                let report = self.inspect_exact(key, options).await?;
                // Versions that cannot be judged have no heads to tell; that is no fault of this one.
                let heads = self.find_lineage(key.id).await.ok().map(|(_, lineage)| lineage.heads());
                return Ok(Report { heads, ..report });
            }
        };
        let (_, lineage) = self.find_lineage(id).await?;
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
            Ok(stored) => Ok(self.examine(&stored.text, Origin::Storage(key), options).await?.report),
            Err(error) if matches!(error.code(), Code::Hash | Code::Permission) => {
                let mut report = Report { key: Some(key), ..Report::default() };
                report.note::<()>("format", Err(error));
                Ok(report)
            }
            Err(error) => Err(error),
        }
    }

    /// All versions of a document or an agent, and which count.
    pub async fn find_lineage(&self, id: DocumentId) -> Result<(Kind, Lineage)> {
        let (kind, mut lineage) = self.find_lineage_unjudged(id).await?;
        lineage.judge(self.update_policy)?;
        Ok((kind, lineage))
    }

    async fn find_lineage_unjudged(&self, id: DocumentId) -> Result<(Kind, Lineage)> {
        match self.read_lineage(Kind::Document, id).await {
            Err(error) if error.code() == Code::NotFound => match self.read_lineage(Kind::Agent, id).await {
                Err(second) if second.code() == Code::NotFound => Err(error),
                agent => Ok((Kind::Agent, agent?)),
            },
            document => Ok((Kind::Document, document?)),
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
        let kind = Kind::Document;
        match self.read_text(kind, key).await {
            Err(error) if error.code() == Code::NotFound => match self.read_text(Kind::Agent, key).await {
                Err(second) if second.code() == Code::NotFound => Err(error),
                text => Ok(Stored { kind: Kind::Agent, key, text: text? }),
            },
            text => Ok(Stored { kind, key, text: text? }),
        }
    }

    async fn get_newest(&self, id: DocumentId, on_fork: OnFork) -> Result<Stored> {
        let (kind, lineage) = self.find_lineage(id).await?;
        let key = lineage.newest()?.key;
        let heads = lineage.heads();
        if on_fork == OnFork::Error && heads.len() > 1 {
            return Err(fork(Error::new(Code::Conflict, "the document has several heads"), key, &heads));
        }
        Ok(Stored { kind, key, text: self.read_text(kind, key).await? })
    }
}

/// Tells the caller which versions there are to choose from.
pub(super) fn fork(error: Error, current: DocumentKey, heads: &[DocumentKey]) -> Error {
    error.with_key(current.id).with_details(|details| {
        details.current = Some(current.to_string());
        details.heads = Some(heads.iter().map(DocumentKey::to_string).collect());
    })
}
