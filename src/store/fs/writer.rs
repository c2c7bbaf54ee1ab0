//! Writing: a small file in one visit to a blocking thread when it is closed, a large one piece by piece.

use opendal::raw::oio;
use opendal::{Buffer, Error, ErrorKind, Metadata, MetadataBuilder, Result};
use tokio::sync::OwnedSemaphorePermit;

use super::commit::Save;
use super::{Fs, Outcome, Pending, stopped};

/// Bytes kept in memory before the file is begun.
const BUFFERED: usize = 1 << 20;

/// Creates one file, which appears when this is closed. Dropped or aborted before, it leaves nothing.
pub(in crate::store) struct Writer {
    fs: Fs,
    path: String,
    state: State,
}

enum State {
    Buffered {
        buffers: Vec<Buffer>,
        bytes: usize,
    },
    Begun(Pending, OwnedSemaphorePermit),
    /// Closed, aborted, failed, or given up in the middle: what was written is not all there.
    Over,
}

impl Writer {
    pub fn new(fs: Fs, path: &str) -> Self {
        Self { fs, path: path.to_owned(), state: State::Buffered { buffers: Vec::new(), bytes: 0 } }
    }

    /// Takes the state out: a future that is dropped in the middle leaves [`State::Over`] behind.
    fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }
}

impl oio::Write for Writer {
    async fn write(&mut self, bytes: Buffer) -> Result<()> {
        let path = self.path.clone();
        self.state = match self.take() {
            State::Buffered { mut buffers, bytes: before } => {
                let total = before + bytes.len();
                buffers.push(bytes);
                match total <= BUFFERED {
                    true => State::Buffered { buffers, bytes: total },
                    false => {
                        let permit = self.fs.begun.clone().acquire_owned().await.map_err(stopped)?;
                        State::Begun(self.fs.blocking(move |disk| filled(disk.begin(&path)?, buffers)).await?, permit)
                    }
                }
            }
            State::Begun(pending, permit) => {
                State::Begun(self.fs.blocking(move |_| filled(pending, vec![bytes])).await?, permit)
            }
            State::Over => return Err(over()),
        };
        Ok(())
    }

    async fn close(&mut self) -> Result<Metadata> {
        let path = self.path.clone();
        let (outcome, bytes) = match self.take() {
            State::Buffered { buffers, .. } => self.fs.save(Save { path, bytes: buffers }).await?,
            State::Begun(pending, permit) => {
                // Together to the end, even when this future is dropped.
                let publish = move || {
                    let _permit = permit;
                    pending.publish()
                };
                self.fs.blocking(move |_| publish()).await?
            }
            State::Over => return Err(over()),
        };
        match outcome {
            Outcome::Created => Ok(MetadataBuilder::file(bytes).build()),
            Outcome::Exists => Err(Error::new(ErrorKind::ConditionNotMatch, "something stands there already")),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        match self.take() {
            State::Begun(pending, _permit) => {
                self.fs
                    .blocking(move |_| {
                        drop(pending);
                        Ok(())
                    })
                    .await
            }
            State::Buffered { .. } | State::Over => Ok(()),
        }
    }
}

fn filled(mut pending: Pending, buffers: Vec<Buffer>) -> Result<Pending> {
    for bytes in buffers {
        pending.write(bytes)?;
    }
    Ok(pending)
}

fn over() -> Error {
    Error::new(ErrorKind::Unexpected, "the file is finished already")
}
