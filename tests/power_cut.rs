//! What a power cut leaves behind: an agent's system calls are recorded, every state that POSIX allows after each of
//! them is made on a disk (`power_cut/model.rs` says which these are), and a new process is asked what it finds there.
//! Killing a process says nothing about this: what it wrote survives in the page cache.

#![cfg(target_os = "linux")]
// The lints know test functions only, not what these call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod power_cut {
    pub mod argument;
    pub mod choice;
    mod effect;
    pub mod files;
    pub mod follow;
    pub mod judge;
    pub mod model;
    pub mod promise;
    pub mod recording;
    pub mod replay;
    pub mod script;
    mod semantics;
}
mod store_support;

use std::collections::BTreeMap;

use power_cut::choice::Effort;
use power_cut::judge::{Complaint, Verdict, explain, judge};
use power_cut::recording::{Effect, Node, Recording};
use power_cut::replay::{Fault, Replayer};
use power_cut::script::{Actor, Recorded, Scene};
use store_support::child_place;

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Here, because handing every read to another thread takes longer than reading.
    jacs_agent::store::wait_here(|| runtime.block_on(work))
}

fn record(function: &str, durability: &str, faults: &[&str]) -> Option<Recorded> {
    run(Scene::new()).record(function, durability, faults)
}

fn judged(recorded: &Recorded, recording: &Recording, effort: Effort) -> Verdict {
    run(async { judge(recording, Replayer::new(&recorded.scene).await, effort).await })
}

fn keeps_its_promises(function: &str, faults: &[&str]) {
    let Some(recorded) = record(function, "full", faults) else { return };
    let verdict = judged(&recorded, &recorded.recording, Effort::usual());
    let first = verdict.cases.first().map(|case| explain(&recorded.recording, case));
    assert!(first.is_none(), "{} complaints, the first: {}", verdict.cases.len(), first.unwrap_or_default());
    assert!(verdict.states > verdict.instants, "nothing was tried");
}

/// The first link of every thread fails as if files without a name could not be linked: its file is copied to one with a
/// temporary name, and later files begin so.
const NO_UNNAMED_LINKS: &str = "linkat:error=ENOENT:when=1";
const IN_GROUPS: usize = 24;
const NO_LINKS: &str = "linkat:error=EPERM";
/// As on a disk, so that calls meet that would follow one another in a memory that is fast.
const SLOW_FLUSHES: &str = "fsync,fdatasync,syncfs:delay_enter=20000";

#[test]
fn a_power_cut_costs_nothing_that_was_promised() {
    keeps_its_promises("child_works_step_by_step", &[SLOW_FLUSHES]);
}

#[test]
fn a_power_cut_costs_nothing_that_was_promised_with_temporary_names() {
    keeps_its_promises("child_works_step_by_step", &[NO_UNNAMED_LINKS]);
}

#[test]
fn a_power_cut_costs_nothing_that_was_promised_with_renaming() {
    keeps_its_promises("child_works_step_by_step", &[NO_LINKS]);
}

#[test]
fn a_power_cut_costs_nothing_that_was_promised_at_the_same_time() {
    keeps_its_promises("child_works_in_parallel", &[SLOW_FLUSHES]);
}

#[test]
fn a_power_cut_costs_nothing_that_was_promised_at_the_same_time_with_temporary_names() {
    keeps_its_promises("child_works_in_parallel", &[NO_UNNAMED_LINKS, SLOW_FLUSHES]);
}

#[test]
fn a_power_cut_costs_nothing_that_was_promised_at_the_same_time_with_renaming() {
    keeps_its_promises("child_works_in_parallel", &[NO_LINKS, SLOW_FLUSHES]);
}

/// More saves at a time than threads that flush: each thread takes several, and flushes their directories once.
#[test]
fn a_power_cut_costs_nothing_that_was_promised_to_a_group() {
    let Some(recorded) = record("child_works_in_groups", "full", &[SLOW_FLUSHES]) else { return };
    let recording = &recorded.recording;
    let documents = recording.directories_at("made/data/documents");
    let flushes = recording
        .operations
        .iter()
        .filter(|step| matches!(&step.effect, Effect::Sync(node) if documents.contains(node)));
    assert!(flushes.count() < IN_GROUPS, "no groups were formed");
    let verdict = judged(&recorded, recording, Effort::Sampled);
    let first = verdict.cases.first().map(|case| explain(recording, case));
    assert!(first.is_none(), "{} complaints, the first: {}", verdict.cases.len(), first.unwrap_or_default());
    let of_documents = |node: &Node| documents.contains(node);
    finds(&recorded, &recording.without_flushes(of_documents), Effort::Quick, &["lost"]);
    finds(&recorded, &recording.flushing_early(), Effort::Quick, &["lost"]);
}

#[test]
fn a_power_cut_costs_nothing_of_a_document_that_is_written_in_pieces() {
    keeps_its_promises("child_writes_a_long_document", &[]);
}

#[test]
fn the_harness_finds_flushes_that_are_missing_or_late() {
    let Some(recorded) = record("child_works_step_by_step", "full", &[]) else { return };
    let recording = &recorded.recording;
    let is_directory = |node: &Node| recording.directories[*node];
    finds(&recorded, &recording.without_flushes(is_directory), Effort::Quick, &["lost"]);
    finds(&recorded, &recording.without_flushes(|node| !is_directory(node)), Effort::Quick, &["lost", "torn"]);
    for path in ["", "made", "made/data", "made/data/documents"] {
        let nodes = recording.directories_at(path);
        finds(&recorded, &recording.without_flushes(|node| nodes.contains(node)), Effort::Quick, &["lost"]);
    }
    finds(&recorded, &recording.promising_early(), Effort::usual(), &["lost"]);
    finds(&recorded, &recording.flushing_early(), Effort::Quick, &["lost"]);
}

#[test]
fn the_harness_finds_flushes_that_are_missing_or_late_at_the_same_time() {
    let Some(recorded) = record("child_works_in_parallel", "full", &[SLOW_FLUSHES]) else { return };
    let recording = &recorded.recording;
    let tops = ["", "made", "made/data", "made/data/documents"].map(|path| recording.directories_at(path)).concat();
    let of_documents = |node: &Node| recording.directories[*node] && !tops.contains(node);
    finds(&recorded, &recording.without_flushes(of_documents), Effort::Quick, &["lost"]);
    finds(&recorded, &recording.flushing_early(), Effort::Quick, &["lost"]);
}

#[test]
fn with_durability_none_a_power_cut_loses_promises_and_an_end_of_the_process_does_not() {
    let Some(recorded) = record("child_works_step_by_step", "none", &[]) else { return };
    finds(&recorded, &recorded.recording, Effort::Quick, &["lost", "torn"]);
    let verdict = judged(&recorded, &recorded.recording, Effort::ProcessOnly);
    assert!(verdict.cases.is_empty(), "{}", explain(&recorded.recording, &verdict.cases[0]));
}

/// That the harness finds what it has to; and, however torn the files are, no read gives bytes that were never written.
fn finds(recorded: &Recorded, recording: &Recording, effort: Effort, wanted: &[&str]) {
    let mut found = BTreeMap::<String, usize>::new();
    for case in judged(recorded, recording, effort).cases {
        let kind = match case.complaint {
            Complaint::Lost(_) => "lost".to_owned(),
            Complaint::Back(_) => "back".to_owned(),
            Complaint::Fault(Fault::Torn(_, code)) => {
                *found.entry("torn".to_owned()).or_default() += 1;
                format!("reading refused: {code}")
            }
            Complaint::Fault(Fault::Unverified(_, code)) => format!("reading refused to strangers: {code}"),
            Complaint::Fault(Fault::Refused(what, code)) => format!("{what} refused: {code}"),
            Complaint::Fault(Fault::Wrong(_) | Fault::Stray(_) | Fault::Unlisted(_)) => {
                panic!("{}", explain(recording, &case))
            }
        };
        *found.entry(kind).or_default() += 1;
    }
    eprintln!("{found:?}");
    assert!(wanted.iter().all(|kind| found.contains_key(*kind)), "the harness finds nothing: {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "run by others under strace"]
async fn child_works_step_by_step() {
    let Some(place) = child_place() else { return };
    let actor = Actor::new(&place).await;
    let first = actor.create("{\"a\":1}").await;
    let second = actor.update(&first, "{\"a\":2}").await;
    actor.save(&second).await;
    let other = actor.create("{\"b\":1}").await;
    let newer = actor.update(&other, "{\"b\":2}").await;
    actor.remove(&newer).await;
    actor.remove_all(&[&first, &second]).await;
    // Its directory is gone, and is made anew.
    actor.save(&first).await;
    actor.create_all((0..7).map(|number| format!("{{\"c\":{number}}}")).collect()).await;
}

/// Two agents that know nothing of each other, as in two processes, and several calls of each at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "run by others under strace"]
async fn child_works_in_parallel() {
    let Some(place) = child_place() else { return };
    let actors = [Actor::new(&place).await, Actor::new(&place).await];
    let created = all((0..6).map(|number| {
        let actor = actors[number % 2].clone();
        async move { actor.create(&format!("{{\"a\":{number}}}")).await }
    }));
    let created = created.await;
    let signed = actors[0].sign("{\"b\":1}").await;
    // Both save the same, and change what the other one wrote.
    all((0..6).map(|number| {
        let (actor, text, signed) = (actors[number % 2].clone(), created[5 - number].clone(), signed.clone());
        async move {
            match number {
                0 | 1 => drop(actor.update(&text, "{\"a\":7}").await),
                2 => actor.remove(&text).await,
                _ => actor.save(&signed).await,
            }
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "run by others under strace"]
async fn child_works_in_groups() {
    let Some(place) = child_place() else { return };
    let actor = Actor::new(&place).await;
    actor.create("{}").await;
    let created = (0..IN_GROUPS).map(|number| {
        let actor = actor.clone();
        async move { actor.create(&format!("{{\"a\":{number}}}")).await }
    });
    all(created).await;
}

async fn all<T: Send + 'static>(work: impl Iterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = work.map(tokio::spawn).collect();
    let done = futures::future::join_all(tasks).await;
    done.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "run by others under strace"]
async fn child_writes_a_long_document() {
    let Some(place) = child_place() else { return };
    let actor = Actor::new(&place).await;
    actor.create(&format!("{{\"a\":\"{}\"}}", "x".repeat(1_200_000))).await;
}
