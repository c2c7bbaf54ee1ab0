//! What the store's tests share: keys, and test functions run again in a process of their own.

// Every test binary uses its part of this; the lints know test functions only, not what these call.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod strace;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jacs_agent::id::{DocumentId, DocumentKey, Version};
use jacs_agent::store::{Durability, Kind, ObjectKey, Settings, Store};

pub const NO_LIMIT: u64 = u64::MAX;

/// Tells a test function that it is the child, and where.
const CHILD: &str = "JACS_STORE_TEST_CHILD";

pub async fn open(root: &Path) -> Store {
    open_with(root, Durability::Full).await
}

pub async fn open_with(root: &Path, durability: Durability) -> Store {
    Store::open(&Settings::Fs { root: root.to_owned(), durability }).await.unwrap()
}

pub fn new_key() -> ObjectKey {
    version_of(DocumentId::random())
}

pub fn version_of(id: DocumentId) -> ObjectKey {
    ObjectKey::Version { kind: Kind::Document, key: DocumentKey { id, version: Version::now() } }
}

pub fn id_of(key: &ObjectKey) -> DocumentId {
    match key {
        ObjectKey::Version { key, .. } => key.id,
        ObjectKey::File(_) => panic!("a file has no id"),
    }
}

/// Everything below `root`, relative and sorted.
pub fn tree(root: &Path) -> Vec<String> {
    fn walk(root: &Path, place: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            if path.is_dir() && !path.is_symlink() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort();
    found
}

/// The directory that the parent gave; `None` in a usual run of the tests, where a child's function has nothing to do.
pub fn child_place() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// The command line that runs the ignored test `function` of this binary again, behind `wrapper`.
pub fn child(wrapper: &[&str], function: &str, place: &Path) -> Command {
    let binary = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([binary.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args([function, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, place);
    command
}

pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "no such test ran\n{stdout}");
    output
}

/// Says why a test is left out; in CI it must not be.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{reason}");
    eprintln!("skipped: {reason}");
}

#[cfg(unix)]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The words before a command that let it mount in a namespace of its own; `None` where that is forbidden.
#[cfg(unix)]
pub fn mount_namespace() -> Option<&'static [&'static str]> {
    let words: &[&str] = if is_root() { &["unshare", "-m"] } else { &["unshare", "-rm"] };
    let tried = Command::new(words[0]).args(&words[1..]).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    tried.is_ok_and(|output| output.status.success()).then_some(words)
}
