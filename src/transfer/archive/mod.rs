//! Archives: a `.tar.gz` of a store, which plain `tar` can read, and its way back.
//!
//! ```text
//! jacs_data/agents/{agent-id}/{version-id}.json
//! jacs_data/files/{sha256 of the bytes}
//! jacs_data/documents/{document-id}/{version-id}.json
//! ```
//!
//! | file | what |
//! |---|---|
//! | `names` | what the name of an entry means |
//! | `limits` | how much an archive may hold |
//! | `gzip` | blocks packed one by one, and unpacked bytes up to a limit |
//! | `tape` | the entries of a tar archive, one after the other |
//! | `header` | the headers that are written |
//! | `judge` | what is wrong with the bytes of an object, without keys |
//! | `leaves` | the objects sorted by path, for the roots |
//! | `pages` | a store in the order of the archive, some objects at a time |
//! | `job` | one page of an export, read, checked and packed |
//! | `output` | the file that is written |
//! | `write` | export: pages read, checked and packed on all cores, written in order |
//! | `scan` | the whole archive once, before anything is stored |
//! | `spool` | the contents of one entry |
//! | `read` | import: agents, then attachments, then documents |
//! | `place` | one object of an archive into the store |
//! | `succession` | what was imported and does not count |

pub(super) mod gzip;
pub(super) mod header;
mod job;
mod judge;
mod leaves;
pub(super) mod limits;
mod names;
pub(super) mod output;
mod pages;
mod place;
mod read;
mod scan;
mod spool;
mod succession;
pub(super) mod tape;
mod write;

pub use limits::Limits;
pub use read::{Agents, ImportOptions, import};
pub use write::{ExportOptions, export};
