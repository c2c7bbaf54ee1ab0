//! Local files outside the store: keys, agent documents beside them, configurations, passwords, schemas, copies
//! for the caller, attachments. Read with a bound or piece by piece, written aside and published whole.

mod beneath;
mod contents;
mod read;
mod tree;
mod write;

pub use beneath::{open as open_beneath, open_plain, parts};
pub use contents::{Contents, read_exact_at};
pub use read::{ReadFailure, read_bounded, resolved};
pub use tree::{Growing, Tree};
pub use write::{Aside, TEMPORARY, create, create_folder, io_error, remove, replace, sync_folder};
