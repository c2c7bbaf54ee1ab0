//! Keys, signatures and hashes. aws-lc-rs signs, verifies and encrypts; sha2 makes all hashes.
//!
//! - `algorithm`: the signature algorithms, their names and lengths
//! - `hash`: SHA-256, hex, and the lossy hash of a public key
//! - `public_key`: a public key that was parsed once, and verification
//! - `public_key_info`: public keys as X.509 has them, in DER and PEM
//! - `small_order`: the Ed25519 points that verification refuses
//! - `signer`: what signing needs, so that a key may live outside of this process
//! - `secret_key`: a signer whose key is in memory
//! - `key_file`: the encrypted file that holds a private key at rest
//! - `key_derivation`: from the password of that file to its key
//! - `password`: the rule for new passwords
//!
//! Nothing here reads a file, a clock or the network.

mod algorithm;
mod hash;
mod key_derivation;
pub mod key_file;
mod password;
mod public_key;
mod public_key_info;
mod secret_key;
mod signer;
mod small_order;
#[cfg(test)]
mod vectors_test;

pub use algorithm::Algorithm;
pub use hash::{Hasher, hex, public_key_hash, sha256, sha256_hex};
pub use password::check_strength;
pub use public_key::PublicKey;
pub use secret_key::SecretKey;
pub use signer::Signer;
