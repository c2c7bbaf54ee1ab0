//! What a new or changed configuration file keeps of the configuration it was made from.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::Config;
use super::build::{DEFAULT_KEY_DIRECTORY, DEFAULT_PRIVATE_KEY_FILENAME, DEFAULT_PUBLIC_KEY_FILENAME};
use super::keys;
use super::layers::{Layers, absolute};
use super::location::DEFAULT_DATA_DIRECTORY;
use super::values::{KeyAlgorithm, Storage};
use crate::error::{Code, Error, Result};

/// What object and file said, the environment left out: what is written down must not depend on it.
#[derive(Clone, Default)]
pub(super) struct Written {
    values: BTreeMap<String, Value>,
    /// The settings among them that are local paths, made absolute.
    paths: BTreeMap<&'static str, PathBuf>,
}

impl Written {
    pub(super) fn new(layers: &Layers<'_>) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in layers.file.iter().chain(&layers.object) {
            if !keys::is_header(name) && !value.is_null() {
                values.insert(name.clone(), value.clone());
            }
        }
        for key in keys::ALWAYS_WRITTEN {
            values.entry(key.to_owned()).or_insert_with(|| default(key).into());
        }
        let mut paths = BTreeMap::new();
        for key in [keys::KEY_DIRECTORY, keys::DNS_TRUST_ANCHOR, keys::DATA_DIRECTORY] {
            let local = key != keys::DATA_DIRECTORY || is_local(&values);
            if let Some(path) = path(layers, key).filter(|_| local) {
                paths.insert(key, path);
            }
        }
        Self { values, paths }
    }
}

/// Whether the data directory is a path, for the storage that stands beside it and not for one that only
/// the environment names.
fn is_local(values: &BTreeMap<String, Value>) -> bool {
    let text = |key| values.get(key).and_then(Value::as_str).unwrap_or_default();
    text(keys::DEFAULT_STORAGE) == Storage::Fs.name() && !text(keys::DATA_DIRECTORY).contains("://")
}

fn path(layers: &Layers<'_>, key: &'static str) -> Option<PathBuf> {
    match layers.find_written(key) {
        Some(found) => found.path().ok(),
        None => Some(default(key)).filter(|text| !text.is_empty()).map(|text| absolute(layers.base(), text)),
    }
}

fn default(key: &str) -> &'static str {
    match key {
        keys::KEY_ALGORITHM => KeyAlgorithm::Ed25519.name(),
        keys::PRIVATE_KEY_FILENAME => DEFAULT_PRIVATE_KEY_FILENAME,
        keys::PUBLIC_KEY_FILENAME => DEFAULT_PUBLIC_KEY_FILENAME,
        keys::DATA_DIRECTORY => DEFAULT_DATA_DIRECTORY,
        keys::DEFAULT_STORAGE => Storage::Fs.name(),
        keys::KEY_DIRECTORY => DEFAULT_KEY_DIRECTORY,
        _ => "",
    }
}

impl Config {
    /// The members of a configuration file that says what object and file said, sorted by name: the
    /// environment's settings and the signed header are left out, and the seven settings that `jacs` writes
    /// are always there (`jacs_agent_id_and_version` is `""` as long as there is no agent). Paths below the
    /// folder `relative_to`, where the file will be, are written relative to it (`./jacs_data`), others
    /// absolute.
    ///
    /// # Errors
    /// `JACS_CONFIG`: a path is not UTF-8, so that JSON cannot name it.
    ///
    /// ```
    /// use jacs_agent::config::Config;
    /// use jacs_agent::environment::Environment;
    /// let config = Config::from_object("{}", &Environment::default(), "/srv/app".as_ref())?;
    /// let members = config.file_members("/srv/app".as_ref())?;
    /// assert_eq!(members["jacs_data_directory"], "./jacs_data");
    /// # Ok::<(), jacs_agent::error::Error>(())
    /// ```
    pub fn file_members(&self, relative_to: &Path) -> Result<Map<String, Value>> {
        let folder = absolute(relative_to, "");
        let mut values = self.written.values.clone();
        for (key, path) in &self.written.paths {
            values.insert((*key).to_owned(), written_path(path, &folder)?.into());
        }
        Ok(values.into_iter().collect())
    }
}

fn written_path(path: &Path, folder: &Path) -> Result<String> {
    let below = path.strip_prefix(folder).ok().filter(|below| below.components().all(is_plain));
    let not_utf8 = || Error::new(Code::Config, "a path that is not UTF-8 cannot be configured").with_path(path);
    let Some(below) = below else { return path.to_str().map(str::to_owned).ok_or_else(not_utf8) };
    let names: Option<Vec<_>> = below.iter().map(|name| name.to_str()).collect();
    Ok(format!("./{}", names.ok_or_else(not_utf8)?.join("/")))
}

fn is_plain(component: Component<'_>) -> bool {
    matches!(component, Component::Normal(_))
}
