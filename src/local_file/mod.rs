//! Local files outside the store: keys, agent documents beside them, configurations, passwords, schemas, copies
//! for the caller. Read with a bound, written aside and published whole.

mod read;
mod write;

pub use read::{ReadFailure, read_bounded};
pub use write::{Aside, TEMPORARY, create, create_folder, io_error, remove, replace};
