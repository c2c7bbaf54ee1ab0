//! Where the HAI agent registry is: named by a variable alone, so that no file can send its reader's questions elsewhere.

use super::values::{KeyResolution, Storage};
use super::{Config, keys};
use crate::environment::{Environment, KEYS_BASE_URL};
use crate::error::{Code, Error, Result};

/// HAI's own, for those who keep their documents there.
const HAI: &str = "https://hai.ai";

/// The registry's URL. Whether it may be asked without TLS, its client judges.
///
/// Errors: `JACS_CONFIG`; the value is not shown, for it may hold a password.
pub(super) fn keys_base_url(environment: &Environment, storage: &Storage) -> Result<Option<String>> {
    match environment.get(KEYS_BASE_URL) {
        Some(url) if is_base(url) => Ok(Some(url.to_owned())),
        Some(_) => {
            let error = Error::new(Code::Config, "a setting cannot be used").with("from", "environment");
            let expected =
                "a URL with https://, or with http:// on this machine, without credentials, query and fragment";
            Err(error.with("variable", KEYS_BASE_URL).with("expected", expected))
        }
        None => Ok((*storage == Storage::Hai).then(|| HAI.to_owned())),
    }
}

fn is_base(url: &str) -> bool {
    let Ok(parsed) = url.parse::<http::Uri>() else { return false };
    let named = parsed.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    named && matches!(parsed.scheme_str(), Some("https" | "http")) && parsed.query().is_none() && !url.contains('#')
}

impl Config {
    /// Whether the record of a signer's domain is looked up for the key that others found.
    pub fn confirms_by_dns(&self) -> bool {
        let asked = self.key_resolution.contains(&KeyResolution::Dns);
        asked || self.dns_validate || self.dns_required || self.dns_strict
    }

    /// The registry's URL, where `registry` is among the sources of keys.
    ///
    /// # Errors
    /// `JACS_CONFIG`: nobody says where it is.
    ///
    /// ```
    /// use jacs_agent::config::Config;
    /// use jacs_agent::environment::Environment;
    /// let environment = Environment::from_iter([("JACS_KEYS_BASE_URL", "https://keys.example.com")]);
    /// let config = Config::from_object("{}", &environment, "/srv/app".as_ref())?;
    /// assert_eq!(config.registry_url()?, "https://keys.example.com");
    /// # Ok::<(), jacs_agent::error::Error>(())
    /// ```
    pub fn registry_url(&self) -> Result<&str> {
        self.keys_base_url.as_deref().ok_or_else(|| {
            let message =
                "`registry` is a source of keys, and nothing says where the registry is: set JACS_KEYS_BASE_URL";
            Error::new(Code::Config, message).with("key", keys::KEY_RESOLUTION).with("variable", KEYS_BASE_URL)
        })
    }
}
