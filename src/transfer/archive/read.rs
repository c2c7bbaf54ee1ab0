//! Import: the whole archive is looked at before anything is stored; then agents come in, then attachments, then documents,
//! for each is verified and needs those before it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use super::super::MOST_FAILURES;
use super::super::finding::{Finding, What};
use super::super::listing::has_documents;
use super::super::report::Report;
use super::super::sink::Sink;
use super::gzip::Packed;
use super::leaves::Leaves;
use super::limits::Limits;
use super::place::{Outcome, Placed, Placer};
use super::scan::{Archive, Item, Tree};
use super::succession::Touched;
use crate::cancel::Cancel;
use crate::document::{Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey};
use crate::local_file::Contents;
use crate::store::{Kind, Tell, blocking};
use crate::trust::OneCall;
use crate::vault::Vault;

pub use super::place::Agents;

/// Documents under way at once, when the caller does not say.
const CONCURRENCY: usize = 64;
/// Attachments under way at once: each may have a file of its own.
const FILES_AT_ONCE: usize = 4;
/// Bytes of agents' documents that may wait for those before them.
const WAITING: u64 = 64 << 20;
/// Ids that are asked for at once.
const PAGE: usize = 1000;

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Absolute.
    pub file: PathBuf,
    /// `None`: any into an empty store, known ones into another.
    pub agents: Option<Agents>,
    pub limits: Limits,
    /// Only say what would be done.
    pub dry_run: bool,
    pub concurrency: Option<usize>,
}

/// Brings the objects of an archive into a store. `judge`: where agents are looked up and, as far as only said, stored; the
/// target itself unless nothing may be written.
///
/// Errors: `JACS_INPUT` (no such archive, damaged, over a limit: nothing was stored), `JACS_PERMISSION`, `JACS_UNAVAILABLE`,
/// `JACS_ABORTED`.
pub async fn import(
    target: Arc<Vault>,
    judge: Arc<Vault>,
    options: &ImportOptions,
    sink: &Arc<Sink>,
    cancel: &Cancel,
) -> Result<Report> {
    cancel.check()?;
    let (file, limits, max_bytes) = (options.file.clone(), options.limits, target.max_bytes);
    let (told, heard) = (sink.clone(), cancel.clone());
    let scanned = blocking(move || {
        let packed = Packed::open(&file)?;
        let archive = Archive { most: limits.of(packed.length()), packed, max_bytes };
        let counts = archive.scan(|finding| told.found(finding), &heard)?;
        Ok((archive, counts))
    });
    let (archive, counts) = scanned.await?;
    sink.expect(counts.objects + counts.refused);
    sink.done(counts.refused, 0, counts.refused);
    let has_documents = has_documents(&target.store).await?;
    let (known, has_agents) = known_agents(&target).await?;
    let is_empty = !has_documents && !has_agents && target.store.all_files().next().await?.is_none();
    let placer = Arc::new(Placer {
        target,
        judge,
        dry_run: options.dry_run,
        agents: options.agents.unwrap_or(if is_empty { Agents::Any } else { Agents::Known }),
        was_empty: is_empty,
        has_documents,
        known,
        new: Default::default(),
        touched: Touched::default(),
        cancel: cancel.clone(),
    });
    let report = Report { failed: counts.refused, ..Report::default() };
    let mut import = Import { placer, sink: sink.clone(), leaves: Leaves::default(), report, failures: 0 };
    let entries = |tree| archive.entries(tree, counts.of(tree), cancel);
    import.agents(entries(Tree::Agents)).await?;
    import.files(entries(Tree::Files)).await?;
    import.documents(entries(Tree::Documents), options.concurrency.unwrap_or(CONCURRENCY)).await?;
    import.end().await
}

/// The agents of a store and the loaded one; whether there are others than that.
async fn known_agents(vault: &Vault) -> Result<(HashSet<DocumentId>, bool)> {
    let (mut known, mut ids) = (HashSet::new(), vault.store.ids(Kind::Agent).await?);
    loop {
        let page = ids.next_page(PAGE).await?;
        let is_last = page.len() < PAGE;
        known.extend(page);
        if is_last {
            break;
        }
    }
    let own = vault.keyring.own_id();
    let has_others = known.iter().any(|id| Some(*id) != own);
    known.extend(own);
    Ok((known, has_others))
}

struct Import {
    placer: Arc<Placer>,
    sink: Arc<Sink>,
    leaves: Leaves,
    report: Report,
    /// Objects in a row that could not be stored.
    failures: u64,
}

type Entries = mpsc::Receiver<Result<Item>>;

impl Import {
    /// One after the other: each version of an agent needs the one before it, wherever that is in the archive.
    async fn agents(&mut self, mut entries: Entries) -> Result<()> {
        let (mut waiting, mut bytes) = (HashMap::<DocumentKey, Vec<Item>>::new(), 0);
        while let Some(item) = self.next(&mut entries).await? {
            let mut ready = vec![item];
            while let Some(item) = ready.pop() {
                self.placer.cancel.check()?;
                let placed = self.placer.agent(&item).await;
                let length = item.contents.contents.length();
                if let Some(before) = self.awaited(&item, &placed).filter(|_| bytes + length <= WAITING) {
                    bytes += length;
                    waiting.entry(before).or_default().push(item.kept());
                    continue;
                }
                let is_there = placed.as_ref().is_ok_and(|placed| placed.as_ref().is_some_and(Placed::is_there));
                if let Some(key) = item.named.key().filter(|_| is_there) {
                    ready.extend(waiting.remove(&key).unwrap_or_default());
                }
                self.note(item, placed).await?;
            }
        }
        for item in waiting.into_values().flatten() {
            self.placer.cancel.check()?;
            let placed = self.placer.agent(&item).await;
            self.note(item, placed).await?;
        }
        Ok(())
    }

    /// The version before one that is not believed as long as that is missing.
    fn awaited(&self, item: &Item, placed: &Result<Option<Placed>>) -> Option<DocumentKey> {
        let Ok(Some(placed)) = placed else { return None };
        let lacks_key = placed.findings.iter().any(|finding| finding.code == Code::Key);
        let (true, Contents::Memory(bytes)) = (lacks_key, &item.contents.contents) else { return None };
        let text = std::str::from_utf8(bytes).ok()?;
        let parsed = Parsed::read(text, Origin::Caller, self.placer.target.max_bytes).ok()?;
        Some(DocumentKey { id: parsed.header.key.id, version: parsed.header.previous_version? })
    }

    async fn files(&mut self, entries: Entries) -> Result<()> {
        let told = self.sink.clone();
        let tell: Tell = Arc::new(move |bytes| told.done(0, bytes, 0));
        let placer = self.placer.clone();
        let place = move |item: Result<Item>| {
            let (placer, tell) = (placer.clone(), tell.clone());
            async move {
                let item = item?;
                let placed = placer.file(&item, &tell).await.map(|placed| {
                    // Bytes that are told while they are stored are not told again.
                    placed.map(|placed| Placed { told: placed.outcome == Outcome::Copied, ..placed })
                });
                Ok((item, placed))
            }
        };
        self.each(entries, FILES_AT_ONCE, place).await
    }

    async fn documents(&mut self, entries: Entries, at_once: usize) -> Result<()> {
        let (placer, call) = (self.placer.clone(), OneCall::default());
        let place = move |item: Result<Item>| {
            let (placer, call) = (placer.clone(), call.clone());
            async move {
                let item = item?;
                // In a task of its own: all cores verify.
                let placed = tokio::spawn(async move {
                    let document = call.part(Box::pin(placer.document(&item)));
                    // On a disk what is under way is about to end; a server may take long to answer.
                    let placed = match placer.target.store.is_remote() {
                        true => placer.cancel.or(document).await,
                        false => document.await,
                    };
                    (item, placed)
                });
                placed
                    .await
                    .map_err(|error| Error::new(Code::Internal, "a task of the import failed").with_source(error))
            }
        };
        self.each(entries, at_once, place).await
    }

    /// Places so many at a time, and notes them in their order. After an error no other is begun, and those under way are
    /// waited for: nothing is stored after the end of the call.
    async fn each<F: Future<Output = Result<(Item, Result<Option<Placed>>)>>>(
        &mut self,
        mut entries: Entries,
        at_once: usize,
        place: impl FnMut(Result<Item>) -> F,
    ) -> Result<()> {
        let stopped = AtomicBool::new(false);
        let cancel = self.placer.cancel.clone();
        let items = stream::poll_fn(|context| match stopped.load(Ordering::Relaxed) || cancel.check().is_err() {
            true => Poll::Ready(None),
            false => entries.poll_recv(context),
        });
        let mut placed = std::pin::pin!(items.map(place).buffered(at_once));
        let mut outcome = Ok(());
        while let Some(next) = placed.next().await {
            if outcome.is_err() {
                continue;
            }
            outcome = match next {
                Ok((item, placed)) => self.note(item, placed).await,
                Err(error) => Err(error),
            };
            stopped.store(outcome.is_err(), Ordering::Relaxed);
        }
        outcome.and_then(|()| self.placer.cancel.check())
    }

    async fn next(&self, entries: &mut Entries) -> Result<Option<Item>> {
        self.placer.cancel.or(async { entries.recv().await.transpose() }).await
    }

    /// Notes what became of an entry.
    async fn note(&mut self, item: Item, placed: Result<Option<Placed>>) -> Result<()> {
        let placed = match placed {
            Ok(Some(placed)) => placed,
            Ok(None) => return Ok(()),
            Err(error) if matches!(error.code(), Code::Aborted | Code::Internal) => return Err(error),
            Err(error) => {
                self.failures += 1;
                if self.failures >= MOST_FAILURES {
                    return Err(error);
                }
                let finding = Finding::of(What::Failed, &error).with_path(&*item.path);
                Placed { outcome: Outcome::Failed, leaf: None, bytes: 0, findings: vec![finding], told: false }
            }
        };
        if placed.is_there() {
            self.failures = 0;
        }
        let report = &mut self.report;
        match placed.outcome {
            Outcome::Copied => (report.copied, report.bytes) = (report.copied + 1, report.bytes + placed.bytes),
            Outcome::Same => report.same += 1,
            Outcome::Conflict => report.conflicts += 1,
            Outcome::Refused | Outcome::Failed => report.failed += 1,
        }
        let failed = u64::from(!placed.is_there());
        placed.findings.into_iter().for_each(|finding| self.sink.found(finding));
        self.sink.done(1, if placed.told { 0 } else { placed.bytes }, failed);
        let Some(leaf) = placed.leaf else { return Ok(()) };
        let mut leaves = std::mem::take(&mut self.leaves);
        self.leaves = match leaves.is_full() {
            true => blocking(move || leaves.add(&leaf).map(|()| leaves)).await?,
            false => leaves.add(&leaf).map(|()| leaves)?,
        };
        Ok(())
    }

    async fn end(self) -> Result<Report> {
        let Import { placer, sink, leaves, mut report, .. } = self;
        placer.touched.tell(&placer.target, &sink, &placer.cancel).await?;
        // What would be there has no root.
        let dry_run = placer.dry_run;
        report.root = blocking(move || leaves.roots()).await?.filter(|_| !dry_run);
        report.create_once = Some(placer.target.store.create_once());
        let mut agents: Vec<String> = placer.new_agents().iter().map(DocumentId::to_string).collect();
        agents.sort_unstable();
        report.new_agents = Some(agents);
        report.findings = sink.take();
        Ok(report)
    }
}
