//! The source `dns`: a domain's TXT record that names its agent's key. It finds no key; it confirms one that another
//! source found.
//!
//! | file | what |
//! |---|---|
//! | `record` | pure: the text of the record, written and read |
//! | `publish` | pure: the record as a zone file or Amazon Route 53 takes it |
//! | `lookup` | asking DNS |
//! | `answer` | what of its answers counts, and what DNSSEC says about that |

mod answer;
mod lookup;
#[cfg(test)]
mod lookup_test;
mod publish;
mod record;

pub use lookup::{Confirmation, Dns};
pub use publish::Publication;

use crate::config::domain_name;

/// The name, with its last dot, that has the TXT records about the agents of a domain; `None` for what is no domain or
/// leaves no room for it.
fn owner(domain: &str) -> Option<String> {
    // RFC 1035, 2.3.4: 255 bytes with the lengths of the labels, which are 253 characters between them.
    let owner = format!("_v1.agent.jacs.{}", domain_name(domain)?);
    (owner.len() <= 253).then(|| format!("{owner}."))
}
