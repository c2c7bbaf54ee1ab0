//! Export: pages of the store are read, checked and packed at the same time, and written in order. What is in memory is a few
//! blocks, however large the store or a file in it is.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::super::MOST_FAILURES;
use super::super::finding::What;
use super::super::report::Report;
use super::super::sink::Sink;
use super::gzip::pack;
use super::header;
use super::job::{Done, Job, Piece, Source};
use super::leaves::Leaves;
use super::output::{Output, name_of};
use super::pages::{Page, Pages};
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::store::{CreateOnce, Store, blocking, wait_here};

/// Pages of a server that are read at once.
const REMOTE_PAGES: usize = 3;
/// Documents of a server that are read at once, when the caller does not say.
const REMOTE_READS: usize = 48;
/// Pieces of a page that wait to be written.
const WAITING: usize = 4;

/// How to export.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// Absolute.
    pub file: PathBuf,
    pub overwrite: bool,
    /// Also what is not what its hash says.
    pub keep_invalid: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    pub concurrency: Option<usize>,
}

/// Writes all of a store to an archive, which gets its name when it is whole. `max_bytes`: of a document.
///
/// Errors: `JACS_CONFLICT` (the file exists), `JACS_INPUT` (its folder does not), `JACS_PERMISSION`, `JACS_UNAVAILABLE` (no
/// space left; the storage is away), `JACS_ABORTED`.
pub async fn export(
    store: &Store,
    max_bytes: u64,
    options: &ExportOptions,
    sink: &Arc<Sink>,
    cancel: &Cancel,
) -> Result<Report> {
    cancel.check()?;
    let (file, overwrite, dry_run) = (options.file.clone(), options.overwrite, options.dry_run);
    let output = blocking(move || Output::begin(&file, overwrite, dry_run)).await?;
    let source = Source { store: store.clone(), max_bytes, keep_invalid: options.keep_invalid };
    let mut writer =
        Writer { output, leaves: Leaves::default(), unlisted: false, report: Report::default(), mark: 0, failures: 0 };
    writer = writer.packed(pack(header::directory("")?.as_bytes())?).await?;
    let (at_once, reads) = concurrency(store, options.concurrency);
    let (mut pages, mut more) = (Pages::of(store.clone()), true);
    let mut jobs: VecDeque<mpsc::Receiver<Result<Piece>>> = VecDeque::new();
    loop {
        while more && jobs.len() < at_once {
            match cancel.or(pages.next()).await? {
                Some(page) => jobs.push_back(spawn(source.clone(), page, reads, sink, cancel)),
                None => more = false,
            }
        }
        let Some(job) = jobs.pop_front() else { break };
        writer = writer.page(job, sink, cancel).await?;
    }
    cancel.check()?;
    let mut report = writer.end(&options.file, options.overwrite).await?;
    // The file gets a name that is free, or that it may take.
    report.create_once = Some(CreateOnce::Atomic);
    report.findings = sink.take();
    Ok(report)
}

/// Pages at once, and reads of each.
fn concurrency(store: &Store, wanted: Option<usize>) -> (usize, usize) {
    match store.is_remote() {
        true => (REMOTE_PAGES, wanted.unwrap_or(REMOTE_READS).div_ceil(REMOTE_PAGES)),
        // More than there are cores: one that waits for its turn to be written keeps no other from working.
        false => (wanted.unwrap_or_else(|| 4 * available_parallelism().map_or(1, usize::from)), 1),
    }
}

fn spawn(source: Source, page: Page, reads: usize, sink: &Arc<Sink>, cancel: &Cancel) -> mpsc::Receiver<Result<Piece>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let is_remote = source.store.is_remote();
    let job = Job::new(source, reads, sender, sink.clone(), cancel.clone());
    if is_remote {
        tokio::spawn(job.run(page));
    } else {
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || wait_here(|| runtime.block_on(job.run(page))));
    }
    receiver
}

/// Who puts everything in order.
struct Writer {
    output: Option<Output>,
    leaves: Leaves,
    /// Not all of the store could be listed.
    unlisted: bool,
    report: Report,
    /// Where the file that is under way begins.
    mark: u64,
    /// Objects in a row that could not be read.
    failures: u64,
}

impl Writer {
    async fn page(mut self, mut job: mpsc::Receiver<Result<Piece>>, sink: &Sink, cancel: &Cancel) -> Result<Self> {
        loop {
            let next = cancel.or(async { Ok(job.recv().await) }).await?;
            let piece = next.ok_or_else(|| Error::new(Code::Internal, "a part of the export ended early"))?;
            match piece? {
                Piece::Packed(packed) => self = self.packed(packed).await?,
                Piece::Packing(packing) => {
                    let packed = packing.await.map_err(|error| {
                        Error::new(Code::Internal, "a task of the export failed").with_source(error)
                    })?;
                    self = self.packed(packed?).await?;
                }
                Piece::Mark => self.mark = self.output.as_ref().map_or(0, |output| output.length),
                Piece::Undo => self = self.undo().await?,
                Piece::Done(done) => return self.done(*done, sink).await,
            }
        }
    }

    async fn packed(mut self, packed: Vec<u8>) -> Result<Self> {
        if let Some(mut output) = self.output.take() {
            let written = blocking(move || {
                output.file.write(&packed)?;
                output.length += packed.len() as u64;
                Ok(output)
            });
            self.output = Some(written.await?);
        }
        Ok(self)
    }

    /// Takes back a file that turned out not to be what its name says.
    async fn undo(mut self) -> Result<Self> {
        if let Some(mut output) = self.output.take() {
            let mark = self.mark;
            let undone = blocking(move || {
                output.file.cut(mark)?;
                output.length = mark;
                Ok(output)
            });
            self.output = Some(undone.await?);
        }
        Ok(self)
    }

    async fn done(mut self, done: Done, sink: &Sink) -> Result<Self> {
        let unread = done.findings.iter().filter(|finding| finding.what == What::Failed).count() as u64;
        self.failures = if done.copied > 0 { 0 } else { self.failures + unread };
        if let Some(error) = done.error.filter(|_| self.failures >= MOST_FAILURES) {
            return Err(error);
        }
        self.report.copied += done.copied;
        self.report.failed += done.failed;
        self.unlisted |= done.unlisted;
        self.report.bytes += done.bytes;
        done.findings.into_iter().for_each(|finding| sink.found(finding));
        sink.done(done.copied + done.failed, done.untold, done.failed);
        let mut leaves = self.leaves;
        self.leaves = blocking(move || {
            done.leaves.iter().try_for_each(|leaf| leaves.add(leaf))?;
            Ok(leaves)
        })
        .await?;
        Ok(self)
    }

    /// Two blocks of zeros end an archive.
    async fn end(self, path: &Path, overwrite: bool) -> Result<Report> {
        let mut writer = self.packed(pack(&[0; 2 * header::BLOCK])?).await?;
        let path = path.to_owned();
        blocking(move || {
            let root = writer.leaves.roots()?;
            if let Some(mut output) = writer.output {
                writer.report.root = root.filter(|_| !writer.unlisted);
                output.file.finish()?;
                output.file.publish(&name_of(&path)?, overwrite)?;
            }
            Ok(writer.report)
        })
        .await
    }
}
