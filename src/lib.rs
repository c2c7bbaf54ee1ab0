//! Signed, versioned JSON documents for software agents, stored anywhere.
pub mod agent;
pub mod canonical;
pub mod config;
pub mod crypto;
pub mod document;
pub mod durable;
pub mod error;
pub mod id;
pub mod node;
pub mod store;
pub mod trust;
pub mod vault;
