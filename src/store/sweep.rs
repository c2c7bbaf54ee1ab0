//! Left-over temporary files: a writer that was killed where files without a name cannot be had leaves one behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Store;
use super::fs::Fs;
use super::layout::{self, Kind};
use crate::error::Result;
use crate::id::DocumentId;

/// A temporary file that was not written to for so long has no writer any more.
const AGE: Duration = Duration::from_secs(60 * 60);
/// Directories that are looked at in one visit to the disk.
const PAGE: usize = 64;
/// It rests so many times as long as it works.
const REST: u32 = 4;
/// So many documents, where there should be no leftovers: to look at every directory of a large store takes minutes.
const SOME: usize = 10_000;
/// While others look through the whole store, it asks so often whether they still do.
const WAIT: Duration = Duration::from_secs(1);

/// A sweep under way in the background; it ends when this is dropped.
#[must_use = "the sweep ends when this is dropped"]
pub struct Sweep {
    task: Option<JoinHandle<()>>,
    held: Arc<AtomicUsize>,
}

/// While one of these is there, the sweep begins with no other directory.
#[must_use = "the sweep goes on when this is dropped"]
pub struct Held(Arc<AtomicUsize>);

impl Sweep {
    /// For whoever looks at every directory: what is left over is told of then, and to look twice takes time.
    pub fn hold(&self) -> Held {
        self.held.fetch_add(1, Ordering::Relaxed);
        Held(self.held.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        self.task.take().inspect(JoinHandle::abort);
    }
}

impl Store {
    /// Begins to remove, in the background, the temporary files of this layout that are older than an hour; nothing else
    /// is touched, and no failure is told. Most of the time it rests, so that others have the disk. Where files without a
    /// name can be had, so that leftovers come with a copy from elsewhere at most, it looks at 10,000 documents each time.
    /// On backends other than fs, and outside a runtime, it does nothing.
    pub fn sweep(&self) -> Sweep {
        let (fs, held) = (self.0.fs.clone(), Arc::<AtomicUsize>::default());
        let begin = |(fs, runtime): (Fs, Handle)| runtime.spawn(sweep(self.clone(), fs, held.clone()));
        Sweep { task: fs.zip(Handle::try_current().ok()).map(begin), held }
    }
}

async fn sweep(store: Store, fs: Fs, held: Arc<AtomicUsize>) {
    let released = || async {
        while held.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(WAIT).await;
        }
    };
    released().await;
    fs.sweep("", vec![layout::FILES.to_owned()], AGE).await;
    let limit = if fs.has_unnamed_files().await { SOME } else { usize::MAX };
    for kind in [Kind::Agent, Kind::Document] {
        // What cannot be listed is told to those who want to read it.
        let Ok(ids) = some_ids(&store, kind, limit).await else { continue };
        let directory = layout::kind_prefix(kind);
        for page in ids.chunks(PAGE) {
            released().await;
            let begun = Instant::now();
            let names = page.iter().map(DocumentId::to_string).collect();
            fs.sweep(directory.trim_end_matches('/'), names, AGE).await;
            tokio::time::sleep(begun.elapsed() * REST).await;
        }
    }
}

/// So many ids from a random one on, around the end to the beginning: all of a small store, and of a large one another
/// part each time.
async fn some_ids(store: &Store, kind: Kind, limit: usize) -> Result<Vec<DocumentId>> {
    let begin = DocumentId::random();
    let mut found = Vec::new();
    let mut ids = store.ids(kind).await?;
    ids.seek_after(begin);
    while let (true, Some(id)) = (found.len() < limit, ids.next().await?) {
        found.push(id);
    }
    let mut ids = store.ids(kind).await?;
    while let (true, Some(id)) = (found.len() < limit, ids.next().await?) {
        if id > begin {
            break;
        }
        found.push(id);
    }
    Ok(found)
}
