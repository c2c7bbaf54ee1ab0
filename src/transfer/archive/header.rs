//! The headers of entries. They hold nothing but the layout and the times in it, so that the same store always gives the
//! same bytes.

use tar::{EntryType, Header};

use crate::error::{Code, Error, Result};
use crate::store::ObjectKey;

/// The folder that becomes a data directory when the archive is unpacked.
pub const ROOT: &str = "jacs_data/";
/// Entries begin at multiples of this many bytes.
pub const BLOCK: usize = 512;

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// The header of a directory of the layout, which ends in `/`; of the root, when that is empty.
pub fn directory(path: &str) -> Result<Header> {
    header(path, EntryType::Directory, DIRECTORY_MODE, 0, 0)
}

/// The header of an object with so many bytes.
pub fn object(key: &ObjectKey, bytes: u64) -> Result<Header> {
    let made = match key {
        ObjectKey::Version { key, .. } => key.version.unix_ms().map_or(0, |ms| ms / 1000),
        ObjectKey::File(_) => 0,
    };
    header(&key.path(), EntryType::Regular, FILE_MODE, made, bytes)
}

/// The header of a file with so many bytes that is no object, beside the root.
pub fn beside(name: &str, bytes: u64) -> Result<Header> {
    named(name, EntryType::Regular, FILE_MODE, 0, bytes)
}

fn header(path: &str, kind: EntryType, mode: u32, modified: u64, bytes: u64) -> Result<Header> {
    named(&format!("{ROOT}{path}"), kind, mode, modified, bytes)
}

fn named(name: &str, kind: EntryType, mode: u32, modified: u64, bytes: u64) -> Result<Header> {
    // The form of GNU: sizes that take more than eleven octal digits are written in binary.
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    let set = header.set_path(name);
    set.map_err(|error| Error::new(Code::Internal, "a path does not fit into a header").with_source(error))?;
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(modified);
    header.set_size(bytes);
    header.set_cksum();
    Ok(header)
}

/// Zero bytes that follow contents of that length.
pub fn padding(bytes: u64) -> usize {
    (bytes.wrapping_neg() % BLOCK as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_layout_and_every_size_fits() {
        let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let version = "01890a5d-ac96-774b-bcce-b302099a8057";
        for path in [format!("documents/{id}/{version}.json"), format!("files/{}", "f0".repeat(32))] {
            for bytes in [0, 1, 8 << 30, 1 << 50] {
                let header = object(&ObjectKey::parse(&path).unwrap(), bytes).unwrap();
                assert_eq!(&*header.path_bytes(), format!("jacs_data/{path}").as_bytes());
                assert_eq!((header.entry_size().unwrap(), header.mode().unwrap()), (bytes, 0o600));
            }
        }
        let header = object(&ObjectKey::parse(&format!("agents/{id}/{version}.json")).unwrap(), 1).unwrap();
        assert_eq!(header.mtime().unwrap(), 0x0189_0a5d_ac96 / 1000);
    }

    #[test]
    fn contents_are_filled_up_to_whole_blocks() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
