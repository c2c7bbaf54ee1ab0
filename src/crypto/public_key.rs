//! A public key, and what it verifies.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ED25519, ML_DSA_87, ParsedPublicKey, VerificationAlgorithm};

use super::algorithm::Algorithm;
use super::hash::{public_key_hash, sha256_hex};
use super::small_order::is_small_order;
use crate::error::{Code, Error, Result};

/// A public key: parsed and hashed once, cheap to clone.
///
/// Two keys are equal when algorithm and raw bytes are; the lossy [`hash`](PublicKey::hash) plays no part.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    raw: Box<[u8]>,
    hash: String,
    sha256: String,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// The key with these raw bytes: 32 for Ed25519 (RFC 8032, 5.1.5), 2592 for ML-DSA-87 (FIPS 204).
    ///
    /// Fails with `JACS_KEY` when the length is another, or when an Ed25519 key is a point of small order, under
    /// which anybody can sign. Bytes of the right length that are no point at all make a key that verifies
    /// nothing.
    pub fn new(algorithm: Algorithm, raw: &[u8]) -> Result<PublicKey> {
        if raw.len() != algorithm.public_key_len() {
            return Err(Error::new(Code::Key, "the public key has not the length of its algorithm")
                .with("algorithm", algorithm)
                .with("expected bytes", algorithm.public_key_len())
                .with("bytes", raw.len()));
        }
        if algorithm == Algorithm::Ed25519 && raw.first_chunk().is_some_and(is_small_order) {
            return Err(Error::new(
                Code::Key,
                "the public key is a point of small order, under which anybody can sign",
            ));
        }
        let parsed = ParsedPublicKey::new(verification(algorithm), raw).map_err(|rejected| {
            Error::new(Code::Key, "the public key is malformed").with("algorithm", algorithm).with_source(rejected)
        })?;
        Ok(PublicKey(Arc::new(Inner {
            algorithm,
            raw: raw.into(),
            hash: public_key_hash(raw),
            sha256: sha256_hex(raw),
            parsed,
        })))
    }

    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The raw bytes, as public key files hold them.
    pub fn raw(&self) -> &[u8] {
        &self.0.raw
    }

    /// The key as a SubjectPublicKeyInfo in DER (RFC 8410, RFC 9881).
    ///
    /// Errors: `JACS_INTERNAL` when there is no memory.
    pub fn info(&self) -> Result<Vec<u8>> {
        let failed = |error| Error::new(Code::Internal, "the public key could not be encoded").with_source(error);
        self.0.parsed.as_der().map(|der| der.as_ref().to_vec()).map_err(failed)
    }

    /// The `publicKeyHash` of documents. It is lossy: other keys can have the same. See [`public_key_hash`].
    pub fn hash(&self) -> &str {
        &self.0.hash
    }

    /// The SHA-256 of the raw bytes in hex: what keys are pinned and compared by.
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// Whether `signature` (raw bytes) is this key's over `message`.
    ///
    /// Ed25519 has the verdicts of dalek's `verify_strict`: the equation without the cofactor, S below the group
    /// order, R in its one canonical form and not of small order. ML-DSA-87 is verified with an empty context.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        if signature.len() != self.0.algorithm.signature_len() {
            return false;
        }
        if self.0.algorithm == Algorithm::Ed25519 && signature.first_chunk().is_some_and(is_small_order) {
            return false;
        }
        self.0.parsed.verify_sig(message, signature).is_ok()
    }
}

fn verification(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::Ed25519 => &ED25519,
        Algorithm::Pq2025 => &ML_DSA_87,
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.algorithm == other.0.algorithm && self.0.raw == other.0.raw
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("algorithm", &self.0.algorithm)
            .field("sha256", &self.0.sha256)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{SecretKey, Signer};

    #[test]
    fn only_the_length_of_its_algorithm_makes_a_key() {
        for algorithm in [Algorithm::Ed25519, Algorithm::Pq2025] {
            let key = SecretKey::generate(algorithm).unwrap();
            let raw = key.public_key().raw();
            assert_eq!(PublicKey::new(algorithm, raw).unwrap(), *key.public_key());
            let longer = [raw, &[0]].concat();
            let lengths = [0, 31, 32, 33, 44, 1312, 1952, 2591, 2592, 2593, 2614];
            let others = lengths.into_iter().filter(|len| *len != raw.len()).map(|len| vec![7; len]);
            for other in others.chain([raw[1..].to_vec(), longer]) {
                assert_eq!(PublicKey::new(algorithm, &other).unwrap_err().code(), Code::Key, "{}", other.len());
            }
        }
    }

    #[test]
    fn a_subject_public_key_info_is_no_raw_key() {
        let key = SecretKey::generate(Algorithm::Ed25519).unwrap();
        let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        der.extend_from_slice(key.public_key().raw());
        assert_eq!(PublicKey::new(Algorithm::Ed25519, &der).unwrap_err().code(), Code::Key);
    }

    #[test]
    fn any_change_makes_a_signature_wrong() {
        for algorithm in [Algorithm::Ed25519, Algorithm::Pq2025] {
            let key = SecretKey::generate(algorithm).unwrap();
            let public = key.public_key();
            let signature = key.sign(b"message").unwrap();
            assert!(public.verify(b"message", &signature));
            assert!(!public.verify(b"messagE", &signature));
            assert!(!public.verify(b"", &signature));
            assert!(!public.verify(b"message", b""));
            assert!(!public.verify(b"message", &signature[1..]));
            assert!(!public.verify(b"message", &[&signature[..], &[0]].concat()));
            for at in (0..signature.len()).step_by(signature.len() / 32) {
                let mut altered = signature.clone();
                altered[at] ^= 1;
                assert!(!public.verify(b"message", &altered), "{at}");
            }
            assert!(!SecretKey::generate(algorithm).unwrap().public_key().verify(b"message", &signature));
        }
    }

    #[test]
    fn bytes_that_are_no_point_verify_nothing() {
        // y = 2 gives no square for x (RFC 8032, 5.1.3).
        let mut raw = [0; 32];
        raw[0] = 2;
        let key = PublicKey::new(Algorithm::Ed25519, &raw).unwrap();
        let signature = SecretKey::generate(Algorithm::Ed25519).unwrap().sign(b"").unwrap();
        assert!(!key.verify(b"", &signature));
        assert!(!key.verify(b"", &[0; 64]));
    }

    #[test]
    fn is_compared_by_its_bytes_and_not_by_its_lossy_hash() {
        let one = PublicKey::new(Algorithm::Ed25519, &[0x80; 32]).unwrap();
        let other = PublicKey::new(Algorithm::Ed25519, &[0x81; 32]).unwrap();
        assert_eq!(one.hash(), other.hash());
        assert_ne!(one.sha256(), other.sha256());
        assert_ne!(one, other);
        assert_eq!(one, one.clone());
    }

    #[test]
    fn debug_shows_algorithm_and_sha256() {
        let key = PublicKey::new(Algorithm::Ed25519, &[7; 32]).unwrap();
        let sha256 = sha256_hex(&[7; 32]);
        assert_eq!(format!("{key:?}"), format!("PublicKey {{ algorithm: Ed25519, sha256: \"{sha256}\", .. }}"));
    }
}
