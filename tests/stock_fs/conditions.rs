//! What immutable documents need of a service. Each function makes one attempt to see it violated.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jacs_agent::store::ObjectKey;
use tokio::sync::Barrier;

use crate::service::{Service, Which};
use crate::store_support::{child, new_key, succeed, tree};

/// Names the service that a child uses.
pub const WHICH: &str = "JACS_STOCK_FS_WHICH";
const WRITERS: u8 = 8;
/// So long that neither a write nor a read of it is one step.
const LONG: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// A text that shows when it is torn: all of one letter, and as long as it is.
pub fn long_text() -> Bytes {
    Bytes::from(vec![b'A'; LONG])
}

/// Writers of different bytes under one key: whether there was not exactly one of them told that it created it.
pub async fn several_win(service: &Service) -> bool {
    let (key, start) = (new_key(), Arc::new(Barrier::new(WRITERS.into())));
    let writers: Vec<_> = (0..WRITERS)
        .map(|letter| {
            let (service, start) = (service.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                service.create(&key, Bytes::from(vec![letter; 1000])).await
            })
        })
        .collect();
    let mut winners = 0;
    for writer in writers {
        winners += usize::from(writer.await.unwrap().unwrap());
    }
    winners != 1
}

/// A reader beside the writer: whether it saw anything but nothing and everything.
pub async fn torn_read(service: &Service) -> bool {
    let key = new_key();
    let writer = {
        let service = service.clone();
        tokio::spawn(async move { service.create(&key, long_text()).await })
    };
    let mut torn = false;
    while !writer.is_finished() {
        torn |= service.read(&key).await.is_some_and(|bytes| bytes != long_text());
    }
    assert!(writer.await.unwrap().unwrap());
    assert_eq!(service.read(&key).await.unwrap(), long_text());
    torn
}

/// A writer that is killed: whether a part of a file stands under its final name.
pub fn torn_by_kill(which: Which, pause: Duration) -> bool {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let mut command = child(&[], "child_writes_until_it_is_killed", place.path());
    let mut writer = command.env(WHICH, which.name()).stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while objects(&data).is_empty() {
        assert!(Instant::now() < deadline, "the child writes nothing");
        sleep(Duration::from_millis(1));
    }
    sleep(pause);
    writer.kill().unwrap();
    writer.wait().unwrap();
    objects(&data).iter().any(|name| fs::read(data.join(name)).unwrap() != long_text())
}

fn objects(data: &Path) -> Vec<String> {
    let names = if data.exists() { tree(data) } else { Vec::new() };
    names.into_iter().filter(|name| ObjectKey::parse(name).is_some()).collect()
}

/// Whether a new object's directory, without which its name does not survive a power cut, is left unsynced.
pub fn directory_unsynced(which: Which) -> bool {
    let place = tempfile::tempdir().unwrap();
    let trace = place.path().join("trace");
    let calls = "trace=fsync,fdatasync,sync_file_range,syncfs,sync";
    let strace = ["strace", "-f", "-y", "-s", "400", "-e", calls, "-o", trace.to_str().unwrap()];
    let object = one_object(which, &strace, place.path());
    let parent = format!("<{}>", object.parent().unwrap().display());
    let trace = fs::read_to_string(&trace).unwrap();
    assert!(trace.contains("sync"), "not even the file is synced: {trace}");
    !trace.lines().any(|line| line.contains(&parent) || line.contains(" syncfs(") || line.contains(" sync("))
}

/// Whether others than the owner may read a new object, or see into its directory, under the usual umask.
pub fn readable_by_others(which: Which) -> bool {
    let place = tempfile::tempdir().unwrap();
    let object = one_object(which, &["sh", "-c", "umask 022; exec \"$0\" \"$@\""], place.path());
    let open = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o077 != 0;
    object.ancestors().take_while(|path| *path != place.path()).any(open)
}

/// The path of an object that a child, its command line behind `wrapper`, creates.
fn one_object(which: Which, wrapper: &[&str], place: &Path) -> PathBuf {
    let mut command = child(wrapper, "child_writes_one_object", place);
    succeed(command.env(WHICH, which.name()));
    let data = place.join("data");
    let objects = objects(&data);
    assert_eq!(objects.len(), 1);
    data.join(&objects[0])
}

/// A link that stands for a document's directory: whether an object is written through it, outside.
pub async fn written_outside(which: Which) -> bool {
    let place = tempfile::tempdir().unwrap();
    let (key, outside) = (new_key(), place.path().join("outside"));
    let directory = place.path().join("data").join(key.path()).parent().unwrap().to_owned();
    fs::create_dir_all(directory.parent().unwrap()).unwrap();
    fs::create_dir(&outside).unwrap();
    symlink(&outside, directory).unwrap();
    let service = which.open(place.path()).await;
    // What it says does not matter; ours refuses.
    let _ = service.create(&key, long_text()).await;
    fs::read_dir(&outside).unwrap().next().is_some()
}
