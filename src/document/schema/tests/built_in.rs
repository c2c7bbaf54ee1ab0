//! The built-in schemas: our own texts must accept what `jacs` writes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{SchemaInput, Schemas, Validator, refused};
use crate::document::schema::{built_in, urls};
use crate::error::Code;

const HEADER: &str = "https://hai.ai/schemas/header/v1/header.schema.json";
const AGENT: &str = "https://hai.ai/schemas/agent/v1/agent.schema.json";
const CONFIG: &str = "https://hai.ai/schemas/jacs.config.schema.json";
const SIGNATURE: &str = "https://hai.ai/schemas/components/signature/v1/signature.schema.json";
const FILES: &str = "https://hai.ai/schemas/components/files/v1/files.schema.json";

fn validator(url: &str) -> Validator {
    Schemas::new().validator(SchemaInput::Url(url)).unwrap()
}

fn vectors() -> [PathBuf; 2] {
    ["ed25519", "pq2025"]
        .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("__test__/vectors/jacs-0.15-{name}")))
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn each_is_valid_draft_07_under_its_own_address() {
    assert_eq!(built_in::parsed().count(), 5);
    for (url, schema) in built_in::parsed() {
        assert_eq!(schema["$id"], url);
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        assert!(jsonschema::meta::is_valid(schema), "{url}");
        validator(url);
        validator(&format!("{url}#"));
        assert!(urls().any(|known| known == url));
    }
}

#[test]
fn every_document_of_the_vectors_has_the_form() {
    let (header, agent, config) = (validator(HEADER), validator(AGENT), validator(CONFIG));
    let mut seen = 0;
    for folder in vectors() {
        for entry in std::fs::read_dir(folder.join("documents")).unwrap() {
            let path = entry.unwrap().path();
            header.check(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            seen += 1;
        }
        agent.check(&read(&folder.join("agent.json"))).unwrap();
        header.check(&read(&folder.join("agent.json"))).unwrap();
        config.check(&read(&folder.join("jacs.config.json"))).unwrap();
    }
    assert_eq!(seen, 18);
}

#[test]
fn the_forms_of_the_description_are_configurations() {
    let config = validator(CONFIG);
    config.check(&json!({"jacs_default_storage": "fs", "jacs_data_directory": "./jacs_data"})).unwrap();
    config.check(&json!({"jacs_data_directory": "s3://b/data", "aws_s3_encryption": "AES256", "other": 1})).unwrap();
    for wrong in [
        json!({"jacs_private_key_password": "x"}),
        json!({"jacs_agent_private_key_filename": "../key"}),
        json!({"jacs_cache_ttl_ms": -1}),
        json!({"jacsSignature": {}}),
    ] {
        assert_eq!(refused(config.check(&wrong)).code(), Code::Schema, "{wrong}");
    }
}

/// Changes one member of a document, found by its JSON pointer's parent; `null` removes it.
fn changed(mut document: Value, parent: &str, name: &str, value: Value) -> Value {
    let members = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => _ = members.remove(name).unwrap(),
        value => _ = members.insert(name.to_owned(), value),
    }
    document
}

#[test]
fn what_breaks_the_tables_is_refused() {
    let header = validator(HEADER);
    let document = read(&vectors()[0].join("documents/embedded-attachment.json"));
    header.check(&document).unwrap();
    let mut cases = vec![
        ("", "jacsLevel", json!("secret"), "/jacsLevel: enum"),
        ("", "jacsVersionDate", json!("yesterday"), "/jacsVersionDate: format"),
        ("", "jacsSha256", json!("AB"), "/jacsSha256: pattern"),
        ("", "jacsMergedVersions", json!([]), "/jacsMergedVersions: minItems"),
        ("", "jacsPreviousSha256", json!("0".repeat(64)), "the document: required"),
        ("", "jacsFilesStored", json!([1]), "/jacsFilesStored/0: type"),
        ("/jacsSignature", "signingAlgorithm", json!("none"), "/jacsSignature/signingAlgorithm: enum"),
        ("/jacsSignature", "signatureContentVersion", json!("v1"), "/jacsSignature/signatureContentVersion: const"),
        ("/jacsSignature", "iat", json!(1.5), "/jacsSignature/iat: type"),
        ("/jacsSignature", "jti", Value::Null, "/jacsSignature: required"),
        ("/jacsSignature", "signature", json!("a b="), "/jacsSignature/signature: pattern"),
        ("/jacsSignature", "more", json!(1), "/jacsSignature: additionalProperties"),
        ("/jacsFiles/0", "more", json!(1), "/jacsFiles/0: additionalProperties"),
        ("/jacsFiles/0", "contents", Value::Null, "/jacsFiles/0: required"),
        ("/jacsFiles/0", "embed", json!(false), "/jacsFiles/0/contents: falseSchema"),
        ("/jacsFiles/0", "sha256", json!("x"), "/jacsFiles/0/sha256: pattern"),
    ];
    for name in ["$schema", "jacsId", "jacsVersion", "jacsOriginalVersion", "jacsOriginalDate", "jacsType"] {
        cases.push(("", name, Value::Null, "the document: required"));
    }
    for (parent, name, value, violation) in cases {
        let error = refused(header.check(&changed(document.clone(), parent, name, value)));
        assert_eq!(error.code(), Code::Schema);
        assert!(error.to_string().contains(violation), "{parent}/{name}: {error}");
    }
}

#[test]
fn an_agent_says_what_it_is() {
    let agent = validator(AGENT);
    let document = read(&vectors()[0].join("agent.json"));
    for (name, value) in [
        ("jacsAgentType", Value::Null),
        ("jacsAgentType", json!("robot")),
        ("jacsType", json!("document")),
        ("jacsPublicKey", json!("***")),
        ("jacsId", Value::Null),
    ] {
        assert_eq!(refused(agent.check(&changed(document.clone(), "", name, value))).code(), Code::Schema, "{name}");
    }
}

#[test]
fn the_parts_can_be_used_alone() {
    let document = read(&vectors()[1].join("documents/embedded-attachment.json"));
    validator(SIGNATURE).check(&document["jacsSignature"]).unwrap();
    validator(FILES).check(&document["jacsFiles"]).unwrap();
    assert_eq!(refused(validator(FILES).check(&json!({}))).code(), Code::Schema);
}

#[test]
fn other_addresses_are_unknown_and_never_fetched() {
    let input = |url| refused(Schemas::new().validator(SchemaInput::Url(url)));
    let error = input("https://hai.ai/schemas/header/v1/headr.schema.json");
    assert_eq!(error.code(), Code::Input);
    assert!(error.to_string().contains(&format!("nearest: {HEADER}")), "{error}");
    assert_eq!(input("http://127.0.0.1:1/x").code(), Code::Input);
    assert_eq!(input("file:///etc/passwd").code(), Code::Input);
}
