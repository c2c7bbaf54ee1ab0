//! The bytes of an archive: packed in blocks, each a gzip member of its own, so that all cores can pack at once and what was
//! begun can be taken back; and read again, with a limit on what comes out.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::limits::Most;
use crate::error::{Code, Error, Result};
use crate::local_file::{io_error, read_exact_at};

/// Bytes that are packed at once.
pub const BLOCK: usize = 512 << 10;
const LEVEL: flate2::Compression = flate2::Compression::new(6);
/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One member of a gzip file. The same bytes give the same member.
pub fn pack(block: &[u8]) -> Result<Vec<u8>> {
    member(block, LEVEL)
}

/// The same, as long as the bytes are.
pub fn pack_as_it_is(block: &[u8]) -> Result<Vec<u8>> {
    member(block, flate2::Compression::none())
}

fn member(block: &[u8], level: flate2::Compression) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(block.len() / 2), level);
    let packed = encoder.write_all(block).and_then(|()| encoder.finish());
    packed.map_err(|error| Error::new(Code::Internal, "a block could not be packed").with_source(error))
}

/// An archive that is read, more than once; what has its name is looked at only when it is opened.
#[derive(Clone)]
pub struct Packed {
    file: Arc<File>,
    path: PathBuf,
    length: u64,
    modified: Option<std::time::SystemTime>,
}

impl Packed {
    /// Errors: `JACS_INPUT` when there is no such file, or no regular one; `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub fn open(path: &Path) -> Result<Packed> {
        let failed = |error| io_error("the archive cannot be opened", path, error);
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // Not to wait for the other end of a pipe that stands there.
            options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        }
        let file = options.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            let message = "the archive is not a regular file: it is read more than once";
            return Err(Error::new(Code::Input, message).with_path(path));
        }
        let (length, modified) = (metadata.len(), metadata.modified().ok());
        Ok(Packed { file: Arc::new(file), path: path.to_owned(), length, modified })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// In bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Errors: `JACS_INPUT` when somebody wrote to it since it was opened.
    pub fn check_unchanged(&self) -> Result<()> {
        let now = self.file.metadata().map_err(|error| io_error(UNREADABLE, &self.path, error))?;
        match now.len() == self.length && now.modified().ok() == self.modified {
            true => Ok(()),
            false => Err(Error::new(Code::Input, "the archive changed while it was read").with_path(&self.path)),
        }
    }

    /// Its unpacked bytes from the beginning; those of a file that is not packed as they are. Blocks for the disk.
    pub fn unpacked(&self, most: Most) -> Result<Unpacked> {
        let mut input = BufReader::with_capacity(BUFFER, Range { file: self.file.clone(), at: 0, end: self.length });
        let head = input.fill_buf().map_err(|error| self.error(error))?;
        let source = match head.starts_with(&MAGIC) {
            true => Source::Member(Box::new(GzDecoder::new(input))),
            false => Source::Plain(input),
        };
        Ok(Unpacked { source, most, given: 0 })
    }

    /// What went wrong while it was read, as an error of ours.
    pub fn error(&self, error: io::Error) -> Error {
        let error = match error.downcast::<Error>() {
            Ok(ours) => return ours.with_path(&self.path),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput => {
                let message = "the archive is damaged, cut short or no archive";
                Error::new(Code::Input, message).with_path(&self.path).with_source(error)
            }
            _ => io_error(UNREADABLE, &self.path, error),
        }
    }
}

const UNREADABLE: &str = "the archive cannot be read";

/// A part of a file, whatever its position is: several may read at once.
struct Range {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Range {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.end - self.at).unwrap_or(buffer.len()).min(buffer.len());
        read_exact_at(&self.file, &mut buffer[..count], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

type Input = BufReader<Range>;

/// The unpacked bytes of an archive, as many as are allowed.
pub struct Unpacked {
    source: Source,
    most: Most,
    given: u64,
}

enum Source {
    Plain(Input),
    Member(Box<GzDecoder<Input>>),
    Ended,
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.next(buffer)?;
        self.given += count as u64;
        self.most.check_bytes(self.given).map_err(io::Error::other)?;
        Ok(count)
    }
}

impl Unpacked {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let member = match &mut self.source {
                Source::Plain(input) => return input.read(buffer),
                Source::Ended => return Ok(0),
                Source::Member(member) => member,
            };
            match member.read(buffer)? {
                0 => {}
                count => return Ok(count),
            }
            let Source::Member(member) = std::mem::replace(&mut self.source, Source::Ended) else { return Ok(0) };
            self.source = behind(member.into_inner())?;
        }
    }
}

/// What follows a member: another one, the end, or zeros up to it, as tapes have them.
fn behind(mut input: Input) -> io::Result<Source> {
    if input.fill_buf()?.first() == Some(&MAGIC[0]) {
        return Ok(Source::Member(Box::new(GzDecoder::new(input))));
    }
    loop {
        let rest = input.fill_buf()?;
        let length = rest.len();
        if length == 0 {
            return Ok(Source::Ended);
        }
        if rest.iter().any(|byte| *byte != 0) {
            return Err(io::Error::new(ErrorKind::InvalidData, "bytes that are no archive follow its end"));
        }
        input.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::Limits;
    use super::*;

    fn unpacked(bytes: &[u8], limits: Limits) -> Result<Vec<u8>> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        let packed = Packed::open(&path).unwrap();
        let mut text = Vec::new();
        let read = packed.unpacked(limits.of(packed.length()))?.read_to_end(&mut text);
        read.map_err(|error| packed.error(error)).map(|_| text)
    }

    #[test]
    fn members_join_and_zeros_may_follow() {
        let [one, two] = [b"one ", b"two "].map(|text| pack(text).unwrap());
        let read = |parts: &[&[u8]]| unpacked(&parts.concat(), Limits::default());
        assert_eq!(read(&[&one, &two, &one]).unwrap(), b"one two one ");
        assert_eq!(read(&[&one, &[0; 10_000]]).unwrap(), b"one ");
        assert_eq!(read(&[b"plain"]).unwrap(), b"plain");
        assert_eq!(read(&[]).unwrap(), b"");
        for wrong in [&b"x"[..], &[0, 0, 1], &one[..one.len() - 1], &one[..5], &one[..1]] {
            assert_eq!(read(&[&two, wrong]).unwrap_err().code(), Code::Input, "{wrong:?}");
        }
        let mut altered = one.clone();
        let at = altered.len() - 6;
        altered[at] ^= 1;
        assert_eq!(read(&[&altered]).unwrap_err().code(), Code::Input);
    }

    #[test]
    fn packing_is_always_the_same() {
        let text = "some text ".repeat(10_000);
        assert_eq!(pack(text.as_bytes()).unwrap(), pack(text.as_bytes()).unwrap());
    }

    #[test]
    fn a_bomb_ends_where_the_limit_is() {
        let bomb = pack(&vec![0; 30 << 20]).unwrap();
        assert!(unpacked(&bomb, Limits { ratio: 2000, ..Limits::default() }).is_ok());
        assert_eq!(unpacked(&bomb, Limits::default()).unwrap_err().code(), Code::Input);
        let limits = Limits { ratio: 2000, bytes: (30 << 20) - 1, ..Limits::default() };
        assert_eq!(unpacked(&bomb, limits).unwrap_err().code(), Code::Input);
    }
}
