//! Reading, with a bound, and only what is a regular file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::{Code, Error};

/// Why a file was not read.
#[derive(Debug)]
pub enum ReadFailure {
    /// Nothing is there, or something that is not a file.
    Missing(io::Error),
    /// The operating system forbids it.
    Forbidden(io::Error),
    /// It is longer than the limit.
    TooLong,
    /// The disk or the system could not be asked.
    Unavailable(io::Error),
}

impl ReadFailure {
    /// Whether nothing is there at all.
    pub fn is_absent(&self) -> bool {
        matches!(self, ReadFailure::Missing(error) if error.kind() == ErrorKind::NotFound)
    }

    /// The error for a file that had to be read; `code` says what it means that it is missing, not a file or too long.
    pub fn into_error(self, code: Code, message: &'static str, path: &Path) -> Error {
        let error = match self {
            ReadFailure::Missing(error) => Error::new(code, message).with_source(error),
            ReadFailure::TooLong => Error::new(code, message).with("reason", "it is too long"),
            ReadFailure::Forbidden(error) => Error::new(Code::Permission, message).with_source(error),
            ReadFailure::Unavailable(error) => Error::new(Code::Unavailable, message).with_source(error).retryable(),
        };
        error.with_path(path)
    }
}

/// A path without links, as far as it exists.
pub fn resolved(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there {
        Some((above, resolved)) => match path.strip_prefix(above) {
            Ok(rest) if !rest.as_os_str().is_empty() => resolved.join(rest),
            _ => resolved,
        },
        None => path.to_owned(),
    }
}

/// Reads a regular file of at most `limit` bytes, following links. The bytes are overwritten when dropped.
pub fn read_bounded(path: &Path, limit: u64) -> Result<(Zeroizing<Vec<u8>>, Metadata), ReadFailure> {
    let (file, metadata) = open(path).map_err(classify)?;
    if metadata.len() > limit {
        return Err(ReadFailure::TooLong);
    }
    // Room for the whole file at once: a buffer that grows leaves unwiped copies behind. One byte beyond
    // the limit shows a file that grew meanwhile.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(classify)?;
    if bytes.len() as u64 > limit {
        return Err(ReadFailure::TooLong);
    }
    Ok((bytes, metadata))
}

fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        // Opening a named pipe would otherwise wait for a writer that may never come.
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok((file, metadata))
}

fn classify(error: io::Error) -> ReadFailure {
    match error.kind() {
        ErrorKind::PermissionDenied => ReadFailure::Forbidden(error),
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => ReadFailure::Missing(error),
        _ => ReadFailure::Unavailable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_up_to_the_limit_and_not_beyond() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap().0.as_slice(), b"12345");
        assert!(matches!(read_bounded(&path, 4), Err(ReadFailure::TooLong)));
    }

    #[test]
    fn what_is_not_a_file_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("none"), Path::new("a\0b").to_owned()] {
            assert!(matches!(read_bounded(&path, 5), Err(ReadFailure::Missing(_))), "{path:?}");
        }
        let file = folder.path().join("f");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(read_bounded(&file.join("below"), 5), Err(ReadFailure::Missing(_))));
    }

    #[test]
    fn what_the_system_says_is_told_apart() {
        let classified = |kind| classify(io::Error::from(kind));
        assert!(matches!(classified(ErrorKind::PermissionDenied), ReadFailure::Forbidden(_)));
        assert!(matches!(classified(ErrorKind::NotFound), ReadFailure::Missing(_)));
        assert!(matches!(classified(ErrorKind::Other), ReadFailure::Unavailable(_)));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_without_a_writer_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(matches!(read_bounded(&pipe, 5), Err(ReadFailure::Missing(_))));
    }
}
