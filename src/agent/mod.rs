//! The use cases, one method a verb: what `index.d.ts` promises, in Rust.
//!
//! | file | what |
//! |---|---|
//! | `key_directory` | the local folder with the keys and the agent's own documents |
//! | `create` | a new agent: keys, agent document, configuration |
//! | `load` | an agent from its configuration |
//! | `documents` | create, update, save, sign again |
//! | `attachments` | files into documents and out of them |
//! | `batch` | many documents at once |
//! | `transfers` | whole stores: migrate, mirror |
//! | `check` | a look at every stored object, and repair |
//! | `archives` | whole stores: export, import |
//! | `bundles` | chosen documents for somebody without a network, and such a bundle verified |
//! | `presign` | URLs for somebody without credentials |
//! | `publication` | the agent's record in DNS |
//! | `doctor` | what is configured, and what is wrong with it |

mod archives;
mod attachments;
mod batch;
mod bundles;
mod check;
mod configuration;
mod create;
mod doctor;
mod documents;
mod key_directory;
mod load;
mod presign;
mod publication;
mod rotate;
mod transfers;
mod trusted;

pub use archives::{Export, Import};
pub use attachments::{AttachmentInput, Attachments, DocumentSource, Embed, SaveAttachments, is_media_type};
pub use batch::BatchOptions;
pub use bundles::{BundledReport, ExportBundle, VerifyBundle};
pub use check::CheckOptions;
pub use create::CreateAgent;
pub use doctor::Diagnosis;
pub use documents::{CreateOptions, SchemaChoice, UpdateOptions};
pub use load::LoadOptions;
pub use presign::Presign;
pub use rotate::{AgentChanges, Rotate};
pub use transfers::{ConfigSource, Heard, MigrateOptions, MirrorOptions, open_place};

use std::future::Future;
use std::sync::Arc;

use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::cancel::Cancel;
use crate::config::Config;
use crate::crypto::{PublicKey, SecretKey};
use crate::document::Author;
use crate::document::schema::Schemas;
use crate::environment::Environment;
use crate::error::Result;
use crate::id::{DocumentKey, Reference};
use crate::vault::{History, Lineage, ListFilter, Listing, ReadOptions, Reading, Report, Vault, VerifyOptions};
use key_directory::{KeyDirectory, KeyStamp};

use crate::document::Origin;
use crate::store::{Kind, Sweep};

/// A loaded agent. One serves concurrent calls.
pub struct Agent {
    /// The agent document in force.
    pub key: DocumentKey,
    pub document: String,
    pub config: Config,
    public_key: PublicKey,
    vault: Arc<Vault>,
    /// Without our own variables: credentials of other places.
    environment: Environment,
    key_directory: KeyDirectory,
    /// `None` when loaded read-only.
    signer: Option<Arc<SecretKey>>,
    /// The public key file as it was when the key was loaded.
    key_stamp: KeyStamp,
    warnings: Vec<String>,
    schemas: Schemas,
    /// Whether the agent's own documents are known to be in the store.
    published: OnceCell<()>,
    /// `None` when loaded read-only: then nothing is changed.
    sweep: Option<Sweep>,
}

impl Agent {
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The result of work at the store. A server may take long to answer, and whether what it was asked for happened is
    /// unknown then anyway, so an abort does not wait for it. On a disk it does: what is under way there is about to end,
    /// and holds a lock that must outlast it.
    async fn until<T>(&self, cancel: &Cancel, work: impl Future<Output = Result<T>>) -> Result<T> {
        if self.vault.store.is_remote() { cancel.or(work).await } else { work.await }
    }

    pub fn is_read_only(&self) -> bool {
        self.signer.is_none()
    }

    /// The text of a stored document, verified. Errors: see [`Vault::get`].
    pub async fn get(&self, reference: Reference, options: &ReadOptions, cancel: &Cancel) -> Result<Arc<String>> {
        cancel.check()?;
        let stored = self.until(cancel, self.vault.get(reference, options)).await?;
        cancel.check()?;
        Ok(stored.text)
    }

    /// What [`get`](Self::get) with default options would give, where memory has it and nothing has to be waited for.
    pub fn recall(&self, reference: Reference) -> Option<Arc<String>> {
        match reference {
            Reference::Exact(key) => self.vault.recall(key),
            Reference::Newest(_) => None,
        }
    }

    /// What the checks find of a text. Errors: only where no verdict was possible.
    pub async fn verify(&self, text: &str, options: &VerifyOptions, cancel: &Cancel) -> Result<Report> {
        cancel.check()?;
        // A storage, the registry or DNS may be asked for the key, and be slow.
        let examined = cancel.or(Box::pin(self.vault.examine(text, Origin::Caller, options))).await?;
        Ok(examined.report)
    }

    /// What the checks find of a stored document. Errors: `JACS_NOT_FOUND`, and where no verdict was possible.
    pub async fn inspect(&self, reference: Reference, options: &VerifyOptions, cancel: &Cancel) -> Result<Report> {
        cancel.or(Box::pin(self.vault.inspect(reference, options))).await
    }

    /// Every version, oldest first, and which count. Errors: `JACS_NOT_FOUND`, `JACS_CONFLICT`.
    pub async fn versions(&self, id: crate::id::DocumentId) -> Result<Lineage> {
        Ok(self.vault.find_lineage(id, Reading::Cached).await?.1)
    }

    /// Every version with its chain hash. Errors: `JACS_NOT_FOUND`, `JACS_CONFLICT`.
    pub async fn history(
        &self,
        id: crate::id::DocumentId,
        options: &VerifyOptions,
        cancel: &Cancel,
    ) -> Result<History> {
        cancel.check()?;
        self.until(cancel, self.vault.history(id, options)).await
    }

    pub async fn list(&self, kind: Kind, filter: ListFilter) -> Result<Listing> {
        self.vault.list(kind, filter).await
    }

    /// The next entries of a listing; empty at its end. Errors: `JACS_ABORTED`.
    pub async fn next_page(&self, listing: &mut Listing, cancel: &Cancel) -> Result<Vec<crate::store::Entry>> {
        self.until(cancel, listing.next_page(&self.vault, || cancel.check())).await
    }

    /// Stores a document that somebody signed. Errors: see [`Vault::save`].
    pub async fn save(&self, text: &str) -> Result<Arc<String>> {
        self.check_writable()?;
        self.publish_own_documents().await?;
        Ok(self.vault.save(text).await?.text)
    }

    /// Removes a version or a whole document. Errors: see [`Vault::remove`].
    pub async fn remove(&self, reference: Reference, all_versions: bool) -> Result<()> {
        self.check_writable()?;
        self.vault.remove(reference, all_versions).await
    }

    /// Encrypts the private key file with another password.
    /// Errors: `JACS_PASSWORD` when `password` is wrong or `new_password` weak.
    pub async fn change_password(&self, password: Zeroizing<String>, new_password: Zeroizing<String>) -> Result<()> {
        self.check_writable()?;
        let directory = self.key_directory.clone();
        crate::store::blocking(move || directory.change_password(&password, &new_password)).await
    }

    fn check_writable(&self) -> Result<()> {
        self.signer().map(drop)
    }

    /// Errors: `JACS_PERMISSION` for an agent that was loaded read-only, `JACS_KEY` when another process replaced the key since, or
    /// it is decided that it is replaced.
    fn signer(&self) -> Result<&SecretKey> {
        let signer = self.signer.as_ref().ok_or_else(load::read_only)?;
        if self.key_directory.has_another_key(&self.public_key, self.key_stamp) {
            return Err(rotate::replaced_keys(self.key_directory.folder()));
        }
        Ok(signer)
    }

    fn author(&self) -> Result<Author<'_>> {
        Ok(Author { agent: self.key, signer: self.signer()? })
    }
}
