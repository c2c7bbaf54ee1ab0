//! Options of bundles.

use super::transfers::archive_path;
use super::{Options, READ_ATTACHMENT};
use crate::agent::{ConfigSource, ExportBundle, VerifyBundle};
use crate::error::{Code, Error, Result};
use crate::id::Reference;

pub fn export_bundle(file: &str, text: Option<&str>) -> Result<ExportBundle> {
    let options = Options::read(text, &["documents", "allVersions", "overwrite"])?;
    let documents = options.typed("documents", "a list of keys", |value| {
        let keys = value.as_array().filter(|keys| !keys.is_empty())?;
        keys.iter().map(|key| key.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    })?;
    let documents = documents.ok_or_else(|| {
        Error::new(Code::Input, "a bundle needs `documents`: the keys of those that go into it")
            .with("option", "documents")
    })?;
    Ok(ExportBundle {
        file: archive_path(file)?,
        overwrite: options.flag("overwrite")?,
        documents: documents.iter().map(|key| key.parse()).collect::<Result<Vec<Reference>>>()?,
        all_versions: options.flag("allVersions")?,
    })
}

pub fn verify_bundle(file: &str, config: Option<ConfigSource>, text: Option<&str>) -> Result<VerifyBundle> {
    let checks = READ_ATTACHMENT.iter().copied().filter(|name| *name != "baseDirectory");
    // Comes apart from the others; that one who mistypes it is told its name.
    let known: Vec<_> = checks.chain(["config"]).collect();
    let options = Options::read(text, &known)?;
    Ok(VerifyBundle { file: archive_path(file)?, config, checks: options.verify()? })
}
