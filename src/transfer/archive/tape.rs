//! The entries of a tar archive (POSIX.1-2001 pax, ustar, GNU and the old form), one after the other. Headers are those of
//! the crate `tar`; the walk is ours, for what a hostile archive says of its names and sizes must cost no memory: a name
//! or a set of pax records is read up to a limit, and contents are handed on in pieces.

use std::io::{self, ErrorKind, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::names::LONGEST_NAME;

const BLOCK: u64 = 512;
/// The most bytes of one set of pax records, or of a GNU long name.
const LONGEST_EXTENSION: u64 = 1 << 20;
/// Extended headers in a row: more stand before no entry that means well.
const MOST_EXTENSIONS: usize = 16;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: Vec<u8>,
    pub what: What,
    /// Of its contents, in bytes.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    File,
    Directory,
    /// Anything else, with why it does not come in.
    Other(&'static str),
}

/// A walk over the entries.
pub struct Tape<R> {
    input: R,
    /// Bytes of the current entry that were not read, and of the padding behind it.
    left: u64,
    padding: u64,
    /// Whether the last block was one of zeros, with which every archive ends.
    zeros: bool,
}

impl<R: Read> Tape<R> {
    pub fn new(input: R) -> Tape<R> {
        Tape { input, left: 0, padding: 0, zeros: false }
    }

    /// The next entry, behind what was not read of the last; `None` at the end of the input. What follows the end of an
    /// archive is another one.
    pub fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = Extended::default();
        for _ in 0..MOST_EXTENSIONS {
            let Some(header) = self.header()? else {
                return match extended.is_empty() && self.zeros {
                    true => Ok(None),
                    false => Err(ErrorKind::UnexpectedEof.into()),
                };
            };
            let kind = header.entry_type();
            if !is_extension(kind) {
                return self.entry(&header, extended).map(Some);
            }
            let bytes = size(&header)?;
            self.begin(bytes);
            if kind == EntryType::XGlobalHeader {
                if let Some(what) = self.global(bytes)? {
                    return Ok(Some(Entry { name: header.path_bytes().into_owned(), what, bytes: 0 }));
                }
                continue;
            }
            let text = self.whole(bytes)?;
            match kind {
                EntryType::XHeader => extended.read(&text)?,
                EntryType::GNULongName => {
                    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
                    extended.name = Some(text[..end].to_vec());
                }
                // Of the target of a link, which does not come in anyway.
                _ => {}
            }
        }
        Err(malformed("too many extended headers in a row"))
    }

    /// The next bytes of the current entry; none at its end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(buffer.len()).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.input.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }

    fn begin(&mut self, bytes: u64) {
        self.left = bytes;
        self.padding = bytes.wrapping_neg() % BLOCK;
    }

    fn entry(&mut self, header: &Header, extended: Extended) -> io::Result<Entry> {
        let kind = header.entry_type();
        let name = extended.name.unwrap_or_else(|| header.path_bytes().into_owned());
        // As other programs read it: the target of a hard link has the contents.
        let bytes = match (kind, extended.bytes) {
            (EntryType::Link, _) => 0,
            (_, Some(bytes)) => bytes,
            _ => size(header)?,
        };
        if kind == EntryType::GNUSparse {
            self.skip_sparse_map(header)?;
        }
        self.begin(bytes);
        let what = match kind {
            _ if extended.sparse => What::Other("a sparse file"),
            // The form without types marks a directory like this.
            EntryType::Regular if name.ends_with(b"/") => What::Directory,
            EntryType::Regular | EntryType::Continuous => What::File,
            EntryType::Directory => What::Directory,
            EntryType::Link => What::Other("a hard link"),
            EntryType::Symlink => What::Other("a symbolic link"),
            EntryType::Char | EntryType::Block => What::Other("a device"),
            EntryType::Fifo => What::Other("a named pipe"),
            EntryType::GNUSparse => What::Other("a sparse file"),
            _ => What::Other("an entry of an unknown kind"),
        };
        Ok(Entry { name, what, bytes })
    }

    /// The next header that is not a block of zeros.
    fn header(&mut self) -> io::Result<Option<Header>> {
        self.skip()?;
        let mut header = Header::new_old();
        loop {
            let block = header.as_mut_bytes();
            if !self.fill(block)? {
                return Ok(None);
            }
            self.zeros = block.iter().all(|byte| *byte == 0);
            if !self.zeros {
                break;
            }
        }
        check_sum(&header)?;
        Ok(Some(header))
    }

    fn skip(&mut self) -> io::Result<()> {
        let rest = self.left.checked_add(self.padding).ok_or_else(|| malformed("a size is too large"))?;
        let skipped = io::copy(&mut self.input.by_ref().take(rest), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        if skipped == rest { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Whether there was a block; an end within one is an error.
    fn fill(&mut self, block: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < block.len() {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The contents of an extended header.
    fn whole(&mut self, bytes: u64) -> io::Result<Vec<u8>> {
        if bytes > LONGEST_EXTENSION {
            return Err(malformed("an extended header is too long"));
        }
        let mut text = Vec::new();
        self.input.by_ref().take(bytes).read_to_end(&mut text)?;
        if (text.len() as u64) < bytes {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left = 0;
        Ok(text)
    }

    /// Records for all entries that follow. What is no more than a comment is nobody's concern; names and sizes of others
    /// are not taken from there.
    fn global(&mut self, bytes: u64) -> io::Result<Option<What>> {
        let mut extended = Extended::default();
        extended.read(&self.whole(bytes)?)?;
        Ok((!extended.is_empty()).then_some(What::Other("a header that gives one name or size to all entries")))
    }

    /// What says where the pieces of a sparse file belong goes on in further blocks.
    fn skip_sparse_map(&mut self, header: &Header) -> io::Result<()> {
        let mut goes_on = header.as_bytes()[482] != 0;
        let mut block = [0; BLOCK as usize];
        while goes_on {
            if !self.fill(&mut block)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            goes_on = block[504] != 0;
        }
        Ok(())
    }
}

fn is_extension(kind: EntryType) -> bool {
    kind.is_pax_global_extensions()
        || kind.is_pax_local_extensions()
        || kind.is_gnu_longname()
        || kind.is_gnu_longlink()
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    bytes: Option<u64>,
    sparse: bool,
}

impl Extended {
    fn is_empty(&self) -> bool {
        self.name.is_none() && self.bytes.is_none() && !self.sparse
    }

    fn read(&mut self, records: &[u8]) -> io::Result<()> {
        for record in PaxExtensions::new(records) {
            let record = record.map_err(|_| malformed("a record of an extended header is malformed"))?;
            match record.key_bytes() {
                b"path" => self.name = Some(record.value_bytes().to_vec()),
                b"size" => {
                    let size = record.value().ok().and_then(|text| text.parse().ok());
                    self.bytes = Some(size.ok_or_else(|| malformed("a size is not a number"))?);
                }
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
        }
        // Longer ones are refused by their names; there is no need to keep all of them.
        self.name.iter_mut().for_each(|name| name.truncate(LONGEST_NAME + 1));
        Ok(())
    }
}

fn size(header: &Header) -> io::Result<u64> {
    header.entry_size().map_err(|_| malformed("a size is not a number"))
}

/// The sum of the header's bytes, as old programs count them too: with signs.
fn check_sum(header: &Header) -> io::Result<()> {
    let bytes = header.as_bytes();
    let own = 148..156;
    let summed = || bytes.iter().enumerate().map(|(at, byte)| if own.contains(&at) { b' ' } else { *byte });
    let unsigned: i64 = summed().map(i64::from).sum();
    let signed: i64 = summed().map(|byte| i64::from(byte.cast_signed())).sum();
    match header.cksum().map(i64::from) {
        Ok(sum) if sum == unsigned || sum == signed => Ok(()),
        _ => Err(malformed("a header's checksum is wrong")),
    }
}

fn malformed(reason: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests;
