//! Signed, versioned JSON documents for software agents, stored anywhere.
pub mod config;
pub mod document;
pub mod error;
pub mod id;
