//! A system call that fails at each step of a write or read: the right code, nothing partial, and the store goes on
//! working. The failures are injected by strace.

#![cfg(target_os = "linux")]
// The lints know test functions only, not what these call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod store_support;

use std::path::Path;

use bytes::Bytes;
use jacs_agent::error::Code;
use jacs_agent::store::{Kind, Name, ObjectKey, Put};
use store_support::*;

const TEXT: &[u8] = b"{\"a\":1}";

/// What the child reports of a failed call.
fn report(code: Code, retryable: bool) -> String {
    format!("{code} {retryable}")
}

/// What the calls that fail are about; without it, all fail.
#[derive(Clone, Copy)]
enum About {
    Root,
    StoredFile,
}

impl About {
    fn path_of(self, stored: &ObjectKey) -> String {
        match self {
            About::Root => String::new(),
            About::StoredFile => stored.path(),
        }
    }
}

/// Runs `function` with `faults` injected, in a store that has one document; its report, and the place.
fn with_faults(function: &str, about: Option<About>, faults: &[&str]) -> Option<(String, tempfile::TempDir)> {
    if !strace::is_installed() {
        skip("strace is not installed");
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    let (stored, wanted) = (new_key(), new_key());
    run(async { open(&root(&place)).await.put(&stored, Bytes::from_static(TEXT), Name::Given).await.unwrap() });
    std::fs::write(place.path().join("keys"), format!("{}\n{}", stored.path(), wanted.path())).unwrap();
    // Modes are set only where the umask took something away from them.
    let mut wrapper = vec!["sh", "-c", "umask 277; exec \"$@\"", "sh", "strace", "-f", "-o", "/dev/null"];
    let about = about.map(|about| root(&place).join(about.path_of(&stored)));
    if let Some(about) = &about {
        wrapper.extend(["-P", about.to_str().unwrap()]);
    }
    let faults: Vec<String> = faults.iter().map(|fault| format!("inject={fault}")).collect();
    faults.iter().for_each(|fault| wrapper.extend(["-e", fault]));
    succeed(&mut child(&wrapper, function, place.path()));
    Some((std::fs::read_to_string(place.path().join("report")).unwrap(), place))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn root(place: &tempfile::TempDir) -> std::path::PathBuf {
    place.path().join("data")
}

/// The key of the stored document, and the one that the child puts.
fn keys(place: &Path) -> [ObjectKey; 2] {
    let text = std::fs::read_to_string(place.join("keys")).unwrap();
    let (stored, wanted) = text.split_once('\n').unwrap();
    [stored, wanted].map(|path| ObjectKey::parse(path).unwrap())
}

#[tokio::test]
#[ignore = "run by others with faults injected"]
async fn child_puts() {
    let Some(place) = child_place() else { return };
    let store = open(&place.join("data")).await;
    let put = store.put(&keys(&place)[1], Bytes::from_static(TEXT), Name::Given).await;
    let said = put.map_or_else(|error| report(error.code(), error.is_retryable()), |put| format!("{put:?}"));
    std::fs::write(place.join("report"), said).unwrap();
}

#[tokio::test]
#[ignore = "run by others with faults injected"]
async fn child_gets() {
    let Some(place) = child_place() else { return };
    let store = open(&place.join("data")).await;
    let got = store.get(&keys(&place)[0], NO_LIMIT).await;
    let said = got.map_or_else(|error| report(error.code(), error.is_retryable()), |_| "got it".into());
    std::fs::write(place.join("report"), said).unwrap();
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    for (faults, code, retryable) in [
        (vec!["mkdirat:error=EDQUOT"], Code::Unavailable, true),
        (vec!["mkdirat:error=EROFS"], Code::Permission, false),
        (vec!["fchmod:error=EIO"], Code::Unavailable, false),
        (vec!["fchmod:error=EPERM:when=2"], Code::Permission, false),
        (vec!["fsync:error=EIO:when=1"], Code::Unavailable, false),
        (vec!["fsync:error=ENOSPC:when=1"], Code::Unavailable, true),
        (vec!["linkat:error=ENOSPC"], Code::Unavailable, true),
        (vec!["linkat:error=EIO"], Code::Unavailable, false),
        // No links, and then no space for the temporary name's file to be renamed.
        (vec!["linkat:error=EPERM", "renameat2:error=EDQUOT"], Code::Unavailable, true),
        (vec!["linkat:error=EOPNOTSUPP", "renameat2:error=EINVAL"], Code::Unsupported, false),
        // The directory seems to be removed again and again.
        (vec!["linkat:error=ENOENT"], Code::Unavailable, true),
    ] {
        let Some((said, place)) = with_faults("child_puts", None, &faults) else { return };
        let [stored, wanted] = keys(place.path());
        assert_eq!(said, report(code, retryable), "{faults:?}");
        let directory = format!("documents/{}", id_of(&stored));
        assert_eq!(tree(&root(&place)), ["documents", &directory, &stored.path()], "{faults:?}");
        run(async {
            let store = open(&root(&place)).await;
            assert_eq!(store.put(&wanted, Bytes::from_static(TEXT), Name::Given).await.unwrap(), Put::Created);
        });
    }
}

#[test]
fn a_directory_that_cannot_be_synced_is_an_error_and_a_retry_makes_sure() {
    for when in [2, 3] {
        let fault = format!("fsync:error=EIO:when={when}");
        let Some((said, place)) = with_faults("child_puts", None, &[&fault]) else { return };
        assert_eq!(said, report(Code::Unavailable, false));
        let wanted = keys(place.path())[1];
        run(async {
            let store = open(&root(&place)).await;
            assert_eq!(store.get(&wanted, NO_LIMIT).await.unwrap(), TEXT);
            assert_eq!(store.put(&wanted, Bytes::from_static(TEXT), Name::Given).await.unwrap(), Put::Same);
        });
    }
}

#[test]
fn every_way_of_publishing_creates() {
    for faults in [
        // Unnamed files cannot be linked, named ones can.
        vec!["linkat:error=ENOENT:when=1"],
        vec!["linkat:error=EXDEV:when=1"],
        // Nothing can be linked.
        vec!["linkat:error=EPERM"],
        vec!["linkat:error=EOPNOTSUPP"],
        // Directories cannot be synced on their own: some network filesystems.
        vec!["fsync:error=EINVAL:when=2+"],
    ] {
        let Some((said, place)) = with_faults("child_puts", None, &faults) else { return };
        assert_eq!(said, "Created", "{faults:?}");
        let wanted = keys(place.path())[1];
        assert_eq!(std::fs::read(root(&place).join(wanted.path())).unwrap(), TEXT);
        assert_eq!(tree(&root(&place)).len(), 5, "a temporary file is left");
    }
}

#[test]
fn a_read_that_fails_says_why() {
    for (about, fault, code, retryable) in [
        (About::StoredFile, "pread64:error=EIO", Code::Unavailable, false),
        (About::StoredFile, "pread64:error=ENOMEM", Code::Unavailable, true),
        (About::Root, "openat:error=EMFILE", Code::Unavailable, true),
        (About::Root, "openat:error=ENFILE", Code::Unavailable, true),
        (About::Root, "openat:error=EACCES", Code::Permission, false),
    ] {
        let Some((said, place)) = with_faults("child_gets", Some(about), &[fault]) else { return };
        assert_eq!(said, report(code, retryable), "{fault}");
        let stored = keys(place.path())[0];
        run(async {
            let versions = open(&root(&place)).await.versions(Kind::Document, id_of(&stored)).await.unwrap();
            assert_eq!(versions.len(), 1);
        });
    }
}
