//! A whole store into another one: every object read, judged, stored and read back.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::json;

use super::CHECKPOINT;
use super::copy::{Copier, Rules};
use super::engine::{CONCURRENCY, Engine, OnlyThere, Walk};
use super::finding::{Finding, What};
use super::listing::{Object, Objects, Shelf, has_documents};
use super::log::{Log, Outcome, Record};
use super::object::stored_files;
use super::report::Report;
use super::sink::Sink;
use crate::cancel::Cancel;
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::store::{ObjectKey, Sha256Hex, Store, blocking};
use crate::vault::Vault;

/// What a caller asks of a transfer between two stores.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `migrate` or `mirror`: a checkpoint of one is none of the other.
    pub what: &'static str,
    /// Compare what both have.
    pub deep: bool,
    pub keep_invalid: bool,
    pub dry_run: bool,
    /// Look a second time for what came meanwhile.
    pub twice: bool,
    /// Remove what the source has not.
    pub remove_missing: bool,
    /// Objects under way at once.
    pub concurrency: Option<usize>,
    /// Absolute.
    pub checkpoint: Option<PathBuf>,
}

/// Copies all objects of one vault into another.
///
/// Errors: `JACS_CONFIG` (source is target), `JACS_INPUT` (another transfer's checkpoint), `JACS_ABORTED`; where a store
/// cannot be listed, or nothing can be read or written. The checkpoint stays then, and the error names it.
pub async fn transfer(
    from: Arc<Vault>,
    to: Arc<Vault>,
    options: &Options,
    sink: Arc<Sink>,
    cancel: &Cancel,
) -> Result<Report> {
    cancel.check()?;
    // As exact as the times in versions are.
    let begun = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default();
    if from.store.overlaps(&to.store) {
        return Err(Error::new(Code::Config, "source and target are the same place, or one lies in the other"));
    }
    check_there(&from.store, &to.store, options).await?;
    let path = options.checkpoint.as_ref().filter(|_| !options.dry_run);
    let named = |error: Error| path.into_iter().fold(error, Error::with_path);
    let log = match path {
        Some(path) => {
            let title = json!({
                CHECKPOINT: 1,
                "what": options.what,
                "from": from.store.place(),
                "to": to.store.place(),
                "deep": options.deep,
                "keepInvalid": options.keep_invalid,
            });
            let memory = sink.clone();
            let path = path.clone();
            blocking(move || Log::open(&path, &title, |record| recall(&memory, record))).await?
        }
        None => Log::unnamed()?,
    };
    let rules = Rules { deep: options.deep, keep_invalid: options.keep_invalid, dry_run: options.dry_run };
    let walk = Walk {
        concurrency: options.concurrency.unwrap_or(CONCURRENCY),
        twice: options.twice,
        notes_same: options.deep,
    };
    let copier = Copier::new(from.clone(), to.clone(), rules, cancel.clone());
    let mut engine =
        Engine { copier, walk, log, sink: sink.clone(), cancel: cancel.clone(), unnoted: Report::default() };
    Box::pin(engine.run()).await.map_err(named)?;
    let Engine { log, unnoted: mut report, .. } = engine;
    let (mut report, root, log) = blocking(move || report.read(&log).map(|root| (report, root, log))).await?;
    report.root = root.filter(|_| options.deep && !options.dry_run);
    if options.remove_missing {
        remove_missing(&from.store, &to, begun, options.dry_run, &mut report, &sink, cancel).await.map_err(named)?;
    }
    report.create_once = Some(to.store.create_once());
    report.findings = sink.take();
    if report.failed == 0 {
        blocking(move || log.remove()).await?;
    }
    Ok(report)
}

/// A source that is not in its place looks like an empty one: all of the target would be removed.
async fn check_there(from: &Store, to: &Store, options: &Options) -> Result<()> {
    if options.remove_missing && !has_documents(from).await? && has_documents(to).await? {
        let message =
            "the source has no documents and the target has: nothing is removed, for it may be the wrong place";
        return Err(Error::new(Code::NotFound, message));
    }
    Ok(())
}

/// What an earlier call noted counts as done, when it is there now.
fn recall(sink: &Sink, record: &Record) {
    if !record.is_final() {
        return;
    }
    record.findings.iter().for_each(|finding| sink.recall(finding.clone()));
    sink.done(1, if record.outcome == Outcome::Copied { record.bytes } else { 0 }, 0);
}

/// Removes documents and attachments that the source has not any more; agents stay, for other documents may need them.
async fn remove_missing(
    from: &Store,
    to: &Vault,
    begun: Timestamp,
    dry_run: bool,
    report: &mut Report,
    sink: &Sink,
    cancel: &Cancel,
) -> Result<()> {
    // Found out when the first attachment might go.
    let mut named: Option<Named> = None;
    for shelf in [Shelf::Documents, Shelf::Files] {
        let mut only = OnlyThere::of(from, &to.store, shelf).await?;
        while let Some(object) = cancel.or(only.next()).await? {
            let Object { key, modified, .. } = object;
            // Made since: the source may have got it after it was listed.
            if made(&key).is_some_and(|made| made >= begun)
                || modified.is_some_and(|modified| modified >= SystemTime::from(begun))
            {
                continue;
            }
            // What stands there and is no object does not show in a listing; then the copy is all that there is.
            if !matches!(cancel.or(from.exists(&key)).await, Ok(false)) {
                cancel.check()?;
                continue;
            }
            if let ObjectKey::File(hash) = key {
                let named = match &mut named {
                    Some(named) => named,
                    none => none.insert(Named::by_documents(to, cancel).await?),
                };
                if named.may_be(&hash) {
                    continue;
                }
            }
            let removed = if dry_run { Ok(()) } else { to.remove_object(key).await };
            match removed {
                Ok(()) => report.removed += 1,
                Err(error) if error.code() == Code::NotFound => {}
                Err(error) => {
                    report.failed += 1;
                    sink.found(Finding::of(What::Failed, &error).with_key(key).with_path(key.path()));
                }
            }
        }
    }
    Ok(())
}

/// The attachments that the documents of a store name. One that the source lost, and whose document it has, may have its last
/// copy in the mirror.
enum Named {
    These(HashSet<Sha256Hex>),
    /// A document cannot be read, so nobody knows what it names.
    Unknown,
}

impl Named {
    async fn by_documents(vault: &Vault, cancel: &Cancel) -> Result<Named> {
        let mut named = HashSet::new();
        let mut objects = Objects::of(&vault.store, Shelf::Documents, None).await?;
        while let Some(Object { key: object, .. }) = cancel.or(objects.next()).await? {
            let ObjectKey::Version { key, .. } = object else { continue };
            let bytes = match cancel.or(vault.store.get(&object, vault.max_bytes)).await {
                Err(error) if error.code() == Code::NotFound => continue,
                Err(error) if error.is_damage() => return Ok(Named::Unknown),
                bytes => bytes?,
            };
            let parsed = std::str::from_utf8(&bytes).ok();
            let parsed = parsed.and_then(|text| Parsed::read(text, Origin::Storage(key), vault.max_bytes).ok());
            let Some(parsed) = parsed else { return Ok(Named::Unknown) };
            named.extend(stored_files(&parsed));
        }
        Ok(if objects.broken.is_empty() { Named::These(named) } else { Named::Unknown })
    }

    fn may_be(&self, hash: &Sha256Hex) -> bool {
        match self {
            Named::These(named) => named.contains(hash),
            Named::Unknown => true,
        }
    }
}

/// When a version was made, as its id says.
fn made(object: &ObjectKey) -> Option<Timestamp> {
    let ObjectKey::Version { key, .. } = object else { return None };
    Timestamp::from_millisecond(i64::try_from(key.version.unix_ms()?).ok()?).ok()
}
