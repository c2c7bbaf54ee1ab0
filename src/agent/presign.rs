//! URLs that give one document, or one of its attachments, to somebody without credentials.

use std::time::Duration;

use super::Agent;
use super::attachments::named;
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::Reference;
use crate::store::ObjectKey;
use crate::vault::{ReadOptions, Reading};

/// What a caller wants to hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presign {
    /// How long the URL is good for, in whole seconds.
    pub expires: Duration,
    /// Of a stored attachment; `None`: the document itself.
    pub path: Option<String>,
}

impl Agent {
    /// A URL that gives a stored document, or a stored attachment of it, for a time. The document is read from the store and
    /// verified first; an attachment is there then, and whoever fetches it compares its hash with the document's.
    ///
    /// Errors: `JACS_UNSUPPORTED` (another storage), `JACS_INPUT` (an attachment that is not in the store), `JACS_NOT_FOUND`,
    /// `JACS_ATTACHMENT`, the code of a check that fails, and those of credentials that are not there.
    pub async fn presign(&self, reference: Reference, options: &Presign) -> Result<String> {
        self.vault.store.check_presigns()?;
        let fresh = ReadOptions { reading: Reading::Fresh, ..ReadOptions::default() };
        let stored = Box::pin(self.vault.get(reference, &fresh)).await?;
        let object = match options.path.as_deref() {
            None => ObjectKey::Version { kind: stored.kind, key: stored.key },
            Some(path) => {
                let parsed = Parsed::read(&stored.text, Origin::Caller, self.vault.max_bytes)?;
                self.stored_file(&parsed, path).await.map_err(|error| error.with("attachment", path))?
            }
        };
        self.vault.store.presign(&object, options.expires).await.map_err(|error| error.with_key(stored.key))
    }

    async fn stored_file(&self, parsed: &Parsed<'_>, path: &str) -> Result<ObjectKey> {
        let files = parsed.files()?;
        let file = named(parsed.header.key, &files, path)?;
        let refused = |message| Err(Error::new(Code::Input, message).with_key(parsed.header.key));
        if !file.stored {
            return refused(match file.contents {
                Some(_) => "the attachment is embedded: the URL of the document gives it",
                None => "the attachment is only referenced: its bytes are not in the store",
            });
        }
        let hash = file.sha256.parse()?;
        match self.vault.store.file_length(hash).await? {
            Some(_) => Ok(ObjectKey::File(hash)),
            None => {
                let error = Error::new(Code::Attachment, "an attachment is not in the store");
                Err(error.with_key(parsed.header.key))
            }
        }
    }
}
