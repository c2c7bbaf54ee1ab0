//! The signature algorithms, their names in documents and the lengths of what they make.

use std::fmt;

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032), the default.
    Ed25519,
    /// ML-DSA-87 with an empty context (FIPS 204).
    Pq2025,
}

impl Algorithm {
    /// The name that is written into documents.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Ed25519 => "ring-Ed25519",
            Algorithm::Pq2025 => "pq2025",
        }
    }

    /// The algorithm of a name in a document or setting; `None` for a name that is not known, in any other
    /// spelling too.
    pub fn parse(text: &str) -> Option<Algorithm> {
        match text {
            "ring-Ed25519" | "ed25519" => Some(Algorithm::Ed25519),
            "pq2025" => Some(Algorithm::Pq2025),
            _ => None,
        }
    }

    /// Bytes of a raw public key (RFC 8032, 5.1.5; FIPS 204, table 2).
    pub fn public_key_len(self) -> usize {
        match self {
            Algorithm::Ed25519 => 32,
            Algorithm::Pq2025 => 2592,
        }
    }

    /// Bytes of a raw signature (RFC 8032, 5.1.6; FIPS 204, table 2).
    pub fn signature_len(self) -> usize {
        match self {
            Algorithm::Ed25519 => 64,
            Algorithm::Pq2025 => 4627,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519_PUBLIC_KEY_LEN, ML_DSA_87_SIGNING};

    use super::*;

    #[test]
    fn reads_what_it_writes_and_one_more_name() {
        for algorithm in [Algorithm::Ed25519, Algorithm::Pq2025] {
            assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
        }
        assert_eq!(Algorithm::parse("ed25519"), Some(Algorithm::Ed25519));
        for text in ["", "none", "Ed25519", "ring-ed25519", "PQ2025", "pq-dilithium", "RSA-PSS", " pq2025"] {
            assert_eq!(Algorithm::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lengths_match_the_library() {
        assert_eq!(Algorithm::Ed25519.public_key_len(), ED25519_PUBLIC_KEY_LEN);
        assert_eq!(Algorithm::Pq2025.public_key_len(), ML_DSA_87_SIGNING.public_key_len());
        assert_eq!(Algorithm::Pq2025.signature_len(), ML_DSA_87_SIGNING.signature_len());
    }
}
