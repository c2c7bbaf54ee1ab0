//! What goes into a bundle: the chosen documents as far as they verify, their attachments, and the agents that signed them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;

use super::super::finding::{Finding, Severity, What};
use super::super::object::stored_files;
use super::super::sink::Sink;
use super::MOST_TEXT;
use super::manifest::{Asked, Entry, Manifest, Signer};
use crate::cancel::Cancel;
use crate::crypto::{PublicKey, hex, sha256};
use crate::document::{MAX_AGENT_BYTES, Origin};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Reference};
use crate::store::{Kind, ObjectKey, Sha256Hex};
use crate::trust::{AgentVersion, in_one_call};
use crate::vault::{ReadOptions, Reading, Report, Vault, VerifyOptions};

/// What somebody wants handed on.
pub struct Wanted {
    pub documents: Vec<Reference>,
    /// Of each document all versions that count.
    pub all_versions: bool,
    /// The versions of the exporting agent, as its key directory has them.
    pub own: Vec<(DocumentKey, String)>,
}

/// What there is to write, in the order of the manifest.
pub struct Gathered {
    pub manifest: Manifest,
    /// Texts that do not come from the store.
    pub texts: BTreeMap<ObjectKey, Bytes>,
}

/// Looks everything up and verifies it with the vault's ordinary trust.
///
/// Errors: `JACS_NOT_FOUND`, the code of the first check that fails, `JACS_ATTACHMENT`, `JACS_INPUT` (more than can be
/// verified at once), `JACS_ABORTED`; those of the store.
pub async fn gather(vault: &Vault, wanted: Wanted, sink: &Sink, cancel: &Cancel) -> Result<Gathered> {
    in_one_call(Box::pin(async {
        let mut gathering = Gathering::new(vault, sink, cancel);
        for reference in &wanted.documents {
            let (kind, keys) = Box::pin(gathering.choose(*reference, wanted.all_versions)).await?;
            for key in keys {
                cancel.check()?;
                Box::pin(gathering.document(kind, key)).await?;
            }
        }
        gathering.agents(wanted.own).await?;
        Ok(gathering.end())
    }))
    .await
}

struct Gathering<'a> {
    vault: &'a Vault,
    sink: &'a Sink,
    cancel: &'a Cancel,
    chosen: Vec<ObjectKey>,
    /// Length and hash of each object.
    objects: BTreeMap<ObjectKey, (u64, [u8; 32])>,
    texts: BTreeMap<ObjectKey, Bytes>,
    text_bytes: u64,
    signers: BTreeMap<DocumentKey, Believed>,
}

/// A signer's key, and why it is believed here.
struct Believed {
    key: PublicKey,
    signer: Signer,
}

impl<'a> Gathering<'a> {
    fn new(vault: &'a Vault, sink: &'a Sink, cancel: &'a Cancel) -> Gathering<'a> {
        let (objects, texts, signers) = Default::default();
        Gathering { vault, sink, cancel, chosen: Vec::new(), objects, texts, text_bytes: 0, signers }
    }

    /// The versions that are meant, oldest first.
    async fn choose(&self, reference: Reference, all_versions: bool) -> Result<(Kind, Vec<DocumentKey>)> {
        if let (Reference::Exact(key), false) = (reference, all_versions) {
            let options = ReadOptions { reading: Reading::Fresh, ..ReadOptions::default() };
            let stored = self.cancel.or(self.vault.get(reference, &options)).await?;
            return Ok((stored.kind, vec![key]));
        }
        let (kind, lineage) = self.cancel.or(self.vault.find_lineage(reference.id(), Reading::Fresh)).await?;
        let newest = lineage.newest()?.key;
        if !all_versions {
            return Ok((kind, vec![newest]));
        }
        let mut keys = Vec::new();
        for state in &lineage.versions {
            match (&state.error, &state.refused) {
                (Some(error), _) => return Err(error.clone().with_key(state.key)),
                (None, Some(why)) => {
                    let finding = Finding::new(What::NotAccepted, Code::Untrusted, why.to_string());
                    let path = ObjectKey::Version { kind, key: state.key }.path();
                    self.sink.found(finding.with_key(state.key).with_path(path));
                }
                (None, None) => keys.push(state.key),
            }
        }
        match reference {
            Reference::Exact(key) if !keys.contains(&key) => {
                let message = "the version is not stored, or does not count";
                Err(Error::new(Code::NotFound, message).with_key(key))
            }
            _ => Ok((kind, keys)),
        }
    }

    async fn document(&mut self, kind: Kind, key: DocumentKey) -> Result<()> {
        let object = ObjectKey::Version { kind, key };
        if self.chosen.contains(&object) {
            return Ok(());
        }
        let text = self.cancel.or(self.vault.read_text(kind, key)).await?;
        let options = VerifyOptions::default();
        let examined = self.cancel.or(self.vault.examine(&text, Origin::Storage(key), &options)).await?;
        let signing_key = examined.key.clone();
        let (parsed, report) = examined.valid()?;
        let files = stored_files(&parsed);
        self.add(object, text.as_bytes())?;
        self.chosen.push(object);
        for file in files {
            self.file(file).await.map_err(|error| error.with_key(key))?;
        }
        self.signer(&report, signing_key)
    }

    fn add(&mut self, object: ObjectKey, text: &[u8]) -> Result<()> {
        if self.objects.insert(object, (text.len() as u64, sha256(text))).is_none() {
            self.text_bytes += text.len() as u64;
        }
        match self.text_bytes <= MOST_TEXT {
            true => Ok(()),
            false => Err(Error::new(Code::Input, "the documents are more than one bundle may hold: make several")
                .with("limit", MOST_TEXT)),
        }
    }

    async fn file(&mut self, hash: Sha256Hex) -> Result<()> {
        let object = ObjectKey::File(hash);
        if self.objects.contains_key(&object) {
            return Ok(());
        }
        let refused = |message| Err(Error::new(Code::Attachment, message).with("sha256", hash));
        match self.vault.store.hash_file(hash, self.cancel).await? {
            None => refused("an attachment of the document is not in the store"),
            Some((found, _)) if found != hash => refused("an attachment is not what its hash says"),
            Some((_, length)) => {
                self.objects.insert(object, (length, *hash.as_bytes()));
                Ok(())
            }
        }
    }

    fn signer(&mut self, report: &Report, key: Option<PublicKey>) -> Result<()> {
        let (Some(agent), Some(source), Some(key)) = (report.agent, report.key_source, key) else {
            return Err(Error::new(Code::Internal, "a valid document has no signer"));
        };
        let asked = |tried: &crate::trust::Tried| Asked {
            source: tried.source.name().to_owned(),
            result: tried.result.clone(),
        };
        self.signers.entry(agent).or_insert_with(|| Believed {
            signer: Signer {
                agent: agent.to_string(),
                source: source.name().to_owned(),
                key_sha256: key.sha256().to_owned(),
                algorithm: key.algorithm().name().to_owned(),
                resolved_at: Timestamp::now().to_string(),
                tried: report.tried.iter().map(asked).collect(),
                public_key: None,
            },
            key,
        });
        Ok(())
    }

    /// Errors: `JACS_INPUT` as soon as all together are too much.
    fn keep(&mut self, key: DocumentKey, agent: &AgentVersion) -> Result<()> {
        let object = ObjectKey::Version { kind: Kind::Agent, key };
        match self.texts.insert(object, Bytes::from(agent.text.clone())) {
            None => self.add(object, agent.text.as_bytes()),
            Some(_) => Ok(()),
        }
    }

    /// All versions of each signer, and of the exporting agent.
    async fn agents(&mut self, own: Vec<(DocumentKey, String)>) -> Result<()> {
        let mut known: BTreeMap<DocumentKey, AgentVersion> = BTreeMap::new();
        let ids: BTreeSet<DocumentId> = self.signers.keys().map(|agent| agent.id).collect();
        for id in ids {
            for version in self.cancel.or(self.vault.store.versions(Kind::Agent, id)).await? {
                let key = DocumentKey { id, version };
                if let Some(agent) = self.stored_agent(key).await? {
                    self.keep(key, &agent)?;
                    known.insert(key, agent);
                }
            }
        }
        let max_bytes = self.vault.max_bytes;
        let read = |(key, text)| Some((key, AgentVersion::read(text, Origin::Storage(key), max_bytes)?));
        known.extend(own.into_iter().filter_map(read));
        for (key, agent) in &known {
            self.keep(*key, agent)?;
        }
        for (agent, believed) in &mut self.signers {
            if known.get(agent).and_then(AgentVersion::sound_key) == Some(&believed.key) {
                continue;
            }
            // Others can believe it only where they know it already.
            believed.signer.public_key = Some(STANDARD.encode(believed.key.raw()));
            let message = "no agent document with the signer's key is at hand: only who has pinned the key can verify";
            self.sink.found(Finding::new(What::Key, Code::Key, message).with_key(agent));
        }
        Ok(())
    }

    /// A version of a signer as the store has it. What is no agent's own document is left out: nobody would believe it. Of our own
    /// agent the store is asked only for what we know to be ours.
    async fn stored_agent(&self, key: DocumentKey) -> Result<Option<AgentVersion>> {
        if self.vault.keyring.own.as_ref().is_some_and(|own| own.id() == key.id && own.knows(key.version).is_none()) {
            return Ok(None);
        }
        let object = ObjectKey::Version { kind: Kind::Agent, key };
        let bytes = match self.cancel.or(self.vault.store.get(&object, self.vault.max_bytes.min(MAX_AGENT_BYTES))).await
        {
            Err(error) if error.code() == Code::NotFound || error.is_damage() => None,
            bytes => Some(bytes?),
        };
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let agent = text.and_then(|text| AgentVersion::read(text, Origin::Storage(key), self.vault.max_bytes));
        if agent.is_none() {
            let message = "a version of the signer is not an agent's own document, and is left out";
            let finding = Finding { severity: Severity::Note, ..Finding::new(What::AgentChain, Code::Key, message) };
            self.sink.found(finding.with_key(key).with_path(object.path()));
        }
        Ok(agent)
    }

    fn end(self) -> Gathered {
        let entry = |(key, (bytes, digest)): (&ObjectKey, &(u64, [u8; 32]))| Entry {
            path: key.path(),
            bytes: *bytes,
            sha256: hex(digest),
        };
        let entries = self.objects.iter().map(entry).collect();
        let signers = self.signers.into_values().map(|believed| believed.signer).collect();
        Gathered { manifest: Manifest::new(&self.chosen, entries, signers), texts: self.texts }
    }
}
