//! One page of an export: its objects read, checked and packed, in pieces that are written in their order.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use futures::{StreamExt, stream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::super::finding::{Finding, What};
use super::super::object::unread;
use super::super::sink::Sink;
use super::gzip::{BLOCK, pack};
use super::leaves::Leaf;
use super::pages::{Named, Page};
use super::{header, judge, pages};
use crate::cancel::Cancel;
use crate::crypto::{Hasher, sha256};
use crate::error::{Code, Error, Result};
use crate::id::DocumentId;
use crate::store::{FileName, Kind, ObjectKey, Sha256Hex, Store, Trouble, blocking, layout};

/// Bytes of documents of a page that are in memory at once, beside one that is longer; in units of [`UNIT`].
const IN_MEMORY: u32 = 32 << 10;
const UNIT: u64 = 1 << 10;

/// Where everything comes from.
#[derive(Clone)]
pub struct Source {
    pub store: Store,
    pub max_bytes: u64,
    pub keep_invalid: bool,
}

/// What a job gives, in the order of the archive.
pub enum Piece {
    Packed(Vec<u8>),
    Packing(JoinHandle<Result<Vec<u8>>>),
    /// What follows may be taken back ...
    Mark,
    /// ... up to there.
    Undo,
    /// The last one.
    Done(Box<Done>),
}

/// What became of a page.
#[derive(Default)]
pub struct Done {
    pub copied: u64,
    pub failed: u64,
    pub bytes: u64,
    /// Bytes that nobody who watches was told of yet.
    pub untold: u64,
    pub findings: Vec<Finding>,
    pub leaves: Vec<Leaf>,
    /// Something stands where versions belong: what is behind it nobody knows.
    pub unlisted: bool,
    /// Why an object could not be read.
    pub error: Option<Error>,
}

/// A page under way.
pub struct Job {
    source: Source,
    reads: usize,
    pieces: mpsc::Sender<Result<Piece>>,
    sink: Arc<Sink>,
    cancel: Cancel,
    /// What is not packed yet.
    block: BytesMut,
    done: Done,
    /// Attachments that were looked for.
    found: HashSet<Sha256Hex>,
}

impl Job {
    pub fn new(
        source: Source,
        reads: usize,
        pieces: mpsc::Sender<Result<Piece>>,
        sink: Arc<Sink>,
        cancel: Cancel,
    ) -> Job {
        Job {
            source,
            reads,
            pieces,
            sink,
            cancel,
            block: BytesMut::new(),
            done: Done::default(),
            found: HashSet::new(),
        }
    }

    pub async fn run(mut self, page: Page) {
        let last = match self.page(page).await {
            Ok(()) => Ok(Piece::Done(Box::new(self.done))),
            Err(error) => Err(error),
        };
        // Nobody listens any more when the export has ended.
        let _ = self.pieces.send(last).await;
    }

    async fn page(&mut self, page: Page) -> Result<()> {
        let directory = match &page.what {
            Named::Files(_) => "files/".to_owned(),
            Named::Ids(kind, _) | Named::Versions(kind, _) => layout::kind_prefix(*kind),
        };
        if page.is_first {
            self.block.put_slice(header::directory(&directory)?.as_bytes());
        }
        match page.what {
            Named::Files(files) => {
                for file in files {
                    self.cancel.check()?;
                    self.file(file).await?;
                }
            }
            Named::Ids(kind, _) | Named::Versions(kind, _) => self.versions(kind, page.what).await?,
        }
        self.flush().await
    }

    async fn versions(&mut self, kind: Kind, page: Named) -> Result<()> {
        if let (Named::Ids(kind, ids), true) = (&page, self.source.store.is_local()) {
            return self.folders(*kind, ids).await;
        }
        let (keys, findings) = Named::versions(&self.source.store, kind, page).await?;
        self.done.unlisted |= !findings.is_empty();
        findings.into_iter().for_each(|finding| self.refuse(finding));
        let (source, room) = (self.source.clone(), Arc::new(Semaphore::new(IN_MEMORY as usize)));
        let read = |(key, length): (ObjectKey, Option<u64>)| {
            let (source, room) = (source.clone(), room.clone());
            // Each in a task of its own: a read that nobody drives while the archive is waited for would keep its place at
            // the server, and others wait for that.
            async move {
                let most = length.unwrap_or_default().min(source.max_bytes);
                let units = u32::try_from(most / UNIT).unwrap_or(IN_MEMORY).clamp(1, IN_MEMORY);
                // Before the task: the first in order asks first, so there is always one that goes on.
                let place = room.acquire_many_owned(units).await;
                tokio::spawn(async move { (key, source.store.get(&key, source.max_bytes).await, place) }).await
            }
        };
        let mut reads = std::pin::pin!(stream::iter(keys).map(read).buffered(self.reads));
        let mut last = None;
        while let Some(read) = reads.next().await {
            let (key, read, _place) =
                read.map_err(|error| Error::new(Code::Internal, "a read of the export failed").with_source(error))?;
            self.cancel.check()?;
            self.version(kind, key, read, &mut last).await?;
        }
        Ok(())
    }

    /// On a disk: this thread waits for it in any case, and each folder is opened once.
    async fn folders(&mut self, kind: Kind, ids: &[DocumentId]) -> Result<()> {
        let store = self.source.store.clone();
        let survey = match store.survey(kind) {
            Ok(survey) => survey,
            Err(Trouble::Gone) => return Ok(()),
            Err(trouble) => return Err(trouble.into_error()),
        };
        let mut last = None;
        for id in ids {
            self.cancel.check()?;
            let folder = match survey.folder(*id, None, &mut |_| Ok(())).await? {
                Ok(folder) => folder,
                Err(Trouble::Gone) => continue,
                Err(Trouble::Unasked(error)) => return Err(error),
                Err(trouble) => {
                    self.done.unlisted = true;
                    self.refuse(pages::unlisted(kind, *id, &trouble.into_error()));
                    continue;
                }
            };
            for (position, version) in folder.versions.iter().enumerate() {
                let read = match folder.open(position).await {
                    Ok(opened) => opened.read(self.source.max_bytes).await,
                    Err(trouble) => Err(trouble),
                };
                let too_long = || Error::new(Code::Hash, "the stored object is longer than a document may be");
                let read = read.map_err(Trouble::into_error).and_then(|bytes| bytes.ok_or_else(too_long));
                let key = ObjectKey::Version { kind, key: folder.key(*version) };
                self.version(kind, key, read, &mut last).await?;
            }
        }
        Ok(())
    }

    async fn version(
        &mut self,
        kind: Kind,
        key: ObjectKey,
        read: Result<Vec<u8>>,
        last: &mut Option<DocumentId>,
    ) -> Result<()> {
        let bytes = match read {
            Ok(bytes) => bytes,
            // Removed since it was listed.
            Err(error) if error.code() == Code::NotFound => return Ok(()),
            Err(error) => {
                self.unread(error, &key);
                return Ok(());
            }
        };
        let digest = sha256(&bytes);
        let mut leaf = Leaf { key, from: Some(digest), to: None };
        match judge::version(&bytes, &key, self.source.max_bytes) {
            Err(finding) if !self.source.keep_invalid => {
                self.done.leaves.push(leaf);
                self.refuse(finding);
                return Ok(());
            }
            Err(finding) => self.done.findings.push(finding),
            Ok(files) => {
                for hash in files {
                    self.look_for(hash, &key).await?;
                }
            }
        }
        if let ObjectKey::Version { key, .. } = key
            && last.replace(key.id) != Some(key.id)
        {
            self.block.put_slice(header::directory(&layout::prefix(kind, key.id))?.as_bytes());
        }
        leaf.to = Some(digest);
        self.done.leaves.push(leaf);
        self.object(&key, &bytes).await
    }

    /// A document whose attachment is away goes into the archive, and that is told.
    async fn look_for(&mut self, hash: Sha256Hex, document: &ObjectKey) -> Result<()> {
        if !self.found.insert(hash) {
            return Ok(());
        }
        let finding = match self.source.store.file_length(hash).await {
            Ok(Some(_)) => return Ok(()),
            Err(error) if error.code() == Code::Aborted => return Err(error),
            // Whether it is there is not known.
            Err(error) if !error.is_damage() => Finding::of(What::Failed, &error),
            Ok(None) | Err(_) => {
                let message = "an attachment of the document is not in the store";
                Finding::new(What::AttachmentMissing, Code::Attachment, message)
            }
        };
        self.done.findings.push(finding.with_key(document).with_path(ObjectKey::File(hash).path()));
        Ok(())
    }

    async fn file(&mut self, file: FileName) -> Result<()> {
        let key = ObjectKey::File(file.hash);
        let length = match file.bytes {
            Some(length) => Ok(Some(length)),
            None => self.source.store.file_length(file.hash).await,
        };
        let read = match length {
            Ok(None) => return Ok(()),
            Ok(Some(length)) if length <= BLOCK as u64 => self.small_file(file.hash).await,
            Ok(Some(length)) => self.large_file(file.hash, length).await,
            Err(error) => Ok(Err(error)),
        };
        match read? {
            Err(error) if error.code() == Code::NotFound => {}
            Err(error) => self.unread(error, &key),
            Ok(()) => {}
        }
        Ok(())
    }

    /// One that is read as a whole before anything of it is written.
    async fn small_file(&mut self, hash: Sha256Hex) -> Result<Result<()>> {
        let (key, mut bytes) = (ObjectKey::File(hash), Vec::new());
        let read = async {
            let mut stored = self.source.store.open_file(hash).await?;
            while let Some(piece) = stored.next().await? {
                bytes.extend_from_slice(&piece);
                if bytes.len() > 2 * BLOCK {
                    return Err(Error::new(Code::Unavailable, "the file is longer than the storage says"));
                }
            }
            Ok(())
        };
        if let Err(error) = read.await {
            return Ok(Err(error));
        }
        let digest = sha256(&bytes);
        if self.compare(hash, digest) {
            self.object(&key, &bytes).await?;
        }
        Ok(Ok(()))
    }

    /// One whose bytes are written while they are read, and taken back if they are not what they should be.
    async fn large_file(&mut self, hash: Sha256Hex, length: u64) -> Result<Result<()>> {
        self.flush().await?;
        self.send(Piece::Mark).await?;
        let key = ObjectKey::File(hash);
        self.block.put_slice(header::object(&key, length)?.as_bytes());
        let read = match self.stream(hash, length).await? {
            Ok(digest) if self.compare(hash, digest) => {
                self.block.put_bytes(0, header::padding(length));
                (self.done.copied, self.done.bytes) = (self.done.copied + 1, self.done.bytes + length);
                return self.flush().await.map(Ok);
            }
            read => read.map(drop),
        };
        self.block.clear();
        self.send(Piece::Undo).await?;
        Ok(read)
    }

    /// The hash of what was written.
    async fn stream(&mut self, hash: Sha256Hex, length: u64) -> Result<Result<[u8; 32]>> {
        let mut stored = match self.source.store.open_file(hash).await {
            Ok(stored) => stored,
            Err(error) => return Ok(Err(error)),
        };
        let (mut hasher, mut left) = (Hasher::default(), length);
        loop {
            self.cancel.check()?;
            let piece = match stored.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) if left == 0 => return Ok(Ok(hasher.finish())),
                Err(error) => return Ok(Err(error)),
                Ok(None) => break,
            };
            hasher.update(&piece);
            match left.checked_sub(piece.len() as u64) {
                Some(rest) => left = rest,
                None => break,
            }
            self.sink.done(0, piece.len() as u64, 0);
            for part in piece.chunks(BLOCK) {
                self.block.put_slice(part);
                while self.block.len() >= BLOCK {
                    // All cores pack one file.
                    let block = self.block.split_to(BLOCK).freeze();
                    let packing = tokio::task::spawn_blocking(move || pack(&block));
                    self.send(Piece::Packing(packing)).await?;
                }
            }
        }
        Ok(Err(Error::new(Code::Unavailable, "the file is not as long as the storage says").with("bytes", length)))
    }

    /// Notes what was read of a file; whether it belongs into the archive.
    fn compare(&mut self, hash: Sha256Hex, digest: [u8; 32]) -> bool {
        let key = ObjectKey::File(hash);
        let is_whole = Sha256Hex::from(digest) == hash;
        let belongs = is_whole || self.source.keep_invalid;
        self.done.leaves.push(Leaf { key, from: Some(digest), to: belongs.then_some(digest) });
        if !is_whole {
            let message = "the bytes of the file are not what its name says";
            let finding = Finding::new(What::AttachmentAltered, Code::Attachment, message);
            let finding = finding.with_key(hash).with_path(key.path());
            match belongs {
                true => self.done.findings.push(finding),
                false => self.refuse(finding),
            }
        }
        belongs
    }

    /// An entry with its contents.
    async fn object(&mut self, key: &ObjectKey, bytes: &[u8]) -> Result<()> {
        let length = bytes.len() as u64;
        self.block.put_slice(header::object(key, length)?.as_bytes());
        for part in bytes.chunks(BLOCK) {
            self.block.put_slice(part);
            self.flush_whole_blocks().await?;
        }
        self.block.put_bytes(0, header::padding(length));
        (self.done.copied, self.done.bytes) = (self.done.copied + 1, self.done.bytes + length);
        self.done.untold += length;
        self.flush_whole_blocks().await
    }

    fn refuse(&mut self, finding: Finding) {
        self.done.failed += 1;
        self.done.findings.push(finding);
    }

    fn unread(&mut self, error: Error, key: &ObjectKey) {
        self.done.leaves.push(Leaf { key: *key, from: None, to: None });
        self.refuse(unread(&error, key));
        self.done.error = Some(error);
    }

    async fn flush_whole_blocks(&mut self) -> Result<()> {
        while self.block.len() >= BLOCK {
            let block = self.block.split_to(BLOCK).freeze();
            let packed = blocking(move || pack(&block)).await?;
            self.send(Piece::Packed(packed)).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.flush_whole_blocks().await?;
        if self.block.is_empty() {
            return Ok(());
        }
        let block = self.block.split().freeze();
        let packed = blocking(move || pack(&block)).await?;
        self.send(Piece::Packed(packed)).await
    }

    async fn send(&self, piece: Piece) -> Result<()> {
        let sent = self.pieces.send(Ok(piece)).await;
        sent.or_else(|_| self.cancel.check().and(Err(Error::new(Code::Aborted, "the export has ended"))))
    }
}
