//! The names of a document's attachments, each of which must be that of a file of its own.

use std::collections::{BTreeMap, HashSet};

use crate::error::{Code, Error, Result};
use crate::local_file;

/// Plain relative paths, each the place of one file. Errors: `JACS_ATTACHMENT`.
pub(super) fn check<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = BTreeMap::new();
    for path in paths {
        let message = "an attachment's path is not relative, leads outside, or is too long";
        let parts = local_file::parts(path).ok_or_else(|| refused(message, path))?;
        for end in 1..parts.len() {
            folders.insert(parts[..end].join("/"), path);
        }
        names.push(parts.join("/"));
    }
    let mut seen = HashSet::new();
    for name in &names {
        if !seen.insert(name) {
            return Err(refused("two attachments have the same path", name));
        }
        if let Some(path) = folders.get(name) {
            return Err(refused("an attachment stands where another one needs a folder", path));
        }
    }
    Ok(names)
}

fn refused(message: &'static str, path: &str) -> Error {
    // A stranger's text, short enough for a message.
    let shown: String = path.chars().take(256).collect();
    Error::new(Code::Attachment, message).with_path(shown)
}
