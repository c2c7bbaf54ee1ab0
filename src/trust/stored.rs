//! The source `storage`: agent documents that lie beside the documents.
//!
//! Whoever can write to the store can put an agent document there, so one is believed only as part of the one
//! chain of its agent. What the store holds is read anew for every claim; only a text that was judged is not judged again.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, stream};

use super::agent_version::AgentVersion;
use super::chain::{Chain, Standing};
use crate::document::{MAX_AGENT_BYTES, Origin};
use crate::error::{Code, Result};
use crate::id::{DocumentKey, Version};
use crate::store::{Kind, ObjectKey, Store};

/// Versions of one agent that are looked at; more is not an agent's history but an attack on the reader. With some of them
/// unread nobody could tell which is the first.
const MAX_VERSIONS: usize = 500;
/// Agent documents read at the same time.
const CONCURRENT_READS: usize = 8;
/// Bytes of all versions of one agent; and of the judged texts that are remembered, which every answer shares.
const MAX_BYTES: usize = 8 << 20;
const REMEMBERED_BYTES: usize = 2 * MAX_BYTES;

/// The texts of agent documents that were judged last, with what was found of them.
#[derive(Default)]
pub struct Judged(Mutex<Table>);

#[derive(Default)]
struct Table {
    texts: HashMap<DocumentKey, Arc<AgentVersion>>,
    bytes: usize,
}

impl Judged {
    fn judge(&self, text: String, key: DocumentKey, max_bytes: u64) -> Option<Arc<AgentVersion>> {
        let known = self.table().texts.get(&key).cloned();
        if let Some(known) = known.filter(|known| known.text == text) {
            return Some(known);
        }
        let agent = Arc::new(AgentVersion::read(text, Origin::Storage(key), max_bytes)?);
        let mut table = self.table();
        if table.bytes + agent.text.len() > REMEMBERED_BYTES {
            *table = Table::default();
        }
        table.bytes += agent.text.len();
        table.texts.insert(key, agent.clone());
        Some(agent)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One agent document of the store; `None` when it is missing or not what it should be.
async fn read(store: &Store, judged: &Judged, key: DocumentKey, max_bytes: u64) -> Result<Option<Arc<AgentVersion>>> {
    match store.get(&ObjectKey::Version { kind: Kind::Agent, key }, max_bytes.min(MAX_AGENT_BYTES)).await {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok().and_then(|text| judged.judge(text, key, max_bytes))),
        Err(error) if matches!(error.code(), Code::NotFound | Code::Hash) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the store says about one version of an agent.
pub struct Stored {
    /// The agent's versions, as far as each can be judged alone.
    pub agents: Vec<Arc<AgentVersion>>,
    /// The version's key, as part of the one chain of its agent; else why there is none to believe.
    pub standing: Result<Standing, String>,
}

impl Stored {
    /// `introduced`: that version itself, where it is about to be stored and speaks for itself.
    pub async fn read(
        store: &Store,
        judged: &Judged,
        agent: DocumentKey,
        introduced: Option<AgentVersion>,
        max_bytes: u64,
    ) -> Result<Stored> {
        let versions = store.versions(Kind::Agent, agent.id).await?;
        let is_there = versions.contains(&agent.version);
        let all = match versions.len() <= MAX_VERSIONS {
            true => read_all(store, judged, agent, versions, max_bytes).await?,
            false => None,
        };
        let Some(mut agents) = all else {
            // What something else vouches for is found by itself.
            let itself = if is_there { vec![agent.version] } else { Vec::new() };
            let agents = read_all(store, judged, agent, itself, max_bytes).await?.unwrap_or_default();
            let standing = Err("the store holds more versions of this agent than are read".into());
            return Ok(Stored { agents, standing });
        };
        if !agents.iter().any(|stored| stored.key == agent) {
            agents.extend(introduced.map(Arc::new));
        }
        let standing = believe(&agents, agent.version);
        Ok(Stored { agents, standing })
    }
}

/// `None`: all of them together are more than is read.
async fn read_all(
    store: &Store,
    judged: &Judged,
    agent: DocumentKey,
    versions: Vec<Version>,
    max_bytes: u64,
) -> Result<Option<Vec<Arc<AgentVersion>>>> {
    let id = agent.id;
    let reads = versions.into_iter().map(async |version| {
        match read(store, judged, DocumentKey { id, version }, max_bytes).await {
            // What may not be read beside the version that is asked for does not keep that from being believed.
            Err(error) if error.code() == Code::Permission && error.is_damage() && version != agent.version => Ok(None),
            read => read,
        }
    });
    let mut reads = pin!(stream::iter(reads).buffered(CONCURRENT_READS));
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(agent) = reads.next().await {
        let Some(agent) = agent? else { continue };
        bytes += agent.text.len();
        if bytes > MAX_BYTES {
            return Ok(None);
        }
        found.push(agent);
    }
    Ok(Some(found))
}

fn believe(agents: &[Arc<AgentVersion>], version: Version) -> Result<Standing, String> {
    let chain = Chain::new(agents.iter().map(|agent| &**agent));
    chain.by_first(version).map_err(|reason| match agents.iter().find(|agent| agent.key.version == version) {
        Some(agent) if agent.public_key.is_none() => "the agent document carries no public key".into(),
        Some(_) => reason.into(),
        None => "no such agent document".into(),
    })
}
