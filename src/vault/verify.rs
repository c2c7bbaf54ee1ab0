//! The table of checks over one text. The first check that fails gives the code; what was found is reported.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::KeySource;
use crate::crypto::{Algorithm, PublicKey};
use crate::document::{Claim, FileEntry, MAX_INFLATED_BYTES, Origin, Parsed, SignedBy};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::store::Sha256Hex;
use crate::trust::{Believed, Reason, Tried};

use super::Vault;
use super::attachments::about;

/// What a caller asks of a verification beyond the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Agents of which one must have signed; `None`: any.
    pub signed_by: Option<Vec<DocumentId>>,
    /// The weakest key source that counts; never weaker than the configuration's.
    pub minimum_trust: Option<KeySource>,
    /// Accepts the two fields that other implementations never sign.
    pub allow_unsigned: bool,
    /// The text is about to be stored: an agent's document may then speak for itself.
    pub introduces: bool,
    /// The loaded agent is about to speak for the text: it counts although the agent's own key was replaced as compromised.
    pub vouches: bool,
    pub files: Files,
    /// Where attachments lie that are only referenced; the working directory when absent.
    pub base: Option<PathBuf>,
    /// The stored attachments that are there, whose hashes somebody compared already: no store and no file is asked for any,
    /// whatever `files` says.
    pub held: Option<Arc<BTreeSet<Sha256Hex>>>,
}

impl VerifyOptions {
    /// Whether a stored attachment is among those that are held; `None` where the store is to be asked.
    fn holds(&self, file: &FileEntry<'_>) -> Result<Option<bool>> {
        let Some(held) = &self.held else { return Ok(None) };
        Ok(Some(file.stored && held.contains(&file.sha256.parse()?)))
    }
}

/// How much is checked of attachments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Files {
    /// The hashes of embedded ones.
    #[default]
    Embedded,
    /// Also that stored ones are there.
    Present,
    /// Also the hashes of all others.
    Contents,
}

/// One check that was made. After the first that failed no other is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub ok: bool,
    pub detail: Option<String>,
}

/// Where an attachment's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Document,
    Store,
    Reference,
}

/// What was found of one attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentReport {
    pub path: String,
    pub sha256: String,
    pub place: Place,
    pub present: bool,
    /// Whether the hash was compared and held; `None` where the bytes were not read.
    pub ok: Option<bool>,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub checks: Vec<Check>,
    pub key: Option<DocumentKey>,
    pub agent: Option<DocumentKey>,
    pub algorithm: Option<Algorithm>,
    pub key_source: Option<KeySource>,
    /// SHA-256 of the raw public key, hex.
    pub key_sha256: Option<String>,
    /// The domain whose record names the key, where the source is `dns`.
    pub domain: Option<String>,
    pub tried: Vec<Tried>,
    pub unsigned: Vec<String>,
    /// RFC 3339; the signer's own claim.
    pub signed_at: Option<String>,
    pub heads: Option<Vec<DocumentKey>>,
    pub attachments: Vec<AttachmentReport>,
    /// The signature holds, and its owner had given up the key: it says nothing for the document.
    pub disowned: bool,
    /// The first check that failed.
    pub error: Option<Error>,
}

/// A text whose checks were made: the report, and the document as far as it could be taken apart.
pub struct Examined<'a> {
    pub report: Report,
    pub parsed: Option<Parsed<'a>>,
    /// The key that made the signature, when every check held.
    pub key: Option<PublicKey>,
}

impl<'a> Examined<'a> {
    /// The document, when every check held; else the first failure.
    pub fn valid(self) -> Result<(Parsed<'a>, Report)> {
        match (self.parsed, self.report.error.clone()) {
            (_, Some(error)) => Err(error),
            (Some(parsed), None) => Ok((parsed, self.report)),
            (None, None) => Err(Error::new(Code::Internal, "a document passed its checks without being one")),
        }
    }
}

impl Report {
    pub fn is_valid(&self) -> bool {
        self.error.is_none()
    }

    /// Notes a check; the value when it held, `None` (and the error kept) when it failed.
    pub(super) fn note<T>(&mut self, name: &'static str, outcome: Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.checks.push(Check { name, ok: true, detail: None });
                Some(value)
            }
            Err(error) => {
                self.checks.push(Check { name, ok: false, detail: Some(error.to_string()) });
                self.error = Some(error);
                None
            }
        }
    }
}

impl Vault {
    /// Makes the checks in their order.
    ///
    /// Errors only when no verdict was possible (a source could not be asked): `JACS_UNAVAILABLE`,
    /// `JACS_PERMISSION`, `JACS_UNSUPPORTED`.
    pub async fn examine<'a>(&self, text: &'a str, origin: Origin, options: &VerifyOptions) -> Result<Examined<'a>> {
        let mut report = Report::default();
        let Some(parsed) = report.note("format", Parsed::read(text, origin, self.max_bytes)) else {
            return Ok(Examined { report, parsed: None, key: None });
        };
        report.key = Some(parsed.header.key);
        let mut key = None;
        if report.note("hash", parsed.check_hash()).is_some()
            && let Some(claim) = report.note("signature members", parsed.claim())
        {
            key = self.examine_signature(&parsed, &claim, options, &mut report).await?;
        }
        Ok(Examined { key: key.filter(|_| report.is_valid()), report, parsed: Some(parsed) })
    }

    async fn examine_signature(
        &self,
        parsed: &Parsed<'_>,
        claim: &Claim<'_>,
        options: &VerifyOptions,
        report: &mut Report,
    ) -> Result<Option<PublicKey>> {
        let (key, by) = (parsed.header.key, &claim.by);
        report.agent = Some(by.agent);
        report.algorithm = Some(by.algorithm);
        report.signed_at = Some(by.date.to_string());
        let found = self.keyring.find(by, key, options.introduces.then_some(parsed), self.least(options)).await?;
        report.tried.clone_from(&found.tried);
        let check = if found.refused.is_some() { "trust" } else { "key" };
        let Some(believed) = report.note(check, found.key(by).map_err(|error| error.with_key(key))) else {
            return Ok(None);
        };
        report.key_source = Some(believed.source);
        report.key_sha256 = Some(believed.key.sha256().to_owned());
        report.domain.clone_from(&believed.domain);
        let trusted = self.check_trust(by.agent.id, believed, options).map_err(|error| error.with_key(key));
        if report.note("trust", trusted).is_none() {
            return Ok(None);
        }
        match report.note("fields", parsed.check_fields(claim, options.allow_unsigned)) {
            Some(unsigned) => report.unsigned = unsigned,
            None => return Ok(None),
        }
        if report.note("time", by.check_times(key, super::now())).is_none()
            || report.note("signature", parsed.check_signature(claim, &believed.key)).is_none()
        {
            return Ok(None);
        }
        // What may take long comes after what whoever writes to the store cannot make.
        if let Err(error) = self.check_end(parsed, by, believed, options).await? {
            report.disowned = true;
            report.note::<()>(if error.code() == Code::Signature { "time" } else { "trust" }, Err(error));
            return Ok(None);
        }
        self.examine_files(parsed, options, report).await?;
        Ok(Some(believed.key.clone()))
    }

    /// The weakest source of a key that counts.
    pub(super) fn least(&self, options: &VerifyOptions) -> KeySource {
        options.minimum_trust.unwrap_or(self.minimum_trust).max(self.minimum_trust)
    }

    /// Check 5.
    pub(super) fn check_trust(&self, agent: DocumentId, believed: &Believed, options: &VerifyOptions) -> Result<()> {
        let minimum = self.least(options);
        if believed.source < minimum {
            let error = Error::new(Code::Untrusted, "the signer's key is not believed enough");
            return Err(error.with("key source", believed.source).with("minimum", minimum));
        }
        if options.signed_by.as_ref().is_some_and(|accepted| !accepted.contains(&agent)) {
            let error =
                Error::new(Code::Untrusted, "the document is signed by an agent that this call does not accept");
            return Err(error.with("agent", agent));
        }
        Ok(())
    }

    /// What a key signed that was replaced since counts until then; one that was replaced as compromised, as far as others speak for
    /// it. Errors: where no verdict was possible.
    async fn check_end(
        &self,
        parsed: &Parsed<'_>,
        by: &SignedBy<'_>,
        believed: &Believed,
        options: &VerifyOptions,
    ) -> Result<Result<()>> {
        let (key, Some(ended)) = (parsed.header.key, believed.ended) else { return Ok(Ok(())) };
        if ended.is_before(by.iat) {
            let error = Error::new(Code::Signature, "the key had been replaced before it made this signature");
            return Ok(Err(error.with("iat", by.iat).with("replaced at", ended.at).with_key(key)));
        }
        let is_vouched_for = options.vouches && believed.source == KeySource::SelfKey;
        if ended.reason == Reason::Compromised
            && !is_vouched_for
            && !Box::pin(self.is_vouched_for(&parsed.header, by.agent.id)).await?
        {
            let message =
                "the key was replaced as compromised, and no later version of the document speaks for this one";
            return Ok(Err(Error::new(Code::Untrusted, message).with_key(key)));
        }
        Ok(Ok(()))
    }

    /// Check 9, and what there is to say of each attachment.
    async fn examine_files(&self, parsed: &Parsed<'_>, options: &VerifyOptions, report: &mut Report) -> Result<()> {
        let files = match parsed.files() {
            Ok(files) => files,
            Err(error) => {
                report.note::<()>("attachments", Err(error));
                return Ok(());
            }
        };
        let mut outcome = Ok(());
        let mut inflatable = MAX_INFLATED_BYTES;
        for file in &files {
            let checked = match file.contents {
                Some(_) => file.check(&mut inflatable),
                None => match Box::pin(self.examine_elsewhere(parsed.header.key, file, options)).await {
                    Err(error) if error.code() != Code::Attachment => return Err(error),
                    checked => checked,
                },
            };
            if options.files != Files::Embedded {
                report.attachments.push(Box::pin(self.report_file(file, &checked, options)).await?);
            }
            outcome = outcome.and(checked.map_err(|error| error.with_key(parsed.header.key)));
        }
        report.note("attachments", outcome);
        Ok(())
    }

    /// What is asked of an attachment whose bytes are not in the document.
    async fn examine_elsewhere(&self, key: DocumentKey, file: &FileEntry<'_>, options: &VerifyOptions) -> Result<()> {
        let base = options.base.as_deref();
        let absent = || {
            let error = Error::new(Code::Attachment, "an attachment of the document is not in this store");
            Err(about(error, file.path))
        };
        if let Some(holds) = options.holds(file)? {
            return if file.stored && !holds { absent() } else { Ok(()) };
        }
        match options.files {
            Files::Contents => self.open_attachment(key, file, base).await?.check().await,
            Files::Present if file.stored && self.attachment_length(file, base).await?.is_none() => absent(),
            Files::Present | Files::Embedded => Ok(()),
        }
    }

    async fn report_file(
        &self,
        file: &FileEntry<'_>,
        checked: &Result<()>,
        options: &VerifyOptions,
    ) -> Result<AttachmentReport> {
        let place = match file.contents {
            Some(_) => Place::Document,
            None if file.stored => Place::Store,
            None => Place::Reference,
        };
        let holds = options.holds(file)?;
        let was_read = place == Place::Document || holds.unwrap_or(options.files == Files::Contents);
        let present = match (place, checked) {
            (Place::Document, _) => true,
            (_, _) if let Some(holds) = holds => holds,
            (Place::Store, Ok(())) => true,
            (_, Ok(())) if was_read => true,
            _ => self.attachment_length(file, options.base.as_deref()).await?.is_some(),
        };
        let ok = (was_read && present).then_some(checked.is_ok());
        Ok(AttachmentReport { path: file.path.to_owned(), sha256: file.sha256.to_owned(), place, present, ok })
    }
}
