//! Signed, versioned JSON documents for software agents, stored anywhere.
pub mod agent;
pub mod canonical;
pub mod config;
pub mod crypto;
pub mod document;
pub mod error;
pub mod id;
pub mod local_file;
pub mod node;
pub mod store;
pub mod trust;
pub mod vault;
