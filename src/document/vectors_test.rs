//! Documents made by `jacs` 0.15.0, and tampered copies, against the checks that need no store.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Author, Draft, MAX_INFLATED_BYTES, Origin, Parsed};
use crate::canonical::parse_object;
use crate::crypto::{Algorithm, PublicKey, SecretKey, Signer};
use crate::error::{Code, Error};
use crate::id::DocumentKey;

const MAX_BYTES: u64 = 1 << 20;

fn vectors() -> [(PathBuf, PublicKey); 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("__test__/vectors");
    [("jacs-0.15-ed25519", Algorithm::Ed25519), ("jacs-0.15-pq2025", Algorithm::Pq2025)].map(|(name, algorithm)| {
        let raw = fs::read(folder.join(name).join("keys/jacs.public.pem")).unwrap();
        (folder.join(name), PublicKey::new(algorithm, &raw).unwrap())
    })
}

fn texts(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// The number of the first check that fails; the signer is taken to be the vectors' agent.
fn first_failure(text: &str, agent: DocumentKey, key: &PublicKey) -> Result<(), (u8, Error)> {
    let parsed = Parsed::read(text, Origin::Caller, MAX_BYTES).map_err(|error| (1, error))?;
    parsed.check_hash().map_err(|error| (2, error))?;
    let claim = parsed.claim().map_err(|error| (3, error))?;
    if claim.by.agent != agent || claim.by.algorithm != key.algorithm() || claim.by.public_key_hash != key.hash() {
        return Err((4, Error::new(Code::Key, "another signer")));
    }
    parsed.check_fields(&claim, false).map_err(|error| (6, error))?;
    claim.by.check_times(parsed.header.key, Timestamp::now()).map_err(|error| (7, error))?;
    parsed.check_signature(&claim, key).map_err(|error| (8, error))?;
    parsed
        .files()
        .unwrap()
        .iter()
        .try_for_each(|file| file.check(&mut { MAX_INFLATED_BYTES }))
        .map_err(|error| (9, error))
}

fn agent_of(folder: &Path) -> DocumentKey {
    let text = fs::read_to_string(folder.join("agent.json")).unwrap();
    Parsed::read(&text, Origin::Caller, MAX_BYTES).unwrap().header.key
}

#[test]
fn what_jacs_signed_verifies() {
    for (folder, key) in vectors() {
        let agent = agent_of(&folder);
        let documents = texts(&folder.join("documents"));
        assert_eq!(documents.len(), 9);
        let agent_document = ("agent".to_owned(), fs::read_to_string(folder.join("agent.json")).unwrap());
        for (name, text) in documents.iter().chain([&agent_document]) {
            assert!(first_failure(text, agent, &key).is_ok(), "{name}: {:?}", first_failure(text, agent, &key));
        }
    }
}

#[test]
fn what_was_tampered_with_fails_the_check_that_the_table_names() {
    for (folder, key) in vectors() {
        let tampered = texts(&folder.join("tampered"));
        assert_eq!(tampered.len(), 12);
        for (name, text) in tampered {
            let expected = match name.as_str() {
                "duplicate-key" => (1, Code::Input),
                "field-changed" | "hash-zeroed" => (2, Code::Hash),
                "signature-missing-and-rehashed" | "algorithm-none-and-rehashed" => (3, Code::Signature),
                "signer-changed-and-rehashed" => (4, Code::Key),
                "fields-emptied-and-rehashed"
                | "signed-field-removed-and-rehashed"
                | "unsigned-field-added-and-rehashed" => (6, Code::Signature),
                _ => (8, Code::Signature),
            };
            let (check, error) = first_failure(&text, agent_of(&folder), &key).unwrap_err();
            assert_eq!((check, error.code()), expected, "{name}");
        }
    }
}

#[test]
fn what_we_sign_passes_every_check() {
    let (folder, _) = &vectors()[0];
    let agent = agent_of(folder);
    for algorithm in [Algorithm::Ed25519, Algorithm::Pq2025] {
        let signer = SecretKey::generate(algorithm).unwrap();
        let author = Author { agent, signer: &signer };
        let now = Timestamp::now();
        // Names around the places where hash and signature are spliced in, and beyond U+FFFF.
        for input in
            [r#"{}"#, r#"{"a":1}"#, r#"{"z":1}"#, r#"{"jacsSha3":1,"jacsShb":2,"jacsT":3,"𝒳":4,"\uffff":5,"":6}"#]
        {
            let draft = Draft::create(parse_object(input).unwrap(), now).unwrap();
            let signed = draft.sign(&author, now, MAX_BYTES).unwrap();
            assert!(first_failure(&signed.text, agent, signer.public_key()).is_ok(), "{}", signed.text);
            assert_eq!(Parsed::read(&signed.text, Origin::Caller, MAX_BYTES).unwrap().canonical_text(), signed.text);
        }
    }
}
