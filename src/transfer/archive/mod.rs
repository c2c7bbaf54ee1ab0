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
//! | `write` | export: pages read, checked and packed on all cores, written in order |
//! | `scan` | the whole archive once, before anything is stored |
//! | `spool` | the contents of one entry |
//! | `read` | import: agents, then attachments, then documents |
//! | `place` | one object of an archive into the store |
//! | `succession` | what was imported and does not count |

mod gzip;
mod header;
mod job;
mod judge;
mod leaves;
mod limits;
mod names;
mod pages;
mod place;
mod read;
mod scan;
mod spool;
mod succession;
mod tape;
mod write;

pub use limits::Limits;
pub use read::{Agents, ImportOptions, import};
pub use write::{ExportOptions, export};
