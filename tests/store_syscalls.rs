//! What is synced and in which order, as the system sees it: killing a process says nothing about this, since what it
//! wrote survives in the page cache.

#![cfg(target_os = "linux")]
// The lints know test functions only, not what these call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod store_support;

use std::path::Path;

use bytes::Bytes;
use jacs_agent::store::{Durability, Name, ObjectKey, Put, Sha256Hex};
use store_support::strace::{self, Call, calls};
use store_support::*;

/// Begins the line that the child writes when a put is done.
const DONE: &str = "PUT DONE ";

/// The calls of each put of the child, in order.
fn puts_of(function: &str, place: &Path) -> Option<Vec<Vec<Call>>> {
    if !strace::is_installed() {
        skip("strace is not installed");
        return None;
    }
    let trace = place.join("trace");
    let wanted = "trace=openat,linkat,fsync,fdatasync,renameat2,mkdirat,write,unlinkat";
    let wrapper = ["strace", "-f", "-y", "-s", "400", "-e", wanted, "-o", trace.to_str().unwrap()];
    succeed(&mut child(&wrapper, function, place));
    let mut puts = vec![Vec::new()];
    for call in calls(&std::fs::read_to_string(&trace).unwrap()) {
        match call.name == "write" && call.text.contains(DONE) {
            true => puts.push(Vec::new()),
            false => puts.last_mut().unwrap().push(call),
        }
    }
    puts.pop();
    Some(puts)
}

fn only<'a>(calls: &'a [Call], name: &str, part: &str) -> &'a Call {
    let found: Vec<&Call> = calls.iter().filter(|call| call.name == name && call.text.contains(part)).collect();
    assert!(found.len() == 1 && found[0].succeeded(), "{name} {part}: {found:?}\n{calls:#?}");
    found[0]
}

/// Whether a directory, its path ending so, is synced after `before` is done.
fn synced_after(calls: &[Call], directory: &Path, before: &Call) -> bool {
    let part = format!("<{}>)", directory.display());
    calls
        .iter()
        .any(|call| call.name == "fsync" && call.text.contains(&part) && call.begin > before.end && call.succeeded())
}

/// The file is synced before it is published, and all of `directories` after.
fn durable(calls: &[Call], file: &str, directories: &[&Path]) {
    let publish = only(calls, "linkat", &format!("\"{file}\""));
    let number = publish.text.split_once("/proc/self/fd/").unwrap().1.split_once('"').unwrap().0;
    // The number may belong to another file later; a file without a name is shown as deleted.
    let unnamed: Vec<Call> = calls.iter().filter(|call| call.text.contains("(deleted)")).cloned().collect();
    let sync = only(&unnamed, "fsync", &format!("{number}<"));
    assert!(sync.end < publish.begin, "published before it was synced\n{calls:#?}");
    for directory in directories {
        assert!(synced_after(calls, directory, publish), "{directory:?} is not synced\n{calls:#?}");
    }
}

fn lines(place: &Path) -> Vec<String> {
    std::fs::read_to_string(place.join("keys")).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn files_are_synced_before_and_directories_after_they_are_published() {
    let place = tempfile::tempdir().unwrap();
    let Some(puts) = puts_of("child_puts_durably", place.path()) else { return };
    let keys = lines(place.path());
    assert_eq!((puts.len(), keys.len()), (5, 5));
    let root = place.path().join("made/data");
    let parent = |position: usize| root.join(&keys[position]).parent().unwrap().to_owned();
    let name = |position: usize| keys[position].rsplit_once('/').unwrap().1;
    let documents = root.join("documents");

    // The first: everything is new, up to the directory above the root.
    let made = place.path().join("made");
    durable(&puts[0], name(0), &[&parent(0), &documents, &root, &made, place.path()]);
    // Another document: its directory is new, and `documents` holds the entry.
    durable(&puts[1], name(1), &[&parent(1), &documents]);
    // A second version: another process may have made the directory and not have synced it.
    durable(&puts[2], name(2), &[&parent(2), &documents]);
    // An attachment, which is not kept in memory; `files` is new in the root.
    durable(&puts[3], name(3), &[&parent(3), &root]);
    // The same bytes again: what stands there is synced with its directories, whoever wrote it.
    let refused = puts[4].iter().find(|call| call.name == "linkat").unwrap();
    assert!(refused.text.contains("EEXIST"), "{refused:?}");
    let target = root.join(&keys[4]);
    for synced in [target.as_path(), &parent(4), &documents] {
        assert!(synced_after(&puts[4], synced, refused), "{synced:?} is not synced\n{:#?}", puts[4]);
    }
}

#[tokio::test]
#[ignore = "run by files_are_synced_before_and_directories_after_they_are_published"]
async fn child_puts_durably() {
    let Some(place) = child_place() else { return };
    let first = new_key();
    let file = ObjectKey::File(Sha256Hex::from([5; 32]));
    let keys = [first, new_key(), version_of(id_of(&first)), file, first];
    let paths: Vec<String> = keys.iter().map(ObjectKey::path).collect();
    std::fs::write(place.join("keys"), paths.join("\n")).unwrap();
    let store = open(&place.join("made/data")).await;
    for (position, key) in keys.iter().enumerate() {
        let bytes = if *key == file { vec![b'x'; 3 << 20] } else { b"{}".to_vec() };
        let put = store.put(key, Bytes::from(bytes), Name::Given).await.unwrap();
        assert_eq!(put, if position == 4 { Put::Same } else { Put::Created });
        eprintln!("{DONE}{position}");
    }
}

#[test]
fn without_durability_nothing_is_synced() {
    let place = tempfile::tempdir().unwrap();
    let Some(puts) = puts_of("child_puts_without_syncs", place.path()) else { return };
    assert_eq!(puts.len(), 1);
    only(&puts[0], "linkat", "/proc/self/fd/");
    assert!(puts[0].iter().all(|call| !call.name.ends_with("sync")), "{:#?}", puts[0]);
}

#[tokio::test]
#[ignore = "run by without_durability_nothing_is_synced"]
async fn child_puts_without_syncs() {
    let Some(place) = child_place() else { return };
    let store = open_with(&place.join("data"), Durability::None).await;
    store.put(&new_key(), Bytes::from_static(b"{}"), Name::Given).await.unwrap();
    eprintln!("{DONE}");
}
