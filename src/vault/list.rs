//! Listing, page by page: what is stored, one entry a document, from the listing alone where that is enough.

use jiff::Timestamp;

use super::{Vault, VerifyOptions};
use crate::document::{CLOCK_TOLERANCE_SECONDS, Origin};
use crate::error::{Code, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::store::{Entry, Ids, Kind};

/// Entries of one page.
const PAGE: usize = 256;

/// What a listing leaves out.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    /// Every version, not only each document's newest.
    pub all_versions: bool,
    /// Documents after this id.
    pub after: Option<DocumentId>,
    /// Entries at most.
    pub limit: Option<u64>,
    /// Versions made at or after this time.
    pub since: Option<Timestamp>,
    /// Documents of this type; each is read and verified, and what does not verify is left out.
    pub document_type: Option<String>,
    /// Versions signed by this agent; as `document_type`.
    pub agent: Option<DocumentId>,
}

/// A listing under way; ascending ids.
pub struct Listing {
    ids: Ids,
    kind: Kind,
    filter: ListFilter,
    left: u64,
}

impl Vault {
    pub async fn list(&self, kind: Kind, filter: ListFilter) -> Result<Listing> {
        let mut ids = self.store.ids(kind).await?;
        if let Some(after) = filter.after {
            ids.seek_after(after);
        }
        Ok(Listing { ids, kind, left: filter.limit.unwrap_or(u64::MAX), filter })
    }
}

impl Listing {
    /// The next entries; empty at the end.
    pub async fn next_page(&mut self, vault: &Vault) -> Result<Vec<Entry>> {
        let mut page = Vec::new();
        while page.len() < PAGE && self.left > 0 {
            let Some(id) = self.ids.next().await? else { break };
            let mut entries = vault.store.entries(self.kind, id).await?;
            if !self.filter.all_versions {
                let newest = self.newest(vault, id, &entries).await?;
                entries.retain(|entry| Some(entry.key) == newest);
            }
            for entry in entries {
                if self.left > 0 && self.passes(vault, &entry).await? {
                    self.left -= 1;
                    page.push(entry);
                }
            }
        }
        Ok(page)
    }

    /// The greatest version that does not lie in the future, from the listing alone where ids tell the order.
    async fn newest(&self, vault: &Vault, id: DocumentId, entries: &[Entry]) -> Result<Option<DocumentKey>> {
        let ordered = entries.iter().all(|entry| entry.key.version.unix_ms().is_some());
        if !ordered && entries.len() > 1 {
            // A lineage that cannot be judged still has its entry.
            if let Ok(key) = vault.lineage(self.kind, id).await.and_then(|lineage| Ok(lineage.newest()?.key)) {
                return Ok(Some(key));
            }
        }
        let latest = super::now().as_millisecond() + CLOCK_TOLERANCE_SECONDS * 1000;
        let present = |entry: &&Entry| {
            entry.key.version.unix_ms().is_none_or(|ms| i64::try_from(ms).is_ok_and(|ms| ms <= latest))
        };
        Ok(entries.iter().filter(present).map(|entry| entry.key).max())
    }

    async fn passes(&self, vault: &Vault, entry: &Entry) -> Result<bool> {
        let ListFilter { since, document_type, agent, .. } = &self.filter;
        let made = entry.key.version.unix_ms().and_then(|ms| Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok());
        let too_old = since.is_some_and(|since| made.is_some_and(|made| made < since));
        if too_old {
            return Ok(false);
        }
        let needs_text = document_type.is_some() || agent.is_some() || (since.is_some() && made.is_none());
        if !needs_text {
            return Ok(true);
        }
        let text = match vault.read_text(self.kind, entry.key).await {
            Err(error) if matches!(error.code(), Code::NotFound | Code::Hash) => return Ok(false),
            text => text?,
        };
        let examined = vault.examine(&text, Origin::Storage(entry.key), &VerifyOptions::default()).await?;
        let signer = examined.report.agent.map(|signer| signer.id);
        let Ok((parsed, _)) = examined.valid() else { return Ok(false) };
        Ok(document_type.as_deref().is_none_or(|wanted| wanted == &*parsed.header.document_type)
            && agent.is_none_or(|wanted| signer == Some(wanted))
            && since.is_none_or(|since| made.unwrap_or(parsed.header.version_date) >= since))
    }
}
