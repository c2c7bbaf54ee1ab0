//! A body that is read from disk while it is sent, handed past OpenDAL, whose WebDAV service holds bodies whole in memory.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::{Stream, stream};

use crate::crypto::Hasher;
use crate::error::Error;
use crate::local_file::Contents;
use crate::store::files::Tell;
use crate::store::layout::Sha256Hex;

/// Bytes that are read at once.
const PIECE: u64 = 256 << 10;

tokio::task_local! {
    static UPLOAD: Upload;
}

/// What is to be sent in place of the body that OpenDAL has. Clones share what went wrong.
#[derive(Clone)]
pub(in crate::store) struct Upload {
    contents: Contents,
    hash: Sha256Hex,
    tell: Tell,
    /// Bytes that were told of: a repeated attempt sends them anew.
    told: Arc<AtomicU64>,
    failure: Arc<OnceLock<Error>>,
}

/// Runs a write of an empty object, which sends this instead.
pub(in crate::store) async fn with<T>(upload: Upload, write: impl Future<Output = T>) -> T {
    UPLOAD.scope(upload, write).await
}

impl Upload {
    pub fn new(contents: Contents, hash: Sha256Hex, tell: Tell) -> Self {
        Self { contents, hash, tell, told: Arc::default(), failure: Arc::default() }
    }

    /// What the write under way is to send.
    pub fn under_way() -> Option<Upload> {
        UPLOAD.try_with(Upload::clone).ok()
    }

    /// What is wrong with the contents; then no further attempt is of use.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.get()
    }

    /// In bytes.
    pub fn length(&self) -> u64 {
        self.contents.length()
    }

    /// The bytes from the beginning. The last of them come only when the hash of all is right, so that a server never
    /// gets a whole body that is another file's.
    pub fn body(&self) -> Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send + Sync>> {
        let begin = (self.clone(), Hasher::default(), 0);
        Box::pin(stream::try_unfold(begin, |(upload, hasher, offset)| async move {
            if offset == upload.length() {
                return Ok(None);
            }
            let source = upload.clone();
            let read = tokio::task::spawn_blocking(move || source.read(hasher, offset)).await;
            match read.map_err(std::io::Error::other)? {
                Ok((piece, hasher)) => {
                    let offset = offset + piece.len() as u64;
                    let told = upload.told.fetch_max(offset, Ordering::Relaxed);
                    (upload.tell)(offset.saturating_sub(told));
                    Ok(Some((piece, (upload, hasher, offset))))
                }
                Err(error) => {
                    upload.failure.get_or_init(|| error);
                    Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
                }
            }
        }))
    }

    fn read(&self, mut hasher: Hasher, offset: u64) -> Result<(Bytes, Hasher), Error> {
        let size = PIECE.min(self.length() - offset);
        let piece = self.contents.piece(offset, size as usize)?;
        hasher.update(&piece);
        if offset + size == self.length() {
            self.contents.check_unchanged()?;
            if Sha256Hex::from(hasher.clone().finish()) != self.hash {
                return Err(self.contents.changed());
            }
        }
        Ok((piece, hasher))
    }
}
