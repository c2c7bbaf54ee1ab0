//! Options of the calls about keys and whose they are.

use zeroize::Zeroizing;

use super::Options;
use crate::agent::{AgentChanges, Rotate};
use crate::error::{Code, Error, Result};
use crate::trust::Reason;

pub fn untrust(text: Option<&str>) -> Result<bool> {
    Options::read(text, &["forget"])?.flag("forget")
}

pub fn rotate(text: Option<&str>) -> Result<Rotate> {
    let options = Options::read(text, &["password", "newPassword", "algorithm", "reason"])?;
    let reason = match options.text("reason")? {
        None => Reason::Scheduled,
        Some(name) => Reason::from_name(&name).ok_or_else(|| {
            Error::new(Code::Input, "a key is replaced as `scheduled` or as `compromised`").with("reason", name)
        })?,
    };
    Ok(Rotate {
        password: options.text("password")?.map(Zeroizing::new),
        new_password: options.text("newPassword")?.map(Zeroizing::new),
        algorithm: options.text("algorithm")?,
        reason,
    })
}

/// Errors: `JACS_INPUT` when nothing is to be changed.
pub fn agent_changes(text: Option<&str>) -> Result<AgentChanges> {
    let options = Options::read(text, &["name", "description", "domain"])?;
    let changes = AgentChanges {
        name: options.text("name")?,
        description: options.text("description")?,
        domain: options.text("domain")?,
    };
    let is_empty = [&changes.name, &changes.description, &changes.domain].into_iter().all(Option::is_none);
    match is_empty {
        true => Err(Error::new(Code::Input, "nothing is to be changed: name, description or domain")),
        false => Ok(changes),
    }
}
