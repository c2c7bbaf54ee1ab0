//! The names that a configuration may carry.

use crate::error::{Code, Error, Result, nearest};
use serde_json::{Map, Value};

macro_rules! settings {
    ($($name:ident = $text:literal;)*) => {
        $(pub(super) const $name: &str = $text;)*

        /// Every setting, in the order in which `doctor` shows them.
        pub(super) const SETTINGS: &[&str] = &[$($name),*];
    };
}

settings! {
    DEFAULT_STORAGE = "jacs_default_storage";
    DATA_DIRECTORY = "jacs_data_directory";
    KEY_DIRECTORY = "jacs_key_directory";
    PRIVATE_KEY_FILENAME = "jacs_agent_private_key_filename";
    PUBLIC_KEY_FILENAME = "jacs_agent_public_key_filename";
    KEY_ALGORITHM = "jacs_agent_key_algorithm";
    AGENT_ID_AND_VERSION = "jacs_agent_id_and_version";
    AGENT_DOMAIN = "jacs_agent_domain";
    DNS_VALIDATE = "jacs_dns_validate";
    DNS_STRICT = "jacs_dns_strict";
    DNS_REQUIRED = "jacs_dns_required";
    DNS_SERVERS = "jacs_dns_servers";
    DNS_TRUST_ANCHOR = "jacs_dns_trust_anchor";
    KEY_RESOLUTION = "jacs_key_resolution";
    MINIMUM_TRUST = "jacs_minimum_trust";
    UPDATE_POLICY = "jacs_update_policy";
    S3_ENCRYPTION = "aws_s3_encryption";
    S3_KMS_KEY_ID = "aws_s3_kms_key_id";
    S3_STORAGE_CLASS = "aws_s3_storage_class";
    STORAGE_OPTIONS = "jacs_storage_options";
    CACHE_BYTES = "jacs_cache_bytes";
    CACHE_TTL_MS = "jacs_cache_ttl_ms";
    LATEST_TTL_MS = "jacs_latest_ttl_ms";
    MAX_DOCUMENT_BYTES = "jacs_max_document_bytes";
}

/// The seven keys that `jacs` always writes and `Agent.create` therefore writes too.
pub(super) const ALWAYS_WRITTEN: [&str; 7] = [
    AGENT_ID_AND_VERSION,
    KEY_ALGORITHM,
    PRIVATE_KEY_FILENAME,
    PUBLIC_KEY_FILENAME,
    DATA_DIRECTORY,
    DEFAULT_STORAGE,
    KEY_DIRECTORY,
];

/// Written by `jacs`, without a meaning here.
const IGNORED: &[&str] = &[
    "jacs_use_security",
    "jacs_agent_schema_version",
    "jacs_header_schema_version",
    "jacs_signature_schema_version",
    "jacs_keychain_backend",
    "jacs_database_url",
    "agent_email",
    "observability",
];

/// What makes a configuration a signed document.
const HEADER: &[&str] = &[
    "$schema",
    "jacsId",
    "jacsVersion",
    "jacsVersionDate",
    "jacsOriginalVersion",
    "jacsOriginalDate",
    "jacsPreviousVersion",
    "jacsPreviousSha256",
    "jacsMergedVersions",
    "jacsType",
    "jacsLevel",
    "jacsFiles",
    "jacsFilesStored",
    "jacsSha256",
    SIGNATURE,
];

pub(super) const SIGNATURE: &str = "jacsSignature";

/// Whether a member belongs to the document that a signed configuration is, and not to the settings.
pub(super) fn is_header(name: &str) -> bool {
    HEADER.contains(&name) || (name.starts_with("jacs") && !name.starts_with("jacs_"))
}

/// Whose names are checked, and how strictly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// An object made in code: no name may be unknown.
    Object,
    /// A file: foreign names may stand beside ours.
    File,
}

/// Checks the names of one layer, those without a value excepted, and returns the warnings.
pub(super) fn check_names(members: &Map<String, Value>, given: Given) -> Result<Vec<String>> {
    let signed = given == Given::File && members.contains_key(SIGNATURE);
    let mut warnings = Vec::new();
    for (name, _) in members.iter().filter(|(_, value)| !value.is_null()) {
        refuse_password(name, given)?;
        if SETTINGS.contains(&name.as_str()) || IGNORED.contains(&name.as_str()) || HEADER.contains(&name.as_str()) {
            continue;
        }
        if given == Given::File && !name.starts_with("jacs_") && !name.starts_with("aws_") {
            continue;
        }
        let meant = nearest(name, SETTINGS.iter().copied());
        if signed {
            // Whoever wrote and signed it knew the key; a newer `jacs` must not make its files unreadable here.
            let hint = meant.map(|known| format!("; the nearest known one is {known}")).unwrap_or_default();
            warnings.push(format!("the signed configuration has an unknown key {name}{hint}"));
            continue;
        }
        let error = Error::new(Code::Config, "the configuration has an unknown key").with("key", name);
        return Err(match meant {
            Some(known) => error.with("nearest", known),
            None => error,
        });
    }
    Ok(warnings)
}

fn refuse_password(name: &str, given: Given) -> Result<()> {
    let is_password = name == "jacs_private_key_password" || (name == "password" && given == Given::Object);
    if !is_password {
        return Ok(());
    }
    Err(Error::new(Code::Config, "a password does not belong in a configuration")
        .with("key", name)
        .with("where it belongs", "the option `password`, JACS_PRIVATE_KEY_PASSWORD or JACS_PASSWORD_FILE"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(members: Value, given: Given) -> Result<Vec<String>> {
        check_names(members.as_object().unwrap(), given)
    }

    #[test]
    fn a_misspelt_key_is_refused_with_the_nearest() {
        for given in [Given::File, Given::Object] {
            let error = check(json!({"jacs_data_directroy": "x"}), given).unwrap_err();
            assert_eq!(error.code(), Code::Config);
            assert!(error.to_string().contains("nearest: jacs_data_directory"), "{error}");
        }
        let error = check(json!({"aws_s3_encription": "AES256"}), Given::File).unwrap_err();
        assert!(error.to_string().contains("nearest: aws_s3_encryption"), "{error}");
    }

    #[test]
    fn foreign_keys_pass_in_a_file_and_not_in_an_object() {
        let members = json!({"comment": "ours", "agentName": 1});
        assert!(check(members.clone(), Given::File).unwrap().is_empty());
        assert_eq!(check(members, Given::Object).unwrap_err().code(), Code::Config);
    }

    #[test]
    fn an_unknown_key_of_a_signed_file_is_a_warning() {
        let members = json!({"jacsSignature": {}, "jacs_data_dir": "x"});
        let warnings = check(members.clone(), Given::File).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("jacs_data_dir") && warnings[0].contains("jacs_data_directory"));
        assert!(check(members, Given::Object).is_err());
    }

    #[test]
    fn what_jacs_writes_is_accepted_and_ignored() {
        let mut members = Map::new();
        for name in IGNORED.iter().chain(HEADER) {
            members.insert((*name).to_owned(), json!("x"));
        }
        members.remove(SIGNATURE);
        assert!(check_names(&members, Given::File).unwrap().is_empty());
        assert!(check_names(&members, Given::Object).unwrap().is_empty());
    }

    #[test]
    fn a_password_is_refused_without_being_shown() {
        for (name, given) in [
            ("jacs_private_key_password", Given::File),
            ("jacs_private_key_password", Given::Object),
            ("password", Given::Object),
        ] {
            let error = check(json!({name: "s3cret"}), given).unwrap_err();
            assert_eq!(error.code(), Code::Config);
            assert!(error.to_string().contains("JACS_PASSWORD_FILE"), "{error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert!(check(json!({"jacs_private_key_password": null}), Given::Object).is_ok());
    }
}
