//! A profile of the AWS configuration files, as `aws configure` writes them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use ini::Ini;

use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::local_file::{ReadFailure, read_bounded};

/// Longer configuration files are not read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The settings of one profile; none when there are no files. Credentials are read elsewhere, when they are needed.
#[derive(Clone, Default)]
pub(super) struct Profile {
    settings: BTreeMap<String, String>,
}

/// Those settings that are used here.
const USED: [&str; 11] = [
    "region",
    "endpoint_url",
    "role_arn",
    "source_profile",
    "external_id",
    "role_session_name",
    "duration_seconds",
    "credential_process",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

impl fmt::Debug for Profile {
    /// Names only: a command may carry a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.settings.keys().collect::<Vec<_>>()).finish()
    }
}

impl Profile {
    /// The chosen profile: `name`, `AWS_PROFILE`, or `default`.
    ///
    /// Errors: `JACS_CONFIG` for a file that is malformed, or a profile by name that is in neither file.
    pub fn read(environment: &Environment, name: Option<&String>) -> Result<Profile> {
        let chosen = name.map(String::as_str).or_else(|| environment.get("AWS_PROFILE"));
        let name = chosen.unwrap_or("default");
        let config = parse(environment, "AWS_CONFIG_FILE", "config")?;
        let credentials = parse(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials")?;
        let long = format!("profile {name}");
        let mut settings = BTreeMap::new();
        let mut found = false;
        let sections = [
            credentials.as_ref().and_then(|file| file.section(Some(name))),
            config.as_ref().and_then(|file| file.section(Some(name)).filter(|_| name == "default")),
            config.as_ref().and_then(|file| file.section(Some(&long))),
        ];
        for section in sections.into_iter().flatten() {
            found = true;
            let used = section.iter().filter(|(key, _)| USED.contains(key));
            settings.extend(used.map(|(key, value)| (key.to_owned(), value.to_owned())));
        }
        match chosen {
            Some(name) if !found => {
                Err(Error::new(Code::Config, "the AWS profile is in no configuration file").with("profile", name))
            }
            _ => Ok(Profile { settings }),
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Profile {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(settings: I) -> Self {
        Self { settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }
}

/// The home directory of the environment that was handed in.
pub(super) fn home(environment: &Environment) -> Option<PathBuf> {
    environment.get("HOME").or_else(|| environment.get("USERPROFILE")).map(PathBuf::from)
}

fn parse(environment: &Environment, variable: &'static str, name: &str) -> Result<Option<Ini>> {
    let path = match environment.get(variable) {
        Some(path) => PathBuf::from(path),
        None => match home(environment) {
            Some(home) => home.join(".aws").join(name),
            None => return Ok(None),
        },
    };
    if !is_file(&path) {
        return Ok(None);
    }
    let fail = |message: &'static str| Error::new(Code::Config, message).with_path(&path);
    let (bytes, _) = match read_bounded(&path, MAX_BYTES) {
        Err(ReadFailure::Missing(_)) => return Ok(None),
        // As the AWS tools do: other sources may have what is needed.
        Err(ReadFailure::Forbidden(_)) => return Ok(None),
        Err(_) => return Err(fail("an AWS configuration file cannot be read")),
        Ok(read) => read,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| fail("an AWS configuration file is not UTF-8"))?;
    Ini::load_from_str(text).map(Some).map_err(|_| fail("an AWS configuration file is malformed"))
}

/// Devices such as `/dev/null` stand for "no file".
fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &Path, more: &[(&str, &str)]) -> Environment {
        let config = folder.join("config").to_string_lossy().into_owned();
        let credentials = folder.join("credentials").to_string_lossy().into_owned();
        let files = [("AWS_CONFIG_FILE", config.as_str()), ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str())];
        Environment::from_iter(files.into_iter().chain(more.iter().copied()))
    }

    #[test]
    fn reads_the_chosen_profile_of_both_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("config"),
            "[default]\nregion = eu-west-1\n[profile work]\nregion=us-west-2\nendpoint_url = http://127.0.0.1:9\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("credentials"), "[work]\naws_secret_access_key = s3cret\n").unwrap();
        let plain = Profile::read(&environment(folder.path(), &[]), None).unwrap();
        assert_eq!(plain.get("region"), Some("eu-west-1"));
        let work = Profile::read(&environment(folder.path(), &[("AWS_PROFILE", "work")]), None).unwrap();
        assert_eq!((work.get("region"), work.get("endpoint_url")), (Some("us-west-2"), Some("http://127.0.0.1:9")));
        assert!(!format!("{work:?}").contains("s3cret"));
        let error = Profile::read(&environment(folder.path(), &[]), Some(&"other".to_owned())).unwrap_err();
        assert!(error.code() == Code::Config && error.to_string().contains("other"), "{error}");
    }

    #[test]
    fn without_files_there_are_no_settings() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Profile::read(&environment(folder.path(), &[]), None).unwrap().get("region").is_none());
        assert!(Profile::read(&Environment::default(), None).unwrap().get("region").is_none());
    }
}
