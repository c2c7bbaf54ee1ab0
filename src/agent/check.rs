//! A look at every object of the store, and repair from a mirror.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Agent;
use super::transfers::{ConfigSource, Heard, check_beside, check_data, open_place};
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::store::Sweep;
use crate::transfer::{self, CheckReport, RepairFrom};

/// What a caller asks of a check.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    pub check: transfer::CheckOptions,
    /// The mirror's configuration.
    pub repair_from: Option<ConfigSource>,
    /// An absolute path.
    pub quarantine: PathBuf,
}

impl Agent {
    /// Looks at every object of the store; with a mirror, damage is repaired.
    ///
    /// Errors: `JACS_INPUT`, `JACS_CONFIG` (the mirror is this store), `JACS_PERMISSION` (a repair by an agent that was loaded
    /// read-only), `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub async fn check(
        &self,
        options: CheckOptions,
        working_directory: &Path,
        heard: Heard,
        cancel: &Cancel,
    ) -> Result<CheckReport> {
        cancel.check()?;
        check_data(&self.vault)?;
        check_beside(&self.config, options.check.resume.as_deref(), "resume")?;
        let repair = match &options.repair_from {
            Some(source) => Some(self.repair_from(source, options.quarantine, working_directory).await?),
            None => None,
        };
        let _held = self.sweep.as_ref().map(Sweep::hold);
        let sink = heard.sink(options.check.max_findings);
        Box::pin(transfer::check(self.vault.clone(), options.check, repair, sink, cancel)).await
    }

    async fn repair_from(
        &self,
        source: &ConfigSource,
        quarantine: PathBuf,
        working_directory: &Path,
    ) -> Result<RepairFrom> {
        self.check_writable()?;
        check_beside(&self.config, Some(&quarantine), "quarantine")?;
        let mut config = source.read(&self.environment, working_directory)?;
        config.offline = self.config.offline;
        let mirror = open_place(&config, &self.environment).await?;
        if mirror.store.overlaps(&self.vault.store) {
            let error = Error::new(Code::Config, "the mirror is the store itself, or one of them lies in the other");
            return Err(error.with("option", "repairFrom"));
        }
        Ok(RepairFrom { mirror: Arc::new(mirror), quarantine })
    }
}
