//! The walk over two stores: listing against listing, objects in pages, pages in tasks, and what became of each object into
//! the log, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, stream};

use super::MOST_FAILURES;
use super::copy::{Copier, Item};
use super::finding::Finding;
use super::listing::{Counting, Object, Objects, Shelf};
use super::log::{Log, Outcome, Record, Records};
use super::object::unreadable;
use super::report::Report;
use super::sink::Sink;
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::store::{ObjectKey, Store, layout};

/// Objects that one task takes, at the same time: so few that little is repeated after a crash.
const PAGE: usize = 8;
/// Objects under way at once when the caller does not say.
pub const CONCURRENCY: usize = 64;

/// How the stores are walked.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    pub concurrency: usize,
    /// A second look at the end: for what came meanwhile, and for what failed.
    pub twice: bool,
    /// Whether objects that were the same are noted, too: without them there is no root.
    pub notes_same: bool,
}

/// One transfer under way.
pub struct Engine {
    pub copier: Copier,
    pub walk: Walk,
    pub log: Log,
    pub sink: Arc<Sink>,
    pub cancel: Cancel,
    /// What the log does not have.
    pub unnoted: Report,
}

/// What a task found of its objects: what to note, and the errors of those that failed.
type Page = Result<Vec<(Record, Option<Error>)>>;

impl Engine {
    /// Walks over all objects of the source.
    ///
    /// Errors: `JACS_ABORTED`; those of a store that cannot be listed, or where nothing can be read or written.
    pub async fn run(&mut self) -> Result<()> {
        let _counting = Counting::begin(&self.copier.from.store, &self.sink);
        // What lies before the last key of an earlier call may have been passed over then, so a single look begins anew.
        if self.walk.twice || !self.log.is_resumed() {
            for shelf in Shelf::ALL {
                let after = self.log.last(shelf);
                self.walk_shelf(shelf, after, None).await?;
            }
        }
        if !self.walk.twice && !self.log.is_resumed() {
            return Ok(());
        }
        for shelf in Shelf::ALL {
            let noted = self.log.records(shelf)?;
            self.walk_shelf(shelf, None, Some(noted)).await?;
        }
        Ok(())
    }

    /// `noted`: what is done already; then this is the last look.
    async fn walk_shelf(&mut self, shelf: Shelf, after: Option<ObjectKey>, noted: Option<Records>) -> Result<()> {
        let is_last = noted.is_some() || !self.walk.twice;
        let (from, to) = (&self.copier.from.store, &self.copier.to.store);
        let join = Join {
            from: Objects::of(from, shelf, after).await?,
            to: Objects::of(to, shelf, after).await?,
            noted,
            next_noted: None,
            met: false,
            gone: Vec::new(),
            broken: Vec::new(),
            most: PAGE.min(self.walk.concurrency),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let (feeding, copier, cancel) = (stop.clone(), self.copier.clone(), self.cancel.clone());
        let feed = stream::unfold(Some(join), move |join| {
            let (stop, cancel) = (feeding.clone(), cancel.clone());
            async move {
                let mut join = join.filter(|_| !stop.load(Ordering::Relaxed))?;
                // Boxed: it is in every place of the stream.
                match Box::pin(async { cancel.or(join.next_page()).await }).await {
                    Ok(page) if page.is_empty() && join.broken.is_empty() && join.gone.is_empty() => None,
                    Ok(page) => {
                        let beside = (std::mem::take(&mut join.broken), std::mem::take(&mut join.gone));
                        Some((Ok((page, beside)), Some(join)))
                    }
                    Err(error) => Some((Err(error), None)),
                }
            }
        });
        let tasks = feed.map(move |page| {
            let copier = copier.clone();
            async move {
                let (page, beside) = page?;
                Ok((copy_page(copier, page).await?, beside))
            }
        });
        let at_once = (self.walk.concurrency / PAGE).max(1);
        let mut done = std::pin::pin!(tasks.buffered(at_once));
        let (mut outcome, mut in_a_row) = (Ok(()), 0);
        while let Some(page) = done.next().await {
            let taken = page.and_then(|(page, (broken, gone))| {
                self.take_broken(broken, is_last);
                self.log.add(&gone)?;
                self.take(page, is_last, &mut in_a_row)
            });
            // What is under way comes to its end, so that nothing goes on behind the caller's back; it is not begun.
            if let (true, Err(error)) = (outcome.is_ok(), taken) {
                outcome = Err(error);
                stop.store(true, Ordering::Relaxed);
            }
        }
        outcome
    }

    /// Notes what became of the objects of a page. Errors: when too many in a row have failed.
    fn take(&mut self, page: Vec<(Record, Option<Error>)>, is_last: bool, in_a_row: &mut u64) -> Result<()> {
        let mut records = Vec::with_capacity(page.len());
        let mut away = Ok(());
        for (record, error) in page {
            match error {
                Some(error) => {
                    *in_a_row += 1;
                    if *in_a_row >= MOST_FAILURES && away.is_ok() {
                        away = Err(error);
                    }
                }
                None => *in_a_row = 0,
            }
            let failed = record.outcome == Outcome::Failed;
            if !failed || is_last {
                let copied = if record.outcome == Outcome::Copied { record.bytes } else { 0 };
                let bad = matches!(record.outcome, Outcome::Failed | Outcome::Refused | Outcome::Conflict);
                record.findings.iter().for_each(|finding| self.sink.found(finding.clone()));
                self.sink.done(1, copied, u64::from(bad));
            }
            match record.outcome == Outcome::Same && !self.walk.notes_same && record.findings.is_empty() {
                true => self.unnoted.same += 1,
                false => records.push(record),
            }
        }
        self.log.add(&records)?;
        away
    }

    fn take_broken(&mut self, broken: Vec<Finding>, is_last: bool) {
        for finding in broken.into_iter().filter(|_| is_last) {
            self.unnoted.failed += 1;
            self.sink.done(0, 0, 1);
            self.sink.found(finding);
        }
    }
}

/// Copies the objects of a page at the same time.
async fn copy_page(copier: Copier, page: Vec<Item>) -> Page {
    let task = tokio::spawn(async move {
        let copies = page.into_iter().map(|item| {
            let copier = copier.clone();
            async move { copier.copy(item).await }
        });
        let copied: Vec<_> = stream::iter(copies).buffered(PAGE).collect().await;
        copied.into_iter().filter_map(Result::transpose).collect()
    });
    let done = task.await;
    done.map_err(|error| Error::new(Code::Internal, "a task of the transfer failed").with_source(error))?
}

/// One tree of both stores side by side, without what was noted.
struct Join {
    from: Objects,
    to: Objects,
    noted: Option<Records>,
    next_noted: Option<Record>,
    /// Whether the source has it.
    met: bool,
    /// What the source has no more.
    gone: Vec<Record>,
    broken: Vec<Finding>,
    /// Objects of a page.
    most: usize,
}

impl Join {
    /// The next objects of the source; none at the end.
    async fn next_page(&mut self) -> Result<Vec<Item>> {
        let mut page = Vec::with_capacity(self.most);
        while page.len() < self.most {
            let found = self.from.next().await?;
            self.take_broken();
            let Some(found) = found else {
                self.pass_over_the_rest()?;
                break;
            };
            let at_target = self.at_target(&found.key).await?;
            if self.is_done(&found.key, at_target)? {
                continue;
            }
            page.push(Item { key: found.key, bytes: found.bytes, at_target });
        }
        Ok(page)
    }

    async fn at_target(&mut self, key: &ObjectKey) -> Result<Option<Option<u64>>> {
        while let Some(there) = self.to.peek().await? {
            if there.key < *key {
                self.to.next().await?;
                continue;
            }
            return Ok((there.key == *key).then_some(there.bytes));
        }
        Ok(None)
    }

    /// What an earlier call noted counts as long as the target lists it, and not with another length: it may have lost it since.
    fn is_done(&mut self, key: &ObjectKey, at_target: Option<Option<u64>>) -> Result<bool> {
        let Some(noted) = &mut self.noted else { return Ok(false) };
        while self.next_noted.as_ref().is_none_or(|record| record.key < *key) {
            Self::pass_over(&mut self.next_noted, &mut self.met, &mut self.gone);
            self.next_noted = noted.next()?;
            if self.next_noted.is_none() {
                return Ok(false);
            }
        }
        let record = self.next_noted.as_ref().filter(|record| record.key == *key);
        self.met |= record.is_some();
        Ok(record.is_some_and(|record| {
            let is_there = at_target.is_some_and(|length| length.is_none_or(|length| length == record.bytes));
            record.is_final() && (!record.is_earlier || is_there)
        }))
    }

    /// What an earlier call noted and the listing has not any more.
    fn pass_over(noted: &mut Option<Record>, met: &mut bool, gone: &mut Vec<Record>) {
        let was_met = std::mem::take(met);
        let passed = noted.take().filter(|record| !was_met && record.is_earlier);
        gone.extend(passed.map(|record| Record::gone(record.key)));
    }

    fn pass_over_the_rest(&mut self) -> Result<()> {
        let Some(noted) = &mut self.noted else { return Ok(()) };
        loop {
            Self::pass_over(&mut self.next_noted, &mut self.met, &mut self.gone);
            self.next_noted = noted.next()?;
            if self.next_noted.is_none() {
                return Ok(());
            }
        }
    }

    /// What stands where versions belong and cannot be listed.
    fn take_broken(&mut self) {
        let found =
            self.from.broken.drain(..).filter_map(|(kind, id, error)| unreadable(&error, id, layout::prefix(kind, id)));
        self.broken.extend(found);
    }
}

/// What one store has and the other has not, ascending.
pub struct OnlyThere {
    here: Objects,
    there: Objects,
}

impl OnlyThere {
    pub async fn of(here: &Store, there: &Store, shelf: Shelf) -> Result<OnlyThere> {
        Ok(OnlyThere { here: Objects::of(here, shelf, None).await?, there: Objects::of(there, shelf, None).await? })
    }

    pub async fn next(&mut self) -> Result<Option<Object>> {
        while let Some(object) = self.there.next().await? {
            while self.here.peek().await?.is_some_and(|other| other.key < object.key) {
                self.here.next().await?;
            }
            if self.here.peek().await?.is_none_or(|other| other.key != object.key) {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }
}
