//! Left-over temporary files: a writer that was killed where files without a name cannot be had leaves one behind.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::fs::Fs;
use super::layout::{self, Kind};
use super::{Ids, Store};
use crate::error::Result;

/// A temporary file that was not written to for so long has no writer any more.
const AGE: Duration = Duration::from_secs(60 * 60);
/// Directories that are looked at in one visit to the disk.
const PAGE: usize = 256;

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
    /// is touched, and no failure is told. Half of the time it rests, so that others have the disk. On backends other
    /// than fs, and outside a runtime, it does nothing.
    pub fn sweep(&self) -> Sweep {
        let fs = self.0.fs.clone();
        Sweep(fs.zip(Handle::try_current().ok()).map(|(fs, runtime)| runtime.spawn(sweep(self.clone(), fs))))
    }
}

async fn sweep(store: Store, fs: Fs) {
    fs.sweep("", vec![layout::FILES.to_owned()], AGE).await;
    for kind in [Kind::Agent, Kind::Document] {
        // What cannot be listed is told to those who want to read it.
        let _ = sweep_kind(&store, &fs, kind).await;
    }
}

async fn sweep_kind(store: &Store, fs: &Fs, kind: Kind) -> Result<()> {
    let directory = layout::kind_prefix(kind);
    let mut ids = store.ids(kind).await?;
    loop {
        let begun = Instant::now();
        let names = next_names(&mut ids).await?;
        if names.is_empty() {
            return Ok(());
        }
        fs.sweep(directory.trim_end_matches('/'), names, AGE).await;
        tokio::time::sleep(begun.elapsed()).await;
    }
}

async fn next_names(ids: &mut Ids) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(PAGE);
    while names.len() < PAGE {
        let Some(id) = ids.next().await? else { break };
        names.push(id.to_string());
    }
    Ok(names)
}
