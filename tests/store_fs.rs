//! The store on a real directory: what is on the disk, and what is refused there.

#![cfg(unix)]
// The lints know test functions only, not what these call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod store_support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jacs_agent::error::{Code, Error};
use jacs_agent::store::{Kind, Name, ObjectKey, Put, Sha256Hex};
use store_support::*;

const TEXT: &[u8] = b"{\"a\":1}";

fn text() -> Bytes {
    Bytes::from_static(TEXT)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Asserts that both refuse, and that the error names the object.
fn refused<T>(code: Code, key: &ObjectKey, path: &Path, result: Result<T, Error>) {
    let error = result.err().unwrap();
    assert_eq!(error.code(), code, "{error:?}");
    assert_eq!(error.details().key, Some(key.to_string()));
    assert_eq!(error.details().path.as_deref(), path.to_str());
}

#[tokio::test]
async fn opening_and_reading_create_nothing() {
    let place = tempfile::tempdir().unwrap();
    let store = open(&place.path().join("a/b")).await;
    let key = new_key();
    assert_eq!(store.get(&key, NO_LIMIT).await.unwrap_err().code(), Code::NotFound);
    assert!(!store.exists(&key).await.unwrap());
    assert_eq!(store.remove(&key).await.unwrap_err().code(), Code::NotFound);
    assert!(store.versions(Kind::Document, id_of(&key)).await.unwrap().is_empty());
    assert!(store.ids(Kind::Agent).await.unwrap().next().await.unwrap().is_none());
    let directory = store.describe().directory.unwrap();
    assert!(!directory.exists && directory.writable);
    assert!(tree(place.path()).is_empty());
}

#[tokio::test]
async fn bytes_lie_where_the_layout_says() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).await;
    let key = new_key();
    let before = SystemTime::now() - Duration::from_secs(2);
    store.put(&key, text(), Name::Given).await.unwrap();
    assert_eq!(fs::read(place.path().join(key.path())).unwrap(), TEXT);
    let entries = store.entries(Kind::Document, id_of(&key)).await.unwrap();
    assert_eq!(entries[0].bytes, Some(TEXT.len() as u64));
    let modified = entries[0].modified.unwrap();
    assert!(modified > before && modified <= SystemTime::now());
}

#[test]
fn modes_are_exact_whatever_the_umask() {
    for umask in ["000", "022", "077", "277", "777"] {
        let place = tempfile::tempdir().unwrap();
        // Everybody may enter, because the child is nobody.
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let mut wrapper = vec!["setpriv", "--reuid", "65534", "--clear-groups", "sh", "-c", &script];
        if !is_root() {
            wrapper.drain(..4);
        }
        succeed(&mut child(&wrapper, "child_writes_with_its_umask", place.path()));
        let root = place.path().join("made/data");
        let tree = tree(&root);
        assert_eq!(tree.len(), 5, "{tree:?}");
        assert_eq!((mode(&place.path().join("made")), mode(&root)), (0o700, 0o700), "umask {umask}");
        for name in tree {
            let path = root.join(&name);
            assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{name} with umask {umask}");
        }
    }
}

#[tokio::test]
#[ignore = "run by modes_are_exact_whatever_the_umask"]
async fn child_writes_with_its_umask() {
    let Some(place) = child_place() else { return };
    let store = open(&place.join("made/data")).await;
    store.put(&new_key(), text(), Name::Given).await.unwrap();
    // More than is buffered: written through another path.
    let file = ObjectKey::File(Sha256Hex::from([1; 32]));
    assert_eq!(store.put(&file, Bytes::from(vec![7; 3 << 20]), Name::Given).await.unwrap(), Put::Created);
}

#[tokio::test]
async fn the_modes_of_existing_directories_stay() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = open(place.path()).await;
    store.put(&new_key(), text(), Name::Given).await.unwrap();
    assert_eq!(mode(place.path()), 0o755);
    let directory = store.describe().directory.unwrap();
    assert_eq!((directory.exists, directory.mode, directory.writable), (true, Some(0o755), true));
    assert!(directory.locks);
}

#[tokio::test]
async fn a_link_as_root_is_followed() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("real")).unwrap();
    symlink("real", place.path().join("link")).unwrap();
    let (key, store) = (new_key(), open(&place.path().join("link")).await);
    store.put(&key, text(), Name::Given).await.unwrap();
    assert_eq!(store.get(&key, NO_LIMIT).await.unwrap(), TEXT);
    assert_eq!(fs::read(place.path().join("real").join(key.path())).unwrap(), TEXT);
}

#[tokio::test]
async fn a_root_that_cannot_be_is_a_matter_of_configuration() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    symlink("nowhere", place.path().join("dangling")).unwrap();
    for name in ["file", "file/below", "dangling"] {
        let root = place.path().join(name);
        let (key, store) = (new_key(), open(&root).await);
        refused(Code::Config, &key, &root.join(key.path()), store.put(&key, text(), Name::Given).await);
    }
    assert_eq!(tree(place.path()), ["dangling", "file"]);
}

/// Moves what stands at `path` elsewhere and leaves a link to it.
fn replace_by_link(path: &Path, elsewhere: &Path) {
    fs::rename(path, elsewhere).unwrap();
    symlink(elsewhere, path).unwrap();
}

#[tokio::test]
async fn links_inside_are_not_followed() {
    // What is replaced: the file, its directory, `documents`.
    for above in 0..3 {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("data");
        let (key, store) = (new_key(), open(&root).await);
        store.put(&key, text(), Name::Given).await.unwrap();
        let path = root.join(key.path());
        replace_by_link(path.ancestors().nth(above).unwrap(), &place.path().join("elsewhere"));
        let before = tree(place.path());

        refused(Code::Permission, &key, &path, store.get(&key, NO_LIMIT).await);
        refused(Code::Permission, &key, &path, store.exists(&key).await);
        refused(Code::Permission, &key, &path, store.put(&key, text(), Name::Given).await);
        refused(Code::Permission, &key, &path, store.put(&key, Bytes::from(vec![0; 2 << 20]), Name::Given).await);
        refused(Code::Permission, &key, &path, store.remove(&key).await);
        let error = store.get(&key, NO_LIMIT).await.unwrap_err();
        assert_eq!(error.to_string(), "a symbolic link inside the data directory is not followed");
        match above {
            // What took a version's place hides nothing: it is listed, and refused when it is read.
            0 => assert_eq!(store.versions(Kind::Document, id_of(&key)).await.unwrap().len(), 1),
            _ => {
                assert_eq!(store.versions(Kind::Document, id_of(&key)).await.unwrap_err().code(), Code::Permission);
                assert_eq!(store.lock(Kind::Document, id_of(&key)).await.err().unwrap().code(), Code::Permission);
            }
        }
        let first = store.ids(Kind::Document).await.unwrap().next().await;
        match above {
            0 => assert_eq!(first.unwrap(), Some(id_of(&key))),
            1 => assert_eq!(first.unwrap(), None),
            _ => {
                let error = first.unwrap_err();
                assert_eq!((error.code(), &error.details().key), (Code::Permission, &None));
                assert_eq!(error.details().path.as_deref(), root.join("documents/").to_str());
            }
        }
        assert_eq!(tree(place.path()), before);
        // The rest of the store goes on working.
        if above < 2 {
            store.put(&new_key(), text(), Name::Given).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_not_a_file_is_not_read() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).await;
    for thing in ["mkfifo", "mkdir"] {
        let key = new_key();
        let path = place.path().join(key.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new(thing).arg(&path).status().unwrap().success());
        let soon = Duration::from_secs(10);
        for attempt in 0..2 {
            let read = tokio::time::timeout(soon, store.get(&key, NO_LIMIT)).await.expect("it waits for a writer");
            refused(Code::Permission, &key, &path, read);
            let put =
                tokio::time::timeout(soon, store.put(&key, text(), Name::Given)).await.expect("it waits for a writer");
            refused(Code::Permission, &key, &path, put);
            refused(Code::Permission, &key, &path, store.remove(&key).await);
            assert_eq!(store.versions(Kind::Document, id_of(&key)).await.unwrap().len(), 1, "attempt {attempt}");
        }
        assert!(path.exists(), "{thing}");
    }
}

#[tokio::test]
async fn strays_and_temporary_files_are_invisible() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).await;
    let key = new_key();
    store.put(&key, text(), Name::Given).await.unwrap();
    let documents = place.path().join("documents");
    let directory = documents.join(id_of(&key).to_string());
    let version = key.path().rsplit_once('/').unwrap().1.to_owned();
    for name in [format!(".tmp-{version}"), format!("{version}~"), version.to_uppercase(), "README".into()] {
        fs::write(directory.join(name), "stray").unwrap();
    }
    fs::write(documents.join("67e55044-10b1-426f-9247-bb680e5fe0c8"), "a file").unwrap();
    for name in [".tmp-67e55044-10b1-426f-9247-bb680e5fe0c8", "67E55044-10B1-426F-9247-BB680E5FE0C9", "lost+found"] {
        fs::create_dir(documents.join(name)).unwrap();
    }
    use std::os::unix::ffi::OsStrExt;
    fs::write(directory.join(std::ffi::OsStr::from_bytes(b"\xff.json")), "no text").unwrap();

    let versions = store.versions(Kind::Document, id_of(&key)).await.unwrap();
    assert_eq!(versions.iter().map(|version| format!("{version}.json")).collect::<Vec<_>>(), [version]);
    let mut ids = store.ids(Kind::Document).await.unwrap();
    assert_eq!(ids.next().await.unwrap(), Some(id_of(&key)));
    assert_eq!(ids.next().await.unwrap(), None);
    let before = tree(place.path()).len();
    store.remove(&key).await.unwrap();
    assert_eq!(tree(place.path()).len(), before - 1, "more than the version was removed");
}

#[tokio::test]
async fn removal_prunes_the_directory_of_the_id_only() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).await;
    let (key, file) = (new_key(), ObjectKey::File(Sha256Hex::from([2; 32])));
    store.put(&key, text(), Name::Given).await.unwrap();
    store.put(&file, text(), Name::Given).await.unwrap();
    store.remove(&key).await.unwrap();
    store.remove(&file).await.unwrap();
    assert_eq!(tree(place.path()), ["documents", "files"]);
}

#[tokio::test]
async fn a_huge_sparse_file_is_refused_unread() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).await;
    let key = new_key();
    store.put(&key, text(), Name::Given).await.unwrap();
    fs::OpenOptions::new().write(true).open(place.path().join(key.path())).unwrap().set_len(1 << 42).unwrap();
    let error = store.get(&key, 64 << 20).await.unwrap_err();
    assert_eq!(error.code(), Code::Hash);
    assert_eq!(store.put(&key, text(), Name::Given).await.unwrap_err().code(), Code::Conflict);
}

#[test]
fn a_directory_that_may_not_be_written_is_refused() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root ignores permissions.
    let nobody: &[&str] = if is_root() { &["setpriv", "--reuid", "65534", "--clear-groups"] } else { &[] };
    succeed(&mut child(nobody, "child_may_not_write", place.path()));
    assert!(tree(place.path()).is_empty());
}

#[tokio::test]
#[ignore = "run by a_directory_that_may_not_be_written_is_refused"]
async fn child_may_not_write() {
    let Some(place) = child_place() else { return };
    let store = open(&place).await;
    let key = new_key();
    assert!(!store.describe().directory.unwrap().writable);
    refused(Code::Permission, &key, &place.join(key.path()), store.put(&key, text(), Name::Given).await);
    assert_eq!(store.get(&key, NO_LIMIT).await.unwrap_err().code(), Code::NotFound);
}

#[test]
fn without_proc_files_get_temporary_names() {
    let Some(namespace) = mount_namespace() else { return skip("mounting is not permitted") };
    let place = tempfile::tempdir().unwrap();
    let script = ["sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\""];
    succeed(&mut child(&[namespace, &script].concat(), "child_writes_without_proc", place.path()));
    let tree = tree(place.path());
    assert_eq!(tree.len(), 5, "{tree:?}");
}

#[tokio::test]
#[ignore = "run by without_proc_files_get_temporary_names"]
async fn child_writes_without_proc() {
    let Some(place) = child_place() else { return };
    assert!(!Path::new("/proc/self").exists());
    let store = open(&place).await;
    let large = Bytes::from(vec![7; 3 << 20]);
    // The first is copied to a named file, the second one begins as one.
    for bytes in [large, text()] {
        let key = new_key();
        assert_eq!(store.put(&key, bytes.clone(), Name::Given).await.unwrap(), Put::Created);
        assert_eq!(store.put(&key, bytes.clone(), Name::Given).await.unwrap(), Put::Same);
        assert_eq!(store.put(&key, Bytes::new(), Name::Given).await.unwrap_err().code(), Code::Conflict);
        assert!(store.get(&key, NO_LIMIT).await.unwrap() == bytes);
    }
}
