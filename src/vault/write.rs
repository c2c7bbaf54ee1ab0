//! Writing: create-once, updates under a lock, removal.

use std::sync::Arc;

use bytes::Bytes;

use super::read::fork;
use super::{Reading, Stored, Vault, VerifyOptions, cache};
use crate::document::{Origin, Signed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Reference, Version};
use crate::store::{Kind, Lock, Name, ObjectKey, Put};

/// A version that may be replaced: verified, the newest, and locked against other writers of this machine.
pub struct Replaceable {
    pub stored: Stored,
    _lock: Lock,
}

impl Vault {
    /// Stores a version; `name` says where its key comes from.
    pub async fn put(&self, kind: Kind, signed: &Signed, name: Name) -> Result<()> {
        let object = ObjectKey::Version { kind, key: signed.key };
        let put = self.store.put(&object, Bytes::copy_from_slice(signed.text.as_bytes()), name).await;
        // A failed write may have stored it all the same.
        cache::changed(kind, signed.key);
        put.map(drop).map_err(|error| error.with_key(signed.key))
    }

    /// Stores the bytes of a version as they are; whoever calls has verified as much of them as it wants. An update in another
    /// process does not read the versions before this one and write after it.
    ///
    /// Errors: as [`Store::put`](crate::store::Store::put).
    pub async fn put_bytes(&self, kind: Kind, key: DocumentKey, bytes: Bytes, name: Name) -> Result<Put> {
        let lock = match self.store.lock(kind, key.id).await {
            Err(error) if error.code() == Code::NotFound => None,
            lock => Some(lock?),
        };
        let put = self.store.put(&ObjectKey::Version { kind, key }, bytes, name).await;
        cache::changed(kind, key);
        drop(lock);
        put.map_err(|error| error.with_key(key))
    }

    /// Locks a document and checks that `key` is its newest version, and that `merges` are its other heads.
    ///
    /// Errors: `JACS_NOT_FOUND`, the code of a check that fails, `JACS_CONFLICT` with `current` and `heads`.
    pub async fn begin_update(&self, key: DocumentKey, merges: &[DocumentKey]) -> Result<Replaceable> {
        let kind = Kind::Document;
        let lock = self.store.lock(kind, key.id).await.map_err(|error| error.with_key(key))?;
        if merges.is_empty()
            && let Some(stored) = self.newest_by_itself(kind, key.id, &VerifyOptions::default(), Reading::Fresh).await?
            && stored.key == key
        {
            return Ok(Replaceable { stored, _lock: lock });
        }
        let lineage = self.lineage(kind, key.id, Reading::Cached).await?;
        let known = lineage.get(key.version);
        let known = known.ok_or_else(|| Error::new(Code::NotFound, "no such version is stored").with_key(key))?;
        if let Some(error) = &known.error {
            // By a key of ours that was replaced as compromised. Who names the very version speaks for it.
            let options = VerifyOptions { vouches: true, ..VerifyOptions::default() };
            return match self.find(kind, key, &options, Reading::Fresh).await? {
                found if found.error.is_none() && merges.is_empty() && lineage.heads().is_empty() => {
                    Ok(Replaceable { stored: Stored { kind, key, text: found.text }, _lock: lock })
                }
                _ => Err(error.clone()),
            };
        }
        let (current, heads) = (lineage.newest()?.key, lineage.heads());
        if current != key {
            return Err(fork(
                Error::new(Code::Conflict, "the version is not the newest one").with("version", key),
                current,
                &heads,
            ));
        }
        if let Some(other) = merges.iter().find(|merged| **merged == key || !heads.contains(merged)) {
            let error = Error::new(Code::Conflict, "a version to merge is not another head of the document")
                .with("version", other);
            return Err(fork(error, current, &heads));
        }
        // What is replaced must be in the store, and be what it was.
        let found = self.find(kind, key, &VerifyOptions::default(), Reading::Fresh).await?;
        match found.error {
            None => Ok(Replaceable { stored: Stored { kind, key, text: found.text }, _lock: lock }),
            Some(error) => Err(error),
        }
    }

    /// Stores a document that somebody signed, in canonical form, after verifying it.
    ///
    /// Errors: the code of the first check that fails; `JACS_ATTACHMENT` when a stored attachment is not here;
    /// `JACS_CONFLICT` when other bytes stand under its key.
    pub async fn save(&self, text: &str) -> Result<Stored> {
        let options = VerifyOptions { introduces: true, ..VerifyOptions::default() };
        let (parsed, report) = self.examine(text, Origin::Caller, &options).await?.valid()?;
        let kind = match &*parsed.header.document_type {
            "agent" if report.agent.is_some_and(|signer| parsed.header.is_agents_own(signer)) => Kind::Agent,
            "agent" | "config" => {
                let error = Error::new(Code::Input, "only documents, and agents signed by themselves, are stored");
                return Err(error.with_key(parsed.header.key));
            }
            _ => Kind::Document,
        };
        if kind == Kind::Document {
            self.refuse_agents_id(parsed.header.key).await?;
        }
        for file in parsed.files()?.iter().filter(|file| file.stored) {
            if Box::pin(self.store.file_length(file.sha256.parse()?)).await?.is_none() {
                let message = "an attachment of the document is not in this store: copy the document with migrate";
                let error = Error::new(Code::Attachment, message);
                return Err(error.with("path", file.path).with_key(parsed.header.key));
            }
        }
        let signed = Signed { key: parsed.header.key, text: parsed.canonical_text() };
        let bytes = Bytes::copy_from_slice(signed.text.as_bytes());
        self.put_bytes(kind, signed.key, bytes, Name::Given).await?;
        Ok(Stored { kind, key: signed.key, text: Arc::new(signed.text) })
    }

    /// An id that a caller brings must not be that of an agent: reading by it would give the document.
    /// Errors: `JACS_CONFLICT`.
    pub async fn refuse_agents_id(&self, key: DocumentKey) -> Result<()> {
        if Some(key.id) != self.keyring.own_id() && self.store.versions(Kind::Agent, key.id).await?.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::Conflict, "the id is that of an agent").with_key(key))
    }

    /// Removes one version, or all versions of a document, oldest first. Leaves no mark.
    ///
    /// Errors: `JACS_NOT_FOUND`; `JACS_INPUT` for an agent's documents, and for a bare id without `all_versions`.
    pub async fn remove(&self, reference: Reference, all_versions: bool) -> Result<()> {
        let id = reference.id();
        self.check_removable(id).await?;
        match reference {
            Reference::Exact(_) if all_versions => {
                Err(Error::new(Code::Input, "`allVersions` goes with an id without a version").with_key(id))
            }
            Reference::Newest(_) if !all_versions => {
                Err(Error::new(Code::Input, "removing all versions of a document needs `allVersions`").with_key(id))
            }
            Reference::Newest(_) => self.remove_all(id).await,
            Reference::Exact(key) => self.remove_object(ObjectKey::Version { kind: Kind::Document, key }).await,
        }
    }

    async fn remove_all(&self, id: DocumentId) -> Result<()> {
        let _lock = self.lock(id).await?;
        // Listed under the lock, so that no update adds one meanwhile.
        let versions = self.oldest_first(id).await?;
        let removed = self.store.remove_all(Kind::Document, id, &versions).await;
        // A failed removal may have removed some all the same.
        for version in versions {
            cache::changed(Kind::Document, DocumentKey { id, version });
        }
        removed.map_err(|error| error.with_key(id))
    }

    async fn lock(&self, id: DocumentId) -> Result<Lock> {
        self.store.lock(Kind::Document, id).await.map_err(|error| error.with_key(id))
    }

    /// Removes one object of the layout, whatever it is. Errors: as [`Store::remove`](crate::store::Store::remove).
    pub async fn remove_object(&self, object: ObjectKey) -> Result<()> {
        let ObjectKey::Version { kind, key } = object else { return self.store.remove(&object).await };
        let _lock = self.store.lock(kind, key.id).await.map_err(|error| error.with_key(key))?;
        let removed = self.store.remove(&object).await;
        // A failed removal may have removed it all the same.
        cache::changed(kind, key);
        removed.map_err(|error| error.with_key(key))
    }

    /// Errors: `JACS_NOT_FOUND`; `JACS_INPUT` for an agent.
    async fn check_removable(&self, id: DocumentId) -> Result<()> {
        if !self.store.versions(Kind::Document, id).await?.is_empty() {
            return Ok(());
        }
        let error = match self.store.versions(Kind::Agent, id).await?.is_empty() {
            true => Error::new(Code::NotFound, "no such document is stored"),
            false => Error::new(Code::Input, "agent documents are not removed: other documents are verified by them"),
        };
        Err(error.with_key(id))
    }

    /// The versions of a document.
    async fn oldest_first(&self, id: DocumentId) -> Result<Vec<Version>> {
        let versions = self.store.versions(Kind::Document, id).await?;
        if versions.iter().all(|version| version.unix_ms().is_some()) {
            return Ok(versions);
        }
        // Ids of a foreign kind have no order; a lineage that cannot be judged is removed in the order of ids.
        Ok(self
            .lineage(Kind::Document, id, Reading::Cached)
            .await
            .map_or(versions, |lineage| lineage.versions.iter().map(|state| state.key.version).collect()))
    }
}
