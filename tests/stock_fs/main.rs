//! Why OpenDAL's own fs service does not hold the documents. Every condition is run on it, where it is violated, and
//! on our store, where it holds:
//!
//! - Several writers of one key are told that they created it: all but one lose, after success was promised, what they
//!   wrote, and a version that was read once changes.
//! - Readers see torn files: a document that is being written is refused as damaged.
//! - A kill leaves torn files: the key is taken for good by what is no document, and a retry is a conflict.
//! - Directories are not synced: after a power cut the file is there and its name is not.
//! - Modes are left to the umask: everybody on the machine reads the documents.
//! - Links are followed: whoever may write to the data directory directs writes and reads to any other place.
//! - A full disk is called temporary: a layer that retries asks it again and again.
//!
//! When a later OpenDAL passes all of this, it can take over from `src/store/fs`.

#![cfg(target_os = "linux")]
// The lints know test functions only, not what these call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conditions;
mod service;
#[path = "../store_support/mod.rs"]
mod store_support;

use std::time::Duration;

use conditions::*;
use opendal::Operator;
use opendal::services::Fs;
use service::Which;
use store_support::*;

const PASSES: &str = "the stock service now passes; see src/store/fs/mod.rs whether it can take over";

/// How often a condition was violated.
#[derive(Debug)]
struct Seen {
    violations: usize,
    attempts: usize,
}

/// Makes `enough` attempts, and more of them, up to `bound`, until one shows a violation: on a loaded machine a race
/// may take its time.
fn seek(enough: usize, bound: usize, mut violated: impl FnMut(usize) -> bool) -> Seen {
    let mut seen = Seen { violations: 0, attempts: 0 };
    while seen.attempts < enough || (seen.violations == 0 && seen.attempts < bound) {
        seen.violations += usize::from(violated(seen.attempts));
        seen.attempts += 1;
    }
    seen
}

/// The stock service violates the condition at least once, ours never.
fn compare(what: &str, stock: Seen, ours: Seen) {
    eprintln!("{what}: stock {stock:?}, ours {ours:?}");
    assert_eq!(ours.violations, 0, "{what}: our own store");
    assert!(stock.violations > 0, "{what}: {PASSES}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

#[test]
fn several_writers_of_one_key_win_where_files_are_renamed() {
    let seen = |which: Which, enough, bound| {
        let (runtime, place) = (runtime(), tempfile::tempdir().unwrap());
        let service = runtime.block_on(which.open(place.path()));
        seek(enough, bound, |_| runtime.block_on(several_win(&service)))
    };
    compare("several winners", seen(Which::Atomic, 100, 5000), seen(Which::Ours, 100, 100));
}

#[test]
fn readers_see_torn_files_where_they_are_written_in_place() {
    let seen = |which: Which, enough, bound| {
        let (runtime, place) = (runtime(), tempfile::tempdir().unwrap());
        let service = runtime.block_on(which.open(place.path()));
        seek(enough, bound, |_| runtime.block_on(torn_read(&service)))
    };
    compare("torn reads", seen(Which::Plain, 20, 2000), seen(Which::Ours, 20, 20));
}

#[test]
fn a_kill_leaves_torn_files_where_they_are_written_in_place() {
    let seen = |which, enough, bound| {
        seek(enough, bound, |attempt| torn_by_kill(which, Duration::from_micros(1700 * (attempt as u64 % 12))))
    };
    compare("torn by a kill", seen(Which::Plain, 5, 200), seen(Which::Ours, 5, 5));
}

#[tokio::test]
#[ignore = "run by a_kill_leaves_torn_files_where_they_are_written_in_place"]
async fn child_writes_until_it_is_killed() {
    let Some(place) = child_place() else { return };
    let service = Which::named(&std::env::var(WHICH).unwrap()).open(&place).await;
    // Bounded, should nobody kill it.
    for _ in 0..500 {
        assert!(service.create(&new_key(), long_text()).await.unwrap());
    }
}

#[test]
fn directories_are_not_synced() {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        return skip("strace is not installed");
    }
    for stock in [Which::Plain, Which::Atomic] {
        compare(
            "unsynced directory",
            seek(1, 1, |_| directory_unsynced(stock)),
            seek(1, 1, |_| directory_unsynced(Which::Ours)),
        );
    }
}

#[test]
fn everybody_may_read_what_is_stored() {
    for stock in [Which::Plain, Which::Atomic] {
        compare(
            "readable by others",
            seek(1, 1, |_| readable_by_others(stock)),
            seek(1, 1, |_| readable_by_others(Which::Ours)),
        );
    }
}

#[tokio::test]
#[ignore = "run by directories_are_not_synced and everybody_may_read_what_is_stored"]
async fn child_writes_one_object() {
    let Some(place) = child_place() else { return };
    let service = Which::named(&std::env::var(WHICH).unwrap()).open(&place).await;
    assert!(service.create(&new_key(), long_text()).await.unwrap());
}

#[test]
fn links_lead_out_of_the_data_directory() {
    for stock in [Which::Plain, Which::Atomic] {
        let runtime = runtime();
        let seen = |which| seek(1, 1, |_| runtime.block_on(written_outside(which)));
        compare("written outside", seen(stock), seen(Which::Ours));
    }
}

#[tokio::test]
async fn a_full_disk_is_called_temporary() {
    let device = Operator::new(Fs::default().root("/dev")).unwrap();
    let error = device.write("full", "x").await.unwrap_err();
    assert!(error.is_temporary(), "{error:?}: {PASSES}");
}
