//! Signed, versioned JSON documents for software agents, stored anywhere.
pub mod crypto;
pub mod error;
pub mod id;
