//! What signing needs of a key.

use super::algorithm::Algorithm;
use super::public_key::PublicKey;
use crate::error::Result;

/// A private key that signs, wherever it is kept.
///
/// [`SecretKey`](super::SecretKey) holds its key in memory. A key in a KMS or HSM can stand here too: nothing
/// else in the crate asks for private key bytes. `sign` may block, so callers run it off the event loop.
pub trait Signer: Send + Sync {
    /// The public key that verifies what [`sign`](Signer::sign) makes.
    fn public_key(&self) -> &PublicKey;

    /// The raw signature over `message`, [`Algorithm::signature_len`] bytes.
    ///
    /// Fails with `JACS_INTERNAL` when the library does, or `JACS_UNAVAILABLE` when a remote key could not be
    /// asked.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>>;

    fn algorithm(&self) -> Algorithm {
        self.public_key().algorithm()
    }
}
