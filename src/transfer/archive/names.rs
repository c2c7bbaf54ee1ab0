//! What the name of an entry means. Nothing is ever written under it: it only says which object an entry may be.

use crate::id::DocumentKey;
use crate::store::{Kind, ObjectKey};

/// The longest name of an entry, and of each of its parts, in bytes.
pub const LONGEST_NAME: usize = 4096;
const LONGEST_PART: usize = 255;

/// What an entry says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An object of the layout, to be kept byte for byte.
    Object(ObjectKey),
    /// A document under a name of `jacs`. Only its content says what it is where its folder does not.
    Document { key: DocumentKey, kind: Option<Kind> },
}

impl Named {
    /// `None` for an attachment.
    pub fn key(&self) -> Option<DocumentKey> {
        match self {
            Named::Object(ObjectKey::Version { key, .. }) | Named::Document { key, .. } => Some(*key),
            Named::Object(ObjectKey::File(_)) => None,
        }
    }

    /// `None`: the content says it.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Named::Object(ObjectKey::Version { kind, .. }) => Some(*kind),
            Named::Object(ObjectKey::File(_)) => None,
            Named::Document { kind, .. } => *kind,
        }
    }
}

/// Why an entry is not looked at.
pub type Reason = &'static str;

/// Reads the name of a regular file: `./`, then any number of plain folder names, then a path of the layout or of `jacs`.
pub fn read(name: &[u8]) -> Result<Named, Reason> {
    let parts = parts(name)?;
    let of_layout = |count: usize| ObjectKey::parse(&parts.get(parts.len().checked_sub(count)?..)?.join("/"));
    if let Some(key) = of_layout(3).or_else(|| of_layout(2)) {
        return Ok(Named::Object(key));
    }
    let (file, folders) = parts.split_last().ok_or(NOT_OURS)?;
    let key = file.strip_suffix(".json").unwrap_or(file).parse().map_err(|_| NOT_OURS)?;
    let kind = match folders.last() {
        Some(&"agent") => Some(Kind::Agent),
        Some(&"documents") => Some(Kind::Document),
        _ => None,
    };
    Ok(Named::Document { key, kind })
}

const NOT_OURS: Reason = "the entry is not an object of the layout";

fn parts(name: &[u8]) -> Result<Vec<&str>, Reason> {
    if name.len() > LONGEST_NAME {
        return Err("the name of the entry is too long");
    }
    let name = std::str::from_utf8(name).map_err(|_| "the name of the entry is not UTF-8")?;
    if name.contains(['\0', '\\']) {
        return Err("the name of the entry holds a backslash or a zero byte");
    }
    if name.starts_with('/') {
        return Err("the name of the entry is absolute");
    }
    let parts: Vec<&str> = name.strip_prefix("./").unwrap_or(name).split('/').collect();
    match parts.iter().find(|part| matches!(**part, "" | "." | "..") || part.len() > LONGEST_PART) {
        Some(&"..") => Err("the name of the entry leads upwards"),
        Some(_) => Err("the name of the entry has a part that is empty, `.` or too long"),
        None => Ok(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    const VERSION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn path_of(name: &str) -> Option<String> {
        match read(name.as_bytes()) {
            Ok(Named::Object(key)) => Some(key.path()),
            _ => None,
        }
    }

    #[test]
    fn a_path_of_the_layout_below_any_folders_is_that_object() {
        for path in [
            format!("documents/{ID}/{VERSION}.json"),
            format!("agents/{ID}/{VERSION}.json"),
            format!("files/{}", "0a".repeat(32)),
        ] {
            for before in ["", "./", "jacs_data/", "./backup of monday/jacs_data/", "documents/", "agents/files/"] {
                assert_eq!(path_of(&format!("{before}{path}")).as_deref(), Some(path.as_str()), "{before}{path}");
            }
        }
    }

    #[test]
    fn names_of_jacs_are_documents_whose_folder_says_the_kind() {
        let key: DocumentKey = format!("{ID}:{VERSION}").parse().unwrap();
        for (name, kind) in [
            (format!("jacs_data/agent/{key}.json"), Some(Kind::Agent)),
            (format!("./documents/{key}.json"), Some(Kind::Document)),
            (format!("documents/{key}"), Some(Kind::Document)),
            (format!("{key}.json"), None),
            (format!("some/where/{key}"), None),
        ] {
            assert_eq!(read(name.as_bytes()), Ok(Named::Document { key, kind }), "{name}");
        }
    }

    #[test]
    fn every_other_name_is_refused() {
        let object = format!("documents/{ID}/{VERSION}.json");
        let names = [
            String::new(),
            ".".into(),
            "./".into(),
            "README.md".into(),
            "jacs_keys/jacs.private.pem.enc".into(),
            "jacs.config.json".into(),
            format!("/{object}"),
            format!("//{object}"),
            format!("../{object}"),
            format!("a/../{object}"),
            format!("././{object}"),
            format!("a/./{object}"),
            format!("a//{object}"),
            format!("{object}/"),
            format!("a\\{object}"),
            format!("{object}\0"),
            object.to_uppercase(),
            format!("Documents/{ID}/{VERSION}.json"),
            format!("documents/{}/{VERSION}.json", ID.to_uppercase()),
            format!("documents/{ID}/{VERSION}.JSON"),
            format!("documents/{ID}/.tmp-{VERSION}.json"),
            format!("documents/{ID}/{VERSION}.json.bak"),
            format!("documents/{ID}"),
            format!("files/{}", "0A".repeat(32)),
            format!("files/{}.json", "0a".repeat(32)),
            format!("{}:{VERSION}.json", ID.to_uppercase()),
            format!("{ID}.json"),
            format!("{}/{object}", "x".repeat(256)),
            format!("{}{object}", "x/".repeat(2100)),
        ];
        for name in names {
            assert!(read(name.as_bytes()).is_err(), "{name}");
        }
        assert!(read(format!("a\u{fffd}/{object}").replace('\u{fffd}', "é").as_bytes()).is_ok());
        assert!(read(&[b"\xff/", object.as_bytes()].concat()).is_err());
    }
}
