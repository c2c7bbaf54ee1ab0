//! The source `registry`: the HAI agent registry, asked over HTTP. Whom it names is its own word; that nobody changes it on
//! its way is TLS's.
//!
//! | file | what |
//! |---|---|
//! | `asked` | a question, and its path |
//! | `ask` | one question over HTTP: redirects, limits, asking again |
//! | `kept` | answers that are kept for a while, as bytes |
//! | `entry` | an answer's members, judged |

mod ask;
mod asked;
mod entry;
mod kept;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::FutureExt;
use serde_json::Value;

use self::ask::{Patience, ask};
use self::asked::Asked;
use self::kept::{Ages, Answers};
use crate::config::parse_strict;
use crate::crypto::{PublicKey, hex};
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::id::{DocumentId, DocumentKey, Version};
use crate::net::{self, Client, Limits};

/// Where its address is set.
const SETTING: &str = "JACS_KEYS_BASE_URL";
/// Idle connections to it.
const CONNECTIONS: usize = 8;

/// The HAI agent registry; clones share connections and kept answers.
///
/// An answer takes at most 30 seconds with three more attempts, after 1, 2 and 4 seconds, where the server fails (5xx) or
/// the answer is lost or late; one attempt takes at most 10 seconds and follows at most 3 redirects, none of them to a less
/// safe place. Answers have at most 64 KiB. They are kept for a minute, unless `Cache-Control` says `no-store`, `no-cache`
/// or `max-age` (at most an hour), that there is no key for ten seconds (at most a minute); the memory for all of them is
/// bounded. Who asks for the same at the same time waits for the same answer. Whose key it is is decided each time.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    base: String,
    client: Client,
    answers: Answers,
    patience: Patience,
    ages: Ages,
}

/// What the registry says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has one, in force.
    Key(RegistryKey),
    /// It has one that is not in force; its status, `unknown` for one that is no plain word.
    Revoked(String),
    /// It has none, or none that could be believed, and why.
    None(&'static str),
}

/// A key in force, as the registry has it. That it is the signer's is to be seen: by its
/// [`hash`](PublicKey::hash), which must be the document's `publicKeyHash`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryKey {
    pub key: PublicKey,
    /// Whose it is: as was asked for, else as the registry says, if it does.
    pub id: Option<DocumentId>,
    pub version: Option<Version>,
    /// Whether the registry says that it has seen the domain's record; nobody here has.
    pub dns_verified: bool,
}

impl Registry {
    /// `base` is its URL, with https, or http on this machine; a path may follow. Opens no connection. Of `environment`,
    /// see [`Client::new`].
    ///
    /// Errors: `JACS_CONFIG` for any other URL, which is not shown, and for a proxy that is not a URL.
    pub fn new(base: &str, environment: &Environment) -> Result<Registry> {
        Self::with(base, environment, Patience::default(), Ages::default())
    }

    fn with(base: &str, environment: &Environment, patience: Patience, ages: Ages) -> Result<Registry> {
        let base = net::server_url(SETTING, base)?;
        if let Some(host) = net::plain_host(&base) {
            let message = "the registry is asked with https:// alone, but for one on this machine";
            return Err(Error::new(Code::Config, message).with("setting", SETTING).with("host", host));
        }
        let client = Client::new(Limits { wait: patience.attempt, connections: CONNECTIONS }, environment)?;
        let answers = Answers::new(ages.most.max(ages.most_none));
        Ok(Registry(Arc::new(Inner { base, client, answers, patience, ages })))
    }

    /// The key of an agent version.
    ///
    /// Errors: `JACS_UNAVAILABLE` when it could not be asked or what it answers is no JSON, retryable where a later call
    /// may succeed; never because there is no key or no good one. The same for all questions.
    pub async fn key(&self, agent: DocumentKey) -> Result<Answer> {
        self.one(Asked::Version(agent)).await
    }

    /// The keys of an agent, newest first; none when the registry does not know it. A list that cannot be believed is one
    /// [`Answer::None`].
    pub async fn keys(&self, agent: DocumentId) -> Result<Vec<Answer>> {
        let asked = Asked::Agent(agent);
        Ok(self.value(&asked).await?.map(|value| entry::judge_all(value, &asked)).unwrap_or_default())
    }

    /// The key with this SHA-256, over its PEM text as the registry has it, over its raw bytes, or over their lossy text
    /// (`publicKeyHash`).
    pub async fn key_by_hash(&self, sha256: [u8; 32]) -> Result<Answer> {
        self.one(Asked::Hash(hex(&sha256))).await
    }

    /// The key of the agent of a domain.
    pub async fn key_by_domain(&self, domain: &str) -> Result<Answer> {
        self.one(Asked::Domain(domain.to_owned())).await
    }

    async fn one(&self, asked: Asked) -> Result<Answer> {
        let value = self.value(&asked).await?;
        Ok(value.map_or(Answer::None("the registry has no such key"), |value| entry::judge(value, &asked)))
    }

    /// The answer's JSON; `None` when there is no such thing.
    async fn value(&self, asked: &Asked) -> Result<Option<Value>> {
        let Inner { base, client, answers, patience, ages } = &*self.0;
        // Only the domain is a text of somebody else's.
        let Some(url) = asked.url(base) else { return Ok(None) };
        let question = || {
            let (client, url, patience, ages) = (client.clone(), url.clone(), *patience, *ages);
            async move { ask(&client, &url, patience, ages).await }.boxed()
        };
        let Some(text) = answers.get(&url, question).await?.text else { return Ok(None) };
        let failed = |error| Error::new(Code::Internal, "a kept answer is not JSON any more").with_source(error);
        parse_strict(&text).map(Some).map_err(failed)
    }
}
