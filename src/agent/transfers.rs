//! Whole stores: migrate and mirror, and the stores of other configurations.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, stream};
use serde_json::json;
use zeroize::Zeroizing;

use super::key_directory::KeyDirectory;
use super::load::{LoadOptions, choose, settings, vault};
use super::{Agent, CreateOptions, UpdateOptions};
use crate::cancel::Cancel;
use crate::config::{Config, ConfigInput, EnvironmentUse};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, Reference};
use crate::local_file::resolved;
use crate::progress::OnProgress;
use crate::store::{Kind, Store};
use crate::transfer::{self, Finding, MOST_FAILURES, MOST_FINDINGS, OnFinding, Report, Sink, What};
use crate::trust::OwnKey;
use crate::vault::{Reading, Vault};

/// Documents that are asked for at once.
const PAGE: usize = 64;
/// Documents that get a successor at the same time.
const RESIGNED_AT_ONCE: usize = 16;

/// Where a configuration stands: one of the two.
#[derive(Clone, Debug)]
pub enum ConfigSource {
    /// The path of a file.
    Path(PathBuf),
    /// The JSON text of an object given in code.
    Object(String),
}

/// Who hears of a long call.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub progress: OnProgress,
    pub findings: OnFinding,
}

/// What a caller asks of a migration.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    pub from: ConfigSource,
    pub to: ConfigSource,
    pub resign: bool,
    pub sign: bool,
    pub password: Option<Zeroizing<String>>,
    pub transfer: transfer::Options,
}

/// What a caller asks of a mirror.
#[derive(Clone, Debug)]
pub struct MirrorOptions {
    pub to: ConfigSource,
    pub sign: bool,
    pub transfer: transfer::Options,
}

impl ConfigSource {
    /// The configuration, in a call that has two: settings of the environment would override both.
    pub fn read(&self, environment: &Environment, working_directory: &Path) -> Result<Config> {
        let input = match self {
            ConfigSource::Path(path) => ConfigInput::File(path),
            ConfigSource::Object(text) => ConfigInput::Object(text),
        };
        Config::read(input, environment, EnvironmentUse::Ignore, working_directory)
    }
}

impl Heard {
    /// A sink for a report that holds so many findings.
    pub fn sink(self, most: usize) -> Arc<Sink> {
        Arc::new(Sink::new(self.progress, self.findings, most))
    }
}

/// The store of a configuration, with the public side of its agent, if there is one: no key is needed to copy what others
/// have signed.
///
/// Errors: `JACS_CONFIG`, `JACS_UNSUPPORTED`.
pub async fn open_place(config: &Config, environment: &Environment) -> Result<Vault> {
    let store = Store::open(&settings(config, environment)?).await?;
    vault(config, environment, store, own_key(config))
}

/// Our key as far as it lies there; what cannot be read of it is as good as missing.
pub(super) fn own_key(config: &Config) -> Option<OwnKey> {
    let directory = KeyDirectory::new(config).settled(true).ok()?;
    let key = directory.public_key().ok()?;
    let own = directory.own_documents(&key, config.max_document_bytes).ok()?;
    let chosen = choose(config, &directory, &own)?;
    directory.own_key(chosen, key, config.max_document_bytes).ok()
}

impl Agent {
    /// Copies a whole store into another one.
    ///
    /// Errors: `JACS_CONFIG`, `JACS_INPUT`, `JACS_PASSWORD`, `JACS_UNAVAILABLE`, `JACS_ABORTED`; objects that failed are in
    /// the report.
    pub async fn migrate(
        options: MigrateOptions,
        environment: &Environment,
        working_directory: &Path,
        heard: Heard,
        cancel: &Cancel,
    ) -> Result<Report> {
        cancel.check()?;
        let from = options.from.read(environment, working_directory)?;
        let checkpoint = options.transfer.checkpoint.as_deref();
        check_beside(&from, checkpoint, "checkpoint")?;
        let from = open_place(&from, environment).await?;
        check_data(&from)?;
        let to = options.to.read(environment, working_directory)?;
        check_beside(&to, checkpoint, "checkpoint")?;
        // Whether it can sign is known before anything is copied.
        let signer = match options.resign || options.sign {
            true => {
                let load = LoadOptions { password: options.password.clone(), ..LoadOptions::default() };
                Some(Arc::new(Agent::load(to.clone(), &load, environment, working_directory).await?))
            }
            false => None,
        };
        let to = match &signer {
            Some(agent) => agent.vault.clone(),
            None => Arc::new(open_place(&to, environment).await?),
        };
        let sink = heard.sink(MOST_FINDINGS);
        let mut report = transfer::transfer(Arc::new(from), to, &options.transfer, sink.clone(), cancel).await?;
        if let Some(agent) = &signer {
            if options.resign && !options.transfer.dry_run {
                agent.resign_all(&mut report, &sink, cancel).await?;
                report.findings.extend(sink.take());
                report.findings.truncate(MOST_FINDINGS);
            }
            agent.sign_report(options.transfer.what, options.sign, &mut report, cancel).await?;
        }
        Ok(report)
    }

    /// Copies to another storage what is not there yet. Errors: as [`migrate`](Self::migrate).
    pub async fn mirror(
        &self,
        options: MirrorOptions,
        working_directory: &Path,
        heard: Heard,
        cancel: &Cancel,
    ) -> Result<Report> {
        cancel.check()?;
        if options.sign {
            self.check_writable()?;
        }
        let mut config = options.to.read(&self.environment, working_directory)?;
        config.offline = self.config.offline;
        check_data(&self.vault)?;
        let checkpoint = options.transfer.checkpoint.as_deref();
        check_beside(&self.config, checkpoint, "checkpoint")?;
        check_beside(&config, checkpoint, "checkpoint")?;
        let to = Arc::new(open_place(&config, &self.environment).await?);
        let sink = heard.sink(MOST_FINDINGS);
        let mut report = transfer::transfer(self.vault.clone(), to, &options.transfer, sink, cancel).await?;
        self.sign_report(options.transfer.what, options.sign, &mut report, cancel).await?;
        Ok(report)
    }

    /// Puts a document into a report that says what was transferred, signed and not stored.
    pub(super) async fn sign_report(
        &self,
        what: &str,
        wanted: bool,
        report: &mut Report,
        cancel: &Cancel,
    ) -> Result<()> {
        if !wanted {
            return Ok(());
        }
        let mut said = report.to_json();
        // What was found may be longer than any document.
        if let Some(members) = said.as_object_mut() {
            members.remove("failures");
        }
        let text = json!({ "jacsType": "transfer-report", "transfer": what, "report": said }).to_string();
        let options = CreateOptions { no_save: true, ..CreateOptions::default() };
        report.signed = Some(self.create_document(&text, &options, cancel).await?);
        Ok(())
    }

    /// Gives every document whose newest version another agent signed a successor of the same content by this agent.
    async fn resign_all(&self, report: &mut Report, sink: &Sink, cancel: &Cancel) -> Result<()> {
        let mut documents = self.vault.store.documents(Kind::Document).await?;
        let mut in_a_row = 0;
        loop {
            let page = cancel.or(documents.next_page(PAGE)).await?;
            let is_last = page.len() < PAGE;
            let resigned = page.into_iter().map(|document| async move {
                cancel.check()?;
                match Box::pin(self.resign_newest(document.id, cancel)).await {
                    Err(error) if error.code() == Code::Aborted => Err(error),
                    resigned => Ok((document.id, resigned)),
                }
            });
            let mut resigned = stream::iter(resigned.collect::<Vec<_>>()).buffered(RESIGNED_AT_ONCE);
            while let Some(one) = resigned.next().await {
                match one? {
                    (_, Ok(made)) => (report.resigned, in_a_row) = (report.resigned + u64::from(made), 0),
                    // The storage is away.
                    (_, Err(error)) if error.code() == Code::Unavailable && in_a_row + 1 >= MOST_FAILURES => {
                        return Err(error);
                    }
                    (id, Err(error)) => {
                        in_a_row = if error.code() == Code::Unavailable { in_a_row + 1 } else { 0 };
                        let is_away = matches!(error.code(), Code::Unavailable | Code::Internal | Code::Conflict);
                        let what = if is_away { What::Failed } else { What::NotResigned };
                        report.failed += u64::from(is_away);
                        sink.found(Finding::of(what, &error).with_key(id));
                    }
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Whether a successor was made.
    async fn resign_newest(&self, id: DocumentId, cancel: &Cancel) -> Result<bool> {
        let lineage = match self.vault.lineage(Kind::Document, id, Reading::Fresh).await {
            // Removed since it was listed, or a writer that was just starting.
            Err(error) if error.code() == Code::NotFound => return Ok(false),
            lineage => lineage?,
        };
        let newest = lineage.newest()?;
        if newest.agent.is_some_and(|agent| agent.id == self.key.id) {
            return Ok(false);
        }
        let key = newest.key;
        let text = self.vault.read_text(Kind::Document, key).await?;
        self.update_document(Reference::Exact(key), &text, &UpdateOptions::default(), cancel).await?;
        Ok(true)
    }
}

/// A data directory that is not there looks like a store without documents: a disk that is not mounted must not be told to
/// be sound, or saved as a backup. Errors: `JACS_NOT_FOUND`.
pub(super) fn check_data(vault: &Vault) -> Result<()> {
    match vault.store.describe().directory {
        Some(directory) if !directory.exists => {
            Err(Error::new(Code::NotFound, "the data directory does not exist").with_path(directory.root))
        }
        _ => Ok(()),
    }
}

/// What is written beside a store must not lie in it. Errors: `JACS_INPUT`.
pub(super) fn check_beside(config: &Config, path: Option<&Path>, option: &'static str) -> Result<()> {
    match (config.data_path(), path) {
        (Some(data), Some(path)) if resolved(path).starts_with(resolved(data)) => {
            let message = "the path lies in the data directory, where only documents, agents and attachments belong";
            Err(Error::new(Code::Input, message).with("option", option).with_path(path))
        }
        _ => Ok(()),
    }
}
