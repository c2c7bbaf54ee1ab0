//! Chains of agents with keys that are replaced, rightly and wrongly.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::agent_version::AgentVersion;
use super::chain::{Chain, Ended};
use super::rotation::{Form, MEMBER, Proof, Reason, prove};
use crate::canonical::{Object, Value, parse_object};
use crate::crypto::{Algorithm, PublicKey, SecretKey, Signer};
use crate::document::{Author, Draft, Origin, Parsed};
use crate::id::{DocumentId, DocumentKey, Version};

const RAW_MEMBERS: [&str; 3] = ["oldKeySha256", "newKeySha256", "rawSignature"];

fn key() -> SecretKey {
    SecretKey::generate(Algorithm::Ed25519).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn signed(draft: &Draft, key: &SecretKey) -> AgentVersion {
    let author = Author { agent: draft.key, signer: key };
    let text = draft.sign(&author, Timestamp::now(), 1 << 20).unwrap().text;
    AgentVersion::read(text, Origin::Caller, 1 << 20).unwrap()
}

fn document(key: &SecretKey) -> Object<'static> {
    let mut agent = Object::default();
    for (name, value) in [("$schema", "a"), ("jacsType", "agent"), ("jacsLevel", "config")] {
        agent.set(name, value);
    }
    agent.set("jacsPublicKey", STANDARD.encode(key.public_key().raw()));
    agent
}

fn first(key: &SecretKey) -> AgentVersion {
    let agent = DocumentKey { id: DocumentId::random(), version: Version::now() };
    signed(&Draft::of_system(document(key), agent, Timestamp::now()), key)
}

/// A version after `before`, by `key`; `change` is done to it before it is signed.
fn next(before: &AgentVersion, key: &SecretKey, change: impl FnOnce(&mut Object<'static>)) -> AgentVersion {
    let parsed = Parsed::read(&before.text, Origin::Caller, 1 << 20).unwrap();
    let mut agent = document(key);
    change(&mut agent);
    signed(&Draft::following(agent, &parsed, Timestamp::now()), key)
}

fn rotated(before: &AgentVersion, old: &SecretKey, new: &SecretKey, reason: Reason) -> AgentVersion {
    next(before, new, |agent| {
        let proof = prove(before.key.id, old, new.public_key(), Timestamp::now(), reason).unwrap();
        agent.set(MEMBER, Value::Object(proof));
    })
}

/// As other implementations rotate.
fn rotated_by_hashes(before: &AgentVersion, old: &SecretKey, new: &SecretKey) -> AgentVersion {
    next(before, new, |agent| {
        let mut proof = prove(before.key.id, old, new.public_key(), Timestamp::now(), Reason::Scheduled).unwrap();
        RAW_MEMBERS.iter().chain(&["reason"]).for_each(|name| drop(proof.remove(name)));
        agent.set(MEMBER, Value::Object(proof));
    })
}

/// The key of a version as the chain has it.
fn believed(agents: &[&AgentVersion], version: &AgentVersion) -> Option<PublicKey> {
    Some(Chain::new(agents.iter().copied()).by_first(version.key.version).ok()?.key)
}

fn anchored(agents: &[&AgentVersion], anchor: &SecretKey, version: &AgentVersion) -> Option<PublicKey> {
    Some(Chain::new(agents.iter().copied()).by_anchor(anchor.public_key(), version.key.version)?.key)
}

#[test]
fn a_key_hands_over_to_the_next() {
    let (a, b, c) = (key(), key(), key());
    let v1 = first(&a);
    let v2 = next(&v1, &a, |_| {});
    let v3 = rotated(&v2, &a, &b, Reason::Scheduled);
    let v4 = rotated(&v3, &b, &c, Reason::Scheduled);
    let all = [&v1, &v2, &v3, &v4];
    for (version, key) in all.iter().zip([&a, &a, &b, &c]) {
        assert_eq!(believed(&all, version).as_ref(), Some(key.public_key()));
        for anchor in [&a, &b, &c] {
            assert_eq!(anchored(&all, anchor, version).as_ref(), Some(key.public_key()));
        }
        assert_eq!(anchored(&all, &self::key(), version), None);
    }
    let successors = |agents: &[&AgentVersion], version: &AgentVersion| -> Vec<PublicKey> {
        Chain::new(agents.iter().copied()).successors(version.key.version).into_iter().cloned().collect()
    };
    for (version, later) in all.iter().zip([&[&b, &c][..], &[&b, &c], &[&c], &[]]) {
        let later: Vec<PublicKey> = later.iter().map(|key| key.public_key().clone()).collect();
        assert_eq!(successors(&all, version), later);
    }
    assert_eq!(successors(&[&v1, &v2, &v4], &v2), []);
    assert_eq!(successors(&[&v1, &v2, &rotated_by_hashes(&v2, &a, &b)], &v2), []);
    // Without the link between them nothing leads from one to the other.
    let torn = [&v1, &v2, &v4];
    assert_eq!(believed(&torn, &v4), None);
    assert_eq!(anchored(&torn, &a, &v4), None);
    assert_eq!(anchored(&torn, &c, &v2), None);
}

#[test]
fn without_a_proof_by_the_key_before_it_is_no_successor() {
    let (a, b) = (key(), key());
    let v1 = first(&a);
    let proof = |agent: DocumentId, old: &SecretKey, new: &SecretKey| {
        Value::Object(prove(agent, old, new.public_key(), Timestamp::now(), Reason::Scheduled).unwrap())
    };
    let id = v1.key.id;
    let unproved = next(&v1, &b, |_| {});
    let by_itself = next(&v1, &b, |agent| agent.set(MEMBER, proof(id, &b, &b)));
    let for_another = next(&v1, &b, |agent| agent.set(MEMBER, proof(id, &a, &key())));
    let of_another = next(&v1, &b, |agent| agent.set(MEMBER, proof(DocumentId::random(), &a, &b)));
    for forged in [unproved, by_itself, for_another, of_another] {
        assert_eq!(believed(&[&v1, &forged], &forged), None);
        assert_eq!(anchored(&[&v1, &forged], &a, &forged), None);
        assert_eq!(believed(&[&v1, &forged], &v1).as_ref(), Some(a.public_key()));
        // A key that somebody vouches for does not make the keys before it the agent's.
        assert_eq!(anchored(&[&v1, &forged], &b, &v1), None);
    }
}

#[test]
fn every_part_of_a_proof_counts() {
    let (a, b) = (key(), key());
    let id = DocumentId::random();
    let proof = prove(id, &a, b.public_key(), Timestamp::now(), Reason::Scheduled).unwrap();
    let form = |proof: &Object| {
        let mut agent = Object::default();
        agent.set(MEMBER, Value::Object(proof.clone().into_owned()));
        Proof::read(&agent).and_then(|proof| proof.holds(id, a.public_key(), b.public_key()))
    };
    assert_eq!(form(&proof), Some(Form::Raw));
    let other = prove(id, &a, key().public_key(), at("2020-01-01T00:00:00Z"), Reason::Scheduled).unwrap();
    for (name, value) in other.iter().filter(|(name, _)| !["reason", "signingAlgorithm"].contains(name)) {
        let mut changed = proof.clone();
        changed.set(name.to_owned(), value.clone().into_owned());
        let stays = name == "oldKeySha256" || name == "oldPublicKeyHash";
        assert_eq!(form(&changed).is_some(), stays, "{name}");
    }
    for name in proof.names().map(str::to_owned).collect::<Vec<_>>() {
        let mut less = proof.clone();
        less.remove(&name);
        let expected = match name.as_str() {
            "reason" => Some(Form::Raw),
            name if RAW_MEMBERS.contains(&name) => Some(Form::Lossy),
            _ => None,
        };
        assert_eq!(form(&less), expected, "{name}");
    }
}

#[test]
fn two_keys_that_share_a_hash_are_told_apart() {
    let old = key();
    let keys = [[0x80; 32], [0x81; 32]].map(|raw| PublicKey::new(Algorithm::Ed25519, &raw).unwrap());
    let id = DocumentId::random();
    let mut agent = Object::default();
    agent.set(MEMBER, Value::Object(prove(id, &old, &keys[0], Timestamp::now(), Reason::Scheduled).unwrap()));
    let proof = Proof::read(&agent).unwrap();
    assert_eq!(proof.holds(id, old.public_key(), &keys[0]), Some(Form::Raw));
    assert_eq!(proof.holds(id, old.public_key(), &keys[1]), None);
}

#[test]
fn a_proof_by_hashes_alone_counts_where_nothing_else_is_known() {
    let (a, b) = (key(), key());
    let v1 = first(&a);
    let v2 = rotated_by_hashes(&v1, &a, &b);
    let all = [&v1, &v2];
    assert_eq!(believed(&all, &v2).as_ref(), Some(b.public_key()));
    assert_eq!(anchored(&all, &a, &v2), None);
    assert_eq!(anchored(&all, &b, &v1), None);
    // Beside one that names the keys it does not count.
    let c = key();
    let v3 = rotated(&v1, &a, &c, Reason::Scheduled);
    let all = [&v1, &v2, &v3];
    assert_eq!(believed(&all, &v2), None);
    assert_eq!(believed(&all, &v3).as_ref(), Some(c.public_key()));
}

#[test]
fn of_two_successors_of_one_key_neither_is_believed() {
    let (a, b, c) = (key(), key(), key());
    let v1 = first(&a);
    let (one, other) = (rotated(&v1, &a, &b, Reason::Scheduled), rotated(&v1, &a, &c, Reason::Scheduled));
    let all = [&v1, &one, &other];
    for forked in [&one, &other] {
        assert_eq!(believed(&all, forked), None);
        assert_eq!(anchored(&all, &a, forked), None);
    }
    assert_eq!(believed(&all, &v1).as_ref(), Some(a.public_key()));
    // Who vouches for one of them knows which is which.
    assert_eq!(anchored(&all, &b, &one).as_ref(), Some(b.public_key()));
    assert_eq!(anchored(&all, &b, &other), None);
    // And the key that handed over has ended all the same.
    assert!(Chain::new(all).by_first(v1.key.version).unwrap().ended.is_some());
}

#[test]
fn a_key_ends_with_its_first_successor() {
    let (a, b) = (key(), key());
    let v1 = first(&a);
    let v2 = rotated(&v1, &a, &b, Reason::Compromised);
    let chain = Chain::new([&v1, &v2]);
    let ended: Ended = chain.by_first(v1.key.version).unwrap().ended.unwrap();
    assert_eq!(ended.reason, Reason::Compromised);
    let now = Timestamp::now().as_second();
    assert!((now - 60..=now).contains(&ended.at));
    assert!(!ended.is_before(ended.at + 300) && ended.is_before(ended.at + 301));
    assert_eq!(chain.by_first(v2.key.version).unwrap().ended, None);
}

#[test]
fn an_unknown_reason_is_not_the_harmless_one() {
    let (a, b) = (key(), key());
    let v1 = first(&a);
    let v2 = next(&v1, &b, |agent| {
        let mut proof = prove(v1.key.id, &a, b.public_key(), Timestamp::now(), Reason::Scheduled).unwrap();
        proof.set("reason", "lost");
        agent.set(MEMBER, Value::Object(proof));
    });
    let ended = Chain::new([&v1, &v2]).by_first(v1.key.version).unwrap().ended.unwrap();
    assert_eq!(ended.reason, Reason::Compromised);
}

#[test]
fn what_the_old_key_signs_later_is_no_version_of_the_agent() {
    let (a, b) = (key(), key());
    let v1 = first(&a);
    let v2 = next(&v1, &b, |agent| {
        let early = at("2026-01-01T00:00:00Z");
        let proof = prove(v1.key.id, &a, b.public_key(), early, Reason::Scheduled).unwrap();
        agent.set(MEMBER, Value::Object(proof));
    });
    let late = next(&v1, &a, |agent| agent.set("jacsAgentDomain", "evil.test"));
    assert_eq!(believed(&[&v1, &v2, &late], &late), None);
    assert_eq!(anchored(&[&v1, &v2, &late], &b, &late), None);
}

#[test]
fn several_first_versions_are_none() {
    let (a, b) = (key(), key());
    let v1 = first(&a);
    let parsed = parse_object(&v1.text).unwrap();
    let planted = DocumentKey { id: v1.key.id, version: Version::now() };
    let mut agent = document(&b);
    agent.set("name", parsed.text("jacsId").unwrap().to_owned());
    let planted = signed(&Draft::of_system(agent, planted, Timestamp::now()), &b);
    for version in [&v1, &planted] {
        assert_eq!(believed(&[&v1, &planted], version), None);
    }
    assert_eq!(anchored(&[&v1, &planted], &a, &v1).as_ref(), Some(a.public_key()));
    assert_eq!(anchored(&[&v1, &planted], &a, &planted), None);
}
