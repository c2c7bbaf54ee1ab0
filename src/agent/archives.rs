//! Whole stores as archives: export and import.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Agent;
use super::key_directory::OwnDocument;
use super::load::{LoadOptions, vault};
use super::transfers::{ConfigSource, Heard, check_data, open_place};
use crate::cancel::Cancel;
use crate::config::Config;
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::store::{Kind, Name, ObjectKey, Settings, Store, blocking};
use crate::transfer::archive::{self, ImportOptions};
use crate::transfer::{MOST_FINDINGS, Report};
use crate::trust::OwnKey;
use crate::vault::Vault;

/// What a caller asks of an export.
#[derive(Clone, Debug)]
pub struct Export {
    pub archive: archive::ExportOptions,
    pub sign: bool,
}

/// What a caller asks of an import.
#[derive(Clone, Debug)]
pub struct Import {
    pub archive: ImportOptions,
    pub sign: bool,
    /// Of the private key, for `sign`, where no agent is loaded.
    pub password: Option<Zeroizing<String>>,
}

impl Agent {
    /// Writes the whole store to an archive.
    ///
    /// Errors: `JACS_CONFLICT` (the file exists), `JACS_INPUT` (among what is the agent's own, or no such folder),
    /// `JACS_PERMISSION`, `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub async fn export_archive(&self, options: Export, heard: Heard, cancel: &Cancel) -> Result<Report> {
        if options.sign {
            self.check_writable()?;
        }
        check_data(&self.vault)?;
        let (own, file) = (self.own_places(), options.archive.file.clone());
        blocking(move || check_outside(&own, &file)).await?;
        let (sink, max_bytes) = (heard.sink(MOST_FINDINGS), self.vault.max_bytes);
        let mut report = archive::export(&self.vault.store, max_bytes, &options.archive, &sink, cancel).await?;
        self.sign_report("export", options.sign, &mut report, cancel).await?;
        Ok(report)
    }

    /// Brings the objects of an archive into the store.
    ///
    /// Errors: `JACS_INPUT` (no such archive, or over a limit), `JACS_PERMISSION`, `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub async fn import_archive(&self, options: Import, heard: Heard, cancel: &Cancel) -> Result<Report> {
        self.check_writable()?;
        let document = OwnDocument { key: self.key, text: self.document.clone() };
        let own = self.key_directory.own_key(&document, self.public_key().clone(), self.vault.max_bytes)?;
        let owner = Owner { config: &self.config, environment: &self.environment, key: Some(own) };
        let mut report = import(owner, self.vault.clone(), &options.archive, heard, cancel).await?;
        self.sign_report("import", options.sign, &mut report, cancel).await?;
        Ok(report)
    }

    /// Restores an archive into the storage of a configuration, whose agent is needed only to sign the report.
    ///
    /// Errors: as [`import_archive`](Self::import_archive); `JACS_CONFIG`, `JACS_PASSWORD`.
    pub async fn import_into(
        place: &ConfigSource,
        options: Import,
        environment: &Environment,
        working_directory: &Path,
        heard: Heard,
        cancel: &Cancel,
    ) -> Result<Report> {
        cancel.check()?;
        let config = place.read(environment, working_directory)?;
        if options.sign {
            let load = LoadOptions { password: options.password.clone(), ..LoadOptions::default() };
            let agent = Agent::load(config, &load, environment, working_directory).await?;
            return agent.import_archive(options, heard, cancel).await;
        }
        let target = Arc::new(open_place(&config, environment).await?);
        let owner = Owner { config: &config, environment, key: super::transfers::own_key(&config) };
        import(owner, target, &options.archive, heard, cancel).await
    }
}

/// Whose the target is.
struct Owner<'a> {
    config: &'a Config,
    environment: &'a Environment,
    key: Option<OwnKey>,
}

async fn import(
    owner: Owner<'_>,
    target: Arc<Vault>,
    options: &ImportOptions,
    heard: Heard,
    cancel: &Cancel,
) -> Result<Report> {
    let judge = match options.dry_run {
        true => Arc::new(stand_in(owner, &target, cancel).await?),
        false => target.clone(),
    };
    archive::import(target, judge, options, &heard.sink(MOST_FINDINGS), cancel).await
}

/// A store in memory with the agents of the target: where nothing may be written, those of the archive go there.
async fn stand_in(owner: Owner<'_>, target: &Vault, cancel: &Cancel) -> Result<Vault> {
    let store = Store::open(&Settings::Memory).await?;
    let mut agents = target.store.documents(Kind::Agent).await?;
    loop {
        let page = cancel.or(agents.next_page(PAGE)).await?;
        let is_last = page.len() < PAGE;
        for entry in page.into_iter().filter_map(|found| found.entries.ok()).flatten() {
            let key = ObjectKey::Version { kind: Kind::Agent, key: entry.key };
            match cancel.or(target.store.get(&key, target.max_bytes)).await {
                Ok(bytes) => drop(store.put(&key, bytes.into(), Name::Fresh).await?),
                Err(error) if error.code() == Code::NotFound || error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        if is_last {
            return vault(owner.config, owner.environment, store, owner.key);
        }
    }
}

/// Agents that are asked for at once.
const PAGE: usize = 256;

/// An archive must not lie where a store keeps its objects, nor take the place of a key or the configuration.
///
/// Errors: `JACS_INPUT`.
pub(super) fn check_outside(own: &[PathBuf], file: &Path) -> Result<()> {
    let folder = file.parent().unwrap_or(file);
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let real = file.file_name().map_or_else(|| real.clone(), |name| real.join(name));
    match own.iter().any(|own| real.starts_with(own)) {
        true => {
            let message =
                "an archive does not belong into the data directory, among the keys or over the configuration";
            Err(Error::new(Code::Input, message).with_path(file))
        }
        false => Ok(()),
    }
}
