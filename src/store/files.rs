//! Attachments under the hash of their bytes, of any size: no more than a few pieces of one are ever in memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use futures::TryStreamExt;
use opendal::{Buffer, BufferStream, ErrorKind, Writer};

use super::fs::{Fault, Outcome};
use super::layout::{FILES, ObjectKey, Sha256Hex};
use super::put::no_place;
use super::remote::{Turn, streamed};
use super::{Fs, Store};
use crate::cancel::Cancel;
use crate::crypto::Hasher;
use crate::error::{Code, Error, Result};
use crate::local_file::Contents;

/// Bytes that are hashed at once.
const PIECE: usize = 1 << 20;
/// An upload goes in parts of at least so many bytes; S3 takes none below 5 MiB, except the last.
const PART: u64 = 8 << 20;
/// Parts of one upload at most: S3 takes 10,000.
const MOST_PARTS: u64 = 9_000;
/// Parts of one upload under way at once, and what they may hold in memory together.
const PARTS_AT_ONCE: u64 = 4;
const IN_FLIGHT: u64 = PARTS_AT_ONCE * PART;
/// The longest file for a server to which it cannot be sent in parts or as a stream: all of it is in memory then.
const LONGEST_IN_MEMORY: u64 = 64 << 20;

const CONTENT_TYPE: &str = "application/octet-stream";

/// Who is told of each piece that was stored, in bytes.
pub type Tell = Arc<dyn Fn(u64) + Send + Sync>;

/// The hash of contents. Blocks no thread of the runtime; `tell` hears of the bytes.
///
/// Errors: `JACS_ATTACHMENT` when they change meanwhile or cannot be read; `JACS_ABORTED`.
pub async fn hash(contents: &Contents, tell: Tell, cancel: &Cancel) -> Result<Sha256Hex> {
    let (contents, cancel) = (contents.clone(), cancel.clone());
    blocking(move || {
        let mut hasher = Hasher::default();
        contents.for_each(PIECE, |piece| {
            hasher.update(piece);
            tell(piece.len() as u64);
            cancel.check()
        })?;
        Ok(hasher.finish().into())
    })
    .await
}

/// Runs what waits for the disk where it holds up nothing else; on this thread where that [waits](super::wait_here) in any
/// case.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    if super::fs::waits() {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(Code::Internal, "a task in the background failed").with_source(error))?
}

impl Store {
    /// Stores contents under their hash, unless they are there. `known`: the hash, where somebody computed it already.
    ///
    /// On fs the contents are read once. Elsewhere they are hashed first, and hashed again while they are sent to their
    /// place; nothing appears there when they changed. An abort, or a failure, ends an upload that was begun.
    ///
    /// Errors: `JACS_ATTACHMENT` when the contents change or cannot be read, or when other bytes stand under the hash;
    /// `JACS_ABORTED`; `JACS_UNSUPPORTED` when they are too long for the backend; those of [`put`](Self::put).
    pub async fn keep(
        &self,
        contents: &Contents,
        known: Option<Sha256Hex>,
        tell: &Tell,
        cancel: &Cancel,
    ) -> Result<Sha256Hex> {
        match &self.0.fs {
            Some(fs) => Box::pin(self.adopt(fs, contents, known, tell, cancel)).await,
            None => {
                let hash = match known {
                    Some(known) => known,
                    None => hash(contents, Arc::new(|_| ()), cancel).await?,
                };
                Box::pin(self.upload(contents, hash, tell, cancel)).await.map(|()| hash)
            }
        }
    }

    /// How long a stored file is, in bytes; `None` when it is not there.
    ///
    /// Errors: `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn file_length(&self, hash: Sha256Hex) -> Result<Option<u64>> {
        let (key, path) = named(hash);
        match self.within(&self.turn().await, 0, self.operator().stat(&path)).await {
            Ok(found) if found.is_file() => Ok(Some(found.content_length())),
            Ok(_) => Err(self.name(Error::new(Code::Permission, "what stands there is not a file"), &key, &path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.fail(error, &key, &path)),
        }
    }

    /// The bytes of a stored file, as they are there: whoever reads them compares their hash.
    ///
    /// Errors: `JACS_NOT_FOUND`, `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn open_file(&self, hash: Sha256Hex) -> Result<StoredFile> {
        self.open_object(ObjectKey::File(hash)).await
    }

    /// The bytes of any object, as [`open_file`](Self::open_file).
    pub async fn open_object(&self, key: ObjectKey) -> Result<StoredFile> {
        let path = key.path();
        let open = async { self.operator().reader(&path).await?.into_stream(..).await };
        match self.within(&self.turn().await, 0, open).await {
            Ok(stream) => Ok(StoredFile { store: self.clone(), key, stream }),
            Err(error) => Err(self.fail(error, &key, &path)),
        }
    }

    /// The hash and the length of what stands under `hash`, as it is there; `None` when nothing does. Reads all of it.
    ///
    /// Errors: `JACS_PERMISSION` (also: no file stands there), `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub async fn hash_file(&self, hash: Sha256Hex, cancel: &Cancel) -> Result<Option<(Sha256Hex, u64)>> {
        let read = async {
            let mut file = self.open_file(hash).await?;
            let (mut hasher, mut length) = (Hasher::default(), 0);
            while let Some(piece) = file.next().await? {
                cancel.check()?;
                length += piece.len() as u64;
                hasher.update(&piece);
            }
            Ok((Sha256Hex::from(hasher.finish()), length))
        };
        match cancel.or(read).await {
            Err(error) if error.code() == Code::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// The bytes of a stored file so that they can be read more than once: where it is, when that is on this machine; in
    /// memory, when it is short; else in a temporary file without a name. `None` when it is not there.
    ///
    /// Errors: as [`hash_file`](Self::hash_file).
    pub async fn contents(&self, hash: Sha256Hex, cancel: &Cancel) -> Result<Option<Contents>> {
        let read = async {
            let (key, path) = named(hash);
            if let Some(fs) = &self.0.fs {
                let file = fs.open(&path).await.map_err(|error| self.fail(error, &key, &path))?;
                return Contents::of_file(file, self.local_path(&path));
            }
            let mut file = self.open_file(hash).await?;
            let mut spool = Spool::default();
            while let Some(piece) = file.next().await? {
                cancel.check()?;
                spool = blocking(move || spool.add(&piece)).await?;
            }
            spool.contents()
        };
        match cancel.or(read).await {
            Err(error) if error.code() == Code::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    async fn adopt(
        &self,
        fs: &Fs,
        contents: &Contents,
        known: Option<Sha256Hex>,
        tell: &Tell,
        cancel: &Cancel,
    ) -> Result<Sha256Hex> {
        let (told, heard) = (tell.clone(), cancel.clone());
        let source = contents.clone();
        let name = move |digest| match Sha256Hex::from(digest) {
            hash if known.is_some_and(|known| known != hash) => Err(source.changed()),
            hash => Ok(hash.to_string()),
        };
        let adopted = fs.adopt(FILES, contents.clone(), name, move |bytes| {
            told(bytes);
            heard.check()
        });
        let (outcome, digest) = adopted.await.map_err(|fault| match fault {
            Fault::Here(error) => self.fail_listing(error, FILES),
            Fault::Elsewhere(error) => error,
        })?;
        let hash = Sha256Hex::from(digest);
        match outcome {
            Outcome::Created => {}
            Outcome::Exists => self.check_file(hash, contents.length(), cancel).await?,
        }
        Ok(hash)
    }

    /// Whether what stands under a hash is what it says: a document that names it must not be the first to find out.
    async fn check_file(&self, hash: Sha256Hex, length: u64, cancel: &Cancel) -> Result<()> {
        let mut file = self.open_file(hash).await?;
        let (mut hasher, mut left) = (Hasher::default(), Some(length));
        while let Some(piece) = file.next().await? {
            cancel.check()?;
            left = left.and_then(|left| left.checked_sub(piece.len() as u64));
            hasher.update(&piece);
        }
        if left == Some(0) && Sha256Hex::from(hasher.finish()) == hash { Ok(()) } else { Err(self.altered(hash)) }
    }

    fn altered(&self, hash: Sha256Hex) -> Error {
        let (key, path) = named(hash);
        let message = "the file stored under that hash was altered: remove it, or bring it back from a copy";
        self.name(Error::new(Code::Attachment, message).with("sha256", hash), &key, &path)
    }

    async fn upload(&self, contents: &Contents, hash: Sha256Hex, tell: &Tell, cancel: &Cancel) -> Result<()> {
        // Equal contents at the same time are sent once.
        let sent = self.0.uploads.of(hash);
        let mut sent = cancel.or(async { Ok(sent.lock().await) }).await?;
        if *sent {
            tell(contents.length());
            return Ok(());
        }
        self.upload_once(contents, hash, tell, cancel).await?;
        *sent = true;
        Ok(())
    }

    async fn upload_once(&self, contents: &Contents, hash: Sha256Hex, tell: &Tell, cancel: &Cancel) -> Result<()> {
        let length = contents.length();
        match cancel.or(self.file_length(hash)).await? {
            Some(there) if there == length => {
                tell(length);
                return Ok(());
            }
            Some(_) => return Err(self.altered(hash)),
            None => {}
        }
        let sent = match self.0.remote.as_ref().is_some_and(|remote| remote.streams) {
            true => Box::pin(self.send_whole(contents, hash, tell, cancel)).await,
            false => Box::pin(self.send_in_parts(contents, hash, tell, cancel)).await,
        };
        match sent {
            Err(error) if error.code() != Code::Aborted && error.code() != Code::Attachment => {
                // Its answer may have been lost, or somebody else may have stored the same bytes meanwhile.
                match self.file_length(hash).await {
                    Ok(Some(there)) if there == length => Ok(()),
                    _ => Err(error),
                }
            }
            sent => sent,
        }
    }

    /// One request, whose body is read while it is sent.
    async fn send_whole(&self, contents: &Contents, hash: Sha256Hex, tell: &Tell, cancel: &Cancel) -> Result<()> {
        let (key, path) = named(hash);
        let body = streamed::Upload::new(contents.clone(), hash, tell.clone());
        let nothing = Bytes::new();
        let write = streamed::with(body.clone(), self.write(&path, &nothing));
        let sent = cancel.or(async { Ok(write.await) }).await?;
        // What is wrong with the contents says more than the connection that broke because of it.
        if let Some(error) = body.failure() {
            return Err(error.clone());
        }
        match sent {
            Err(error) if error.kind() == ErrorKind::ConditionNotMatch => match self.file_length(hash).await? {
                Some(there) if there == contents.length() => Ok(()),
                Some(_) => Err(self.altered(hash)),
                None => Err(self.fail(error, &key, &path)),
            },
            sent => sent.map_err(|error| self.fail(error, &key, &path)),
        }
    }

    async fn send_in_parts(&self, contents: &Contents, hash: Sha256Hex, tell: &Tell, cancel: &Cancel) -> Result<()> {
        let (key, path) = named(hash);
        let length = contents.length();
        let capability = self.operator().info().capability();
        let part = part_size(length);
        if !capability.write_can_multi && length > LONGEST_IN_MEMORY {
            let error = Error::new(Code::Unsupported, "the backend takes no file of that size");
            return Err(self.name(error.with("limit", LONGEST_IN_MEMORY).with("bytes", length), &key, &path));
        }
        let at_once = (IN_FLIGHT / part).max(1) as usize;
        let fail = |error| self.fail(no_place(error), &key, &path);
        let mut turn = self.turn().await;
        let operator = self.0.remote.as_ref().and_then(|remote| remote.uploader.as_ref()).unwrap_or(self.operator());
        let open = operator.writer_with(&path).concurrent(at_once).content_type(CONTENT_TYPE).into_future();
        let writer = self.within(&turn, 0, open).await.map_err(fail)?;
        let mut upload = Parts { store: self, writer, in_flight: part * at_once as u64, begun: false };
        let mut sent = upload.send(&mut turn, contents, hash, part, tell, cancel).await;
        if let Ok(Ok(())) = sent {
            sent = upload.end(&mut turn, cancel).await;
        }
        if matches!(sent, Ok(Ok(()))) && length > part {
            // Of an upload in parts each was acknowledged, and that they are all is what its length says. Who holds a turn
            // and waits for another may wait for ever.
            drop(turn);
            return match cancel.or(self.file_length(hash)).await? {
                Some(there) if there == length => Ok(()),
                _ => Err(self.altered(hash)),
            };
        }
        if !matches!(sent, Ok(Ok(()))) {
            renew(&mut turn);
            // Where that is forbidden, parts stay until the bucket's own rule removes them.
            drop(self.within(&turn, 0, upload.writer.abort()).await);
        }
        sent?.map_err(fail)
    }
}

/// An upload in parts, or of a small file at once.
struct Parts<'a> {
    store: &'a Store,
    writer: Writer,
    /// Bytes of parts that may be under way at once.
    in_flight: u64,
    /// Whether the server was asked to begin it.
    begun: bool,
}

impl Parts<'_> {
    /// Sends all bytes but what the end sends. The error of ours is about the contents or the signal, that of OpenDAL about
    /// the server.
    async fn send(
        &mut self,
        turn: &mut Option<Turn>,
        contents: &Contents,
        hash: Sha256Hex,
        part: u64,
        tell: &Tell,
        cancel: &Cancel,
    ) -> Result<opendal::Result<()>> {
        let length = contents.length();
        let (mut hasher, mut offset) = (Hasher::default(), 0);
        while offset < length {
            let size = part.min(length - offset);
            let source = contents.clone();
            let work = move || {
                let piece = source.piece(offset, size as usize)?;
                hasher.update(&piece);
                Ok((piece, hasher))
            };
            let (piece, hashed) = cancel.or(blocking(work)).await?;
            hasher = hashed;
            let is_second = offset > 0 && !self.begun;
            offset += size;
            if offset == length && Sha256Hex::from(hasher.clone().finish()) != hash {
                return Err(contents.changed());
            }
            let write = self.write(turn, piece.into());
            // The second write asks the server to begin: were that given up, nobody would know what to abort.
            let written = if is_second { write.await } else { cancel.or(async { Ok(write.await) }).await? };
            if written.is_err() {
                return Ok(written);
            }
            self.begun |= is_second;
            tell(size);
        }
        contents.check_unchanged().map(Ok)
    }

    async fn write(&mut self, turn: &mut Option<Turn>, piece: Buffer) -> opendal::Result<()> {
        renew(turn);
        self.store.within(turn, self.in_flight, self.writer.write(piece)).await
    }

    /// What waits of the parts, and what joins them.
    async fn end(&mut self, turn: &mut Option<Turn>, cancel: &Cancel) -> Result<opendal::Result<()>> {
        renew(turn);
        let closed = self.store.within(turn, self.in_flight, self.writer.close());
        Ok(cancel.or(async { Ok(closed.await) }).await?.map(drop))
    }
}

/// Uploads of this process that are under way, by what they send.
#[derive(Default)]
pub(super) struct Uploads(Mutex<HashMap<Sha256Hex, Weak<tokio::sync::Mutex<bool>>>>);

impl Uploads {
    /// Shared by those who send the same at the same time, one after the other: whether it was sent.
    fn of(&self, hash: Sha256Hex) -> Arc<tokio::sync::Mutex<bool>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|_, sent| sent.strong_count() > 0);
        if let Some(sent) = under_way.get(&hash).and_then(Weak::upgrade) {
            return sent;
        }
        let sent = Arc::new(tokio::sync::Mutex::new(false));
        under_way.insert(hash, Arc::downgrade(&sent));
        sent
    }
}

/// Bytes that come piece by piece: in memory, and when they grow long, in a file without a name.
#[derive(Default)]
struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    /// Blocks for the disk.
    fn add(mut self, piece: &[u8]) -> Result<Spool> {
        if self.file.is_none() && self.memory.len() + piece.len() <= PIECE {
            self.memory.extend_from_slice(piece);
            return Ok(self);
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile().map_err(unspooled)?,
        };
        file.write_all(&std::mem::take(&mut self.memory)).and_then(|()| file.write_all(piece)).map_err(unspooled)?;
        self.file = Some(file);
        Ok(self)
    }

    fn contents(self) -> Result<Contents> {
        match self.file {
            Some(file) => Contents::of_file(file, None),
            None => Ok(Contents::Memory(self.memory.into())),
        }
    }
}

fn unspooled(error: std::io::Error) -> Error {
    let message = "an attachment cannot be kept in the temporary directory";
    Error::new(Code::Unavailable, message).with_path(std::env::temp_dir()).with_source(error).retryable()
}

/// A stored object, read piece by piece.
pub struct StoredFile {
    store: Store,
    key: ObjectKey,
    stream: BufferStream,
}

impl StoredFile {
    /// The next bytes; `None` at the end. A place among those who ask the server is held only meanwhile.
    ///
    /// Errors: `JACS_NOT_FOUND`, `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let turn = self.store.turn().await;
        let next = self.store.within(&turn, PART, self.stream.try_next()).await;
        match next {
            Ok(piece) => Ok(piece.map(|piece| piece.to_bytes())),
            Err(error) => Err(self.store.fail(error, &self.key, &self.key.path())),
        }
    }
}

/// The size of the parts of an upload, in bytes.
fn part_size(length: u64) -> u64 {
    length.div_ceil(MOST_PARTS).max(PART).next_multiple_of(1 << 20)
}

fn renew(turn: &mut Option<Turn>) {
    turn.iter_mut().for_each(Turn::renew);
}

fn named(hash: Sha256Hex) -> (ObjectKey, String) {
    let key = ObjectKey::File(hash);
    (key, key.path())
}
