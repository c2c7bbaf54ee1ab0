//! The agent's own record in DNS, and the domain that it stands under.

use super::Agent;
use crate::config::domain_name;
use crate::document::{MAX_AGENT_BYTES, Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::trust::Publication;

impl Agent {
    /// The TXT record that says which key is this agent's. `domain`: default that of the agent document, else of the configuration.
    ///
    /// Errors: `JACS_INPUT` without a domain, or for one that is none.
    pub fn publication(&self, domain: Option<&str>) -> Result<Publication> {
        let own = match domain {
            Some(_) => None,
            None => self.own_domain()?,
        };
        let domain = domain.or(own.as_deref()).or(self.config.agent_domain.as_deref());
        let domain = domain.ok_or_else(|| {
            Error::new(Code::Input, "the agent has no domain: give one (`domain`, --domain), or add it to the agent (updateAgent, update-agent)")
        })?;
        Publication::new(self.key.id, domain, self.public_key())
    }

    fn own_domain(&self) -> Result<Option<String>> {
        let document = Parsed::read(&self.document, Origin::Caller, MAX_AGENT_BYTES)?;
        Ok(document.object.text("jacsAgentDomain").map(str::to_owned))
    }
}

/// A domain as it is kept. Errors: `JACS_INPUT` for what is no name that DNS can carry.
pub(super) fn checked_domain(domain: &str) -> Result<String> {
    domain_name(domain).ok_or_else(|| {
        Error::new(Code::Input, "the domain is no name such as example.com, in ASCII").with("domain", domain)
    })
}
