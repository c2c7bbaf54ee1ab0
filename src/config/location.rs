//! Where the documents are: what `jacs_data_directory` means to each backend.

use std::path::{Path, PathBuf};

use super::keys;
use super::layers::{Found, Layers, absolute};
use super::values::Storage;
use crate::error::{Code, Error, Result};

/// What a data directory is when nobody names one.
pub(super) const DEFAULT_DATA_DIRECTORY: &str = "./jacs_data";

/// The place of the documents, parsed for its backend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// An absolute local directory (`fs`).
    Local(PathBuf),
    /// A bucket, and a prefix in it without leading or trailing slash, possibly empty (`aws`).
    Bucket { name: String, prefix: String },
    /// A path below the server's URL, without leading or trailing slash, possibly empty (`hai`).
    SubPath(String),
    /// Nowhere but in this process (`memory`).
    Memory,
    /// As given; the backend says what it means.
    Other(String),
}

impl Location {
    /// The location of `storage`, from the setting or its default.
    pub(super) fn from_setting(storage: &Storage, found: Option<&Found<'_>>, layers: &Layers<'_>) -> Result<Self> {
        let text = match found {
            Some(found) => found.words()?,
            None => DEFAULT_DATA_DIRECTORY,
        };
        match storage {
            Storage::Fs => match found {
                Some(found) if text.contains("://") => {
                    Err(found.refused("a local path, because jacs_default_storage is `fs`"))
                }
                Some(found) => found.path().map(Location::Local),
                None => Ok(Location::Local(absolute(layers.base(), text))),
            },
            Storage::Aws => bucket(text).ok_or_else(|| refused(found, "s3://bucket or s3://bucket/prefix")),
            Storage::Hai => sub_path(text).ok_or_else(|| refused(found, "a relative path below the server's URL")),
            Storage::Memory => Ok(Location::Memory),
            Storage::Other(_) => Ok(Location::Other(text.to_owned())),
        }
    }

    /// The absolute directory, on `fs`.
    pub fn local(&self) -> Option<&Path> {
        match self {
            Location::Local(path) => Some(path),
            _ => None,
        }
    }
}

fn refused(found: Option<&Found<'_>>, expected: &'static str) -> Error {
    match found {
        Some(found) => found.refused(expected),
        None => Error::new(Code::Config, "a setting is missing")
            .with("key", keys::DATA_DIRECTORY)
            .with("expected", expected),
    }
}

fn bucket(text: &str) -> Option<Location> {
    let place = text.strip_prefix("s3://")?;
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let named = (3..=255).contains(&name.len()) && name.chars().all(plain) && !name.contains("..");
    let prefix = segments(prefix)?;
    named.then(|| Location::Bucket { name: name.to_owned(), prefix })
}

fn sub_path(text: &str) -> Option<Location> {
    if text.starts_with('/') || text.contains("://") || text.contains(['?', '#', '\\']) {
        return None;
    }
    segments(text).map(Location::SubPath)
}

/// The segments of a path on a server, joined again. `..` is refused: URL libraries collapse it, and the
/// request would leave the root.
fn segments(path: &str) -> Option<String> {
    let kept: Vec<_> = path.split('/').filter(|segment| !segment.is_empty() && *segment != ".").collect();
    (!kept.contains(&"..")).then(|| kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_with_or_without_prefix() {
        let expect = |name: &str, prefix: &str| Some(Location::Bucket { name: name.into(), prefix: prefix.into() });
        assert_eq!(bucket("s3://my-jacs-bucket/data"), expect("my-jacs-bucket", "data"));
        assert_eq!(bucket("s3://my-jacs-bucket"), expect("my-jacs-bucket", ""));
        assert_eq!(bucket("s3://my-jacs-bucket/a/./b//"), expect("my-jacs-bucket", "a/b"));
        for text in [
            "./jacs_data",
            "s3:/bucket",
            "s3://",
            "s3://ab",
            "s3:///data",
            "s3://key:secret@bucket/x",
            "s3://bucket/../x",
            "S3://bucket",
            "https://bucket/x",
        ] {
            assert_eq!(bucket(text), None, "{text}");
        }
    }

    #[test]
    fn a_sub_path_stays_below_the_server() {
        assert_eq!(sub_path("./jacs_data"), Some(Location::SubPath("jacs_data".into())));
        assert_eq!(sub_path("./"), Some(Location::SubPath(String::new())));
        for text in ["/data", "../x", "a/../../x", "https://x/y", "a?b", "a#b", "a\\b"] {
            assert_eq!(sub_path(text), None, "{text}");
        }
    }
}
