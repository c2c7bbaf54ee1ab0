//! Writing, once and for all: how each backend makes sure that nothing is overwritten.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use opendal::ErrorKind;
use uuid::Uuid;

use super::remote::Remote;
use super::remote::answer::{Again, Refusal, Verdict};
use super::remote::streamed::Upload;
use super::{CreateOnce, ObjectKey, Store};
use crate::error::{Code, Error, Result};

/// An object may be removed between a refused write and the look at what stands there; then the write is tried anew,
/// this often.
const ATTEMPTS: usize = 8;

/// Written twice and removed, to see whether a server keeps the condition of a write.
const ONCE: &str = ".jacs-probe-once";
const ONCE_TEXT: &[u8] = b"jacs-agent: this object shows whether conditions are kept here; it may be removed";

/// How a write succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Nothing was there before.
    Created,
    /// The same bytes were there already.
    Same,
}

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Made here, just now, at random: nobody else can have it.
    Fresh,
    /// Brought by a caller: something may be stored under it, and others may be writing it.
    Given,
    /// Of a copy: the target was listed and did not have it. What was written is read back.
    Copied,
    /// Of something that only its owner writes, and mostly has written: on a server to look costs less than to be refused.
    Own,
}

impl Store {
    /// Stores `bytes` under `key`, once and for all. On fs success means stored as [`Durability`](super::Durability)
    /// says, for [`Put::Same`] too; elsewhere, that the server acknowledged it. When the future is dropped, the object
    /// may still appear, whole.
    ///
    /// Under a [`Name::Given`] a server whose condition is not atomic, or is not known to be, is asked before and after.
    ///
    /// Errors: `JACS_CONFLICT` (other bytes are there), `JACS_PERMISSION`, `JACS_UNAVAILABLE` (retryable when the disk
    /// is full or a server cannot be asked), `JACS_UNSUPPORTED` (a filesystem without links), `JACS_CONFIG` (the data
    /// directory is a file, the bucket does not exist).
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes, name: Name) -> Result<Put> {
        let path = key.path();
        let put = match &self.0.remote {
            Some(remote) if matches!(name, Name::Given | Name::Copied) => {
                self.put_given(remote, &path, &bytes, name == Name::Copied).await
            }
            None if name == Name::Copied => match self.put_once(&path, &bytes).await {
                Ok(Some(Put::Created)) => self.read_back(&path, &bytes).await,
                put => put,
            },
            Some(_) if name == Name::Own => match self.look(&path, &bytes).await {
                Ok(Some(same)) => Ok(same.then_some(Put::Same)),
                Ok(None) => self.put_once(&path, &bytes).await,
                Err(error) => Err(error),
            },
            _ => self.put_once(&path, &bytes).await,
        };
        match put {
            Ok(Some(put)) => Ok(put),
            Ok(None) => {
                let error = Error::new(Code::Conflict, "other bytes are already stored under that key");
                Err(self.name(error, key, &path))
            }
            Err(error) => Err(self.fail(error, key, &path)),
        }
    }

    /// `None` when other bytes are there.
    pub(super) async fn put_once(&self, path: &str, bytes: &Bytes) -> opendal::Result<Option<Put>> {
        for _ in 0..ATTEMPTS {
            match self.write(path, bytes).await {
                Ok(()) => return Ok(Some(Put::Created)),
                Err(error) if error.kind() == ErrorKind::ConditionNotMatch => {}
                Err(error) => return Err(error),
            }
            // Also our own write, whose answer was lost and which was repeated.
            if let Some(same) = self.look(path, bytes).await? {
                return Ok(same.then_some(Put::Same));
            }
        }
        Err(opendal::Error::new(ErrorKind::Unexpected, "the object keeps appearing and disappearing").set_persistent())
    }

    /// Where the server does not decide in one step, looks before and after. Two writers within the same moment may then
    /// both be told that they were first; one of them finds the other's bytes at the next look.
    async fn put_given(
        &self,
        remote: &Remote,
        path: &str,
        bytes: &Bytes,
        read_back: bool,
    ) -> opendal::Result<Option<Put>> {
        if remote.create_once().is_none() {
            // One looks for all who come at the same time.
            let _looking = remote.probing.lock().await;
            match if remote.create_once().is_none() { self.learn(remote).await } else { Ok(()) } {
                // A policy may allow the layout's keys alone; then the looks before and after must do.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                learned => learned?,
            }
        }
        if remote.create_once() == Some(CreateOnce::Atomic) {
            return match self.put_once(path, bytes).await? {
                Some(Put::Created) if read_back => self.read_back(path, bytes).await,
                put => Ok(put),
            };
        }
        if let Some(same) = self.look(path, bytes).await? {
            return Ok(same.then_some(Put::Same));
        }
        let put = self.put_once(path, bytes).await?;
        if put != Some(Put::Created) {
            return Ok(put);
        }
        if read_back {
            return self.read_back(path, bytes).await;
        }
        Ok(self.look(path, bytes).await?.is_none_or(|same| same).then_some(Put::Created))
    }

    /// Whether what was just written is there; `None` when other bytes are.
    async fn read_back(&self, path: &str, bytes: &Bytes) -> opendal::Result<Option<Put>> {
        match self.look(path, bytes).await? {
            Some(same) => Ok(same.then_some(Put::Created)),
            None => Err(opendal::Error::new(ErrorKind::Unexpected, "what was written is not there").set_persistent()),
        }
    }

    /// Finds out, once for each place and process, whether the server keeps the condition of a write.
    async fn learn(&self, remote: &Remote) -> opendal::Result<()> {
        // Two that learn at the same moment remove each other's object; what one alone has seen is sure.
        let kept =
            self.keeps_condition(ONCE).await? || self.keeps_condition(&format!("{ONCE}-{}", Uuid::new_v4())).await?;
        remote.learn(kept);
        Ok(())
    }

    async fn keeps_condition(&self, name: &str) -> opendal::Result<bool> {
        let text = Bytes::from_static(ONCE_TEXT);
        let mut kept = false;
        for _ in 0..2 {
            match self.write(name, &text).await {
                Err(error) if error.kind() == ErrorKind::ConditionNotMatch => kept = true,
                written => written?,
            }
            if kept {
                break;
            }
        }
        // Where removing is forbidden it stays, and the next process sees at once what it has to see.
        drop(self.within(&self.turn().await, 0, self.operator().delete(name)).await);
        Ok(kept)
    }

    /// Whether these bytes stand there; `None` when nothing does.
    async fn look(&self, path: &str, bytes: &Bytes) -> opendal::Result<Option<bool>> {
        match self.read(path, bytes.len() as u64).await {
            Ok(stored) => Ok(Some(stored.is_some_and(|stored| stored == *bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One conditional write, with its retries; nothing is looked at.
    pub(super) async fn write(&self, path: &str, bytes: &Bytes) -> opendal::Result<()> {
        let Some(remote) = &self.0.remote else {
            return self.operator().write_with(path, bytes.clone()).if_not_exists(true).await.map(drop);
        };
        let conditional = remote.conditional && !remote.knows_no_condition.load(Ordering::Relaxed);
        match self.write_remote(path, bytes, conditional).await {
            // It does not know the condition: as good as ignoring it.
            Err(error) if conditional && Refusal::is_unimplemented(&error) => {
                self.write_remote(path, bytes, false).await?;
                remote.knows_no_condition.store(true, Ordering::Relaxed);
                remote.learn(false);
                Ok(())
            }
            written => written.map_err(no_place),
        }
    }

    async fn write_remote(&self, path: &str, bytes: &Bytes, conditional: bool) -> opendal::Result<()> {
        let write = self.operator().write_with(path, bytes.clone()).if_not_exists(conditional);
        let write =
            if path.ends_with(super::layout::EXTENSION) { write.content_type("application/json") } else { write };
        let length = Upload::under_way().map_or(bytes.len() as u64, |upload| upload.length());
        self.within(&self.turn().await, length, async { write.await.map(drop) }).await
    }
}

/// "Not found" is no answer to a write: nothing that takes objects is at that address.
pub(super) fn no_place(error: opendal::Error) -> opendal::Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    Verdict::error(ErrorKind::ConfigInvalid, Again::No, "the server has no such place to write to")
}
