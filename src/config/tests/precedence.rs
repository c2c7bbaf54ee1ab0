//! Every setting, from every layer.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{AGENT_A, AGENT_B, CWD, FILE};
use crate::config::{Config, EnvironmentUse, Setting, Source, keys};
use crate::error::Result;

const AGENT_C: &str = "6524b179-f407-4af2-a6d8-e14e5886ed39:5dc6d4d1-8250-4c6e-82f4-7717a995c1c5";

/// One valid value for each setting in object, environment and file, beside what else it needs, and what
/// the report shows for the three and for the default.
struct Case {
    key: &'static str,
    beside: &'static [(&'static str, &'static str)],
    object: Value,
    environment: &'static str,
    file: Value,
    shown: [&'static str; 4],
}

fn case(key: &'static str, object: Value, environment: &'static str, file: Value, shown: [&'static str; 4]) -> Case {
    Case { key, beside: &[], object, environment, file, shown }
}

fn cases() -> Vec<Case> {
    let number = |key, default| case(key, json!(11), "22", json!(33), ["11", "22", "33", default]);
    let flag = |key| case(key, json!(true), "false", json!(true), ["true", "false", "true", "false"]);
    let name = |key, default| case(key, json!("o.pem"), "e.pem", json!("f.pem"), ["o.pem", "e.pem", "f.pem", default]);
    let places = |key, default| {
        case(key, json!("./o"), "e/../e", json!("./f"), ["/srv/app/o", "/srv/app/e/../e", "/etc/jacs/f", default])
    };
    let options = |on: &str| format!("{{\"allow_http\":{on},\"durability\":\"full\"}}");
    let shown_options = [options("true"), options("false"), options("true"), options("false")].map(leaked);
    vec![
        case("jacs_default_storage", json!("memory"), "hai", json!("gcs"), ["memory", "hai", "gcs", "fs"]),
        places("jacs_data_directory", "/etc/jacs/jacs_data"),
        places("jacs_key_directory", "/etc/jacs/jacs_keys"),
        name("jacs_agent_private_key_filename", "jacs.private.pem.enc"),
        name("jacs_agent_public_key_filename", "jacs.public.pem"),
        case(
            "jacs_agent_key_algorithm",
            json!("pq2025"),
            "ring-Ed25519",
            json!("pq2025"),
            ["pq2025", "ring-Ed25519", "pq2025", "ring-Ed25519"],
        ),
        case("jacs_agent_id_and_version", json!(AGENT_A), AGENT_B, json!(AGENT_C), [AGENT_A, AGENT_B, AGENT_C, ""]),
        case("jacs_agent_domain", json!("O.test."), "e.test", json!("f.test"), ["o.test", "e.test", "f.test", ""]),
        flag("jacs_dns_validate"),
        flag("jacs_dns_strict"),
        flag("jacs_dns_required"),
        case(
            "jacs_dns_servers",
            json!(["127.0.0.1", "[::1]:5353"]),
            "127.0.0.1:5353, ::1",
            json!("9.9.9.9"),
            ["127.0.0.1:53,[::1]:5353", "127.0.0.1:5353,[::1]:53", "9.9.9.9:53", ""],
        ),
        places("jacs_dns_trust_anchor", ""),
        case(
            "jacs_key_resolution",
            json!(["storage"]),
            "registry,dns",
            json!("local"),
            ["storage", "registry,dns", "local", "local,storage"],
        ),
        case("jacs_minimum_trust", json!("self"), "dns", json!("pinned"), ["self", "dns", "pinned", "storage"]),
        case("jacs_update_policy", json!("any"), "owner", json!("any"), ["any", "owner", "any", "owner"]),
        case("aws_s3_encryption", json!("AES256"), "aws:kms", json!("AES256"), ["AES256", "aws:kms", "AES256", ""]),
        Case {
            beside: &[("aws_s3_encryption", "aws:kms")],
            ..case("aws_s3_kms_key_id", json!("o"), "e", json!("f"), ["o", "e", "f", ""])
        },
        case(
            "aws_s3_storage_class",
            json!("STANDARD_IA"),
            "GLACIER_IR",
            json!("ONEZONE_IA"),
            ["STANDARD_IA", "GLACIER_IR", "ONEZONE_IA", ""],
        ),
        case(
            "jacs_storage_options",
            json!({"allow_http": true}),
            r#"{"allow_http": false}"#,
            json!({"allow_http": true, "retries": null}),
            shown_options,
        ),
        number("jacs_cache_bytes", "67108864"),
        number("jacs_cache_ttl_ms", "60000"),
        number("jacs_latest_ttl_ms", "0"),
        number("jacs_max_document_bytes", "67108864"),
    ]
}

fn leaked(text: String) -> &'static str {
    text.leak()
}

/// Resolves with the given layers; the file is always there.
fn resolve(object: &Map<String, Value>, environment: &[(String, &str)], file: &Map<String, Value>) -> Result<Config> {
    let (object, file) = (Value::Object(object.clone()).to_string(), Value::Object(file.clone()).to_string());
    Config::resolve(
        Some(&object),
        Some((Path::new(FILE), &file)),
        &environment.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
        EnvironmentUse::Settings,
        Path::new(CWD),
    )
}

#[test]
fn every_setting_follows_the_precedence() {
    for Case { key, beside, object, environment, file, shown } in cases() {
        let beside = || beside.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        let strongest = [Source::Object, Source::Environment, Source::File, Source::Default];
        for (position, source) in strongest.into_iter().enumerate() {
            let mut object_members: Map<_, _> = [(key.to_owned(), Value::Null)].into_iter().collect();
            let mut file_members: Map<_, _> = beside().collect();
            let mut variables = vec![(key.to_ascii_uppercase(), "")];
            if position == 0 {
                object_members.insert(key.to_owned(), object.clone());
            }
            if position <= 1 {
                variables[0].1 = environment;
            }
            if position <= 2 {
                file_members.insert(key.to_owned(), file.clone());
            }
            let config = resolve(&object_members, &variables, &file_members).unwrap_or_else(|e| panic!("{key}: {e}"));
            let setting = config.report().into_iter().find(|setting| setting.key == key).unwrap();
            assert_eq!(setting, Setting { key, value: shown[position].to_owned(), source }, "{key} from {source}");
        }
    }
}

#[test]
fn the_table_has_every_setting() {
    let tested: Vec<_> = cases().iter().map(|case| case.key).collect();
    assert_eq!(tested, keys::SETTINGS);
}
