mod precedence;
mod registry;

use std::path::Path;

use serde_json::{Map, Value, json};

use super::*;

const CWD: &str = "/srv/app";
const FILE: &str = "/etc/jacs/jacs.config.json";

const AGENT_A: &str = "d2e550c8-98f2-4597-9b1a-1d61d323100c:172e6c53-ec2b-4740-a1fa-2bd52dd707a0";
const AGENT_B: &str = "6524b179-f407-4af2-a6d8-e14e5886ed39:44233435-8233-4e69-b739-76203ac42d9a";

fn object(members: Value) -> Result<Config> {
    Config::from_object(&members.to_string(), &Environment::default(), Path::new(CWD))
}

fn environment(variables: &[(&str, &str)]) -> Result<Config> {
    Config::from_object("{}", &variables.iter().copied().collect(), Path::new(CWD))
}

fn message(result: Result<Config>) -> String {
    let error = result.expect_err("the configuration must be refused");
    assert_eq!(error.code(), Code::Config, "{error}");
    error.to_string()
}

#[test]
fn the_environment_can_be_ignored() {
    let variables = Environment::from_iter([("JACS_DEFAULT_STORAGE", "memory")]);
    let read = |environment_use| {
        let input = ConfigInput::Object("{}");
        Config::read(input, &variables, environment_use, Path::new(CWD)).unwrap().default_storage
    };
    assert_eq!(read(EnvironmentUse::Settings), Storage::Memory);
    assert_eq!(read(EnvironmentUse::Ignore), Storage::Fs);
}

#[test]
fn the_two_key_form_loads_relative_to_the_files_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jacs.config.json");
    std::fs::write(&path, r#"{"jacs_default_storage": "fs", "jacs_data_directory": "./jacs_data"}"#).unwrap();
    let config = Config::from_file(Path::new("jacs.config.json"), &Environment::default(), folder.path()).unwrap();
    assert_eq!(config.data_directory, "./jacs_data");
    assert_eq!(config.data_path(), Some(folder.path().join("jacs_data").as_path()));
    assert_eq!(config.key_directory, folder.path().join("jacs_keys"));
    assert_eq!(config.config_path, Some(path));
    assert!(config.signed.is_none() && config.warnings.is_empty());
}

#[test]
fn the_other_forms_of_the_description_load() {
    let aws = object(json!({
        "jacs_default_storage": "aws", "jacs_data_directory": "s3://my-jacs-bucket/data", "aws_s3_encryption": "AES256"
    }))
    .unwrap();
    assert_eq!(aws.location, Location::Bucket { name: "my-jacs-bucket".into(), prefix: "data".into() });
    assert_eq!(aws.data_path(), None);
    let hai = object(json!({"jacs_default_storage": "hai"})).unwrap();
    assert_eq!(hai.location, Location::SubPath("jacs_data".into()));
    assert_eq!(hai.key_resolution, [KeyResolution::Local, KeyResolution::Storage, KeyResolution::Registry]);
    assert_eq!(object(json!({"jacs_default_storage": "memory"})).unwrap().location, Location::Memory);
}

#[test]
fn the_signed_configurations_of_jacs_load() {
    for (name, agent, algorithm) in
        [("ed25519", AGENT_A, KeyAlgorithm::Ed25519), ("pq2025", AGENT_B, KeyAlgorithm::MlDsa87)]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("__test__/vectors/jacs-0.15-{name}"));
        let path = folder.join("jacs.config.json");
        let config = Config::from_file(&path, &Environment::default(), Path::new(CWD)).unwrap();
        assert_eq!(config.agent_id_and_version, Some(agent.parse().unwrap()));
        assert_eq!(config.key_algorithm, algorithm);
        assert_eq!(config.key_directory, folder.join("jacs_keys"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(config.signed.as_ref().map(SignedConfigText::as_str), Some(text.as_str()));
        assert!(config.warnings.is_empty());

        let written: Value = serde_json::from_str(&text).unwrap();
        let settings: Map<_, _> =
            written.as_object().unwrap().clone().into_iter().filter(|(name, _)| name.starts_with("jacs_")).collect();
        assert_eq!(config.file_members(&folder).unwrap(), settings);

        // The same object in code loads too.
        assert_eq!(object(written).unwrap().agent_id_and_version, config.agent_id_and_version);
    }
}

#[test]
fn wrong_types_and_sizes_name_the_key_and_never_the_value() {
    for (members, key) in [
        (json!({"jacs_cache_bytes": "s3cret"}), "jacs_cache_bytes"),
        (json!({"jacs_cache_bytes": -1}), "jacs_cache_bytes"),
        (json!({"jacs_cache_bytes": 1.5}), "jacs_cache_bytes"),
        (json!({"jacs_cache_bytes": 9_007_199_254_740_992_u64}), "jacs_cache_bytes"),
        (json!({"jacs_cache_ttl_ms": 31_536_000_001_u64}), "jacs_cache_ttl_ms"),
        (json!({"jacs_max_document_bytes": 0}), "jacs_max_document_bytes"),
        (json!({"jacs_max_document_bytes": 536_870_913}), "jacs_max_document_bytes"),
        (json!({"jacs_data_directory": {"s3cret": 1}}), "jacs_data_directory"),
        (json!({"jacs_data_directory": ""}), "jacs_data_directory"),
        (json!({"jacs_data_directory": "a\u{0}s3cret"}), "jacs_data_directory"),
        (json!({"jacs_data_directory": "s3://s3cret/x"}), "jacs_data_directory"),
        (json!({"jacs_default_storage": "aws", "jacs_data_directory": "./s3cret"}), "jacs_data_directory"),
        (json!({"jacs_default_storage": "aws"}), "jacs_data_directory"),
        (json!({"jacs_default_storage": "hai", "jacs_data_directory": "../s3cret"}), "jacs_data_directory"),
        (json!({"jacs_dns_validate": "true"}), "jacs_dns_validate"),
        (json!({"jacs_dns_servers": ["s3cret"]}), "jacs_dns_servers"),
        (json!({"jacs_dns_servers": "127.0.0.1,"}), "jacs_dns_servers"),
        (json!({"jacs_key_resolution": []}), "jacs_key_resolution"),
        (json!({"jacs_key_resolution": "local,local"}), "jacs_key_resolution"),
        (json!({"jacs_agent_domain": "a b"}), "jacs_agent_domain"),
        (json!({"jacs_agent_domain": "."}), "jacs_agent_domain"),
        (json!({"jacs_agent_domain": "-a.test"}), "jacs_agent_domain"),
        (json!({"jacs_agent_id_and_version": "d2e550c8-98f2-4597-9b1a-1d61d323100c"}), "jacs_agent_id_and_version"),
        (json!({"aws_s3_kms_key_id": "s3cret"}), "aws_s3_kms_key_id"),
        (json!({"aws_s3_kms_key_id": "s3cret", "aws_s3_encryption": "AES256"}), "aws_s3_kms_key_id"),
        (json!({"aws_s3_storage_class": "s3cret\r\nx: y"}), "aws_s3_storage_class"),
        (json!({"jacs_storage_options": "s3cret"}), "jacs_storage_options"),
    ] {
        let text = message(object(members.clone()));
        assert!(text.contains(key), "{members}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    let text = message(environment(&[("JACS_CACHE_BYTES", "+5")]));
    assert!(text.contains("environment JACS_CACHE_BYTES"), "{text}");
    assert!(message(environment(&[("JACS_STORAGE_OPTIONS", "{s3cret")])).contains("jacs_storage_options"));
}

#[test]
fn an_unknown_value_names_the_nearest() {
    for (members, near) in [
        (json!({"jacs_default_storage": "memroy"}), "memory"),
        (json!({"jacs_default_storage": "s3"}), "aws"),
        (json!({"jacs_default_storage": "azblod"}), "azblob"),
        (json!({"jacs_agent_key_algorithm": "ed25519"}), "ring-Ed25519"),
        (json!({"jacs_agent_key_algorithm": "pq-2025"}), "pq2025"),
        (json!({"jacs_minimum_trust": "pined"}), "pinned"),
        (json!({"jacs_key_resolution": "local,storge"}), "storage"),
        (json!({"jacs_update_policy": "ownr"}), "owner"),
        (json!({"aws_s3_encryption": "aes256"}), "AES256"),
    ] {
        let text = message(object(members));
        assert!(text.contains(&format!("nearest: {near}")), "{text}");
    }
}

#[test]
fn names_of_key_files_are_plain() {
    for name in ["", ".", "..", "../x", "a/b", "a\\b", "C:x", "/etc/passwd", "a\u{0}b", "a\nb"] {
        for key in ["jacs_agent_private_key_filename", "jacs_agent_public_key_filename"] {
            assert!(message(object(json!({key: name}))).contains(key), "{name:?}");
        }
    }
}

#[test]
fn null_and_empty_texts_of_jacs_count_as_not_given() {
    let config = object(json!({
        "jacs_default_storage": null, "jacs_agent_id_and_version": "", "jacs_agent_domain": "", "jacs_storage_options": null
    }))
    .unwrap();
    assert_eq!(config.source("jacs_default_storage"), Source::Default);
    assert_eq!((config.agent_id_and_version, config.agent_domain), (None, None));
}

#[test]
fn storage_options_are_typed_refused_or_handed_on() {
    let options = |storage: &str, options: Value| {
        object(json!({"jacs_default_storage": storage, "jacs_storage_options": options}))
            .map(|config| config.storage_options)
    };
    let ours = json!({"durability": "none", "timeout_ms": 5, "retries": 0, "concurrency": 8, "allow_http": true});
    let expected = StorageOptions {
        durability: Durability::None,
        timeout_ms: Some(5),
        retries: Some(0),
        concurrency: Some(8),
        allow_http: true,
        service: BTreeMap::new(),
    };
    assert_eq!(options("fs", ours).unwrap(), expected);

    let handed = json!({"credential": "s3cret", "size": 5, "on": true, "off": null});
    let handed = options("gcs", handed).unwrap();
    let service = [("credential", "s3cret"), ("on", "true"), ("size", "5")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(handed.service, BTreeMap::from(service));
    assert!(!format!("{handed:?}").contains("s3cret"));

    for (storage, refused) in [
        ("gcs", json!({"root": "/s3cret"})),
        ("gcs", json!({"bucket": "s3cret"})),
        ("fs", json!({"atomic_write_dir": "/s3cret"})),
        ("gcs", json!({"enable_versioning": true})),
        ("gcs", json!({"nested": {"s3cret": 1}})),
        ("fs", json!({"credential": "s3cret"})),
        ("fs", json!({"durability": "s3cret"})),
        ("fs", json!({"timeout_ms": 0})),
        ("fs", json!({"retries": 101})),
        ("fs", json!({"concurrency": 0})),
        ("fs", json!({"allow_http": "s3cret"})),
    ] {
        let error = options(storage, refused.clone()).unwrap_err();
        assert_eq!(error.code(), Code::Config, "{refused}");
        let name = refused.as_object().unwrap().keys().next().unwrap();
        assert!(error.to_string().contains(name) && !error.to_string().contains("s3cret"), "{error}");
    }
    let error = options("memory", json!({"timeout": 1})).unwrap_err().to_string();
    assert!(error.contains("nearest: timeout_ms"), "{error}");
}

#[test]
fn reports_and_debug_show_no_secret() {
    let config = object(json!({
        "jacs_default_storage": "webdav", "jacs_data_directory": "https://me:s3cret@host/dav",
        "jacs_storage_options": {"password": "s3cret"}
    }))
    .unwrap();
    let report = format!("{:?}{config:?}", config.report());
    assert!(report.contains("host/dav") && report.contains("password"), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
}

#[test]
fn a_file_that_cannot_be_used_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.json");
    let read = || Config::from_file(&path, &Environment::default(), Path::new(CWD)).unwrap_err();
    let error = read();
    assert_eq!((error.code(), error.details().path.as_deref()), (Code::Config, path.to_str()));
    assert_eq!(error.causes().len(), 1);
    for contents in
        [&b"not json"[..], b"[1]", b"\xff", br#"{"a":1,"a":2}"#, br#"{"jacs_cache_bytes":"x"}"#, br#"{"jacs_x":1}"#]
    {
        std::fs::write(&path, contents).unwrap();
        let error = read();
        assert_eq!((error.code(), error.details().path.as_deref()), (Code::Config, path.to_str()), "{error}");
    }
    std::fs::write(&path, " ".repeat(1024 * 1024 + 1)).unwrap();
    assert!(read().to_string().contains("too long"));
}

#[test]
fn a_file_that_may_not_be_read_is_a_matter_of_permission() {
    let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    assert_eq!(explain(ReadFailure::Forbidden(denied())).code(), Code::Permission);
    let unavailable = explain(ReadFailure::Unavailable(denied()));
    assert!(unavailable.code() == Code::Unavailable && unavailable.is_retryable());
}

#[test]
fn what_is_written_leaves_the_environment_out() {
    let file = json!({
        "$schema": "x", "jacsSignature": {}, "jacs_key_directory": "keys", "jacs_use_security": "true", "comment": "kept",
        "jacs_data_directory": "../elsewhere", "jacs_dns_validate": null
    });
    let variables: Environment =
        [("JACS_KEY_DIRECTORY", "/env"), ("JACS_DEFAULT_STORAGE", "memory")].into_iter().collect();
    let config = Config::resolve(
        Some(r#"{"jacs_agent_domain": "a.test", "jacs_dns_trust_anchor": "./anchor"}"#),
        Some((Path::new(FILE), &file.to_string())),
        &variables,
        EnvironmentUse::Settings,
        Path::new(CWD),
    )
    .unwrap();
    assert_eq!(config.key_directory, Path::new("/env"));
    let members = config.file_members(Path::new("/etc/jacs")).unwrap();
    let expected = json!({
        "comment": "kept",
        "jacs_agent_domain": "a.test",
        "jacs_agent_id_and_version": "",
        "jacs_agent_key_algorithm": "ring-Ed25519",
        "jacs_agent_private_key_filename": "jacs.private.pem.enc",
        "jacs_agent_public_key_filename": "jacs.public.pem",
        "jacs_data_directory": "/etc/jacs/../elsewhere",
        "jacs_default_storage": "fs",
        "jacs_dns_trust_anchor": "/srv/app/anchor",
        "jacs_key_directory": "./keys",
        "jacs_use_security": "true"
    });
    assert_eq!(Value::Object(members), expected);
}

#[test]
fn what_is_written_keeps_a_bucket_as_it_is() {
    let file = r#"{"jacs_data_directory": "s3://bucket/data"}"#;
    let variables: Environment = [("JACS_DEFAULT_STORAGE", "aws")].into_iter().collect();
    let path = Path::new(FILE);
    let config =
        Config::resolve(None, Some((path, file)), &variables, EnvironmentUse::Settings, Path::new(CWD)).unwrap();
    let members = config.file_members(Path::new("/etc/jacs")).unwrap();
    assert_eq!(members["jacs_data_directory"], "s3://bucket/data");
}

#[test]
fn the_working_directory_must_be_absolute() {
    assert!(Config::from_object("{}", &Environment::default(), Path::new("app")).is_err());
}
