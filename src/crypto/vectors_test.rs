//! Keys and signatures against vectors by others; their origins are in `__test__/vectors`.

use std::fs;
use std::path::PathBuf;

use aws_lc_rs::encoding::AsRawBytes;
use aws_lc_rs::signature::{ED25519, KeyPair, ML_DSA_87_SIGNING, PqdsaKeyPair, UnparsedPublicKey};
use serde_json::Value;

use super::{Algorithm, PublicKey, SecretKey, Signer, hex, key_file};
use crate::error::Code;

#[test]
fn rfc_8032_signs_and_verifies() {
    let cases = read_set("rfc8032.json");
    assert_eq!(cases.as_array().unwrap().len(), 5);
    for case in cases.as_array().unwrap() {
        let version_1 = [&unhex("302e020100300506032b657004220420")[..], &bytes(case, "secret")].concat();
        let key = SecretKey::from_plain(Algorithm::Ed25519, &version_1).unwrap();
        let (message, signature) = (bytes(case, "message"), bytes(case, "signature"));
        assert_eq!(key.public_key().raw(), bytes(case, "public"), "{}", case["name"]);
        assert_eq!(key.sign(&message).unwrap(), signature, "{}", case["name"]);
        assert!(key.public_key().verify(&message, &signature), "{}", case["name"]);

        // RFC 8410, section 7: version 2 (RFC 5958) with the public key under the implicit tag 1.
        let head = unhex("3051020101300506032b657004220420");
        let version_2 = [&head[..], &bytes(case, "secret"), &unhex("812100"), &bytes(case, "public")].concat();
        assert_eq!(version_2.len(), 83);
        assert_eq!(*key.to_plain().unwrap(), version_2);
        assert_eq!(SecretKey::from_plain(Algorithm::Ed25519, &version_2).unwrap().public_key(), key.public_key());
    }
}

#[test]
fn wycheproof_ed25519_verdicts_match() {
    let set = read_set("wycheproof-ed25519.json");
    let mut count = 0;
    for group in set["testGroups"].as_array().unwrap() {
        let key = PublicKey::new(Algorithm::Ed25519, &bytes(&group["publicKey"], "pk")).unwrap();
        for case in group["tests"].as_array().unwrap() {
            let verdict = key.verify(&bytes(case, "msg"), &bytes(case, "sig"));
            assert_eq!(verdict, is_valid(case), "{}: {}", case["tcId"], case["comment"]);
            count += 1;
        }
    }
    assert_eq!(count, 151);
}

#[test]
fn wycheproof_ml_dsa_87_verdicts_match_without_a_context() {
    let set = read_set("wycheproof-mldsa87-verify.json");
    let (mut empty, mut with_context, mut wrong_length) = (0, 0, 0);
    for group in set["testGroups"].as_array().unwrap() {
        let raw = bytes(group, "publicKey");
        let key = PublicKey::new(Algorithm::Pq2025, &raw);
        for case in group["tests"].as_array().unwrap() {
            let verdict = match &key {
                Ok(key) => key.verify(&bytes(case, "msg"), &bytes(case, "sig")),
                Err(error) => {
                    assert_eq!((error.code(), raw.len() == 2592), (Code::Key, false));
                    wrong_length += 1;
                    false
                }
            };
            let has_context = case["ctx"].as_str().is_some_and(|context| !context.is_empty());
            assert_eq!(verdict, is_valid(case) && !has_context, "{}: {}", case["tcId"], case["comment"]);
            *(if has_context { &mut with_context } else { &mut empty }) += 1;
        }
    }
    assert_eq!((empty, with_context, wrong_length), (234, 7, 4));
}

#[test]
fn acvp_ml_dsa_87_keys_are_derived_and_kept() {
    let cases = read_set("acvp-mldsa87-keygen.json");
    assert_eq!(cases.as_array().unwrap().len(), 25);
    for case in cases.as_array().unwrap() {
        let (public, secret) = (bytes(case, "pk"), bytes(case, "sk"));
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_87_SIGNING, &bytes(case, "seed")).unwrap();
        assert_eq!(pair.public_key().as_ref(), public, "{}", case["tcId"]);
        assert_eq!(pair.private_key().as_raw_bytes().unwrap().as_ref(), secret, "{}", case["tcId"]);

        let key = SecretKey::from_plain(Algorithm::Pq2025, &secret).unwrap();
        assert_eq!(key.public_key().raw(), public, "{}", case["tcId"]);
        assert_eq!(*key.to_plain().unwrap(), secret, "{}", case["tcId"]);
    }
}

#[test]
fn small_order_keys_are_refused_in_all_14_spellings() {
    let cases = read_set("ed25519-small-order.json");
    assert_eq!(cases.as_array().unwrap().len(), 14);
    for case in cases.as_array().unwrap() {
        let refused = PublicKey::new(Algorithm::Ed25519, &bytes(case, "encoding"));
        assert_eq!(refused.unwrap_err().code(), Code::Key, "{}", case["encoding"]);
    }
}

/// aws-lc accepts each of these, so nothing but the check for small order refuses them.
#[test]
fn forgeries_with_small_order_points_are_refused() {
    let cases = read_set("ed25519-small-order-signed.json");
    let (mut keys, mut rs) = (0, 0);
    for case in cases.as_array().unwrap() {
        let (public, message, signature) = (bytes(case, "public"), bytes(case, "message"), bytes(case, "signature"));
        assert!(UnparsedPublicKey::new(&ED25519, &public).verify(&message, &signature).is_ok(), "{case}");
        match PublicKey::new(Algorithm::Ed25519, &public) {
            Ok(key) => {
                assert!(!key.verify(&message, &signature), "{case}");
                rs += 1;
            }
            Err(error) => {
                assert_eq!((error.code(), case["small"].as_str()), (Code::Key, Some("key")));
                keys += 1;
            }
        }
    }
    assert_eq!((keys, rs), (8, 9));
}

/// Small-order A (0, 1, 10, 11), small-order R (0, 2, 8, 9), only the cofactored equation (4, 5), S above the
/// group order (6, 7): all refused. Case 3 holds, with A and R of mixed order.
#[test]
fn speccheck_has_the_verdicts_of_verify_strict() {
    let cases = read_set("ed25519-speccheck.json");
    let mut accepted = Vec::new();
    for (number, case) in cases.as_array().unwrap().iter().enumerate() {
        let key = PublicKey::new(Algorithm::Ed25519, &bytes(case, "pub_key"));
        let verdict = key.is_ok_and(|key| key.verify(&bytes(case, "message"), &bytes(case, "signature")));
        let facts = &case["facts"];
        let strict = facts["equation"]["asGiven"]["cofactorless"] == true
            && [&facts["sBelowL"], &facts["aCanonical"], &facts["rCanonical"]].iter().all(|fact| **fact == true)
            && [&facts["aOrder"], &facts["rOrder"]].iter().all(|order| order.is_string());
        assert_eq!(verdict, strict, "case {number}");
        if verdict {
            accepted.push(number);
        }
    }
    assert_eq!((cases.as_array().unwrap().len(), accepted), (12, vec![3]));
}

/// Keys and documents made by `jacs` 0.15.0.
#[test]
fn keys_by_jacs_open_and_belong_to_its_documents() {
    for (directory, algorithm) in [("jacs-0.15-ed25519", Algorithm::Ed25519), ("jacs-0.15-pq2025", Algorithm::Pq2025)] {
        let text = fs::read_to_string(vectors(&[directory, "keys", "jacs.private.pem.enc"])).unwrap();
        let plain = key_file::decrypt(&text, "TestP@ss123!#").unwrap();
        let key = SecretKey::from_plain(algorithm, &plain).unwrap();
        assert_eq!(*key.to_plain().unwrap(), *plain);
        assert_eq!(key.public_key().raw(), fs::read(vectors(&[directory, "keys", "jacs.public.pem"])).unwrap());

        let mut documents: Vec<_> = fs::read_dir(vectors(&[directory, "documents"])).unwrap().collect();
        assert!(documents.len() >= 9);
        documents.extend(
            fs::read_dir(vectors(&[directory]))
                .unwrap()
                .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".json")),
        );
        for entry in documents {
            let document: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
            let signature = &document["jacsSignature"];
            assert_eq!(signature["publicKeyHash"], key.public_key().hash());
            assert_eq!(Algorithm::parse(signature["signingAlgorithm"].as_str().unwrap()), Some(algorithm));
        }
    }
}

fn vectors(path: &[&str]) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "__test__", "vectors"].iter().chain(path).collect()
}

fn read_set(name: &str) -> Value {
    serde_json::from_slice(&fs::read(vectors(&["crypto", name])).unwrap()).unwrap()
}

fn bytes(case: &Value, member: &str) -> Vec<u8> {
    unhex(case[member].as_str().unwrap())
}

fn unhex(text: &str) -> Vec<u8> {
    let bytes: Vec<u8> =
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect();
    assert_eq!(hex(&bytes), text);
    bytes
}

fn is_valid(case: &Value) -> bool {
    match case["result"].as_str().unwrap() {
        "valid" => true,
        "invalid" => false,
        other => panic!("unknown result {other}"),
    }
}
