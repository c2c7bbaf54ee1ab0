//! Answers, judged without a network.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::crypto::sha256_hex;
use crate::trust::registry::entry::{judge, judge_all};

/// The specification's sample of a true answer. Its ids are no UUIDs.
const SAMPLE: &str = r#"{"jacs_id":"fixture-agent-00000000-0000-0000-0000-000000000001","version":"fixture-version-00000000-0000-0000-0000-000000000001",
 "public_key":"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEARml4dHVyZVRlc3RLZXkxMjM0NTY3ODkwMTIzNAAAAAA=\n-----END PUBLIC KEY-----",
 "public_key_raw_b64":"Rml4dHVyZVRlc3RLZXkxMjM0NTY3ODkwMTIzNAAAAAA=","algorithm":"ed25519",
 "public_key_hash":"sha256:8d29f44a43237af9986d7fe40883b51795c6903989ce2aebe8bca24894b2a1bd","status":"active","dns_verified":true,
 "created_at":"2026-01-01T00:00:00Z"}"#;

fn judged(members: Value) -> Answer {
    judge(answer_with(members), &Asked::Version(agent()))
}

fn is_none(answer: Answer) -> bool {
    matches!(answer, Answer::None(_))
}

/// Every form in which an answer may carry the key.
fn forms(key: &PublicKey) -> Vec<Value> {
    let (pem, info) = (key.pem().unwrap(), key.info().unwrap());
    vec![
        json!({"public_key": pem}),
        json!({"public_key": format!("{pem}\n")}),
        json!({"public_key": pem.replace('\n', "\r\n")}),
        json!({"public_key": STANDARD.encode(info)}),
        json!({"public_key": STANDARD.encode(key.raw())}),
        json!({"public_key_b64": STANDARD.encode(&pem)}),
        json!({"public_key_raw_b64": STANDARD.encode(key.raw())}),
    ]
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut merged = one.clone();
    merged.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    merged
}

#[test]
fn the_sample_holds_a_key_and_is_about_nobody_that_can_be_asked_for() {
    let mut sample: Value = serde_json::from_str(SAMPLE).unwrap();
    assert_eq!(
        judge(sample.clone(), &Asked::Version(agent())),
        Answer::None("the registry's answer is about another agent")
    );
    sample["jacs_id"] = json!(agent().id.to_string());
    sample["version"] = json!(agent().version.to_string());
    let key = found(judge(sample.clone(), &Asked::Version(agent())));
    assert_eq!(key.key.raw(), b"FixtureTestKey12345678901234\0\0\0\0");
    assert_eq!((key.id, key.version, key.dns_verified), (Some(agent().id), Some(agent().version), true));
    // The hash is over the text as it stands there.
    sample["public_key"] = json!(format!("{}\n", sample["public_key"].as_str().unwrap()));
    assert!(is_none(judge(sample, &Asked::Version(agent()))));
}

#[test]
fn every_form_of_a_key_is_read_alone_and_beside_another() {
    for algorithm in [Algorithm::Ed25519, Algorithm::Pq2025] {
        let (one, other) = (key(algorithm), key(algorithm));
        for form in forms(&one) {
            assert_eq!(found(judged(form.clone())).key, one, "{form}");
            for second in forms(&one) {
                assert_eq!(found(judged(merged(&form, &second))).key, one);
            }
            for second in forms(&other)
                .into_iter()
                .filter(|second| form.as_object().unwrap().keys().ne(second.as_object().unwrap().keys()))
            {
                assert!(is_none(judged(merged(&form, &second))), "{form} {second}");
            }
        }
    }
    let both = merged(&forms(&key(Algorithm::Ed25519))[0], &forms(&key(Algorithm::Pq2025))[6]);
    assert!(is_none(judged(both)));
}

#[test]
fn what_is_no_key_is_none() {
    let good = key(Algorithm::Ed25519);
    let raw = |bytes: &[u8]| STANDARD.encode(bytes);
    let mut small = [0; 32];
    small[0] = 1;
    for members in [
        json!({}),
        json!({"public_key": null}),
        json!({"public_key": ""}),
        json!({"public_key": "*"}),
        json!({"public_key": 5}),
        json!({"public_key": ["x"]}),
        json!({"public_key": raw(&good.raw()[1..])}),
        json!({"public_key": raw(&[good.raw(), &[0]].concat())}),
        json!({"public_key": raw(good.pem().unwrap().as_bytes())}),
        json!({"public_key": good.pem().unwrap().replace("MCow", "MCox")}),
        json!({"public_key": format!("{0}\n{0}", good.pem().unwrap())}),
        json!({"public_key_b64": good.pem().unwrap()}),
        json!({"public_key_b64": raw(good.raw())}),
        json!({"public_key_b64": raw(b"\xff\xfe")}),
        json!({"public_key_raw_b64": raw(&good.info().unwrap())}),
        json!({"public_key_raw_b64": raw(&small)}),
        json!({"public_key": good.pem().unwrap(), "public_key_raw_b64": ""}),
        json!({"public_key": good.pem().unwrap(), "status": 1}),
        json!({"public_key": good.pem().unwrap(), "dns_verified": "true"}),
    ] {
        assert!(is_none(judged(members.clone())), "{members}");
    }
    for value in [json!(null), json!(5), json!([]), json!("x"), json!([{"public_key": good.pem().unwrap()}])] {
        assert!(is_none(judge(value, &Asked::Version(agent()))));
    }
}

#[test]
fn the_hash_is_over_a_pem_text_that_is_given() {
    let key = key(Algorithm::Ed25519);
    let pem = key.pem().unwrap();
    let hash = |text: &str| format!("sha256:{}", sha256_hex(text.as_bytes()));
    let (line, other) = (format!("{pem}\n"), format!("{pem}\n\n"));
    let raw = STANDARD.encode(key.raw());
    for members in [
        json!({"public_key": pem, "public_key_hash": hash(&pem)}),
        json!({"public_key": line, "public_key_hash": hash(&line)}),
        json!({"public_key": pem, "public_key_b64": STANDARD.encode(&line), "public_key_hash": hash(&line)}),
        json!({"public_key_b64": STANDARD.encode(&line), "public_key_hash": hash(&line)}),
        json!({"public_key_raw_b64": raw, "public_key_hash": hash(&pem)}),
        json!({"public_key_raw_b64": raw, "public_key_hash": hash(&line)}),
        json!({"public_key_raw_b64": raw, "public_key_hash": null}),
    ] {
        assert_eq!(found(judged(members)).key, key);
    }
    for members in [
        json!({"public_key": pem, "public_key_hash": hash(&line)}),
        json!({"public_key": pem, "public_key_hash": hash(&pem).to_uppercase()}),
        json!({"public_key": pem, "public_key_hash": sha256_hex(pem.as_bytes())}),
        json!({"public_key": pem, "public_key_hash": ""}),
        json!({"public_key": pem, "public_key_hash": "sha256:"}),
        json!({"public_key": pem, "public_key_hash": format!("sha256:{}", key.sha256())}),
        json!({"public_key": pem, "public_key_hash": format!("sha256:{}", key.hash())}),
        json!({"public_key_raw_b64": raw, "public_key_hash": hash(&other)}),
    ] {
        assert!(is_none(judged(members.clone())), "{members}");
    }
}

#[test]
fn whom_it_is_about_is_whom_it_was_asked_about() {
    let pem = key(Algorithm::Ed25519).pem().unwrap();
    let other: DocumentKey = OTHER.parse().unwrap();
    for members in [json!({"jacs_id": null}), json!({"version": null}), json!({"jacs_id": null, "version": null})] {
        let key = found(judged(merged(&json!({"public_key": pem}), &members)));
        assert_eq!((key.id, key.version), (Some(agent().id), Some(agent().version)));
    }
    for members in [
        json!({"jacs_id": other.id.to_string()}),
        json!({"version": other.version.to_string()}),
        json!({"jacs_id": agent().id.to_string().to_uppercase()}),
        json!({"jacs_id": AGENT}),
        json!({"jacs_id": ""}),
        json!({"version": 1}),
    ] {
        assert!(is_none(judged(merged(&json!({"public_key": pem}), &members))), "{members}");
        // Somebody else's status says nothing about this one's.
        assert!(is_none(judged(merged(&json!({"status": "revoked"}), &members))), "{members}");
    }
}

#[test]
fn a_status_other_than_active_ends_a_key() {
    let pem = key(Algorithm::Ed25519).pem().unwrap();
    let judged = |status: Value| judged(json!({"public_key": pem, "status": status}));
    assert!(matches!(judged(json!("active")), Answer::Key(_)));
    assert!(matches!(judged(json!(null)), Answer::Key(_)));
    let long = "x".repeat(33);
    for (status, shown) in [
        ("revoked", "revoked"),
        ("Active", "Active"),
        ("active ", "unknown"),
        ("", "unknown"),
        ("on-hold_2", "on-hold_2"),
        ("a\u{1b}[31m", "unknown"),
        (&long, "unknown"),
    ] {
        assert_eq!(judged(json!(status)), Answer::Revoked(shown.to_owned()));
    }
    // It needs no key.
    let bare = judge(answer_with(json!({"status": "revoked"})), &Asked::Version(agent()));
    assert_eq!(bare, Answer::Revoked("revoked".to_owned()));
}

#[test]
fn the_algorithm_is_that_of_the_key() {
    for (of, names, others) in [
        (Algorithm::Ed25519, ["ed25519", "ring-Ed25519", "Ed25519"], ["pq2025", "ML-DSA-87", "rsa"]),
        (Algorithm::Pq2025, ["pq2025", "ML-DSA-87", "ml-dsa-87"], ["ed25519", "ML-DSA-65", ""]),
    ] {
        let pem = key(of).pem().unwrap();
        for name in names {
            assert!(matches!(judged(json!({"public_key": pem, "algorithm": name})), Answer::Key(_)), "{name}");
        }
        for name in others {
            assert!(is_none(judged(json!({"public_key": pem, "algorithm": name}))), "{name}");
        }
    }
}

#[test]
fn by_hash_the_key_must_have_one_that_is_that() {
    let (good, other) = (key(Algorithm::Ed25519), key(Algorithm::Ed25519));
    let pem = good.pem().unwrap();
    let hashes = [sha256_hex(pem.as_bytes()), good.sha256().to_owned(), good.hash().to_owned()];
    for hash in hashes {
        let key = found(judge(json!({"public_key": pem}), &Asked::Hash(hash.clone())));
        assert_eq!((key.key, key.id, key.version), (good.clone(), None, None));
        let key = found(judge(answer_with(json!({"public_key": pem})), &Asked::Hash(hash.clone())));
        assert_eq!((key.id, key.version), (Some(agent().id), Some(agent().version)));
        assert!(is_none(judge(json!({"public_key": other.pem().unwrap()}), &Asked::Hash(hash.clone()))));
        assert!(is_none(judge(json!({"public_key": pem, "jacs_id": "x"}), &Asked::Hash(hash))));
    }
}

#[test]
fn a_list_is_one_agents() {
    let (one, two) = (key(Algorithm::Ed25519), key(Algorithm::Pq2025));
    let other: DocumentKey = OTHER.parse().unwrap();
    let all = |value| judge_all(value, &Asked::Agent(agent().id));
    let list = json!({"jacs_id": agent().id.to_string(), "total": 4, "keys": [
        {"public_key": two.pem().unwrap(), "version": other.version.to_string()},
        {"public_key": one.pem().unwrap(), "version": agent().version.to_string(), "status": "revoked"},
        {"public_key": one.pem().unwrap(), "jacs_id": other.id.to_string()},
        5,
    ]});
    let mut answers = all(list).into_iter();
    let newest = found(answers.next().unwrap());
    assert_eq!((newest.key, newest.id, newest.version), (two, Some(agent().id), Some(other.version)));
    assert_eq!(answers.next(), Some(Answer::Revoked("revoked".to_owned())));
    assert!(answers.clone().count() == 2 && answers.all(is_none));
    assert!(all(json!({"keys": []})).is_empty());
    for none in [
        json!({}),
        json!([]),
        json!({"keys": {}}),
        json!({"keys": [], "jacs_id": other.id.to_string()}),
        json!({"keys": vec![json!({}); 201]}),
    ] {
        assert!(matches!(all(none)[..], [Answer::None(_)]));
    }
    assert_eq!(all(json!({"keys": vec![json!({}); 200]})).len(), 200);
}
