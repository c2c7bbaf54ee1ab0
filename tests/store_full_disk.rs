//! No space left: nothing partial stays, and the store goes on working.

#![cfg(target_os = "linux")]
// The lints know test functions only, not what these call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod store_support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jacs_agent::error::Code;
use jacs_agent::store::{Kind, Name, ObjectKey, Put, Sha256Hex, Store};
use store_support::*;

/// Runs `function` with a small tmpfs mounted at `disk` below its place, in a mount namespace of its own.
fn on_a_small_disk(options: &str, function: &str) {
    let Some(namespace) = mount_namespace() else { return skip("mounting is not permitted") };
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("disk")).unwrap();
    let disk = place.path().join("disk");
    let script = format!("mount -t tmpfs -o {options} none {} && exec \"$0\" \"$@\"", disk.display());
    succeed(&mut child(&[namespace, &["sh", "-c", &script]].concat(), function, place.path()));
    assert!(tree(&disk).is_empty(), "it was not the mounted disk");
}

/// What the store says is there, and what lies on the disk, is just `keys`.
async fn holds_just(store: &Store, root: &Path, keys: &BTreeSet<String>) {
    let mut expected: BTreeSet<String> = keys.clone();
    for key in keys {
        let parents = Path::new(key).ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
        expected.extend(parents.map(|parent| parent.to_str().unwrap().to_owned()));
    }
    expected.insert("documents".into());
    let found: BTreeSet<String> = tree(root).into_iter().chain(["documents".into()]).collect();
    assert_eq!(found, expected);
    for key in keys {
        let key = ObjectKey::parse(key).unwrap();
        assert_eq!(store.get(&key, NO_LIMIT).await.unwrap(), bytes_of(&key));
    }
}

fn bytes_of(key: &ObjectKey) -> Bytes {
    Bytes::from(key.to_string().repeat(100))
}

/// Puts until it fails.
async fn fill(store: &Store, keys: &mut BTreeSet<String>) -> ObjectKey {
    loop {
        let key = new_key();
        match store.put(&key, bytes_of(&key), Name::Given).await {
            Ok(put) => assert_eq!(put, Put::Created),
            Err(error) => {
                assert_eq!((error.code(), error.is_retryable()), (Code::Unavailable, true), "{error:?}");
                assert_eq!(error.details().key, Some(key.to_string()));
                assert!(error.to_string().contains("No space left"), "{error}");
                return key;
            }
        }
        assert!(keys.insert(key.path()));
        assert!(keys.len() < 10_000, "the disk is not small");
    }
}

/// Fills the disk, twice, with something removed in between.
async fn full_and_usable_again(root: PathBuf) {
    let store = open(&root).await;
    let mut keys = BTreeSet::new();
    let refused = fill(&store, &mut keys).await;
    assert!(keys.len() > 2);
    holds_just(&store, &root, &keys).await;

    for _ in 0..2 {
        let removed = ObjectKey::parse(&keys.pop_first().unwrap()).unwrap();
        store.remove(&removed).await.unwrap();
    }
    assert_eq!(store.put(&refused, bytes_of(&refused), Name::Given).await.unwrap(), Put::Created);
    keys.insert(refused.path());
    fill(&store, &mut keys).await;
    holds_just(&store, &root, &keys).await;
    assert!(store.lock(Kind::Document, id_of(&refused)).await.is_ok());
}

#[test]
fn a_disk_without_space() {
    on_a_small_disk("size=256k", "child_fills_the_space");
}

#[tokio::test]
#[ignore = "run by a_disk_without_space"]
async fn child_fills_the_space() {
    let Some(place) = child_place() else { return };
    full_and_usable_again(place.join("disk")).await;
}

#[test]
fn a_disk_without_inodes() {
    on_a_small_disk("size=16m,nr_inodes=40", "child_fills_the_inodes");
}

#[tokio::test]
#[ignore = "run by a_disk_without_inodes"]
async fn child_fills_the_inodes() {
    let Some(place) = child_place() else { return };
    full_and_usable_again(place.join("disk")).await;
}

#[test]
fn a_large_file_that_does_not_fit() {
    on_a_small_disk("size=4m", "child_writes_too_much");
}

#[tokio::test]
#[ignore = "run by a_large_file_that_does_not_fit"]
async fn child_writes_too_much() {
    let Some(place) = child_place() else { return };
    let root = place.join("disk");
    let store = open(&root).await;
    let file = ObjectKey::File(Sha256Hex::from([3; 32]));
    for _ in 0..3 {
        let error = store.put(&file, Bytes::from(vec![1; 8 << 20]), Name::Given).await.unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), (Code::Unavailable, true), "{error:?}");
    }
    assert_eq!(tree(&root), ["files"]);
    assert_eq!(store.put(&file, Bytes::from(vec![1; 3 << 20]), Name::Given).await.unwrap(), Put::Created);
    let key = new_key();
    store.put(&key, bytes_of(&key), Name::Given).await.unwrap();
}
