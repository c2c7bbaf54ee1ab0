//! Many threads and processes on one directory.

#![cfg(unix)]
// The lints know test functions only, not what these call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod store_support;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use jacs_agent::error::Code;
use jacs_agent::store::{Durability, Kind, Name, ObjectKey, Put, Store};
use store_support::*;

const WRITERS: usize = 64;
const READERS: usize = 8;

/// A text that shows when it is torn: as long as its writer says, and all of one letter.
fn text_of(writer: usize) -> Bytes {
    // Pairs of writers have the same text.
    let writer = writer / 2;
    Bytes::from(vec![b'A' + writer as u8; 1000 + writer * 97])
}

fn is_whole(bytes: &[u8]) -> bool {
    (0..WRITERS).any(|writer| text_of(writer) == bytes)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build().unwrap()
}

/// What became of each writer's put of one key.
type Results = Vec<(usize, Result<Put, Code>)>;

/// All writers contend for each key in turn while the readers read it; every thread has a store of its own.
fn contend(root: &Path, keys: &[ObjectKey], durability: Durability) {
    let start = Barrier::new(WRITERS);
    let done = AtomicBool::new(false);
    let current = AtomicUsize::new(0);
    let whole_reads = AtomicUsize::new(0);
    let results: Vec<Mutex<Results>> = keys.iter().map(|_| Mutex::default()).collect();
    let write = |writer: usize| {
        let runtime = runtime();
        let store = runtime.block_on(open_with(root, durability));
        for (position, key) in keys.iter().enumerate() {
            start.wait();
            current.store(position, Ordering::Relaxed);
            let put = runtime.block_on(store.put(key, text_of(writer), Name::Given)).map_err(|error| error.code());
            results[position].lock().unwrap().push((writer, put));
        }
    };
    let read = || {
        let runtime = runtime();
        let store = runtime.block_on(open_with(root, durability));
        while !done.load(Ordering::Relaxed) {
            match runtime.block_on(store.get(&keys[current.load(Ordering::Relaxed)], NO_LIMIT)) {
                Ok(bytes) => {
                    assert!(is_whole(&bytes), "a torn read of {} bytes", bytes.len());
                    whole_reads.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => assert_eq!(error.code(), Code::NotFound, "{error:?}"),
            }
        }
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert!(whole_reads.into_inner() > keys.len(), "the readers saw nothing");
    for (key, results) in keys.iter().zip(results) {
        one_winner(&fs::read(root.join(key.path())).unwrap(), &results.into_inner().unwrap());
    }
}

fn one_winner(stored: &[u8], results: &Results) {
    assert_eq!(results.len(), WRITERS);
    assert_eq!(results.iter().filter(|(_, put)| *put == Ok(Put::Created)).count(), 1, "{results:?}");
    for (writer, put) in results {
        match text_of(*writer) == stored {
            true => assert!(put.is_ok(), "{put:?}"),
            false => assert_eq!(*put, Err(Code::Conflict)),
        }
    }
}

#[test]
fn one_of_64_writers_wins_and_no_reader_sees_a_torn_file() {
    for (durability, count) in [(Durability::None, 200), (Durability::Full, 20)] {
        let place = tempfile::tempdir().unwrap();
        let keys: Vec<ObjectKey> = (0..count).map(|_| new_key()).collect();
        contend(place.path(), &keys, durability);
        let left = tree(place.path());
        assert!(left.iter().all(|name| !name.contains(".tmp-")), "{left:?}");
        assert_eq!(left.len(), 1 + 2 * count);
    }
}

/// Writers and removers of the same document make and remove its directory under each other.
#[test]
fn a_directory_that_comes_and_goes_loses_no_write() {
    let place = tempfile::tempdir().unwrap();
    let id = id_of(&new_key());
    let cycles = || {
        let runtime = runtime();
        let store = runtime.block_on(open_with(place.path(), Durability::None));
        for _ in 0..150 {
            let key = version_of(id);
            runtime.block_on(async {
                assert_eq!(store.put(&key, Bytes::from_static(b"{}"), Name::Given).await.unwrap(), Put::Created);
                assert_eq!(store.get(&key, NO_LIMIT).await.unwrap(), b"{}");
                match store.lock(Kind::Document, id).await {
                    Ok(_) => {}
                    Err(error) => panic!("its own version is stored: {error:?}"),
                }
                store.remove(&key).await.unwrap();
                store.versions(Kind::Document, id).await.unwrap();
            });
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(cycles)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(tree(place.path()), ["documents"]);
}

const TASKS: usize = 16;
const ROUNDS: u64 = 10;

/// Adds to the number in a file, in a way that loses additions unless all others wait.
async fn count_up(store: &Store, document: &ObjectKey, counter: &Path) {
    let _lock = store.lock(Kind::Document, id_of(document)).await.unwrap();
    let number: u64 = fs::read_to_string(counter).unwrap().parse().unwrap();
    tokio::task::yield_now().await;
    fs::write(counter, (number + 1).to_string()).unwrap();
}

#[test]
fn the_lock_excludes_tasks_and_processes() {
    let place = tempfile::tempdir().unwrap();
    let key = new_key();
    let counter = place.path().join("counter");
    fs::write(&counter, "0").unwrap();
    fs::write(place.path().join("key"), key.path()).unwrap();
    let store = runtime().block_on(async {
        let store = open(&place.path().join("data")).await;
        store.put(&key, Bytes::from_static(b"{}"), Name::Given).await.unwrap();
        store
    });
    let mut children: Vec<_> =
        (0..4).map(|_| child(&[], "child_counts_under_the_lock", place.path()).spawn().unwrap()).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let counted: u64 = fs::read_to_string(&counter).unwrap().parse().unwrap();
    assert_eq!(counted, 4 * TASKS as u64 * ROUNDS);
    // Nobody holds it any more.
    let soon = runtime().block_on(async {
        let lock = store.lock(Kind::Document, id_of(&key));
        tokio::time::timeout(Duration::from_secs(5), lock).await.map(|lock| lock.map(drop))
    });
    soon.expect("a lock was left").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the_lock_excludes_tasks_and_processes"]
async fn child_counts_under_the_lock() {
    let Some(place) = child_place() else { return };
    let key = ObjectKey::parse(&fs::read_to_string(place.join("key")).unwrap()).unwrap();
    // Two stores over one directory: the second line, between processes, must hold between them as well.
    let stores = [open(&place.join("data")).await, open(&place.join("data")).await];
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, counter) = (stores[task % 2].clone(), place.join("counter"));
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    count_up(&store, &key, &counter).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_lock_is_on_the_directory_that_stands_there_now() {
    let place = tempfile::tempdir().unwrap();
    let key = new_key();
    let (store, other) = (open(place.path()).await, open(place.path()).await);
    store.put(&key, Bytes::from_static(b"{}"), Name::Given).await.unwrap();
    let lock = store.lock(Kind::Document, id_of(&key)).await.unwrap();
    let waiting = tokio::spawn(async move { other.lock(Kind::Document, id_of(&key)).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished(), "two stores have the lock");
    store.remove(&key).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(waited.unwrap_err().code(), Code::NotFound);
    drop(lock);
}
