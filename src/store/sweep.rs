//! Left-over temporary files: a writer that was killed where files without a name cannot be had leaves one behind.

use std::collections::VecDeque;
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
const LATEST: usize = 10_000;

/// A sweep under way in the background; it ends when this is dropped.
#[must_use = "the sweep ends when this is dropped"]
pub struct Sweep(Option<JoinHandle<()>>);

impl Drop for Sweep {
    fn drop(&mut self) {
        self.0.take().inspect(JoinHandle::abort);
    }
}

impl Store {
    /// Begins to remove, in the background, the temporary files of this layout that are older than an hour; nothing else
    /// is touched, and no failure is told. Most of the time it rests, so that others have the disk. Where files without a
    /// name can be had, so that leftovers come with a copy from elsewhere at most, it looks at the latest documents only.
    /// On backends other than fs, and outside a runtime, it does nothing.
    pub fn sweep(&self) -> Sweep {
        let fs = self.0.fs.clone();
        Sweep(fs.zip(Handle::try_current().ok()).map(|(fs, runtime)| runtime.spawn(sweep(self.clone(), fs))))
    }
}

async fn sweep(store: Store, fs: Fs) {
    fs.sweep("", vec![layout::FILES.to_owned()], AGE).await;
    let limit = if fs.has_unnamed_files().await { LATEST } else { usize::MAX };
    for kind in [Kind::Agent, Kind::Document] {
        // What cannot be listed is told to those who want to read it.
        let Ok(ids) = latest(&store, kind, limit).await else { continue };
        let directory = layout::kind_prefix(kind);
        for page in ids.chunks(PAGE) {
            let begun = Instant::now();
            let names = page.iter().map(DocumentId::to_string).collect();
            fs.sweep(directory.trim_end_matches('/'), names, AGE).await;
            tokio::time::sleep(begun.elapsed() * REST).await;
        }
    }
}

/// The greatest ids, which are those of the latest documents.
async fn latest(store: &Store, kind: Kind, limit: usize) -> Result<Vec<DocumentId>> {
    let mut ids = store.ids(kind).await?;
    let mut latest = VecDeque::new();
    while let Some(id) = ids.next().await? {
        if latest.len() == limit {
            latest.pop_front();
        }
        latest.push_back(id);
    }
    Ok(latest.into())
}
