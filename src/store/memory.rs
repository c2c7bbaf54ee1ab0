//! A store in memory, for tests and scratch work: complete, and gone with the last clone of its [`super::Store`].

use opendal::services::Memory;
use opendal::{Operator, Result};

/// An operator over a fresh, empty memory.
pub(super) fn operator() -> Result<Operator> {
    Operator::new(Memory::default())
}
