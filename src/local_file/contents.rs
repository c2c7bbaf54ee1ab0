//! Bytes that may be read more than once, piece by piece, and must stay the same meanwhile.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::error::{Code, Error, Result};

/// The bytes of a file, or some in memory. Clones share them.
#[derive(Clone, Debug)]
pub enum Contents {
    Memory(Bytes),
    File(Arc<OpenFile>),
}

/// A regular file, as it was when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    /// For messages; `None` for one that has no name.
    path: Option<PathBuf>,
    length: u64,
    modified: Option<SystemTime>,
}

impl Contents {
    /// The contents of an open file. Errors: `JACS_ATTACHMENT` when it is no regular file, or cannot be looked at.
    pub fn of_file(file: File, path: Option<PathBuf>) -> Result<Contents> {
        let metadata = file.metadata().map_err(|error| unreadable(path.as_deref(), error))?;
        if !metadata.is_file() {
            let error = Error::new(Code::Attachment, "what stands there is not a regular file");
            return Err(named(error, path.as_deref()));
        }
        let (length, modified) = state(&metadata);
        Ok(Contents::File(Arc::new(OpenFile { file, path, length, modified })))
    }

    /// In bytes.
    pub fn length(&self) -> u64 {
        match self {
            Contents::Memory(bytes) => bytes.len() as u64,
            Contents::File(file) => file.length,
        }
    }

    /// `length` bytes from `offset`, which must not go beyond the end. Blocks for the disk.
    ///
    /// Errors: `JACS_ATTACHMENT` when the file became shorter or cannot be read.
    pub fn piece(&self, offset: u64, length: usize) -> Result<Bytes> {
        match self {
            Contents::Memory(bytes) => Ok(bytes.slice(offset as usize..offset as usize + length)),
            Contents::File(file) => {
                let mut piece = vec![0; length];
                file.read(offset, &mut piece)?;
                Ok(piece.into())
            }
        }
    }

    /// Gives all bytes in order, in pieces of at most `most`, and makes sure that they are those of one moment. Blocks for
    /// the disk.
    ///
    /// Errors: `JACS_ATTACHMENT` when the file changed or cannot be read; those of `each`.
    pub fn for_each<E: From<Error>>(
        &self,
        most: usize,
        mut each: impl FnMut(&[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        match self {
            Contents::Memory(bytes) => bytes.chunks(most).try_for_each(each),
            Contents::File(file) => {
                let mut buffer = vec![0; most.min(usize::try_from(file.length).unwrap_or(most))];
                let mut offset = 0;
                while offset < file.length {
                    let length = usize::try_from(file.length - offset).unwrap_or(most).min(most);
                    file.read(offset, &mut buffer[..length])?;
                    each(&buffer[..length])?;
                    offset += length as u64;
                }
                Ok(self.check_unchanged()?)
            }
        }
    }

    /// Errors: `JACS_ATTACHMENT` when the file has another size, or was written to, since it was opened.
    pub fn check_unchanged(&self) -> Result<()> {
        let Contents::File(file) = self else { return Ok(()) };
        let metadata = file.file.metadata().map_err(|error| unreadable(file.path.as_deref(), error))?;
        // Systems that make files as they are read tell no length beforehand.
        let beyond = read_exact_at(&file.file, &mut [0], file.length);
        let ends = beyond.is_err_and(|error| error.kind() == ErrorKind::UnexpectedEof);
        if state(&metadata) == (file.length, file.modified) && ends { Ok(()) } else { Err(self.changed()) }
    }

    /// The error for contents that are not what they were.
    pub fn changed(&self) -> Error {
        let path = match self {
            Contents::File(file) => file.path.as_deref(),
            Contents::Memory(_) => None,
        };
        named(Error::new(Code::Attachment, "the file changed while it was read"), path)
    }
}

impl OpenFile {
    fn read(&self, offset: u64, piece: &mut [u8]) -> Result<()> {
        read_exact_at(&self.file, piece, offset).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => {
                named(Error::new(Code::Attachment, "the file changed while it was read"), self.path.as_deref())
            }
            _ => unreadable(self.path.as_deref(), error),
        })
    }
}

fn state(metadata: &Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

fn unreadable(path: Option<&Path>, error: io::Error) -> Error {
    named(Error::new(Code::Attachment, "the file cannot be read").with_source(error), path)
}

fn named(error: Error, path: Option<&Path>) -> Error {
    path.into_iter().fold(error, Error::with_path)
}

/// Fills the piece from that place of a file, whose position stays (on Windows it does not). Blocks for the disk.
#[cfg(unix)]
pub fn read_exact_at(file: &File, piece: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, piece, offset)
}

/// As above.
#[cfg(windows)]
pub fn read_exact_at(file: &File, mut piece: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !piece.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, piece, offset)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => {
                piece = &mut piece[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(contents: &Contents, most: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        contents.for_each(most, |piece| -> Result<()> {
            assert!((1..=most).contains(&piece.len()));
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    fn file(text: &[u8]) -> (File, Contents) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let contents = Contents::of_file(file.try_clone().unwrap(), Some("x".into())).unwrap();
        (file, contents)
    }

    #[test]
    fn gives_the_same_bytes_in_pieces_of_every_size() {
        for text in [&b""[..], b"1", b"1234567"] {
            for most in [1, 3, 7, 100] {
                assert_eq!(all(&file(text).1, most).unwrap(), text);
                assert_eq!(all(&Contents::Memory(Bytes::copy_from_slice(text)), most).unwrap(), text);
            }
        }
        assert_eq!(file(b"1234567").1.piece(2, 3).unwrap(), "345");
    }

    #[test]
    fn a_file_that_changes_is_refused() {
        let (mut longer, contents) = file(b"1234567");
        longer.write_all(b"8").unwrap();
        assert_eq!(all(&contents, 3).unwrap_err().code(), Code::Attachment);
        let (shorter, contents) = file(b"1234567");
        shorter.set_len(2).unwrap();
        assert_eq!(all(&contents, 3).unwrap_err().code(), Code::Attachment);
        let (written, contents) = file(b"1234567");
        written.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(all(&contents, 3).unwrap_err().code(), Code::Attachment);
        let error = contents.check_unchanged().unwrap_err();
        assert_eq!((error.code(), error.details().path.as_deref()), (Code::Attachment, Some("x")));
    }

    #[test]
    fn a_folder_has_no_contents() {
        let folder = File::open(tempfile::tempdir().unwrap().path()).unwrap();
        assert_eq!(Contents::of_file(folder, None).unwrap_err().code(), Code::Attachment);
    }
}
