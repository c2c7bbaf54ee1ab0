//! Moving and keeping whole stores: from vault to vault, into archives and out of them, and a look at every object. Knows
//! no agent.
//!
//! | file | what |
//! |---|---|
//! | `finding` | what there is to say of one object |
//! | `sink` | who hears of findings and progress |

mod finding;
mod sink;

pub use finding::{Finding, Severity, What};
pub use sink::{MOST_FINDINGS, OnFinding, Sink};
