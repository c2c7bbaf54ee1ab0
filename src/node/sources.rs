//! Bytes and streams from JavaScript that become attachments.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use napi::bindgen_prelude::{Env, PromiseRaw, Uint8Array};
use napi_derive::napi;

use super::outcome::{Outcome, outcome, promise};
use crate::error::{Code, Error, Result};
use crate::local_file::Contents;

/// What the attachments of one call are made of, besides paths.
#[napi]
pub struct Sources {
    list: Mutex<Vec<Contents>>,
    /// At the time of the call, which may wait for streams afterwards. Where there is none, nothing that is relative to it
    /// can be found, which says so.
    working_directory: PathBuf,
}

#[napi]
impl Sources {
    #[napi(constructor)]
    pub fn new() -> Sources {
        Sources { list: Mutex::default(), working_directory: std::env::current_dir().unwrap_or_default() }
    }

    /// Adds a copy: the caller may write to the original while we hash and store it.
    #[napi]
    pub fn bytes(&self, bytes: Uint8Array) -> u32 {
        self.add(Contents::Memory(Bytes::copy_from_slice(&bytes)))
    }

    /// Gives back what no call has taken.
    #[napi]
    pub fn clear(&self) {
        drop(Self::take(Some(self)));
    }

    /// Adds what a stream gave.
    #[napi(ts_return_type = "number | Failure")]
    pub fn spooled(&self, spool: &Spool) -> Outcome<u32> {
        outcome(|| {
            // One that was never written to is that of an empty stream.
            match spool.file.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(file) => Ok(self.add(Contents::of_file(file, None)?)),
                None => Ok(self.add(Contents::Memory(Bytes::new()))),
            }
        })
    }
}

impl Sources {
    fn add(&self, contents: Contents) -> u32 {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(contents);
        u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
    }

    /// They are the call's from now on, and go with it: the garbage collector sees nothing of their size.
    pub(super) fn take(sources: Option<&Sources>) -> Taken {
        let Some(sources) = sources else { return Taken::default() };
        let mut list = sources.list.lock().unwrap_or_else(PoisonError::into_inner);
        Taken { list: std::mem::take(&mut *list), working_directory: sources.working_directory.clone() }
    }
}

/// The sources of one call.
#[derive(Default)]
pub(super) struct Taken {
    pub list: Vec<Contents>,
    pub working_directory: PathBuf,
}

/// A file without a name, 0600, into which a stream goes. It goes with the last who uses it, also when the process ends.
#[napi]
pub struct Spool {
    directory: String,
    file: Arc<Mutex<Option<File>>>,
}

#[napi]
impl Spool {
    #[napi(constructor)]
    pub fn new(directory: String) -> Spool {
        Spool { directory, file: Arc::default() }
    }

    /// Gives back the room on the disk.
    #[napi]
    pub fn clear(&self) {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    #[napi(ts_return_type = "Promise<undefined | Failure>")]
    pub fn write<'env>(&self, env: &'env Env, piece: Uint8Array) -> napi::Result<PromiseRaw<'env, Outcome<()>>> {
        let (file, directory, piece) = (self.file.clone(), self.directory.clone(), piece.to_vec());
        promise(env, async move {
            let work = move || write(&file, &directory, &piece);
            let done = tokio::task::spawn_blocking(work).await;
            done.map_err(|error| Error::new(Code::Internal, "a task of the spool failed").with_source(error))?
        })
    }
}

fn write(file: &Mutex<Option<File>>, directory: &str, piece: &[u8]) -> Result<()> {
    let failed = |error| {
        let error =
            Error::new(Code::Unavailable, "the stream cannot be kept in the temporary directory").with_source(error);
        error.with_path(directory).retryable()
    };
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    let file = match &mut *file {
        Some(file) => file,
        none => none.insert(tempfile::tempfile_in(directory).map_err(failed)?),
    };
    file.write_all(piece).map_err(failed)
}
