//! One stored version and what the checks find of it: from memory, or read and checked.

use std::sync::Arc;

use super::cache::Verified;
use super::verify::Examined;
use super::{Files, Reading, Report, Vault, VerifyOptions};
use crate::config::KeySource;
use crate::document::{Header, Origin};
use crate::error::{Error, Result};
use crate::id::DocumentKey;
use crate::store::Kind;
use crate::trust;

/// A stored version, and what the checks found.
pub(super) struct Found {
    pub text: Arc<String>,
    /// `None` when the text could not be taken apart.
    pub header: Option<Header>,
    /// Who claims to have signed.
    pub agent: Option<DocumentKey>,
    pub key_source: Option<KeySource>,
    /// See [`Report::disowned`].
    pub disowned: bool,
    /// The first check that failed.
    pub error: Option<Error>,
}

impl Found {
    /// The text, when every check held; else the first failure.
    pub fn valid(self) -> Result<Arc<String>> {
        self.error.map_or(Ok(self.text), Err)
    }
}

impl Vault {
    /// A version that memory has and that a read with the default options would give, where neither the store nor
    /// another source has to be asked: it never waits.
    pub fn recall(&self, key: DocumentKey) -> Option<Arc<String>> {
        let verified = self.cache.get(self.places(key.id)[0], key)?;
        let found = self.keyring.find_known(&verified.by())?;
        self.admits(&verified, &found, &VerifyOptions::default())?;
        self.cache.count(true);
        Some(verified.text.clone())
    }

    /// A version and what the checks find of it. Errors: where it cannot be read, and where no verdict was possible.
    pub(super) async fn find(
        &self,
        kind: Kind,
        key: DocumentKey,
        options: &VerifyOptions,
        reading: Reading,
    ) -> Result<Found> {
        if reading == Reading::Cached {
            let known = self.find_cached(kind, key, options).await?;
            self.cache.count(known.is_some());
            if let Some(found) = known {
                return Ok(found);
            }
        }
        let before = self.cache.before(key.id);
        let text = Arc::new(self.read_text(kind, key).await?);
        let Examined { report, parsed, key: signing_key } = self.examine(&text, Origin::Storage(key), options).await?;
        // A valid document has a key; one with fields that nobody signed is valid for those only who accept them.
        if let (Reading::Cached, true, Some(parsed), Some(signing_key)) =
            (reading, report.unsigned.is_empty() && self.cache.takes(&text), &parsed, signing_key)
        {
            let verified = Verified::new(text.clone(), parsed.header.clone(), &parsed.claim()?, signing_key);
            self.cache.keep(before, kind, verified);
        }
        let header = parsed.map(|parsed| parsed.header);
        let Report { agent, key_source, disowned, error, .. } = report;
        Ok(Found { text, header, agent, key_source, disowned, error })
    }

    /// `None` also where memory cannot say yes: the checks then say why not.
    async fn find_cached(&self, kind: Kind, key: DocumentKey, options: &VerifyOptions) -> Result<Option<Found>> {
        // Memory knows nothing of attachments that are elsewhere.
        if options.files != Files::Embedded {
            return Ok(None);
        }
        let Some(verified) = self.cache.get(kind, key) else { return Ok(None) };
        let trust = self.keyring.find(&verified.by(), key, None, self.least(options)).await?;
        Ok(self.admits(&verified, &trust, options).map(|source| Found {
            text: verified.text.clone(),
            header: Some(verified.header.clone()),
            agent: Some(verified.by().agent),
            key_source: Some(source),
            disowned: false,
            error: None,
        }))
    }

    /// The source of the key, when it is the one that the signature was verified with and all else holds now.
    fn admits(&self, verified: &Verified, trust: &trust::Found, options: &VerifyOptions) -> Option<KeySource> {
        let (key, by) = (verified.header.key, verified.by());
        let believed = trust.key(&by).ok().filter(|believed| believed.key == verified.key)?;
        self.check_trust(by.agent.id, believed, options).ok()?;
        by.check_times(key, super::now()).ok()?;
        // Whether a document of a key that ended counts may depend on others.
        believed.ended.is_none().then_some(believed.source)
    }
}
