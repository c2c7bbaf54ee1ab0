//! Documents: what they must look like.
pub mod schema;
