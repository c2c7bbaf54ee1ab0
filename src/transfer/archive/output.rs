//! The file that an export writes.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::local_file::{Growing, Tree};

/// The file, under a temporary name.
pub struct Output {
    pub file: Growing,
    /// Bytes that were written.
    pub length: u64,
}

impl Output {
    /// `None` where nothing is to be written. Blocks for the disk.
    ///
    /// Errors: `JACS_CONFLICT` (something stands there), `JACS_INPUT` (no such folder), `JACS_PERMISSION`, `JACS_UNAVAILABLE`.
    pub fn begin(path: &Path, overwrite: bool, dry_run: bool) -> Result<Option<Output>> {
        let name = name_of(path)?;
        let folder = path.parent().unwrap_or(path);
        match path.symlink_metadata() {
            Ok(found) if !overwrite || found.is_dir() => {
                return Err(Error::new(Code::Conflict, "something stands there already").with_path(path));
            }
            _ => {}
        }
        if dry_run {
            return Ok(None);
        }
        let tree = Tree::open(folder).map_err(|error| error.with_path(folder.join(name)))?;
        Ok(Some(Output { file: tree.begin()?, length: 0 }))
    }
}

/// Errors: `JACS_INPUT`.
pub fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    let error = || Error::new(Code::Input, "the path is not that of a file").with_path(path);
    name.map(str::to_owned).ok_or_else(error)
}
