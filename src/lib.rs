//! Signed, versioned JSON documents for software agents, stored anywhere.
pub mod config;
pub mod error;
pub mod id;
