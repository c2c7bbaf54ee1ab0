//! Where the registry is.

use std::path::Path;

use serde_json::json;

use super::{CWD, environment, message, object};
use crate::config::{Config, ConfigInput, EnvironmentUse};
use crate::environment::Environment;
use crate::error::Code;

const VARIABLE: &str = "JACS_KEYS_BASE_URL";

#[test]
fn the_registry_has_an_address_of_its_own_on_hai_alone() {
    let hai = object(json!({"jacs_default_storage": "hai"})).unwrap();
    assert_eq!(hai.keys_base_url.as_deref(), Some("https://hai.ai"));
    assert_eq!(hai.registry_url().unwrap(), "https://hai.ai");
    let other = object(json!({"jacs_key_resolution": "local,registry"})).unwrap();
    assert_eq!(other.keys_base_url, None);
    let error = other.registry_url().unwrap_err();
    assert_eq!(error.code(), Code::Config);
    assert!(error.to_string().contains(VARIABLE), "{error}");
}

#[test]
fn the_variable_wins_and_an_empty_one_is_none() {
    for storage in ["fs", "hai"] {
        let at = |url| environment(&[("JACS_DEFAULT_STORAGE", storage), (VARIABLE, url)]).unwrap().keys_base_url;
        for url in ["https://keys.test", "https://keys.test:8443/base/", "http://127.0.0.1:8", "http://[::1]:8"] {
            assert_eq!(at(url).as_deref(), Some(url));
        }
        assert_eq!(at("").is_some(), storage == "hai");
    }
}

#[test]
fn where_settings_are_not_taken_from_the_environment_the_registry_still_is() {
    let variables = Environment::from_iter([(VARIABLE, "https://keys.test"), ("JACS_DEFAULT_STORAGE", "memory")]);
    let config = Config::read(ConfigInput::Object("{}"), &variables, EnvironmentUse::Ignore, Path::new(CWD)).unwrap();
    assert_eq!(config.keys_base_url.as_deref(), Some("https://keys.test"));
}

#[test]
fn what_is_no_address_of_a_server_is_refused_and_not_shown() {
    for url in [
        "s3cret",
        "/s3cret",
        "//s3cret.test",
        "https://",
        "https:///s3cret",
        "ftp://s3cret.test",
        "file:///s3cret",
        "https://user:s3cret@keys.test",
        "https://s3cret@keys.test",
        "https://keys.test/?s3cret",
        "https://keys.test/#s3cret",
        "https://keys.test/s3cret x",
        "https://keys.test/s3cret\r\nx: y",
        " https://s3cret.test",
    ] {
        let text = message(environment(&[(VARIABLE, url)]));
        assert!(text.contains(VARIABLE) && !text.contains("s3cret"), "{url:?}: {text}");
    }
}

#[test]
fn no_file_and_no_object_says_where_the_registry_is() {
    let text = message(object(json!({"jacs_keys_base_url": "https://s3cret.test"})));
    assert!(text.contains("jacs_keys_base_url") && !text.contains("s3cret"), "{text}");
}
