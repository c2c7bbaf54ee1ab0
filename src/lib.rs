//! Signed, versioned JSON documents for software agents, stored anywhere.
pub mod canonical;
pub mod crypto;
pub mod document;
pub mod durable;
pub mod error;
pub mod id;
