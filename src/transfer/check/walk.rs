//! The passes over a store, in pages: names, agents, documents, files. On a disk a page is looked at on a thread that waits
//! for it; elsewhere many objects of a page are asked for at once.

use std::future::Future;
use std::sync::Arc;
use std::thread::available_parallelism;

use futures::stream::FuturesOrdered;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;

use super::folder::of_odd;
use super::repair::{Outcome, Repair};
use super::state::{Pass, State};
use super::tally::Tally;
use super::{Check, Finding, What};
use crate::error::{Code, Error, Result};
use crate::id::DocumentId;
use crate::store::layout::{self, ObjectKey};
use crate::store::{Documents, Entry, FileName, Files, Ids, Kind, Odd, Seen, Trouble, wait_here};
use crate::trust::OneCall;

/// Ids that one thread takes, on a disk.
const LOCAL_PAGE: usize = 256;
/// Pages at once on a disk, for each core: most of them wait where the disk's pages are not in memory.
const LOCAL_PAGES_A_CORE: usize = 4;
const MOST_LOCAL_PAGES: usize = 64;
/// Ids of a page where each takes a request, how many of them are asked for at once, and pages at once.
const REMOTE_PAGE: usize = 64;
const AT_ONCE: usize = 32;
const REMOTE_PAGES: usize = 3;
/// Attachments of a page.
const FILES_PAGE: usize = 16;
/// Who signed is asked anew after so many pages: what is known of a million agents would not be little.
const PAGES_A_CALL: usize = 16;

/// Ids of a page, with what a listing told of each.
type Listed = Vec<(DocumentId, Option<Vec<Entry>>)>;

/// Looks at everything; the counts.
pub async fn walk(check: &Arc<Check>, state: &mut State) -> Result<Tally> {
    let mut unchecked = 0;
    finish_repairs(check, state).await?;
    let mut agents = IdPages::new(check, Kind::Agent, state.reached(Pass::Agents).after.as_deref()).await?;
    let mut documents = IdPages::new(check, Kind::Document, state.reached(Pass::Documents).after.as_deref()).await?;
    // To read the names of a large directory takes a while, in which nothing else could be done.
    let (named, ()) = tokio::join!(look_at_names(check, state), async {
        agents.prepare(check).await;
        documents.prepare(check).await;
    });
    named?;
    state.named(|digest| {
        check.known.name(digest);
    })?;
    unchecked += go_through(check, state, Pass::Agents, agents).await?;
    unchecked += go_through(check, state, Pass::Documents, documents).await?;
    let pages = FilePages::new(check, state.reached(Pass::Files).after.as_deref());
    unchecked += go_through(check, state, Pass::Files, pages).await?;
    Ok(Tally { unchecked, ..std::mem::take(&mut state.tally) })
}

/// Where the disk may be waited for, or where others go on meanwhile.
async fn run<T: Send + 'static>(check: &Check, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let done = match check.vault.store.is_local() {
        true => {
            let handle = Handle::current();
            tokio::task::spawn_blocking(move || wait_here(|| handle.block_on(work)))
        }
        // A repair is not left between its two steps.
        false if check.repair.is_some() => tokio::spawn(work),
        false => {
            let cancel = check.cancel.clone();
            tokio::spawn(async move { cancel.or(work).await })
        }
    };
    done.await.map_err(|error| Error::new(Code::Internal, "a part of the check failed").with_source(error))?
}

/// Ends what earlier repairs began.
async fn finish_repairs(check: &Arc<Check>, state: &mut State) -> Result<()> {
    let worker = check.clone();
    let tally = run(check, async move {
        let mut tally = Tally::default();
        let Some(repair) = &worker.repair else { return Ok(tally) };
        for moved in repair.quarantine.unfinished()? {
            worker.check_on()?;
            let outcome = finish(repair, &worker, &moved.path).await?;
            if outcome == Outcome::Repaired {
                repair.quarantine.done(&moved)?;
                tally.repaired += 1;
            }
            tally.damaged += 1;
            let message = "an earlier repair ended before its time: the object was in the quarantine alone";
            let finding = Finding::new(What::Interrupted, Code::NotFound, message).with_path(&moved.path);
            let finding = match ObjectKey::parse(&moved.path) {
                Some(key) => finding.with_key(key),
                None => finding,
            };
            worker.tell(&mut tally, Outcome::note(Some(outcome), finding));
        }
        Ok(tally)
    });
    let tally = tally.await?;
    match tally.damaged {
        0 => Ok(()),
        _ => record(check, state, Pass::Names, Step { tally, ..Step::default() }),
    }
}

async fn finish(repair: &Repair, check: &Check, path: &str) -> Result<Outcome> {
    OneCall::default().part(repair.finish(check, path)).await
}

/// What is not of the layout, and which attachments are stored.
async fn look_at_names(check: &Arc<Check>, state: &mut State) -> Result<()> {
    let is_told = state.reached(Pass::Names).ended;
    let worker = check.clone();
    let tally = run(check, async move {
        let (mut tally, mut stored, mut instead) = (Tally::default(), Vec::new(), Vec::new());
        let mut see = |seen| {
            match seen {
                Seen::File(hash) => stored.push(worker.known.digest(&hash)),
                Seen::Odd(..) if is_told => {}
                // What hides documents is replaced when nothing is read there any more.
                Seen::Odd(path, odd @ Odd::Instead(_)) if worker.repair.is_some() => instead.push((path, odd)),
                Seen::Odd(path, odd) => {
                    let finding = of_odd(path, odd);
                    tally.damaged += u64::from(finding.what.is_damage());
                    worker.tell(&mut tally, finding);
                }
            }
            worker.check_on()
        };
        worker.vault.store.survey_names(&mut see).await?;
        worker.known.set_stored(stored);
        for (path, odd) in instead {
            worker.replace_folder(&mut tally, path, odd).await?;
        }
        Ok(tally)
    });
    let tally = tally.await?;
    if is_told {
        return Ok(());
    }
    record(check, state, Pass::Names, Step { ended: true, tally, ..Step::default() })
}

impl Check {
    async fn replace_folder(&self, tally: &mut Tally, path: String, odd: Odd) -> Result<()> {
        self.check_on()?;
        let folder = format!("{path}/");
        let mut kinds = [Kind::Agent, Kind::Document].into_iter();
        let place = kinds.find_map(|kind| Some((kind, layout::parse_prefix(kind, &folder)?)));
        let outcome = match (&self.repair, place) {
            (Some(repair), Some((kind, id))) => repair.replace_folder(self, kind, id).await?,
            _ => Outcome::Not("a directory of the layout itself is not replaced".into()),
        };
        tally.damaged += 1;
        tally.repaired += u64::from(outcome == Outcome::Repaired);
        self.tell(tally, Outcome::note(Some(outcome), of_odd(path, odd)));
        Ok(())
    }
}

/// A step that is done.
#[derive(Default)]
struct Step {
    after: Option<String>,
    ended: bool,
    settles: bool,
    tally: Tally,
}

fn record(check: &Check, state: &mut State, pass: Pass, step: Step) -> Result<()> {
    let Step { after, ended, settles, tally } = step;
    let (scanned, bytes, damaged) = (tally.scanned, tally.bytes, tally.damaged);
    state.step(pass, after.as_deref(), ended, settles, tally)?;
    check.sink.done(scanned, bytes, damaged);
    Ok(())
}

/// Pages of a pass.
trait Pages {
    type Page: Send + 'static;

    /// The next page, and the last name of it; `None` at the end.
    fn next(&mut self, check: &Check) -> impl Future<Output = Result<Option<(String, Self::Page)>>> + Send;
    /// What could not be looked at before.
    fn again(names: &[String]) -> Self::Page;
    fn look(&mut self, check: &Arc<Check>, page: Self::Page) -> impl Future<Output = Result<Tally>> + Send + 'static;
}

/// One pass; how many objects could not be looked at. A step is noted when all before it are.
async fn go_through<P: Pages>(check: &Arc<Check>, state: &mut State, pass: Pass, mut pages: P) -> Result<u64> {
    let at_once = match check.vault.store.is_local() {
        true => (LOCAL_PAGES_A_CORE * available_parallelism().map_or(2, usize::from)).min(MOST_LOCAL_PAGES),
        false => REMOTE_PAGES,
    };
    let mut unchecked = 0;
    let again = std::mem::take(&mut state.reached(pass).again);
    if !again.is_empty() {
        let page = P::again(&again);
        // Until it is noted that they were tried again, they are still to be.
        state.reached(pass).again = again;
        let tally = run(check, pages.look(check, page)).await?;
        unchecked += tally.unchecked;
        record(check, state, pass, Step { settles: true, tally, ..Step::default() })?;
    }
    let mut more = !state.reached(pass).ended;
    let mut running = FuturesOrdered::new();
    let mut failed = None;
    loop {
        while more && failed.is_none() && running.len() < at_once {
            match check.check_on().and(pages.next(check).await) {
                Ok(Some((after, page))) => {
                    let look = run(check, pages.look(check, page));
                    running.push_back(async move { (after, look.await) });
                }
                Ok(None) => more = false,
                Err(error) => failed = Some(error),
            }
        }
        match running.next().await {
            None => break,
            Some((after, Ok(tally))) if failed.is_none() => {
                unchecked += tally.unchecked;
                let step = Step { after: Some(after), tally, ..Step::default() };
                failed = record(check, state, pass, step).err();
            }
            Some((_, Err(error))) => drop(failed.get_or_insert(error)),
            // What is behind a page that failed is not noted; but what is under way comes to its end.
            Some(_) => {}
        }
    }
    match failed {
        Some(error) => Err(error),
        None => {
            record(check, state, pass, Step { ended: true, ..Step::default() })?;
            Ok(unchecked)
        }
    }
}

enum Listing {
    Ids(Ids),
    Documents(Documents),
}

struct IdPages {
    kind: Kind,
    listing: Listing,
    /// What was listed before it was asked for.
    ready: Option<Result<Option<(String, Listed)>>>,
    call: OneCall,
    pages: usize,
}

impl IdPages {
    async fn new(check: &Check, kind: Kind, after: Option<&str>) -> Result<IdPages> {
        let store = &check.vault.store;
        let after = after.and_then(|after| after.parse::<DocumentId>().ok());
        let listing = if store.lists_all() {
            let mut documents = store.documents(kind).await?;
            after.into_iter().for_each(|after| documents.seek_after(after));
            Listing::Documents(documents)
        } else {
            let mut ids = store.ids(kind).await?;
            after.into_iter().for_each(|after| ids.seek_after(after));
            Listing::Ids(ids)
        };
        Ok(IdPages { kind, listing, ready: None, call: OneCall::default(), pages: 0 })
    }

    /// Lists the first page, where the names of a directory are read at once; not when the look at names brings some back.
    async fn prepare(&mut self, check: &Check) {
        if check.vault.store.is_local() && check.repair.is_none() {
            self.ready = Some(self.list(check).await);
        }
    }

    async fn list(&mut self, check: &Check) -> Result<Option<(String, Listed)>> {
        let count = if check.vault.store.is_local() { LOCAL_PAGE } else { REMOTE_PAGE };
        let page = match &mut self.listing {
            Listing::Ids(ids) => ids.next_page(count).await.map(|ids| ids.into_iter().map(|id| (id, None)).collect()),
            Listing::Documents(documents) => {
                let page = documents.next_page(count).await;
                page.map(|page| page.into_iter().map(|found| (found.id, found.entries.ok())).collect::<Listed>())
            }
        };
        let mut page = match page {
            // It is told already what stands where the directory belongs.
            Err(error) if error.is_damage() => return Ok(None),
            page => page?,
        };
        let Some(last) = page.last().map(|(id, _)| id.to_string()) else { return Ok(None) };
        if self.kind == Kind::Document {
            page.retain(|(id, _)| check.is_drawn(*id));
        }
        Ok(Some((last, page)))
    }
}

impl Pages for IdPages {
    type Page = Listed;

    async fn next(&mut self, check: &Check) -> Result<Option<(String, Listed)>> {
        match self.ready.take() {
            Some(page) => page,
            None => self.list(check).await,
        }
    }

    fn again(names: &[String]) -> Listed {
        names.iter().filter_map(|name| Some((name.parse().ok()?, None))).collect()
    }

    fn look(&mut self, check: &Arc<Check>, page: Listed) -> impl Future<Output = Result<Tally>> + Send + 'static {
        if self.pages.is_multiple_of(PAGES_A_CALL) || self.kind == Kind::Agent {
            self.call = OneCall::default();
        }
        self.pages += 1;
        let (check, kind, call) = (check.clone(), self.kind, self.call.clone());
        async move { call.part(look_at_ids(&check, kind, page)).await }
    }
}

async fn look_at_ids(check: &Check, kind: Kind, page: Listed) -> Result<Tally> {
    let mut tally = Tally::default();
    let survey = match check.vault.store.survey(kind) {
        Ok(survey) => survey,
        Err(Trouble::Unasked(error) | Trouble::Unreadable(error)) => return Err(error),
        Err(Trouble::Gone | Trouble::NotAFile(_)) => return Ok(tally),
    };
    if check.vault.store.is_local() {
        for (id, listed) in page {
            tally.add(check.look_at_id(&survey, kind, id, listed).await?);
        }
        return Ok(tally);
    }
    let look = |(id, listed)| check.look_at_id(&survey, kind, id, listed);
    let mut looks = stream::iter(page).map(look).buffer_unordered(AT_ONCE);
    while let Some(found) = looks.try_next().await? {
        tally.add(found);
    }
    Ok(tally)
}

struct FilePages(Files);

impl FilePages {
    fn new(check: &Check, after: Option<&str>) -> FilePages {
        let mut files = check.vault.store.all_files();
        after.and_then(|after| after.parse().ok()).into_iter().for_each(|after| files.seek_after(after));
        FilePages(files)
    }
}

impl Pages for FilePages {
    type Page = Vec<FileName>;

    async fn next(&mut self, _: &Check) -> Result<Option<(String, Vec<FileName>)>> {
        let page = match self.0.next_page(FILES_PAGE).await {
            Err(error) if error.is_damage() => return Ok(None),
            page => page?,
        };
        Ok(page.last().map(|last| last.hash.to_string()).map(|last| (last, page)))
    }

    fn again(names: &[String]) -> Vec<FileName> {
        names
            .iter()
            .filter_map(|name| Some(FileName { hash: name.parse().ok()?, bytes: None, modified: None }))
            .collect()
    }

    fn look(
        &mut self,
        check: &Arc<Check>,
        page: Vec<FileName>,
    ) -> impl Future<Output = Result<Tally>> + Send + 'static {
        let check = check.clone();
        async move {
            match check.vault.store.survey_files() {
                Ok(survey) => check.look_at_files(&survey, page).await,
                Err(Trouble::Unasked(error) | Trouble::Unreadable(error)) => Err(error),
                Err(Trouble::Gone | Trouble::NotAFile(_)) => Ok(Tally::default()),
            }
        }
    }
}
