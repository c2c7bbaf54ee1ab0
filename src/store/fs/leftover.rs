//! Temporary files whose writer is gone, on Unix.

use std::time::{Duration, SystemTime};

use opendal::Result;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir};
use uuid::Uuid;

use super::errno::fault;
use super::publish::Temporary;
use super::unix::{Disk, stat_at, stat_of};
use super::{Publish, TEMPORARY, walk};

impl Disk {
    /// Removes the temporary files older than `age` from some of the directories below `path`. Failures are passed over.
    pub fn sweep(&self, path: &str, directories: &[String], age: Duration) {
        let Ok(above) = walk::open_dirs(&self.root, path).and_then(walk::Dirs::into_last) else { return };
        for name in directories {
            let _ = walk::enter(&above, name).and_then(|directory| directory.map_or(Ok(()), |it| sweep(it, age)));
        }
    }
}

fn sweep(directory: OwnedFd, age: Duration) -> Result<()> {
    let mut entries = Dir::new(directory).map_err(failed)?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read() {
        let entry = entry.map_err(failed)?;
        names.extend(entry.file_name().to_str().ok().filter(|name| is_temporary(name)).map(str::to_owned));
    }
    if names.is_empty() {
        return Ok(());
    }
    let directory = entries.fd().map_err(failed)?;
    let is_old = |name: &String, now: SystemTime| {
        let modified = stat_at(directory, name).ok().flatten().filter(|stat| !stat.directory)?.modified?;
        now.duration_since(modified).ok().filter(|passed| *passed > age)
    };
    names.retain(|name| is_old(name, SystemTime::now()).is_some());
    if names.is_empty() {
        return Ok(());
    }
    // The clock that counts is that of the filesystem: on a network it may be another machine's.
    let now = filesystem_time(directory)?;
    for name in names.iter().filter(|name| is_old(name, now).is_some()) {
        let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
    Ok(())
}

/// The time that a file gets that is made now.
fn filesystem_time(directory: impl AsFd) -> Result<SystemTime> {
    let directory = directory.as_fd().try_clone_to_owned().map_err(failed)?;
    let mut probe = Temporary::create(&directory, Publish::Unnamed)?.ok_or_else(walk::given_up)?;
    let found = rustix::fs::fstat(probe.file()).map_err(failed)?;
    stat_of(&found).modified.ok_or_else(walk::given_up)
}

/// Whether the name is one of ours, down to the last character.
fn is_temporary(name: &str) -> bool {
    let random = name.strip_prefix(TEMPORARY).and_then(|rest| Some((rest, Uuid::try_parse(rest).ok()?)));
    random.is_some_and(|(rest, uuid)| uuid.hyphenated().to_string() == rest)
}

fn failed(cause: impl Into<std::io::Error>) -> opendal::Error {
    fault("the directory cannot be swept", cause)
}
