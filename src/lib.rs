//! Signed, versioned JSON documents for software agents, stored anywhere.
pub mod error;
pub mod id;
pub mod store;
