//! A store in the order of an archive: agents, attachments, documents, each ascending, some at a time.

use super::super::finding::{Finding, What};
use crate::error::{Error, Result};
use crate::id::DocumentId;
use crate::store::{Documents, FileName, Files, Ids, Kind, ObjectKey, Store, Versions, layout};

/// Ids of one page: enough that packing them apart from all others loses little.
const IDS: usize = 256;
const FILES: usize = 64;

/// Some neighbours of the archive.
pub struct Page {
    pub what: Named,
    /// Whether it is the first of its kind, which has the directory before it.
    pub is_first: bool,
}

pub enum Named {
    /// Ids whose versions are not listed yet: on a disk that is best done where they are read.
    Ids(Kind, Vec<DocumentId>),
    Versions(Kind, Vec<Versions>),
    Files(Vec<FileName>),
}

/// A pull-iterator over all pages.
pub struct Pages {
    store: Store,
    walk: Option<Walk>,
    /// Walks that were begun.
    begun: usize,
    is_first: bool,
}

enum Walk {
    Ids(Kind, Ids),
    Versions(Kind, Documents),
    Files(Files),
}

impl Pages {
    pub fn of(store: Store) -> Pages {
        Pages { store, walk: None, begun: 0, is_first: true }
    }

    /// The next page, which is not empty; `None` at the end. Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn next(&mut self) -> Result<Option<Page>> {
        loop {
            let walk = match &mut self.walk {
                Some(walk) => walk,
                None => match Walk::begin(&self.store, self.begun).await? {
                    Some(walk) => {
                        (self.begun, self.is_first) = (self.begun + 1, true);
                        self.walk.insert(walk)
                    }
                    None => return Ok(None),
                },
            };
            match walk.next().await? {
                Some(what) => return Ok(Some(Page { what, is_first: std::mem::take(&mut self.is_first) })),
                None => self.walk = None,
            }
        }
    }
}

impl Walk {
    async fn begin(store: &Store, number: usize) -> Result<Option<Walk>> {
        let kind = match number {
            0 => Kind::Agent,
            1 => return Ok(Some(Walk::Files(store.all_files()))),
            2 => Kind::Document,
            _ => return Ok(None),
        };
        // Over a network one listing gives the versions of many.
        Ok(Some(match store.is_remote() {
            true => Walk::Versions(kind, store.documents(kind).await?),
            false => Walk::Ids(kind, store.ids(kind).await?.with_what_stands_instead()),
        }))
    }

    async fn next(&mut self) -> Result<Option<Named>> {
        Ok(match self {
            Walk::Ids(kind, ids) => {
                let page = ids.next_page(IDS).await?;
                (!page.is_empty()).then_some(Named::Ids(*kind, page))
            }
            Walk::Versions(kind, documents) => {
                let page = documents.next_page(IDS).await?;
                (!page.is_empty()).then_some(Named::Versions(*kind, page))
            }
            Walk::Files(files) => {
                let page = files.next_page(FILES).await?;
                (!page.is_empty()).then_some(Named::Files(page))
            }
        })
    }
}

impl Named {
    /// The versions of a page with their sizes where the backend tells, and what was found where they cannot be listed.
    ///
    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn versions(
        store: &Store,
        kind: Kind,
        page: Named,
    ) -> Result<(Vec<(ObjectKey, Option<u64>)>, Vec<Finding>)> {
        let (mut keys, mut findings) = (Vec::new(), Vec::new());
        let mut note = |id: DocumentId, listed: Result<Vec<(ObjectKey, Option<u64>)>>| match listed {
            Ok(listed) => {
                keys.extend(listed);
                Ok(())
            }
            // That a link or a file stands there says nothing about the others; that the store is away does.
            Err(error) if error.is_damage() => {
                findings.push(unlisted(kind, id, &error));
                Ok(())
            }
            Err(error) => Err(error),
        };
        match page {
            Named::Ids(kind, ids) => {
                for id in ids {
                    let object =
                        |version| (ObjectKey::Version { kind, key: crate::id::DocumentKey { id, version } }, None);
                    let listed = store.versions(kind, id).await;
                    note(id, listed.map(|versions| versions.into_iter().map(object).collect()))?;
                }
            }
            Named::Versions(kind, page) => {
                for Versions { id, entries } in page {
                    let object =
                        |entry: crate::store::Entry| (ObjectKey::Version { kind, key: entry.key }, entry.bytes);
                    note(id, entries.map(|entries| entries.into_iter().map(object).collect()))?;
                }
            }
            Named::Files(_) => {}
        }
        Ok((keys, findings))
    }
}

/// What it means that the versions of an id cannot be listed.
pub fn unlisted(kind: Kind, id: DocumentId, error: &Error) -> Finding {
    let path = layout::prefix(kind, id);
    Finding::of(What::NotAFile, error).with_key(id).with_path(path.trim_end_matches('/'))
}
