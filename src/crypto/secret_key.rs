//! A private key in memory.

use std::fmt;

use aws_lc_rs::encoding::AsRawBytes;
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, ML_DSA_87_SIGNING, PqdsaKeyPair};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::public_key::PublicKey;
use super::signer::Signer;
use crate::error::{Code, Error, Result};

/// A private key in memory, with the public key derived from it.
///
/// The only copy is aws-lc's, which clears it when the key is dropped; `Debug` shows the public key alone.
pub struct SecretKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Pq2025(PqdsaKeyPair),
}

/// Bytes of an expanded ML-DSA-87 private key (FIPS 204, table 2).
const ML_DSA_87_PRIVATE_LEN: usize = 4896;

impl SecretKey {
    /// A new random key. Fails with `JACS_INTERNAL` when the library does.
    pub fn generate(algorithm: Algorithm) -> Result<SecretKey> {
        let failed = |unspecified| Error::new(Code::Internal, "a key could not be generated").with_source(unspecified);
        let pair = match algorithm {
            Algorithm::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
            Algorithm::Pq2025 => Pair::Pq2025(PqdsaKeyPair::generate(&ML_DSA_87_SIGNING).map_err(failed)?),
        };
        SecretKey::with_public(pair)?.checked()
    }

    /// The key with these plain bytes, as [`to_plain`](SecretKey::to_plain) gives them: Ed25519 as PKCS#8 DER
    /// (RFC 8410), version 2 with the public key or version 1 without; ML-DSA-87 as the expanded private key of
    /// 4896 bytes.
    ///
    /// Fails with `JACS_KEY` when the bytes are malformed, are another algorithm's, or hold parts that do not
    /// belong together.
    pub fn from_plain(algorithm: Algorithm, plain: &[u8]) -> Result<SecretKey> {
        let pair = match algorithm {
            Algorithm::Ed25519 => parse_pkcs8(plain).map(Pair::Ed25519),
            Algorithm::Pq2025 => parse_expanded(plain).map(Pair::Pq2025),
        }?;
        SecretKey::with_public(pair)?.checked()
    }

    /// The plain bytes to keep, encrypted: Ed25519 as PKCS#8 version 2 DER (83 bytes, as ring writes it),
    /// ML-DSA-87 as the expanded private key (4896 bytes).
    ///
    /// Fails with `JACS_INTERNAL` when the library does.
    pub fn to_plain(&self) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |unspecified| Error::new(Code::Internal, "the key could not be exported").with_source(unspecified);
        let plain = match &self.pair {
            Pair::Ed25519(pair) => pair.to_pkcs8().map_err(failed)?.as_ref().to_vec(),
            Pair::Pq2025(pair) => pair.private_key().as_raw_bytes().map_err(failed)?.as_ref().to_vec(),
        };
        Ok(Zeroizing::new(plain))
    }

    fn with_public(pair: Pair) -> Result<SecretKey> {
        let public = match &pair {
            Pair::Ed25519(pair) => PublicKey::new(Algorithm::Ed25519, pair.public_key().as_ref()),
            Pair::Pq2025(pair) => PublicKey::new(Algorithm::Pq2025, pair.public_key().as_ref()),
        }?;
        Ok(SecretKey { pair, public })
    }

    /// Signs and verifies once. aws-lc refuses keys whose parts do not belong together while it parses them; that
    /// nothing is ever signed which nobody can verify shall not hang on that alone.
    fn checked(self) -> Result<SecretKey> {
        const PROBE: &[u8] = b"jacs-agent key check";
        if !self.public.verify(PROBE, &self.sign(PROBE)?) {
            return Err(Error::new(Code::Key, "the private key makes signatures that its public key refuses"));
        }
        Ok(self)
    }
}

fn parse_pkcs8(plain: &[u8]) -> Result<Ed25519KeyPair> {
    let pair = Ed25519KeyPair::from_pkcs8(plain).map_err(malformed)?;
    // The library stops reading where the outer sequence ends.
    if der_len(plain) != Some(plain.len()) {
        return Err(Error::new(Code::Key, "bytes follow the private key"));
    }
    Ok(pair)
}

/// The length of a DER value with a one-byte length, which any PKCS#8 of an Ed25519 key without long attributes
/// has (X.690, 8.1.3.4).
fn der_len(der: &[u8]) -> Option<usize> {
    match der {
        [_, content @ 0..=127, ..] => Some(usize::from(*content) + 2),
        _ => None,
    }
}

fn parse_expanded(plain: &[u8]) -> Result<PqdsaKeyPair> {
    if plain.len() != ML_DSA_87_PRIVATE_LEN {
        return Err(Error::new(Code::Key, "the private key has not the length of its algorithm")
            .with("algorithm", Algorithm::Pq2025)
            .with("expected bytes", ML_DSA_87_PRIVATE_LEN)
            .with("bytes", plain.len()));
    }
    PqdsaKeyPair::from_raw_private_key(&ML_DSA_87_SIGNING, plain).map_err(malformed)
}

fn malformed(rejected: KeyRejected) -> Error {
    Error::new(Code::Key, "the private key is malformed").with_source(rejected)
}

impl Signer for SecretKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |unspecified| Error::new(Code::Internal, "signing failed").with_source(unspecified);
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Pair::Pq2025(pair) => {
                let mut signature = vec![0; Algorithm::Pq2025.signature_len()];
                pair.sign(message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;

    fn code_of(algorithm: Algorithm, plain: &[u8]) -> Option<Code> {
        SecretKey::from_plain(algorithm, plain).err().map(|error| error.code())
    }

    #[test]
    fn a_new_key_outlives_its_export() {
        for (algorithm, len) in [(Algorithm::Ed25519, 83), (Algorithm::Pq2025, 4896)] {
            let key = SecretKey::generate(algorithm).unwrap();
            let plain = key.to_plain().unwrap();
            assert_eq!(plain.len(), len);
            let again = SecretKey::from_plain(algorithm, &plain).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            assert_eq!(again.algorithm(), algorithm);
            assert_eq!(*again.to_plain().unwrap(), *plain);
            let signature = again.sign(b"message").unwrap();
            assert_eq!(signature.len(), algorithm.signature_len());
            assert!(key.public_key().verify(b"message", &signature));
            assert_ne!(SecretKey::generate(algorithm).unwrap().public_key(), key.public_key());
        }
    }

    #[test]
    fn refuses_other_lengths_and_keys_of_other_algorithms() {
        let ed25519 = SecretKey::generate(Algorithm::Ed25519).unwrap().to_plain().unwrap();
        let pq2025 = SecretKey::generate(Algorithm::Pq2025).unwrap().to_plain().unwrap();
        assert_eq!(code_of(Algorithm::Ed25519, &pq2025), Some(Code::Key));
        assert_eq!(code_of(Algorithm::Pq2025, &ed25519), Some(Code::Key));
        for (algorithm, plain) in [(Algorithm::Ed25519, &ed25519), (Algorithm::Pq2025, &pq2025)] {
            for other in [&[][..], &plain[..32], &plain[1..], &plain[..plain.len() - 1], &[&plain[..], &[0]].concat()] {
                assert_eq!(code_of(algorithm, other), Some(Code::Key), "{algorithm} {}", other.len());
            }
        }
        // An X25519 key (RFC 8410, id-X25519) in the same form.
        let mut x25519 = ed25519[..].to_vec();
        x25519[11] = 0x6e;
        assert_eq!(code_of(Algorithm::Ed25519, &x25519), Some(Code::Key));
    }

    #[test]
    fn refuses_an_ed25519_public_key_of_another_key() {
        let mut plain = SecretKey::generate(Algorithm::Ed25519).unwrap().to_plain().unwrap();
        let other = SecretKey::generate(Algorithm::Ed25519).unwrap();
        plain[51..].copy_from_slice(other.public_key().raw());
        assert_eq!(code_of(Algorithm::Ed25519, &plain), Some(Code::Key));
    }

    /// rho, K, tr, s1, s2, t0 (FIPS 204, algorithm 24). K only feeds the randomness of signing, so a change
    /// of it makes another key with the same public key.
    #[test]
    fn refuses_an_ml_dsa_key_whose_parts_disagree() {
        let plain = SecretKey::generate(Algorithm::Pq2025).unwrap().to_plain().unwrap();
        let parts = [("rho", 0), ("tr", 64), ("s1", 128), ("s2", 128 + 7 * 96), ("t0", 128 + 15 * 96), ("end", 4895)];
        for (part, at) in parts {
            let mut altered = plain.clone();
            altered[at] ^= 1;
            assert_eq!(code_of(Algorithm::Pq2025, &altered), Some(Code::Key), "{part}");
        }
    }

    #[test]
    fn the_check_refuses_a_public_key_of_another_key() {
        for algorithm in [Algorithm::Ed25519, Algorithm::Pq2025] {
            let [one, other] = [(); 2].map(|()| SecretKey::generate(algorithm).unwrap());
            let mixed = SecretKey { pair: one.pair, public: other.public };
            assert_eq!(mixed.checked().unwrap_err().code(), Code::Key);
        }
    }

    #[test]
    fn debug_and_errors_show_no_secret() {
        for algorithm in [Algorithm::Ed25519, Algorithm::Pq2025] {
            let key = SecretKey::generate(algorithm).unwrap();
            let plain = key.to_plain().unwrap();
            let secret = &hex(&plain)[36..60];
            let error = SecretKey::from_plain(algorithm, &plain[..40]).unwrap_err();
            let shown = format!("{key:?} {key:#?} {error:?} {:?}", error.causes());
            assert!(shown.contains("SecretKey") && !shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn signs_on_many_threads() {
        let signer: Box<dyn Signer> = Box::new(SecretKey::generate(Algorithm::Pq2025).unwrap());
        std::thread::scope(|scope| {
            for number in 0..4u8 {
                let signer = &signer;
                scope.spawn(move || assert!(signer.public_key().verify(&[number], &signer.sign(&[number]).unwrap())));
            }
        });
    }
}
