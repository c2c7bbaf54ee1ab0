//! Moving and keeping whole stores: from vault to vault, into archives and out of them, and a look at every object. Knows
//! no agent.
//!
//! | file | what |
//! |---|---|
//! | `finding` | what there is to say of one object |
//! | `sink` | who hears of findings and progress |
//! | `check` | a look at every object |

mod check;
mod finding;
mod sink;

pub use check::{CHECK_STATE, CheckOptions, CheckReport, RepairFrom, check};
pub use finding::{Finding, Severity, What};
pub use sink::{MOST_FINDINGS, OnFinding, Sink};
