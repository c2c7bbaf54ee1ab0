//! An object from the mirror in the place of a damaged or missing one. It is verified before anything is moved, and what
//! it replaces goes to the quarantine: nothing is ever deleted.

use std::collections::HashSet;
use std::sync::Arc;

use super::quarantine::Quarantine;
use super::{Check, Finding, RepairFrom};
use crate::document::{Origin, Signed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::local_file::Contents;
use crate::store::layout::{self, ObjectKey, Sha256Hex};
use crate::store::{Kind, Name};
use crate::trust::OneCall;
use crate::vault::{Vault, VerifyOptions};

/// How an attempt to bring an object back ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Repaired,
    /// Why not.
    Not(String),
}

impl Outcome {
    /// The finding with what became of it.
    pub fn note(outcome: Option<Outcome>, finding: Finding) -> Finding {
        match outcome {
            None => finding,
            Some(Outcome::Repaired) => Finding { repaired: Some(true), ..finding },
            Some(Outcome::Not(why)) => {
                let message = format!("{} (not repaired: {why})", finding.message);
                Finding { repaired: Some(false), message, ..finding }
            }
        }
    }

    fn of(error: Error) -> Result<Outcome> {
        if error.code() == Code::Aborted { Err(error) } else { Ok(Outcome::Not(error.to_string())) }
    }
}

/// What the sound versions beside a damaged one say about it: whoever can write to the mirror must not choose another.
#[derive(Debug, Default)]
pub struct KnownOf {
    /// The hash by which a successor names it.
    pub sha256: Option<String>,
    /// Who signed the others; `None` when there are none.
    pub signers: Option<HashSet<DocumentId>>,
}

/// What a mirror has in the place of an object, verified.
enum Whole {
    Version(Signed),
    File(Contents),
}

/// A mirror and a quarantine.
pub struct Repair {
    mirror: Arc<Vault>,
    pub(super) quarantine: Quarantine,
}

impl Repair {
    pub fn new(from: RepairFrom, place: String) -> Repair {
        Repair { mirror: from.mirror, quarantine: Quarantine::new(from.quarantine, place) }
    }

    /// Puts the mirror's object in the place of a damaged one.
    pub async fn replace(&self, check: &Check, object: ObjectKey, known: &KnownOf) -> Result<Outcome> {
        match self.try_replace(check, object, known).await {
            Ok(()) => Ok(Outcome::Repaired),
            Err(error) => Outcome::of(error),
        }
    }

    async fn try_replace(&self, check: &Check, object: ObjectKey, known: &KnownOf) -> Result<()> {
        let whole = self.whole(check, object, known).await?;
        check.cancel.check()?;
        // An update in another process must not find the place empty.
        let _lock = match object {
            ObjectKey::Version { kind, key } => check.vault.store.lock(kind, key.id).await.ok(),
            ObjectKey::File(_) => None,
        };
        // From here on an abort is not heard: it would leave the place empty until the next check.
        let moved = self.quarantine.take(&check.vault.store, object).await?;
        self.put(check, object, whole).await?;
        moved.map_or(Ok(()), |moved| self.quarantine.done(&moved))
    }

    /// Puts the mirror's object where nothing stands. `sha256`: what the version's hash must be.
    pub async fn fetch(&self, check: &Check, object: ObjectKey, sha256: Option<&str>) -> Result<Outcome> {
        let known = KnownOf { sha256: sha256.map(str::to_owned), ..KnownOf::default() };
        let fetched = match self.whole(check, object, &known).await {
            Ok(whole) => self.put(check, object, whole).await,
            Err(error) => Err(error),
        };
        fetched.map_or_else(Outcome::of, |()| Ok(Outcome::Repaired))
    }

    /// Puts the mirror's versions of an id in the place of whatever stands where their folder belongs.
    pub async fn replace_folder(&self, check: &Check, kind: Kind, id: DocumentId) -> Result<Outcome> {
        match self.try_replace_folder(check, kind, id).await {
            Ok(()) => Ok(Outcome::Repaired),
            Err(error) => Outcome::of(error),
        }
    }

    async fn try_replace_folder(&self, check: &Check, kind: Kind, id: DocumentId) -> Result<()> {
        let versions = self.versions(kind, id).await?;
        for version in &versions {
            self.whole(
                check,
                ObjectKey::Version { kind, key: DocumentKey { id, version: *version } },
                &KnownOf::default(),
            )
            .await?;
        }
        check.cancel.check()?;
        let path = layout::prefix(kind, id);
        let moved = self.quarantine.take_path(&check.vault.store, path.trim_end_matches('/')).await?;
        self.fill(check, kind, id).await?;
        moved.map_or(Ok(()), |moved| self.quarantine.done(&moved))
    }

    /// Stores all versions of an id that the mirror has.
    async fn fill(&self, check: &Check, kind: Kind, id: DocumentId) -> Result<()> {
        for version in self.versions(kind, id).await? {
            let object = ObjectKey::Version { kind, key: DocumentKey { id, version } };
            let whole = self.whole(check, object, &KnownOf::default()).await?;
            self.put(check, object, whole).await?;
        }
        Ok(())
    }

    async fn versions(&self, kind: Kind, id: DocumentId) -> Result<Vec<crate::id::Version>> {
        let versions = self.mirror.store.versions(kind, id).await?;
        if versions.is_empty() { Err(missing()) } else { Ok(versions) }
    }

    /// Ends what an interrupted repair began: `path` is where the object belongs that is in the quarantine.
    pub async fn finish(&self, check: &Check, path: &str) -> Result<Outcome> {
        match self.try_finish(check, path).await {
            Ok(()) => Ok(Outcome::Repaired),
            Err(error) => Outcome::of(error),
        }
    }

    async fn try_finish(&self, check: &Check, path: &str) -> Result<()> {
        if let Some(object) = ObjectKey::parse(path) {
            // What stands there, whole or not, is looked at with the others.
            if check.vault.store.exists(&object).await? {
                return Ok(());
            }
            let whole = self.whole(check, object, &KnownOf::default()).await?;
            return self.put(check, object, whole).await;
        }
        let folder = format!("{path}/");
        let kinds = [Kind::Agent, Kind::Document].into_iter();
        match kinds.filter_map(|kind| Some((kind, layout::parse_prefix(kind, &folder)?))).next() {
            Some((kind, id)) => self.fill(check, kind, id).await,
            None => Ok(()),
        }
    }

    /// The mirror's object, when it is what it should be.
    async fn whole(&self, check: &Check, object: ObjectKey, known: &KnownOf) -> Result<Whole> {
        match object {
            ObjectKey::File(hash) => self.whole_file(check, hash).await.map(Whole::File),
            ObjectKey::Version { kind, key } => {
                let _room = check.room(None).await;
                let text = self.mirror.read_text(kind, key).await.map_err(mirrors)?;
                self.verify(check, kind, key, &text, known).await?;
                Ok(Whole::Version(Signed { key, text }))
            }
        }
    }

    /// Read twice: nothing is moved away for bytes that are not what they should be.
    async fn whole_file(&self, check: &Check, hash: Sha256Hex) -> Result<Contents> {
        let contents = self.mirror.store.contents(hash, &check.cancel).await.map_err(mirrors)?.ok_or_else(missing)?;
        match crate::store::hash(&contents, Arc::new(|_| ()), &check.cancel).await.map_err(mirrors)? == hash {
            true => Ok(contents),
            false => Err(Error::new(Code::Attachment, "the mirror's attachment is not what its hash says either")),
        }
    }

    /// Full verification: by what this store knows of signers, or else by what the mirror knows.
    async fn verify(&self, check: &Check, kind: Kind, key: DocumentKey, text: &str, known: &KnownOf) -> Result<()> {
        let options =
            VerifyOptions { introduces: kind == Kind::Agent, allow_unsigned: true, ..VerifyOptions::default() };
        let origin = Origin::Storage(key);
        let here = check.vault.examine(text, origin, &options).await?.valid();
        let (parsed, report) = match here {
            Err(error) if matches!(error.code(), Code::Key | Code::Untrusted) => {
                // A call of its own: what this store's agents answered is not what the mirror's do.
                OneCall::default().part(self.mirror.examine(text, origin, &options)).await?.valid().map_err(mirrors)?
            }
            here => here.map_err(mirrors)?,
        };
        let is_of_kind = match kind {
            Kind::Agent => report.agent.is_some_and(|signer| parsed.header.is_agents_own(signer)),
            Kind::Document => !matches!(&*parsed.header.document_type, "agent" | "config"),
        };
        if !is_of_kind {
            return Err(Error::new(Code::Hash, "the mirror's object is not of that kind"));
        }
        if known.sha256.as_ref().is_some_and(|named| **named != *parsed.header.sha256) {
            return Err(Error::new(Code::Hash, "the mirror's version is not the one that its successor names"));
        }
        let signer = report.agent.map(|agent| agent.id);
        if known.sha256.is_none()
            && known.signers.as_ref().is_some_and(|known| !signer.is_some_and(|it| known.contains(&it)))
        {
            let message = "the mirror's version is signed by an agent who signed none of the sound versions";
            return Err(Error::new(Code::Untrusted, message));
        }
        Ok(())
    }

    async fn put(&self, check: &Check, object: ObjectKey, whole: Whole) -> Result<()> {
        match (object, whole) {
            (ObjectKey::Version { kind, .. }, Whole::Version(signed)) => {
                check.vault.put(kind, &signed, Name::Given).await
            }
            (ObjectKey::File(hash), Whole::File(contents)) => {
                let tell: crate::store::Tell = Arc::new(|_| ());
                // What was begun here is ended: see above.
                let never = crate::cancel::Cancel::default();
                check.vault.store.keep(&contents, Some(hash), &tell, &never).await.map(drop)
            }
            _ => Err(Error::new(Code::Internal, "an object was fetched for another")),
        }
    }
}

fn missing() -> Error {
    Error::new(Code::NotFound, "the mirror does not have it")
}

/// An error about the mirror's object.
fn mirrors(error: Error) -> Error {
    match error.code() {
        Code::NotFound => missing(),
        Code::Aborted => error,
        code => Error::new(code, "the mirror's object is not sound, or cannot be read").with("why", error),
    }
}
