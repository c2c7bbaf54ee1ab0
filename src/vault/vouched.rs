//! Documents of a key that somebody else may have: they count as far as later versions by a key that is believed name
//! their hashes.

use super::{Vault, VerifyOptions};
use crate::document::{Header, Origin, Parsed};
use crate::error::{Code, Result};
use crate::id::DocumentKey;
use crate::store::Kind;

impl Vault {
    /// Whether a later version of the document, itself valid, replaced just this text. Errors: where that cannot be read.
    pub(super) async fn is_vouched_for(&self, header: &Header) -> Result<bool> {
        let DocumentKey { id, version } = header.key;
        let kind = if header.is_agent() { Kind::Agent } else { Kind::Document };
        for later in self.store.versions(kind, id).await? {
            let key = DocumentKey { id, version: later };
            if later == version {
                continue;
            }
            let text = match self.read_text(kind, key).await {
                Err(error) if error.code() == Code::NotFound || error.is_damage() => continue,
                text => text?,
            };
            let replaces = |after: &Header| {
                after.previous_version == Some(version) && after.previous_sha256.as_deref() == Some(&*header.sha256)
            };
            let named = Parsed::read(&text, Origin::Storage(key), self.max_bytes).is_ok_and(|it| replaces(&it.header));
            if named
                && Box::pin(self.examine(&text, Origin::Storage(key), &VerifyOptions::default()))
                    .await?
                    .report
                    .is_valid()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
