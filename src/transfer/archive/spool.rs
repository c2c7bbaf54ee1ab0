//! The contents of one entry: in memory, or in a file without a name where they may be long.

use std::fs::File;
use std::io::{self, Write};

use crate::error::{Code, Error, Result};
use crate::local_file::Contents;

/// Bytes of a file that are kept in memory.
const IN_MEMORY: usize = 1 << 20;

/// Contents that come piece by piece.
pub struct Spool {
    /// Whether they may go to a file.
    spills: bool,
    memory: Vec<u8>,
    file: Option<File>,
}

/// Contents that are complete.
pub struct Spooled {
    pub contents: Contents,
    pub sha256: [u8; 32],
}

impl Spool {
    pub fn new(spills: bool) -> Spool {
        Spool { spills, memory: Vec::new(), file: None }
    }

    /// Blocks for the disk. Errors: `JACS_UNAVAILABLE` when there is no room for it.
    pub fn add(&mut self, piece: &[u8]) -> Result<()> {
        if self.file.is_none() && (!self.spills || self.memory.len() + piece.len() <= IN_MEMORY) {
            self.memory.extend_from_slice(piece);
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(failed)?),
        };
        let head = std::mem::take(&mut self.memory);
        file.write_all(&head).and_then(|()| file.write_all(piece)).map_err(failed)
    }

    pub fn finish(self, sha256: [u8; 32]) -> Result<Spooled> {
        let contents = match self.file {
            Some(file) => Contents::of_file(file, None)?,
            None => Contents::Memory(self.memory.into()),
        };
        Ok(Spooled { contents, sha256 })
    }
}

fn failed(error: io::Error) -> Error {
    let message = "an attachment of the archive cannot be kept in the temporary directory";
    Error::new(Code::Unavailable, message).with_path(std::env::temp_dir()).with_source(error).retryable()
}
