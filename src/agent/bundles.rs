//! Bundles: chosen documents for somebody without a network; and such a bundle verified, with nothing but itself and what
//! the recipient knows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::archives::check_outside;
use super::transfers::{ConfigSource, Heard, check_data, own_key};
use super::{Agent, CreateOptions};
use crate::cancel::Cancel;
use crate::config::{Config, ConfigInput, EnvironmentUse, KeyResolution, KeySource, UpdatePolicy};
use crate::document::Origin;
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Reference};
use crate::store::{Kind, Name, ObjectKey, Settings, Store, blocking};
use crate::transfer::bundle::{self, Bundle, Signer, Wanted};
use crate::transfer::{MOST_FINDINGS, Report as TransferReport};
use crate::trust::{Keyring, OwnKey, Pins, Sources, in_one_call};
use crate::vault::{Cache, CacheLimits, Files, Report, Successions, Vault, VerifyOptions};

/// The longest document where no configuration says it, in bytes: what configurations say by default.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

/// What a caller asks of an export.
#[derive(Clone, Debug)]
pub struct ExportBundle {
    /// Absolute.
    pub file: PathBuf,
    pub overwrite: bool,
    pub documents: Vec<Reference>,
    /// Every version of each that counts.
    pub all_versions: bool,
}

/// What a caller asks of a verification.
#[derive(Clone, Debug)]
pub struct VerifyBundle {
    /// Absolute.
    pub file: PathBuf,
    /// The recipient's; `None`: keys are believed as `storage` at most.
    pub config: Option<ConfigSource>,
    pub checks: VerifyOptions,
}

/// What was found of one document of a bundle.
#[derive(Clone, Debug)]
pub struct BundledReport {
    pub report: Report,
    /// Who made the bundle.
    pub bundled_by: DocumentId,
    /// What that agent was told about the signer's key; reported, never believed.
    pub evidence: Option<Signer>,
}

impl Agent {
    /// Writes chosen documents into a bundle.
    ///
    /// Errors: `JACS_PERMISSION` for an agent that was loaded read-only, `JACS_CONFLICT` (the file exists), `JACS_INPUT` (among what is the
    /// agent's own, no such folder, too much), `JACS_NOT_FOUND`, the code of the first check of a document that fails,
    /// `JACS_ATTACHMENT`, `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub async fn export_bundle(&self, options: ExportBundle, heard: Heard, cancel: &Cancel) -> Result<TransferReport> {
        cancel.check()?;
        self.check_writable()?;
        check_data(&self.vault)?;
        let (own, file) = (self.own_places(), options.file.clone());
        blocking(move || check_outside(&own, &file)).await?;
        let sink = heard.sink(MOST_FINDINGS);
        let writer = bundle::Writer::begin(&options.file, options.overwrite).await?;
        let wanted =
            Wanted { documents: options.documents, all_versions: options.all_versions, own: self.own_versions()? };
        let gathered = Box::pin(bundle::gather(&self.vault, wanted, &sink, cancel)).await?;
        let unsaved = CreateOptions { no_save: true, ..CreateOptions::default() };
        let manifest = self.create_document(&gathered.manifest.to_text()?, &unsaved, cancel).await?;
        Box::pin(writer.write(&self.vault.store, &manifest, &gathered, &sink, cancel)).await
    }

    /// The versions of this agent that are known to be its own.
    fn own_versions(&self) -> Result<Vec<(DocumentKey, String)>> {
        let own = self.vault.keyring.own.as_ref();
        let is_ours =
            |key: DocumentKey| key.id == self.key.id && own.is_some_and(|own| own.knows(key.version).is_some());
        let beside = self.key_directory.agent_versions(self.vault.max_bytes)?;
        let beside = beside.into_iter().filter(|agent| is_ours(agent.key)).map(|agent| (agent.key, agent.text));
        Ok(beside.chain([(self.key, self.document.clone())]).collect())
    }

    /// Verifies a bundle; a report for each chosen document, in their order. No store and no network is asked.
    ///
    /// Errors: `JACS_INPUT` (no bundle, over a limit), `JACS_HASH` (something is missing, altered or was added), `JACS_SIGNATURE`,
    /// `JACS_KEY`, `JACS_UNTRUSTED` (not made by who it says, or that agent is blocked), `JACS_CONFIG`, `JACS_ABORTED`.
    pub async fn verify_bundle(
        options: VerifyBundle,
        environment: &Environment,
        working_directory: &Path,
        cancel: &Cancel,
    ) -> Result<Vec<BundledReport>> {
        cancel.check()?;
        let recipient = match &options.config {
            Some(source) => Recipient::of(read_config(source, environment, working_directory)?).await?,
            None => Recipient::unknown(),
        };
        let (file, max_bytes, heard) = (options.file.clone(), recipient.max_bytes, cancel.clone());
        let bundle = blocking(move || bundle::read(&file, max_bytes, &heard)).await?;
        let (minimum_trust, store) = (recipient.minimum_trust, Store::open(&Settings::Memory).await?);
        let vault = recipient.vault(store);
        let verified = in_one_call(Box::pin(examine(&vault, bundle, minimum_trust, options.checks, cancel))).await;
        verified.map_err(|error| error.with_path(&options.file))
    }
}

/// Whose view of a bundle it is.
struct Recipient {
    own: Option<OwnKey>,
    pins: Option<Pins>,
    order: Vec<KeyResolution>,
    minimum_trust: KeySource,
    max_bytes: u64,
}

impl Recipient {
    fn unknown() -> Recipient {
        let order = vec![KeyResolution::Storage];
        Recipient { own: None, pins: None, order, minimum_trust: KeySource::Storage, max_bytes: MAX_DOCUMENT_BYTES }
    }

    async fn of(config: Config) -> Result<Recipient> {
        let is_local = |source: &KeyResolution| matches!(source, KeyResolution::Local | KeyResolution::Storage);
        // What only DNS could confirm stays unconfirmed here; what is pinned needs no confirmation.
        let needs_dns = config.dns_required || config.dns_strict;
        let least = if needs_dns { KeySource::Dns } else { KeySource::Storage };
        let recipient = Recipient {
            own: None,
            pins: Some(Pins::beside(&config.key_directory)),
            order: config.key_resolution.iter().copied().filter(is_local).collect(),
            minimum_trust: config.minimum_trust.max(least),
            max_bytes: config.max_document_bytes,
        };
        Ok(Recipient { own: blocking(move || Ok(own_key(&config))).await?, ..recipient })
    }

    /// The store of the bundle as the recipient sees it. How much of a signer is demanded is said with each document: who
    /// hands on the documents of others needs no more than to be who he says.
    fn vault(self, store: Store) -> Vault {
        let Recipient { own, pins, order, max_bytes, .. } = self;
        let sources = Sources { pins, order, registry: None, dns: None };
        let no_cache = CacheLimits { bytes: 0, ttl: Duration::ZERO, latest_ttl: Duration::ZERO };
        Vault {
            keyring: Keyring::new(own, store.clone(), sources, max_bytes),
            store,
            minimum_trust: KeySource::Storage,
            update_policy: UpdatePolicy::Owner,
            max_bytes,
            cache: Cache::new(no_cache),
            successions: Successions::default(),
        }
    }
}

fn read_config(source: &ConfigSource, environment: &Environment, working_directory: &Path) -> Result<Config> {
    let input = match source {
        ConfigSource::Path(path) => ConfigInput::File(path),
        ConfigSource::Object(text) => ConfigInput::Object(text),
    };
    Config::read(input, environment, EnvironmentUse::Settings, working_directory)
}

async fn examine(
    vault: &Vault,
    bundle: Bundle,
    minimum_trust: KeySource,
    checks: VerifyOptions,
    cancel: &Cancel,
) -> Result<Vec<BundledReport>> {
    for (key, bytes) in bundle.versions {
        vault.store.put(&key, bytes, Name::Fresh).await?;
    }
    let chosen = bundle.manifest.chosen()?;
    let examined = vault.examine(&bundle.document, Origin::Caller, &VerifyOptions::default()).await?;
    let bundled_by = match examined.valid()?.1.agent {
        Some(agent) => agent.id,
        None => return Err(Error::new(Code::Internal, "a valid document has no signer")),
    };
    let checks = VerifyOptions {
        minimum_trust: Some(checks.minimum_trust.unwrap_or(minimum_trust).max(minimum_trust)),
        files: Files::Contents,
        held: Some(Arc::new(bundle.files)),
        ..checks
    };
    let mut reports = Vec::with_capacity(chosen.len());
    for object in chosen {
        cancel.check()?;
        let ObjectKey::Version { kind, key } = object else { continue };
        let report = one(vault, kind, key, &checks).await?;
        let evidence = report.agent.and_then(|agent| bundle.manifest.signer(agent)).cloned();
        reports.push(BundledReport { report, bundled_by, evidence });
    }
    Ok(reports)
}

async fn one(vault: &Vault, kind: Kind, key: DocumentKey, checks: &VerifyOptions) -> Result<Report> {
    let text = vault.read_text(kind, key).await?;
    let report = Box::pin(vault.examine(&text, Origin::Storage(key), checks)).await?.report;
    Ok(Report { key: Some(key), ..report })
}
