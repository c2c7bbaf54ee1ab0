//! Moving and keeping whole stores: from vault to vault, into archives and out of them, and a look at every object. Knows
//! no agent.
//!
//! | file | what |
//! |---|---|
//! | `finding` | what there is to say of one object |
//! | `sink` | who hears of findings and progress |
//! | `listing` | the objects of a store, in order |
//! | `object` | what the checks say of the bytes of a version |
//! | `copy` | one object from one store into the other |
//! | `log` | what became of each object: the checkpoint |
//! | `engine` | the walk over two stores |
//! | `merkle`, `report` | the root over all objects, and what a transfer came to |
//! | `migrate` | a whole store into another one; also a mirror |
//! | `archive` | a whole store as a `.tar.gz`, and back |
//! | `bundle` | chosen documents for somebody without a network |
//! | `check` | a look at every object, and repair |

pub mod archive;
pub mod bundle;
mod check;
mod copy;
mod engine;
mod finding;
mod listing;
mod log;
mod merkle;
mod migrate;
mod object;
mod report;
mod sink;

pub use check::{CHECK_STATE, CheckOptions, CheckReport, RepairFrom, check};
pub use finding::{Finding, Severity, What};
pub use migrate::{Options, transfer};
pub use report::{Report, Root};
pub use sink::{MOST_FINDINGS, OnFinding, Sink};

/// So many objects in a row that could not be read or written mean that a storage is away.
pub const MOST_FAILURES: u64 = 100;

/// The member of a checkpoint's first line by which one is known; its value is the version of the form.
pub const CHECKPOINT: &str = "jacs-agent-checkpoint";
