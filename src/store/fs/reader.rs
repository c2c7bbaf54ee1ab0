//! Reading: a small file in one visit to a blocking thread, a large one piece by piece.

use std::fs::File;
use std::sync::Arc;

use opendal::raw::RpRead;
use opendal::raw::oio::{ReadStream, ReadStreamDyn, StreamRead};
use opendal::{Buffer, BytesRange, Error, ErrorKind, Result};

use super::service::metadata;
use super::{Disk, Fs};

/// Bytes that are read at once.
const PIECE: u64 = 2 << 20;

/// Opens a file for every range that is asked for.
pub(in crate::store) struct Reader {
    fs: Fs,
    path: String,
}

impl Reader {
    pub fn new(fs: Fs, path: &str) -> Self {
        Self { fs, path: path.to_owned() }
    }
}

impl StreamRead for Reader {
    async fn open(&self, range: BytesRange) -> Result<(RpRead, Box<dyn ReadStreamDyn>)> {
        let (fs, path) = (self.fs.clone(), self.path.clone());
        self.fs
            .blocking(move |disk| {
                let (file, stat) = disk.open(&path)?;
                let (offset, length) = within(range, stat.bytes)?;
                let small = length <= PIECE;
                let first = match small {
                    true => Disk::read(&file, offset, length as usize)?,
                    // Whoever finds the file too large has not paid for it.
                    false => Vec::new(),
                };
                let left = if small { 0 } else { length };
                let stream = Stream { fs, file: Arc::new(file), first: first.into(), offset, left };
                Ok((RpRead::new(metadata(&stat)), Box::new(stream) as Box<dyn ReadStreamDyn>))
            })
            .await
    }
}

/// Offset and length of a range of a file with `bytes` bytes.
fn within(range: BytesRange, bytes: u64) -> Result<(u64, u64)> {
    match range {
        BytesRange::Suffix { size } => Ok((bytes.saturating_sub(size), size.min(bytes))),
        BytesRange::Range { offset, size: None } => Ok((offset, bytes.saturating_sub(offset))),
        BytesRange::Range { offset, size: Some(size) } => match offset.checked_add(size) {
            Some(end) if end <= bytes || size == 0 => Ok((offset, size)),
            _ => Err(Error::new(ErrorKind::RangeNotSatisfied, "the range ends behind the file")),
        },
    }
}

/// The bytes of one range.
struct Stream {
    fs: Fs,
    file: Arc<File>,
    first: Buffer,
    offset: u64,
    left: u64,
}

impl ReadStream for Stream {
    async fn read(&mut self) -> Result<Buffer> {
        if !self.first.is_empty() || self.left == 0 {
            return Ok(std::mem::take(&mut self.first));
        }
        let (file, offset, length) = (self.file.clone(), self.offset, self.left.min(PIECE));
        let bytes = self.fs.blocking(move |_| Disk::read(&file, offset, length as usize)).await?;
        self.offset += bytes.len() as u64;
        // A file that became shorter ends here; whoever verifies it will see.
        self.left = if bytes.is_empty() { 0 } else { self.left - bytes.len() as u64 };
        Ok(bytes.into())
    }
}
