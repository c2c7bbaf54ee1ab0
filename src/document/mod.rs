//! Documents: what their fields mean, how they are signed and what a valid one must satisfy. No I/O.
//!
//! | file | what |
//! |---|---|
//! | `header` | the fields that the system owns, and their types (check 1) |
//! | `members` | a document's members written once: document text, signed bytes and hash are made from them |
//! | `signature` | the signature's members, how one is made and what is read from one (check 3) |
//! | `draft` | from an author's input to a document that can be signed: create, update, sign again |
//! | `parsed` | a text taken apart, and the checks that need no key and no store |
//! | `files` | `jacsFiles` entries (check 9) |
//! | `schema` | JSON Schema, with the built-in ones |

mod draft;
mod files;
mod header;
mod members;
mod parsed;
pub mod schema;
mod signature;

#[cfg(test)]
mod vectors_test;

pub use draft::{Draft, Replaced, Signed};
pub use files::{FileEntry, Form, MAX_INFLATED_BYTES, NewFile, shown};
pub use header::{Header, parse_date};
pub use parsed::{Origin, Parsed, check_size};
pub use signature::{Author, Claim, SignedBy};

/// The longest agent document, in bytes: readers keep all versions of an agent in memory while they judge one.
pub const MAX_AGENT_BYTES: u64 = 1 << 20;

/// How far a clock may run ahead of ours, in seconds: for `iat`, and for the time in a version's id.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 300;
