mod asking;
mod entries;
mod keeping;
mod server;

use std::time::Duration;

use serde_json::{Value, json};

use super::ask::Patience;
use super::kept::Ages;
use super::*;
use crate::crypto::{Algorithm, SecretKey, Signer};

const AGENT: &str = "d2e550c8-98f2-4597-9b1a-1d61d323100c:172e6c53-ec2b-4740-a1fa-2bd52dd707a0";
const OTHER: &str = "6524b179-f407-4af2-a6d8-e14e5886ed39:44233435-8233-4e69-b739-76203ac42d9a";

/// Short, so that tests are: three more attempts fit in.
const PATIENCE: Patience = Patience {
    total: Duration::from_millis(3000),
    attempt: Duration::from_millis(500),
    pauses: [Duration::from_millis(1), Duration::from_millis(2), Duration::from_millis(4)],
};

fn agent() -> DocumentKey {
    AGENT.parse().unwrap()
}

fn registry_with(base: &str, patience: Patience, ages: Ages) -> Registry {
    Registry::with(base, &Environment::default(), patience, ages).unwrap()
}

fn registry(base: &str) -> Registry {
    registry_with(base, PATIENCE, Ages::default())
}

fn key(algorithm: Algorithm) -> PublicKey {
    SecretKey::generate(algorithm).unwrap().public_key().clone()
}

/// An answer about [`AGENT`] with `members`, beside or in place of what every answer has.
fn answer_with(members: Value) -> Value {
    let agent = agent();
    let mut answer = json!({"jacs_id": agent.id.to_string(), "version": agent.version.to_string(), "status": "active"});
    answer.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    answer
}

fn pem_answer(key: &PublicKey) -> String {
    answer_with(json!({"public_key": key.pem().unwrap()})).to_string()
}

fn found(answer: Answer) -> RegistryKey {
    match answer {
        Answer::Key(key) => key,
        other => panic!("no key: {other:?}"),
    }
}

#[test]
fn only_https_or_this_machine() {
    let new = |base| Registry::new(base, &Environment::default()).map(|registry| registry.0.base.clone());
    for (base, spelled) in [
        ("https://hai.ai", "https://hai.ai"),
        ("HTTPS://Keys.Test:443/Base/", "https://keys.test/Base"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost/x", "http://localhost/x"),
        ("http://[::1]:1", "http://[::1]:1"),
    ] {
        assert_eq!(new(base).unwrap(), spelled);
    }
    for base in [
        "",
        "s3cret",
        "http://s3cret.test",
        "http://10.0.0.1/s3cret",
        "http://0.0.0.0/s3cret",
        "http://127.0.0.1.s3cret.test",
        "ftp://127.0.0.1/s3cret",
        "file:///s3cret",
        "https://user:s3cret@keys.test",
        "https://keys.test/?token=s3cret",
        "https://keys.test/#s3cret",
        "https://keys.test/a/../s3cret",
    ] {
        let error = new(base).unwrap_err();
        assert_eq!(error.code(), Code::Config, "{base}");
        let text = format!("{error} {error:?} {:?}", error.causes());
        let host_alone = base.starts_with("http://");
        assert!(text.contains(SETTING) && (host_alone || !text.contains("s3cret")), "{base}: {text}");
    }
}

#[test]
fn the_paths_are_those_of_the_table() {
    let url = |asked: Asked| asked.url("https://hai.ai/base");
    let agent = agent();
    let (id, version) = (agent.id, agent.version);
    let at = |path: &str| Some(format!("https://hai.ai/base/jacs/v1/{path}"));
    assert_eq!(url(Asked::Version(agent)), at(&format!("agents/{id}/keys/{version}")));
    assert_eq!(url(Asked::Agent(id)), at(&format!("agents/{id}/keys")));
    assert_eq!(url(Asked::Hash("0f".into())), at("keys/by-hash/sha256:0f"));
    assert_eq!(url(Asked::Domain("a.test".into())), at("agents/by-domain/a.test"));
    assert_eq!(url(Asked::Domain("../x?y#z%2e".into())), at("agents/by-domain/..%2Fx%3Fy%23z%252e"));
    assert_eq!(url(Asked::Domain("\u{fc}.test".into())), at("agents/by-domain/%C3%BC.test"));
    for none in ["", ".", ".."] {
        assert_eq!(url(Asked::Domain(none.into())), None);
    }
}
