//! The objects of a store, one tree of the layout after the other, in the order of their paths.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinHandle;

use super::sink::Sink;
use crate::error::{Error, Result};
use crate::id::DocumentId;
use crate::store::{Documents, Files, Kind, ObjectKey, Store};

/// Names that are asked for at once.
const PAGE: usize = 256;

/// One of the three trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    Agents,
    Files,
    Documents,
}

impl Shelf {
    /// In the order in which they are copied: what is needed to verify or to read something comes before it.
    pub const ALL: [Shelf; 3] = [Shelf::Agents, Shelf::Files, Shelf::Documents];

    pub fn of(key: &ObjectKey) -> Shelf {
        match key {
            ObjectKey::File(_) => Shelf::Files,
            ObjectKey::Version { kind: Kind::Agent, .. } => Shelf::Agents,
            ObjectKey::Version { kind: Kind::Document, .. } => Shelf::Documents,
        }
    }
}

/// An object as a listing shows it.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    pub key: ObjectKey,
    /// Size in bytes, where the backend tells.
    pub bytes: Option<u64>,
    /// When it was stored, where the backend tells.
    pub modified: Option<SystemTime>,
}

/// Counts the objects of a store in the background, for whoever looks at the progress; ends when it is dropped.
#[must_use = "the count ends when this is dropped"]
pub struct Counting(Option<JoinHandle<()>>);

impl Counting {
    pub fn begin(store: &Store, sink: &Arc<Sink>) -> Counting {
        Counting(sink.is_watched().then(|| tokio::spawn(count(store.clone(), sink.clone()))))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.take().inspect(JoinHandle::abort);
    }
}

async fn count(store: Store, sink: Arc<Sink>) {
    let mut total = 0;
    for shelf in Shelf::ALL {
        // Who cannot be listed is told of by those who read.
        let Ok(mut objects) = Objects::of(&store, shelf, None).await else { return };
        while let Ok(Some(_)) = objects.next().await {
            total += 1;
        }
    }
    sink.expect(total);
}

/// Whether a store has a document, or something in the place of one; a directory alone is none.
pub async fn has_documents(store: &Store) -> Result<bool> {
    let mut documents = Objects::of(store, Shelf::Documents, None).await?;
    Ok(documents.peek().await?.is_some() || !documents.broken.is_empty())
}

/// A pull-iterator over the objects of one tree, ascending.
pub struct Objects {
    walk: Walk,
    page: VecDeque<Object>,
    /// Ids whose versions cannot be listed, with what stands in the way.
    pub broken: Vec<(Kind, DocumentId, Error)>,
    ended: bool,
}

enum Walk {
    Versions(Kind, Documents),
    Files(Files),
}

impl Objects {
    /// Begins behind `after`; of versions, behind all of the same id.
    pub async fn of(store: &Store, shelf: Shelf, after: Option<ObjectKey>) -> Result<Objects> {
        let walk = match shelf {
            Shelf::Files => {
                let mut files = store.all_files();
                if let Some(ObjectKey::File(hash)) = after {
                    files.seek_after(hash);
                }
                Walk::Files(files)
            }
            Shelf::Agents | Shelf::Documents => {
                let kind = if shelf == Shelf::Agents { Kind::Agent } else { Kind::Document };
                let mut documents = store.documents(kind).await?.with_what_stands_instead();
                if let Some(ObjectKey::Version { key, .. }) = after {
                    documents.seek_after(key.id);
                }
                Walk::Versions(kind, documents)
            }
        };
        Ok(Objects { walk, page: VecDeque::new(), broken: Vec::new(), ended: false })
    }

    /// The next object, which stays the next one until it is taken. Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn peek(&mut self) -> Result<Option<Object>> {
        while self.page.is_empty() && !self.ended {
            self.turn().await?;
        }
        Ok(self.page.front().copied())
    }

    /// The next object. Errors: as [`peek`](Self::peek).
    pub async fn next(&mut self) -> Result<Option<Object>> {
        let next = self.peek().await?;
        self.page.pop_front();
        Ok(next)
    }

    async fn turn(&mut self) -> Result<()> {
        let found = match &mut self.walk {
            Walk::Files(files) => {
                let page = files.next_page(PAGE).await?;
                self.page.extend(page.iter().map(|file| Object {
                    key: ObjectKey::File(file.hash),
                    bytes: file.bytes,
                    modified: file.modified,
                }));
                page.len()
            }
            Walk::Versions(kind, documents) => {
                let page = documents.next_page(PAGE).await?;
                let (found, kind) = (page.len(), *kind);
                for document in page {
                    match document.entries {
                        Ok(entries) => self.page.extend(entries.iter().map(|entry| Object {
                            key: ObjectKey::Version { kind, key: entry.key },
                            bytes: entry.bytes,
                            modified: entry.modified,
                        })),
                        // That a link or a file stands there says nothing about the others; that the store is away does.
                        Err(error) if error.is_damage() => self.broken.push((kind, document.id, error)),
                        Err(error) => return Err(error),
                    }
                }
                found
            }
        };
        self.ended = found < PAGE;
        Ok(())
    }
}
