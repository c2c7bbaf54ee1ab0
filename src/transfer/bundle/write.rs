//! The file of a bundle: the manifest first, then what it lists, read once more and compared while it is written.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::archive::gzip::{BLOCK, pack, pack_as_it_is};
use super::super::archive::header;
use super::super::archive::output::{Output, name_of};
use super::super::report::Report;
use super::super::sink::Sink;
use super::NAME;
use super::gather::Gathered;
use super::manifest::Entry;
use crate::cancel::Cancel;
use crate::crypto::{Hasher, hex};
use crate::error::{Code, Error, Result};
use crate::store::{CreateOnce, ObjectKey, Store, blocking};

/// What shrinks more than so many times is kept as it is: readers take an archive that unpacks to much more than its length
/// for a bomb.
const MOST_SHRUNK: usize = 100;

/// A bundle under a temporary name, which goes unless it is finished.
pub struct Writer {
    output: Output,
    path: PathBuf,
    overwrite: bool,
    /// What is not packed yet.
    block: Vec<u8>,
}

impl Writer {
    /// Begins the file, at an absolute path.
    ///
    /// Errors: `JACS_CONFLICT` (the file exists), `JACS_INPUT` (its folder does not), `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn begin(path: &Path, overwrite: bool) -> Result<Writer> {
        let path = path.to_owned();
        blocking(move || {
            let output = Output::begin(&path, overwrite, false)?
                .ok_or_else(|| Error::new(Code::Internal, "the file was not begun"))?;
            Ok(Writer { output, path, overwrite, block: Vec::with_capacity(BLOCK) })
        })
        .await
    }

    /// Writes all of it and gives the file its name. `manifest` is the signed document.
    ///
    /// Errors: `JACS_HASH`, `JACS_ATTACHMENT` (an object is not what it was when it was verified), `JACS_CONFLICT`,
    /// `JACS_PERMISSION`, `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub async fn write(
        mut self,
        store: &Store,
        manifest: &str,
        gathered: &Gathered,
        sink: &Sink,
        cancel: &Cancel,
    ) -> Result<Report> {
        let entries = &gathered.manifest.entries;
        sink.expect(entries.len() as u64);
        self = self.header(&header::beside(NAME, manifest.len() as u64)?).await?;
        self = self.add(manifest.as_bytes()).await?.pad(manifest.len() as u64).await?;
        let mut report = Report { create_once: Some(CreateOnce::Atomic), ..Report::default() };
        for entry in entries {
            let key = ObjectKey::parse(&entry.path)
                .ok_or_else(|| Error::new(Code::Internal, "an entry of the manifest is not of the layout"))?;
            self = self.object(store, key, entry, gathered.texts.get(&key), cancel).await?;
            (report.copied, report.bytes) = (report.copied + 1, report.bytes + entry.bytes);
            sink.done(1, entry.bytes, 0);
        }
        self = self.add(&[0; 2 * header::BLOCK]).await?.flush().await?;
        cancel.check()?;
        let Writer { mut output, path, overwrite, .. } = self;
        blocking(move || {
            output.file.finish()?;
            output.file.publish(&name_of(&path)?, overwrite)
        })
        .await?;
        report.findings = sink.take();
        Ok(report)
    }

    async fn object(
        mut self,
        store: &Store,
        key: ObjectKey,
        entry: &Entry,
        text: Option<&Bytes>,
        cancel: &Cancel,
    ) -> Result<Self> {
        cancel.check()?;
        self = self.header(&header::object(&key, entry.bytes)?).await?;
        let (mut hasher, mut length) = (Hasher::default(), 0);
        let mut stored = match text {
            Some(_) => None,
            None => Some(cancel.or(store.open_object(key)).await?),
        };
        let mut given = text.cloned();
        loop {
            let piece = match &mut stored {
                Some(stored) => cancel.or(stored.next()).await?,
                None => given.take(),
            };
            let Some(piece) = piece else { break };
            length += piece.len() as u64;
            hasher.update(&piece);
            if length > entry.bytes {
                break;
            }
            self = self.add(&piece).await?;
        }
        if length != entry.bytes || hex(&hasher.finish()) != entry.sha256 {
            let code = if matches!(key, ObjectKey::File(_)) { Code::Attachment } else { Code::Hash };
            return Err(Error::new(code, "an object changed while the bundle was made").with_key(key));
        }
        self.pad(length).await
    }

    async fn header(self, header: &tar::Header) -> Result<Self> {
        self.add(header.as_bytes()).await
    }

    async fn pad(self, length: u64) -> Result<Self> {
        let zeros = [0; header::BLOCK];
        self.add(&zeros[..header::padding(length)]).await
    }

    async fn add(mut self, mut bytes: &[u8]) -> Result<Self> {
        while !bytes.is_empty() {
            let (fits, rest) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(fits);
            bytes = rest;
            if self.block.len() == BLOCK {
                self = self.flush().await?;
            }
        }
        Ok(self)
    }

    async fn flush(mut self) -> Result<Self> {
        blocking(move || {
            let mut packed = pack(&self.block)?;
            if packed.len() * MOST_SHRUNK < self.block.len() {
                packed = pack_as_it_is(&self.block)?;
            }
            self.output.file.write(&packed)?;
            self.block.clear();
            Ok(self)
        })
        .await
    }
}
