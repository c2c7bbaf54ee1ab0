//! What `doctor` tells about a store.

use std::path::PathBuf;

use super::fs::Fs;
use super::{CreateOnce, Durability};

/// A store as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// OpenDAL's name of the service, such as `fs` or `s3`.
    pub scheme: &'static str,
    pub create_once: CreateOnce,
    /// On fs.
    pub directory: Option<Directory>,
}

/// The data directory of a store on fs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    pub root: PathBuf,
    pub durability: Durability,
    /// `false` before the first write.
    pub exists: bool,
    /// Permission bits, such as `0o700`; on Unix, when it exists.
    pub mode: Option<u32>,
    /// User id of the owner; on Unix, when it exists.
    pub owner: Option<u32>,
    /// Whether this process may write in it or, when it does not exist, make it.
    pub writable: bool,
    /// Whether new files need no temporary name (`O_TMPFILE`).
    pub unnamed_files: bool,
    /// Whether the lock on a document holds against other processes.
    pub locks: bool,
}

impl Description {
    pub(super) fn of(scheme: &'static str, create_once: CreateOnce, fs: Option<&Fs>) -> Self {
        let directory = fs.map(|fs| {
            let probe = fs.probe();
            Directory {
                root: fs.root().to_owned(),
                durability: fs.durability(),
                exists: probe.exists,
                mode: probe.mode,
                owner: probe.owner,
                writable: probe.writable,
                unnamed_files: probe.unnamed_files,
                locks: probe.locks,
            }
        });
        Self { scheme, create_once, directory }
    }
}
