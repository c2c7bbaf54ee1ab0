//! Options of calls about whole stores: migrate, mirror, export, import, check.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::{Options, absolute};
use crate::agent::{CheckOptions, ConfigSource, Export, Import, MigrateOptions, MirrorOptions};
use crate::canonical::{Value, to_string};
use crate::error::{Code, Error, Result};
use crate::transfer::{self, archive};

/// Of all transfers.
const TRANSFER: &[&str] = &["concurrency", "dryRun", "sign"];
const MIGRATE: &[&str] = &["from", "to", "resign", "password", "keepInvalid", "checkpoint"];
const MIRROR: &[&str] = &["deep", "removeMissing", "keepInvalid", "checkpoint"];
const CHECK: &[&str] = &["since", "sample", "resume", "repairFrom", "quarantine", "maxFindings"];
/// Where damaged objects go that are replaced.
const QUARANTINE: &str = "./jacs_quarantine";
const EXPORT: &[&str] = &["overwrite", "keepInvalid"];
const IMPORT: &[&str] = &["agents", "maxEntries", "maxBytes", "maxRatio"];
/// Of an import without a loaded agent.
const IMPORT_INTO: &[&str] = &["password"];

impl Options<'_> {
    /// What all transfers between stores have in common.
    fn transfer(&self) -> Result<transfer::Options> {
        Ok(transfer::Options {
            keep_invalid: self.flag("keepInvalid")?,
            dry_run: self.flag("dryRun")?,
            concurrency: self.concurrency()?,
            checkpoint: self.typed("checkpoint", "a path", |value| absolute(value.as_str()?))?,
            ..transfer::Options::default()
        })
    }

    /// A configuration.
    fn place(&self, name: &'static str) -> Result<Option<ConfigSource>> {
        self.typed(name, "a path or a configuration", |value| match value {
            Value::String(path) => absolute(path).map(ConfigSource::Path),
            Value::Object(_) => Some(ConfigSource::Object(to_string(value))),
            _ => None,
        })
    }

    /// A report of what would be done is none that could be signed.
    fn sign(&self) -> Result<bool> {
        let sign = self.flag("sign")?;
        match sign && self.flag("dryRun")? {
            true => {
                Err(Error::new(Code::Input, "`sign` does not go with `dryRun`: nothing is done that could be signed"))
            }
            false => Ok(sign),
        }
    }
}

pub fn migrate(text: &str) -> Result<MigrateOptions> {
    let known = [TRANSFER, MIGRATE].concat();
    let options = Options::read(Some(text), &known)?;
    let place = |name: &'static str| {
        let missing = || Error::new(Code::Input, "a migration needs `from` and `to`").with("option", name);
        options.place(name)?.ok_or_else(missing)
    };
    Ok(MigrateOptions {
        from: place("from")?,
        to: place("to")?,
        resign: options.flag("resign")?,
        sign: options.sign()?,
        password: options.text("password")?.map(Zeroizing::new),
        transfer: transfer::Options { what: "migrate", deep: true, twice: true, ..options.transfer()? },
    })
}

pub fn mirror(to: ConfigSource, text: Option<&str>) -> Result<MirrorOptions> {
    let known = [TRANSFER, MIRROR].concat();
    let options = Options::read(text, &known)?;
    let transfer = transfer::Options {
        what: "mirror",
        deep: options.flag("deep")?,
        remove_missing: options.flag("removeMissing")?,
        ..options.transfer()?
    };
    Ok(MirrorOptions { to, sign: options.sign()?, transfer })
}

pub fn check(text: Option<&str>) -> Result<CheckOptions> {
    let options = Options::read(text, CHECK)?;
    let path = |name: &'static str| options.typed(name, "a path", |value| absolute(value.as_str()?));
    let quarantine = match (path("quarantine")?, options.get("repairFrom")) {
        (Some(_), None) => {
            return Err(Error::new(Code::Input, "`quarantine` goes with `repairFrom`").with("option", "quarantine"));
        }
        (Some(path), _) => Some(path),
        (None, _) => absolute(QUARANTINE),
    };
    let check = transfer::CheckOptions {
        since: options.time("since")?,
        sample: options.typed("sample", "a number above 0, up to 1", |value| match value {
            Value::Number(share) if *share > 0.0 && *share <= 1.0 => Some(*share),
            _ => None,
        })?,
        resume: path("resume")?,
        repairs: options.get("repairFrom").is_some(),
        max_findings: options
            .count("maxFindings", 0)?
            .map_or(transfer::MOST_FINDINGS, |most| usize::try_from(most).unwrap_or(usize::MAX)),
    };
    let no_directory = || Error::new(Code::Config, "there is no working directory");
    Ok(CheckOptions {
        check,
        repair_from: options.place("repairFrom")?,
        quarantine: quarantine.ok_or_else(no_directory)?,
    })
}

pub fn export(file: &str, text: Option<&str>) -> Result<Export> {
    let known = [TRANSFER, EXPORT].concat();
    let options = Options::read(text, &known)?;
    let archive = archive::ExportOptions {
        file: archive_path(file)?,
        overwrite: options.flag("overwrite")?,
        keep_invalid: options.flag("keepInvalid")?,
        dry_run: options.flag("dryRun")?,
        concurrency: options.concurrency()?,
    };
    Ok(Export { archive, sign: options.sign()? })
}

/// `loads`: no agent is loaded yet.
pub fn import(file: &str, text: Option<&str>, loads: bool) -> Result<Import> {
    let known = [TRANSFER, IMPORT, if loads { IMPORT_INTO } else { &[] }].concat();
    let options = Options::read(text, &known)?;
    let agents = options.one_of("agents", "known or any", |name| match name {
        "known" => Some(archive::Agents::Known),
        "any" => Some(archive::Agents::Any),
        _ => None,
    })?;
    let limits = archive::Limits::default();
    let limits = archive::Limits {
        entries: options.count("maxEntries", 1)?.unwrap_or(limits.entries),
        bytes: options.count("maxBytes", 1)?.unwrap_or(limits.bytes),
        ratio: options.count("maxRatio", 1)?.unwrap_or(limits.ratio),
    };
    let (dry_run, concurrency) = (options.flag("dryRun")?, options.concurrency()?);
    let archive = archive::ImportOptions { file: archive_path(file)?, agents, limits, dry_run, concurrency };
    Ok(Import { archive, sign: options.sign()?, password: options.text("password")?.map(Zeroizing::new) })
}

pub(super) fn archive_path(file: &str) -> Result<PathBuf> {
    absolute(file).ok_or_else(|| Error::new(Code::Input, "the archive is not a path").with("argument", "file"))
}

/// The path of a configuration, as it is meant now.
pub fn config_path(path: &str, argument: &'static str) -> Result<PathBuf> {
    absolute(path).ok_or_else(|| Error::new(Code::Input, "the configuration is not a path").with("argument", argument))
}
