//! Verified documents: what is in the store, checked, and in the order in which versions follow one another.
//!
//! | file | what |
//! |---|---|
//! | `attachments` | the bytes of attachments, read to a verified end |
//! | `cache` | verified documents kept in memory |
//! | `verify` | the table of checks over one text, and the report of it |
//! | `vouched` | documents of a key that somebody else may have |
//! | `lineage` | the versions of one document: owner, which count, heads, newest |
//! | `find` | one version and what the checks find of it, from memory or from the store |
//! | `read` | get, newest, versions, inspect |
//! | `write` | put, update under a lock, save, remove |
//! | `history` | every version with its chain hash |
//! | `list` | pages of a listing |

mod attachments;
mod cache;
mod find;
mod history;
mod lineage;
mod list;
mod read;
mod verify;
mod vouched;
mod write;

pub use attachments::Attachment;
pub use cache::{Cache, CacheCounts, CacheLimits};
pub use history::{Chain, History, HistoryEntry};
pub use lineage::{Lineage, Refused, VersionState};
pub use list::{ListFilter, Listing};
pub use read::{OnFork, ReadOptions, Verify};
pub use verify::{AttachmentReport, Check, Examined, Files, Place, Report, VerifyOptions};
pub use vouched::Successions;

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::{KeySource, UpdatePolicy};
use crate::id::DocumentKey;
use crate::store::{Kind, Store};
use crate::trust::Keyring;

/// Versions of one document that are read at the same time.
const CONCURRENT_READS: usize = 16;

/// The documents of one store, as one agent sees them.
pub struct Vault {
    pub store: Store,
    pub keyring: Keyring,
    /// The weakest key source that counts.
    pub minimum_trust: KeySource,
    pub update_policy: UpdatePolicy,
    pub max_bytes: u64,
    /// What this vault verified before; its removals and writes are told to every cache of the process.
    pub cache: Arc<Cache>,
    /// What was found of documents whose key was given up.
    pub successions: Successions,
}

/// Whether a read may be answered from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// What was verified before may come from memory; whose key it is, is decided anew.
    Cached,
    /// Every byte comes from the store, and every check is made.
    Fresh,
}

/// A document that was read, and where it stands in the store.
#[derive(Clone, Debug)]
pub struct Stored {
    pub kind: Kind,
    pub key: DocumentKey,
    pub text: Arc<String>,
}

fn now() -> Timestamp {
    Timestamp::now()
}
