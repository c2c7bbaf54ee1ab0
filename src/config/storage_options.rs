//! `jacs_storage_options`: a few options of ours, and those of the OpenDAL service.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::json::type_name;
use super::layers::Found;
use super::values::{Durability, Storage};
use crate::error::{Error, Result, nearest};

const OURS: [&str; 5] = ["durability", "timeout_ms", "retries", "concurrency", "allow_http"];

/// Options that would undo the layout or create-once, and what to use in their place.
const REFUSED: &[(&str, &str)] = &[
    ("root", "jacs_data_directory"),
    ("bucket", "jacs_data_directory"),
    ("container", "jacs_data_directory"),
    ("filesystem", "jacs_data_directory"),
    ("share_name", "jacs_data_directory"),
    ("atomic_write_dir", "nothing: every write is atomic"),
    ("enable_versioning", "nothing: every version has a key of its own"),
    ("enable_write_with_append", "nothing: documents are never appended to"),
    ("disable_write_with_if_match", "nothing: documents are created once"),
    ("disable_create_dir", "nothing: directories are made where they are missing"),
    ("disable_ec2_metadata", "AWS_EC2_METADATA_DISABLED"),
    ("disable_config_load", "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE"),
    ("assume_role_session_tags", "nothing: roles are assumed without tags"),
    ("allow_anonymous", "skip_signature"),
    ("server_side_encryption", "aws_s3_encryption"),
    ("server_side_encryption_aws_kms_key_id", "aws_s3_kms_key_id"),
    ("default_storage_class", "aws_s3_storage_class"),
];

/// How a backend is used.
///
/// `Debug` shows only the names of the service's options: credentials may be among their values.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageOptions {
    /// What a resolved promise means on `fs`; default `full`.
    pub durability: Durability,
    /// The longest that one operation may take, in milliseconds (1 to 3,600,000); `None` is the backend's own.
    pub timeout_ms: Option<u64>,
    /// How often an operation is tried again (0 to 100); `None` is the backend's own.
    pub retries: Option<u32>,
    /// How many operations run at once (1 to 4096); `None` is the backend's own.
    pub concurrency: Option<u32>,
    /// Plain http to hosts other than loopback; default false.
    pub allow_http: bool,
    /// The OpenDAL service's own options, as it takes them; empty on `fs` and `memory`.
    pub service: BTreeMap<String, String>,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            timeout_ms: None,
            retries: None,
            concurrency: None,
            allow_http: false,
            service: BTreeMap::new(),
        }
    }
}

impl StorageOptions {
    /// The options of a backend of kind `storage`; an option that is null counts as not given.
    pub(super) fn from_setting(storage: &Storage, found: &Found<'_>) -> Result<Self> {
        let members = found.members()?;
        let mut options = Self::default();
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let given = Given { found, name, value };
            match name.as_str() {
                "durability" => options.durability = given.durability()?,
                "timeout_ms" => options.timeout_ms = Some(given.integer(1..=3_600_000)?),
                "retries" => options.retries = Some(given.integer(0..=100)? as u32),
                "concurrency" => options.concurrency = Some(given.integer(1..=4096)? as u32),
                "allow_http" => options.allow_http = given.flag()?,
                _ => _ = options.service.insert(name.clone(), given.for_service(storage)?),
            }
        }
        Ok(options)
    }

    /// For reports: our options with their values, the service's by name.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("durability".into(), self.durability.name().into());
        members.insert("allow_http".into(), self.allow_http.into());
        let counts = [
            ("timeout_ms", self.timeout_ms),
            ("retries", self.retries.map(u64::from)),
            ("concurrency", self.concurrency.map(u64::from)),
        ];
        for (name, count) in counts {
            if let Some(count) = count {
                members.insert(name.into(), count.into());
            }
        }
        for name in self.service.keys() {
            members.insert(name.clone(), "(set)".into());
        }
        members
    }
}

impl fmt::Debug for StorageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorageOptions {}", Value::Object(self.to_json()))
    }
}

/// One option; its value is never shown.
struct Given<'a> {
    found: &'a Found<'a>,
    name: &'a str,
    value: &'a Value,
}

impl Given<'_> {
    fn durability(&self) -> Result<Durability> {
        self.value.as_str().and_then(Durability::from_name).ok_or_else(|| self.wrong("\"full\" or \"none\""))
    }

    fn integer(&self, range: RangeInclusive<u64>) -> Result<u64> {
        self.value
            .as_u64()
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.wrong(format!("an integer from {} to {}", range.start(), range.end())))
    }

    fn flag(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    fn for_service(&self, storage: &Storage) -> Result<String> {
        if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == self.name) {
            return Err(self.error("a storage option is refused").with("instead", instead));
        }
        if matches!(storage, Storage::Fs | Storage::Memory) {
            let error = self.error("the storage has no such option").with("storage", storage);
            return Err(match nearest(self.name, OURS) {
                Some(near) => error.with("nearest", near),
                None => error.with("known", OURS.join(", ")),
            });
        }
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            _ => Err(self.wrong("a string, a number or a boolean")),
        }
    }

    fn wrong(&self, expected: impl fmt::Display) -> Error {
        self.error("a storage option has the wrong type or size")
            .with("expected", expected)
            .with("found", type_name(self.value))
    }

    fn error(&self, message: &'static str) -> Error {
        self.found.error(message).with("option", self.name)
    }
}
