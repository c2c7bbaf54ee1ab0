//! The one place that knows keys:
//!
//! ```text
//! agents/{agent-id}/{version-id}.json
//! documents/{document-id}/{version-id}.json
//! files/{sha256 of the bytes}
//! ```
//!
//! A key is made of typed parts only, so no text of a caller reaches a path or a URL: a server's URL library
//! would collapse `..` and leave the root, and even the bucket.

use std::fmt;
use std::str::FromStr;

use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};

/// Directory of the attachments.
pub(super) const FILES: &str = "files";
/// End of a stored version's name.
pub(super) const EXTENSION: &str = ".json";

/// Which of the two trees of versions an id lives in.
/// Ordered as their directories are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The agents' own documents: `agents/`.
    Agent,
    /// What agents sign: `documents/`.
    Document,
}

impl Kind {
    fn directory(self) -> &'static str {
        match self {
            Kind::Document => "documents",
            Kind::Agent => "agents",
        }
    }

    fn of_directory(name: &str) -> Option<Kind> {
        [Kind::Document, Kind::Agent].into_iter().find(|kind| kind.directory() == name)
    }
}

/// SHA-256 of an attachment's bytes: 64 lower-case hex digits as text, 32 bytes inside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Hex([u8; 32]);

impl Sha256Hex {
    /// The digest itself, 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Sha256Hex {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl FromStr for Sha256Hex {
    type Err = Error;

    /// Parses exactly 64 lower-case hex digits; anything else is `JACS_INPUT`.
    fn from_str(text: &str) -> Result<Self> {
        parse_digest(text)
            .map(Sha256Hex)
            .ok_or_else(|| Error::new(Code::Input, "the hash of a file must be 64 lower-case hex digits"))
    }
}

fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(digest)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names one stored object. Ordered as their paths are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKey {
    /// One version of a document or agent.
    Version { kind: Kind, key: DocumentKey },
    /// The bytes of an attachment, named by their hash.
    File(Sha256Hex),
}

impl ObjectKey {
    /// The object's path below the root of the store, `/`-separated, without a leading `/`.
    pub fn path(&self) -> String {
        match self {
            ObjectKey::Version { kind, key } => {
                format!("{}/{}/{}{EXTENSION}", kind.directory(), key.id, key.version)
            }
            ObjectKey::File(hash) => format!("{FILES}/{hash}"),
        }
    }

    /// The key whose path this is; `None` for everything that is not of the layout, such as `.tmp-*`.
    pub fn parse(path: &str) -> Option<ObjectKey> {
        let (directory, rest) = path.split_once('/')?;
        if directory == FILES {
            return parse_digest(rest).map(|digest| ObjectKey::File(Sha256Hex(digest)));
        }
        let kind = Kind::of_directory(directory)?;
        let (id, name) = rest.split_once('/')?;
        Some(ObjectKey::Version { kind, key: DocumentKey { id: id.parse().ok()?, version: parse_name(name)? } })
    }
}

/// Shows `id:version`, or the hash of a file.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectKey::Version { key, .. } => fmt::Display::fmt(key, f),
            ObjectKey::File(hash) => fmt::Display::fmt(hash, f),
        }
    }
}

/// The directory with all versions of an id, with a trailing `/`.
pub fn prefix(kind: Kind, id: DocumentId) -> String {
    format!("{}/{id}/", kind.directory())
}

/// A key behind all those of an id and before those of the next: `0` follows `/`.
pub(super) fn behind(kind: Kind, id: DocumentId) -> String {
    format!("{}/{id}0", kind.directory())
}

/// The directory with all ids of a kind, with a trailing `/`.
pub fn kind_prefix(kind: Kind) -> String {
    format!("{}/", kind.directory())
}

/// The id whose [`prefix`] this is; `None` for everything that is not of the layout.
pub fn parse_prefix(kind: Kind, path: &str) -> Option<DocumentId> {
    path.strip_prefix(kind.directory())?.strip_prefix('/')?.strip_suffix('/')?.parse().ok()
}

/// The version that a name in the directory of an id stands for; `None` for everything that is not of the layout.
pub(super) fn parse_name(name: &str) -> Option<Version> {
    name.strip_suffix(EXTENSION)?.parse().ok()
}

/// The object whose name this is in one of the three directories: an attachment, or for an id, any of its versions.
pub(super) fn parse_place(directory: &str, name: &str) -> Option<Place> {
    match Kind::of_directory(directory) {
        Some(_) => name.parse().ok().map(Place::Folder),
        None if directory == FILES => parse_digest(name).map(|digest| Place::File(Sha256Hex(digest))),
        None => None,
    }
}

/// What stands directly in one of the three directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Folder(DocumentId),
    File(Sha256Hex),
}

/// Of a path that is none of the layout's: as much of it as shows that; with a `/` where more comes behind. `None` for the
/// layout's own directories.
pub(super) fn stray(path: &str) -> Option<&str> {
    let mut end = 0;
    for (depth, part) in path.split_inclusive('/').enumerate() {
        let (name, before) = (part.trim_end_matches('/'), &path[..end]);
        end += part.len();
        let fits = part.ends_with('/')
            && match depth {
                0 => Kind::of_directory(name).is_some() || name == FILES,
                1 => Kind::of_directory(before.trim_end_matches('/')).is_some() && name.parse::<DocumentId>().is_ok(),
                _ => false,
            };
        if !fits {
            return Some(&path[..end]).filter(|stray| *stray != "/");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    const VERSION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn paths_and_keys_are_one_to_one() {
        let hash = "0123456789abcdef".repeat(4);
        for path in
            [format!("documents/{ID}/{VERSION}.json"), format!("agents/{ID}/{VERSION}.json"), format!("files/{hash}")]
        {
            assert_eq!(ObjectKey::parse(&path).unwrap().path(), path);
        }
        let id = ID.parse().unwrap();
        assert_eq!(prefix(Kind::Agent, id), format!("agents/{ID}/"));
        assert_eq!(parse_prefix(Kind::Agent, &prefix(Kind::Agent, id)), Some(id));
        assert_eq!(parse_prefix(Kind::Document, &prefix(Kind::Agent, id)), None);
    }

    #[test]
    fn refuses_everything_else() {
        for path in [
            String::new(),
            "documents".into(),
            format!("documents/{ID}"),
            format!("documents/{ID}/"),
            format!("documents/{ID}/{VERSION}"),
            format!("documents/{ID}/{VERSION}.json/"),
            format!("documents/{ID}/{VERSION}.JSON"),
            format!("documents/{ID}/.tmp-{VERSION}"),
            format!("documents/{ID}/../{VERSION}.json"),
            format!("documents/{}/{VERSION}.json", ID.to_uppercase()),
            format!("/documents/{ID}/{VERSION}.json"),
            format!("other/{ID}/{VERSION}.json"),
            format!("files/{}", "0".repeat(63)),
            format!("files/{}", "A".repeat(64)),
            format!("files/{}/", "0".repeat(64)),
        ] {
            assert_eq!(ObjectKey::parse(&path), None, "{path}");
        }
    }

    #[test]
    fn a_stray_is_shown_as_far_as_it_strays() {
        let (a, h) = (ID, "0123456789abcdef".repeat(4));
        for (path, shown) in [
            ("x".to_owned(), Some("x".to_owned())),
            ("x/y/z".into(), Some("x/".into())),
            ("x/".into(), Some("x/".into())),
            ("documents".into(), Some("documents".into())),
            ("documents/".into(), None),
            (format!("documents/{a}/"), None),
            (format!("documents/{a}"), Some(format!("documents/{a}"))),
            (format!("documents/{a}/x/y"), Some(format!("documents/{a}/x/"))),
            (format!("files/{h}/x"), Some(format!("files/{h}/"))),
            (format!("files/{a}/x"), Some(format!("files/{a}/"))),
            ("documents/x/y".into(), Some("documents/x/".into())),
            (String::new(), None),
            ("/".into(), None),
        ] {
            assert_eq!(stray(&path).map(str::to_owned), shown, "{path}");
        }
    }

    #[test]
    fn a_hash_is_64_lower_case_hex_digits() {
        let hash: Sha256Hex = "f0".repeat(32).parse().unwrap();
        assert_eq!(hash.as_bytes(), &[0xf0; 32]);
        assert_eq!(hash.to_string(), "f0".repeat(32));
        for text in ["", "f0", &"F0".repeat(32), &"g0".repeat(32), &"f0".repeat(33)] {
            assert_eq!(text.parse::<Sha256Hex>().unwrap_err().code(), Code::Input, "{text}");
        }
    }
}
