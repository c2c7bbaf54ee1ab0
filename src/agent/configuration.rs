//! The configuration file of an agent whose version changed: it names the new one, and is signed anew where it was signed.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::key_directory::NewConfiguration;
use crate::canonical::parse_object;
use crate::config::Config;
use crate::crypto::Signer;
use crate::document::{Author, Draft, Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;
use crate::local_file::read_bounded;

/// What a configuration may hold, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The text of the configuration file with the agent's new version and algorithm; `None` where there is no file, or one that does
/// not name the agent. `domain`: the agent's new one, empty for none any more, where the configuration names one.
pub fn follow(
    config: &Config,
    agent: DocumentKey,
    domain: Option<&str>,
    signer: &dyn Signer,
    now: Timestamp,
) -> Result<Option<NewConfiguration>> {
    let Some(path) = &config.config_path else { return Ok(None) };
    let Ok((bytes, _)) = read_bounded(path, MAX_CONFIG_BYTES) else { return Ok(None) };
    let Ok(before) = std::str::from_utf8(&bytes) else { return Ok(None) };
    let Ok(Json::Object(mut members)) = serde_json::from_str::<Json>(before) else { return Ok(None) };
    let named = members.get("jacs_agent_id_and_version").and_then(Json::as_str);
    match named.filter(|named| !named.is_empty()).map(str::parse::<DocumentKey>) {
        Some(Ok(named)) if named.id == agent.id => {
            members.insert("jacs_agent_id_and_version".into(), json!(agent.to_string()));
        }
        Some(_) => return Ok(None),
        // It takes whatever agent lies beside the keys, but may be of one algorithm.
        None if members.get("jacs_agent_key_algorithm").is_none_or(|name| name == signer.algorithm().name()) => {
            return Ok(None);
        }
        None => {}
    }
    if members.contains_key("jacs_agent_key_algorithm") {
        members.insert("jacs_agent_key_algorithm".into(), json!(signer.algorithm().name()));
    }
    match domain.filter(|_| members.contains_key("jacs_agent_domain")) {
        None => {}
        Some("") => drop(members.remove("jacs_agent_domain")),
        Some(domain) => drop(members.insert("jacs_agent_domain".into(), json!(domain))),
    }
    let text = match Parsed::read(before, Origin::Caller, MAX_CONFIG_BYTES) {
        Ok(signed) => {
            let members = Json::Object(members).to_string();
            let draft = Draft::following(parse_object(&members)?, &signed, now);
            readable(&draft.sign(&Author { agent, signer }, now, MAX_CONFIG_BYTES)?.text)?
        }
        // One that a person wrote is not signed.
        Err(_) => readable(&Json::Object(members).to_string())?,
    };
    Ok(Some(NewConfiguration { path: path.clone(), before: before.to_owned(), text }))
}

/// The same document over several lines: people edit configurations.
pub fn readable(text: &str) -> Result<String> {
    let failed = |error| Error::new(Code::Internal, "the configuration could not be written").with_source(error);
    let value: Json = serde_json::from_str(text).map_err(failed)?;
    serde_json::to_string_pretty(&value).map(|text| text + "\n").map_err(failed)
}
