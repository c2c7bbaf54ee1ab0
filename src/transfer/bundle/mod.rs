//! Bundles: chosen documents in one file, with all that is needed to verify them without a network and without a store.
//!
//! ```text
//! bundle.json                                      the manifest: a document, signed by who made the bundle
//! jacs_data/agents/{agent-id}/{version-id}.json
//! jacs_data/documents/{document-id}/{version-id}.json
//! jacs_data/files/{sha256 of the bytes}
//! ```
//!
//! | file | what |
//! |---|---|
//! | `manifest` | what the manifest says |
//! | `gather` | what goes into a bundle, verified |
//! | `write` | the file |
//! | `read` | the file again: whole, and just what its manifest lists |

mod gather;
mod manifest;
mod read;
mod write;

pub use gather::{Gathered, Wanted, gather};
pub use manifest::{Manifest, Signer};
pub use read::{Bundle, read};
pub use write::Writer;

/// The name of the manifest in the file.
pub const NAME: &str = "bundle.json";

/// The most bytes of documents and agents in a bundle: all of them are in memory while it is verified. Attachments are not.
const MOST_TEXT: u64 = 256 << 20;
