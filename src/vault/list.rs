//! Listing, page by page: what is stored, one entry a document, from the listing alone where that is enough.

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::{CONCURRENT_READS, Reading, Vault, VerifyOptions};
use crate::document::CLOCK_TOLERANCE_SECONDS;
use crate::error::{Code, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::store::{Documents, Entry, Kind, Versions};
use crate::trust::in_one_call;

/// Documents that are looked at for one page.
const PAGE: usize = 256;
/// The same where all their versions are in it.
const PAGE_OF_ALL: usize = 32;

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
    /// `None` at the end: a listing that nobody asks any more holds nothing.
    documents: Option<Documents>,
    kind: Kind,
    filter: ListFilter,
    left: u64,
}

impl Vault {
    pub async fn list(&self, kind: Kind, filter: ListFilter) -> Result<Listing> {
        let mut documents = self.store.documents(kind).await?;
        if let Some(after) = filter.after {
            documents.seek_after(after);
        }
        Ok(Listing { documents: Some(documents), kind, left: filter.limit.unwrap_or(u64::MAX), filter })
    }
}

impl Listing {
    /// The next entries; empty at the end. `check` is asked before each look at the store, of which one page may take
    /// many when a filter leaves out most.
    pub async fn next_page(&mut self, vault: &Vault, check: impl Fn() -> Result<()>) -> Result<Vec<Entry>> {
        in_one_call(self.find_page(vault, check)).await
    }

    async fn find_page(&mut self, vault: &Vault, check: impl Fn() -> Result<()>) -> Result<Vec<Entry>> {
        let mut page = Vec::new();
        let count = if self.filter.all_versions { PAGE_OF_ALL } else { PAGE };
        while let (true, Some(documents)) = (page.is_empty() && self.left > 0, &mut self.documents) {
            check()?;
            let found = documents.next_page(count).await?;
            if found.len() < count {
                self.documents = None;
            }
            let chosen = found.into_iter().map(|document| self.choose(vault, document));
            // In order, but not one after the other: what is filtered by its content has to be read.
            let mut chosen = stream::iter(chosen.collect::<Vec<_>>()).buffered(CONCURRENT_READS);
            while let Some(entries) = chosen.try_next().await? {
                page.extend(entries);
            }
        }
        page.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= page.len() as u64;
        if self.left == 0 {
            self.documents = None;
        }
        Ok(page)
    }

    /// Those versions of a document that belong into the listing.
    async fn choose(&self, vault: &Vault, document: Versions) -> Result<Vec<Entry>> {
        let mut entries = document.entries?;
        if !self.filter.all_versions {
            let newest = self.newest(vault, document.id, &entries).await?;
            entries.retain(|entry| Some(entry.key) == newest);
        }
        let mut chosen = Vec::with_capacity(entries.len());
        for entry in entries {
            if self.passes(vault, &entry).await? {
                chosen.push(entry);
            }
        }
        Ok(chosen)
    }

    /// The newest version: of documents that are read anyway, among the versions that count; else the greatest that
    /// does not lie in the future, from the listing alone where ids tell the order.
    async fn newest(&self, vault: &Vault, id: DocumentId, entries: &[Entry]) -> Result<Option<DocumentKey>> {
        let ordered = entries.iter().all(|entry| entry.key.version.unix_ms().is_some());
        let reads = self.filter.document_type.is_some() || self.filter.agent.is_some();
        if reads || (!ordered && entries.len() > 1) {
            match self.newest_that_counts(vault, id).await {
                Ok(key) => return Ok(Some(key)),
                Err(error) if matches!(error.code(), Code::Unavailable | Code::Internal) => return Err(error),
                // A document that cannot be judged still has its entry.
                Err(_) => {}
            }
        }
        let latest = super::now().as_millisecond() + CLOCK_TOLERANCE_SECONDS * 1000;
        let present = |entry: &&Entry| {
            entry.key.version.unix_ms().is_none_or(|ms| i64::try_from(ms).is_ok_and(|ms| ms <= latest))
        };
        Ok(entries.iter().filter(present).map(|entry| entry.key).max())
    }

    async fn newest_that_counts(&self, vault: &Vault, id: DocumentId) -> Result<DocumentKey> {
        match vault.newest_by_itself(self.kind, id, &VerifyOptions::default(), Reading::Cached).await? {
            Some(stored) => Ok(stored.key),
            None => Ok(vault.lineage(self.kind, id, Reading::Cached).await?.newest()?.key),
        }
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
        let found = match vault.find(self.kind, entry.key, &VerifyOptions::default(), Reading::Cached).await {
            Err(error) if error.code() == Code::NotFound || error.is_damage() => return Ok(false),
            found => found?,
        };
        let signer = found.agent.map(|signer| signer.id);
        let Some(header) = found.header.filter(|_| found.error.is_none()) else { return Ok(false) };
        Ok(document_type.as_deref().is_none_or(|wanted| wanted == &*header.document_type)
            && agent.is_none_or(|wanted| signer == Some(wanted))
            && since.is_none_or(|since| made.unwrap_or(header.version_date) >= since))
    }
}
