//! Writing, once and for all: how each backend makes sure that nothing is overwritten.

use bytes::Bytes;
use opendal::ErrorKind;

use super::{CreateOnce, ObjectKey, Store};
use crate::error::{Code, Error, Result};

/// An object may be removed between a refused write and the look at what stands there; then the write is tried anew,
/// this often.
const ATTEMPTS: usize = 8;

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
        let put = match self.0.remote.as_ref().map(|remote| remote.create_once()) {
            Some(known) if name == Name::Given && known != Some(CreateOnce::Atomic) => {
                self.put_watched(&path, &bytes, known).await
            }
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
    async fn put_once(&self, path: &str, bytes: &Bytes) -> opendal::Result<Option<Put>> {
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

    /// Looks before and after. Two writers within the same moment may both be told that they were first; one of them
    /// then finds the other's bytes at the next look.
    async fn put_watched(&self, path: &str, bytes: &Bytes, known: Option<CreateOnce>) -> opendal::Result<Option<Put>> {
        if let Some(same) = self.look(path, bytes).await? {
            return Ok(same.then_some(Put::Same));
        }
        let put = self.put_once(path, bytes).await?;
        if put != Some(Put::Created) {
            return Ok(put);
        }
        if let (Some(remote), None) = (&self.0.remote, known) {
            // The same bytes again: a server that keeps the condition refuses them, another is found out.
            match self.write(path, bytes).await {
                Ok(()) => remote.learn(false),
                Err(error) if error.kind() == ErrorKind::ConditionNotMatch => remote.learn(true),
                // Stored it is, whatever this request met.
                Err(_) => {}
            }
        }
        Ok(self.look(path, bytes).await?.is_none_or(|same| same).then_some(Put::Created))
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
        let write = self.operator().write_with(path, bytes.clone());
        let Some(remote) = &self.0.remote else { return write.if_not_exists(true).await.map(drop) };
        let write =
            if path.ends_with(super::layout::EXTENSION) { write.content_type("application/json") } else { write };
        let write = if remote.conditional { write.if_not_exists(true) } else { write };
        self.within(&self.turn().await, bytes.len() as u64, async { write.await.map(drop) }).await
    }
}
