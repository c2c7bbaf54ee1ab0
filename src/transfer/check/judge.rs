//! What there is to say of one version by itself.

use super::files::{hashes_in, not_a_file};
use super::{Check, Finding, What};
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;
use crate::store::layout::{ObjectKey, Sha256Hex};
use crate::store::{FileAccess, Folder, Kind, Trouble};
use crate::vault::{VerifyOptions, VersionState};

/// A version that was read, or not.
pub struct Judged {
    pub key: DocumentKey,
    /// For the order of versions; `None` when it is gone, and when nothing is known of it.
    pub state: Option<VersionState>,
    /// The first check that failed.
    pub finding: Option<Finding>,
    /// It is valid, and not in canonical form.
    pub uneven: bool,
    /// Others may do something with it.
    pub access: Option<FileAccess>,
    /// Stored attachments that it names.
    pub names: Vec<Sha256Hex>,
    /// Whether those must be there: the document is what it was.
    pub asks: bool,
    pub bytes: u64,
    /// Why nothing is known of it.
    pub unasked: Option<Error>,
    /// Nothing stands there any more.
    pub gone: bool,
}

impl Judged {
    fn new(key: DocumentKey) -> Judged {
        Judged {
            key,
            state: None,
            finding: None,
            uneven: false,
            access: None,
            names: Vec::new(),
            asks: false,
            bytes: 0,
            unasked: None,
            gone: false,
        }
    }

    /// It is damaged, and nothing can be read from it.
    fn damaged(self, finding: Finding) -> Judged {
        let error = Error::new(finding.code, finding.message.clone());
        let state = VersionState { error: Some(error), ..VersionState::new(self.key) };
        Judged { state: Some(state), finding: Some(finding), ..self }
    }

    fn troubled(self, trouble: Trouble) -> Judged {
        match trouble {
            Trouble::Gone => Judged { gone: true, ..self },
            Trouble::Unasked(error) => Judged { unasked: Some(error), ..self },
            Trouble::NotAFile(what) => self.damaged(not_a_file(what)),
            Trouble::Unreadable(error) => self.damaged(Finding::of(What::Unreadable, &error)),
        }
    }
}

impl Check {
    /// Reads and judges a version, by its position. Errors: `JACS_ABORTED`.
    pub(super) async fn judge(&self, kind: Kind, folder: &Folder<'_>, position: usize) -> Result<Judged> {
        self.check_on()?;
        let mut judged = Judged::new(folder.key(folder.versions[position]));
        let opened = match folder.open(position).await {
            Ok(opened) => opened,
            Err(trouble) => return Ok(judged.troubled(trouble)),
        };
        let _room = self.room(opened.length).await;
        judged.access = opened.open_to_others();
        let bytes = match opened.read(self.vault.max_bytes).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let message = "the stored object is longer than a document may be";
                return Ok(judged.damaged(Finding::new(What::Malformed, Code::Hash, message)));
            }
            Err(trouble) => return Ok(judged.troubled(trouble)),
        };
        judged.bytes = bytes.len() as u64;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                judged.names = hashes_in(error.as_bytes());
                let finding = Finding::new(What::Malformed, Code::Hash, "the stored bytes are not UTF-8");
                return Ok(judged.damaged(finding));
            }
        };
        self.judge_text(kind, &text, judged).await
    }

    async fn judge_text(&self, kind: Kind, text: &str, mut judged: Judged) -> Result<Judged> {
        let key = judged.key;
        // The fields that other implementations never sign are no fault of a stored document.
        let options = VerifyOptions { allow_unsigned: true, ..VerifyOptions::default() };
        let examined = match self.vault.examine(text, Origin::Storage(key), &options).await {
            Ok(examined) => examined,
            Err(error) => return Ok(Judged { unasked: Some(error), ..judged }),
        };
        let report = examined.report;
        let failed = report.checks.last().filter(|check| !check.ok).map(|check| check.name);
        let Some(parsed) = examined.parsed else {
            judged.names = hashes_in(text.as_bytes());
            let what = match Parsed::read(text, Origin::Caller, self.vault.max_bytes) {
                Ok(_) => What::Misplaced,
                Err(_) => What::Malformed,
            };
            let error = report.error.unwrap_or_else(|| Error::new(Code::Hash, "the stored text is not a document"));
            return Ok(judged.damaged(Finding::of(what, &error)));
        };
        let state = VersionState::new(key);
        let mut what = failed.map(|name| match (name, kind) {
            ("format", _) => What::Malformed,
            ("hash", _) => What::Hash,
            ("key", Kind::Agent) => What::AgentChain,
            ("key", Kind::Document) => What::Key,
            ("trust", _) => What::Untrusted,
            ("attachments", _) => What::AttachmentAltered,
            ("time", _) if state.future => What::Future,
            _ => What::Signature,
        });
        let mut error = report.error;
        let is_of_kind = match kind {
            Kind::Agent => {
                parsed.header.is_agent() && report.agent.is_none_or(|signer| parsed.header.is_agents_own(signer))
            }
            Kind::Document => !matches!(&*parsed.header.document_type, "agent" | "config"),
        };
        if !is_of_kind && what.is_none_or(|what| !what.is_damage() || what == What::AgentChain) {
            what = Some(What::Misplaced);
            error = Some(Error::new(Code::Hash, misplaced(kind)).with_key(key));
        }
        let is_whole = what.is_none_or(|what| !what.is_damage() || what == What::AgentChain);
        judged.asks = is_whole;
        judged.names = match parsed.files() {
            Ok(files) => files.iter().filter(|file| file.stored).filter_map(|file| file.sha256.parse().ok()).collect(),
            Err(_) => hashes_in(text.as_bytes()),
        };
        judged.uneven = what.is_none() && parsed.canonical_text() != text;
        judged.finding = what.zip(error.as_ref()).map(|(what, error)| Finding::of(what, error));
        let (agent, key_source) = (report.agent, report.key_source);
        judged.state = Some(VersionState { agent, key_source, error, ..state.with_header(Some(parsed.header)) });
        Ok(judged)
    }
}

fn misplaced(kind: Kind) -> &'static str {
    match kind {
        Kind::Agent => "among the agents stands a document that is none, or not its own",
        Kind::Document => "among the documents stands one of an agent or a configuration",
    }
}

/// The path of a version.
pub fn path_of(kind: Kind, key: DocumentKey) -> String {
    ObjectKey::Version { kind, key }.path()
}
