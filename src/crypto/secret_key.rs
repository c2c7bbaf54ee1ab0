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
        SecretKey::checked(pair)
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
        SecretKey::checked(pair)
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

    /// Signs and verifies once. A private key whose parts do not belong together (of ML-DSA-87, a stored secret
    /// vector that is not that of the stored public seed) would otherwise sign what nobody can verify.
    fn checked(pair: Pair) -> Result<SecretKey> {
        const PROBE: &[u8] = b"jacs-agent key check";
        let public = match &pair {
            Pair::Ed25519(pair) => PublicKey::new(Algorithm::Ed25519, pair.public_key().as_ref()),
            Pair::Pq2025(pair) => PublicKey::new(Algorithm::Pq2025, pair.public_key().as_ref()),
        }?;
        let key = SecretKey { pair, public };
        let signature = key.sign(PROBE)?;
        if !key.public.verify(PROBE, &signature) {
            return Err(Error::new(Code::Key, "the private key makes signatures that its public key refuses"));
        }
        Ok(key)
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
