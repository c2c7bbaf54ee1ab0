//! The names of a document's attachments, each of which must be that of a file of its own.

use std::collections::HashSet;

use crate::document::shown;
use crate::error::{Code, Error, Result};
use crate::local_file;

/// Plain relative paths, each the place of one file. Errors: `JACS_ATTACHMENT`.
pub(super) fn check<'a>(paths: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in paths {
        let message = "an attachment's path is not relative, leads outside, or is too long";
        names.push(local_file::parts(path).ok_or_else(|| refused(message, path))?.join("/"));
    }
    let mut seen = HashSet::with_capacity(names.len());
    if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(refused("two attachments have the same path", name));
    }
    let folders = |name: &'_ str| name.match_indices('/').any(|(end, _)| seen.contains(&name[..end]));
    if let Some(name) = names.iter().find(|name| folders(name)) {
        return Err(refused("an attachment stands where another one needs a folder", name));
    }
    Ok(names)
}

fn refused(message: &'static str, path: &str) -> Error {
    Error::new(Code::Attachment, message).with_path(shown(path))
}
