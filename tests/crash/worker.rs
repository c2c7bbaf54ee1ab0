//! The process that is killed: creates, updates and writes batches without end, and says what was promised.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jacs_agent::agent::{Agent, BatchOptions, CreateAgent, CreateOptions, LoadOptions, UpdateOptions};
use jacs_agent::cancel::Cancel;
use jacs_agent::config::Config;
use jacs_agent::crypto::sha256_hex;
use jacs_agent::environment::Environment;
use jacs_agent::error::{Code, Error, Result};
use jacs_agent::id::{DocumentId, DocumentKey, Reference};
use jacs_agent::store::Kind;
use jacs_agent::vault::{ListFilter, ReadOptions};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::random::Random;

pub const PASSWORD: &str = "Correct-Horse-7";
/// Calls in flight beside one another.
const LANES: u64 = 8;
/// A child that nobody kills, because its parent was killed, ends by itself.
const LIFETIME: Duration = Duration::from_secs(120);

/// What the child says, a line each.
pub const LOADED: &str = "loaded";
pub const BATCH: &str = "batch";
pub const BATCH_DONE: &str = "batch-done";
pub const PROMISED: &str = "promised";

/// Where an agent lives, and what it is told of the storage.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    pub config: &'a Path,
    pub data: &'a Path,
    /// JSON.
    pub storage_options: &'a str,
}

/// The configuration of a new agent.
pub fn make_agent(place: &Path) -> PathBuf {
    let options = CreateAgent { password: Some(PASSWORD.to_owned().into()), ..CreateAgent::default() };
    runtime().block_on(Agent::create(options, Environment::default(), place.to_owned())).unwrap();
    place.join("jacs.config.json")
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub async fn load(setting: Setting<'_>) -> Agent {
    let environment = Environment::from_iter([
        ("JACS_DATA_DIRECTORY", setting.data.to_str().unwrap()),
        ("JACS_STORAGE_OPTIONS", setting.storage_options),
    ]);
    let folder = setting.config.parent().unwrap();
    let config = Config::from_file(setting.config, &environment, folder).unwrap();
    let options = LoadOptions { password: Some(PASSWORD.to_owned().into()), ..LoadOptions::default() };
    Agent::load(config, &options, &environment, folder).await.unwrap()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    jacs_id: String,
    jacs_version: String,
}

pub fn key_of(text: &str) -> DocumentKey {
    let Named { jacs_id, jacs_version } = serde_json::from_str(text).unwrap();
    DocumentKey { id: jacs_id.parse().unwrap(), version: jacs_version.parse().unwrap() }
}

/// One write of a whole line, so that a kill never leaves half of one.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn say_promised(text: &str) -> DocumentKey {
    let key = key_of(text);
    say(&format!("{PROMISED} {key} {}", sha256_hex(text.as_bytes())));
    key
}

/// Works until it is killed.
pub async fn work(agent: Agent, seed: u64) {
    // Ends the line on which the test runner announces this test.
    say(&format!("\n{LOADED}"));
    let agent = Arc::new(agent);
    let mut known = stored(&agent).await;
    if known.is_empty() {
        known.push(create(&agent, "{}").await.unwrap());
    }
    let mut lanes = JoinSet::new();
    for number in 0..LANES {
        // Of the documents that a killed process left, each lane takes one; all of them contend for the first.
        let own = known[number as usize % known.len()];
        let random = Random::of(seed, number);
        lanes.spawn(Lane { agent: agent.clone(), random, contested: known[0].id, own, number: 0 }.work());
    }
    if let Ok(ended) = tokio::time::timeout(LIFETIME, lanes.join_next()).await {
        panic!("a call failed: {ended:?}");
    }
}

/// The newest versions of some documents of former rounds.
async fn stored(agent: &Agent) -> Vec<DocumentKey> {
    let filter = ListFilter { limit: Some(LANES), ..ListFilter::default() };
    let mut listing = agent.list(Kind::Document, filter).await.unwrap();
    let page = agent.next_page(&mut listing, &Cancel::default()).await.unwrap();
    page.into_iter().map(|entry| entry.key).collect()
}

async fn create(agent: &Agent, text: &str) -> Result<DocumentKey> {
    Ok(say_promised(&agent.create_document(text, &CreateOptions::default(), &Cancel::default()).await?))
}

struct Lane {
    agent: Arc<Agent>,
    random: Random,
    contested: DocumentId,
    own: DocumentKey,
    number: u64,
}

impl Lane {
    async fn work(mut self) -> Result<()> {
        loop {
            match self.random.below(16) {
                0 => self.batch().await?,
                1 | 2 => self.contend().await?,
                3..=8 => self.update().await?,
                _ => {
                    let text = self.text();
                    self.own = create(&self.agent, &text).await?;
                }
            }
        }
    }

    /// Mostly short; some longer than one write takes, and than what is kept in memory until it is published.
    fn text(&mut self) -> String {
        self.number += 1;
        let pad = match self.random.below(400) {
            0 => 3 << 20,
            1..=20 => 200_000,
            short => short as usize,
        };
        format!(r#"{{"n":{},"pad":"{}"}}"#, self.number, "x".repeat(pad))
    }

    async fn update(&mut self) -> Result<()> {
        match self.replace(self.own).await {
            Ok(key) => self.own = key,
            // Another lane began with the same document, or contends for it.
            Err(error) if error.code() == Code::Conflict => self.own = self.newest(self.own.id).await?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Updates a document that all lanes update.
    async fn contend(&mut self) -> Result<()> {
        let newest = self.newest(self.contested).await?;
        match self.replace(newest).await {
            Err(error) if error.code() != Code::Conflict => Err(error),
            _ => Ok(()),
        }
    }

    async fn newest(&self, id: DocumentId) -> Result<DocumentKey> {
        let text = self.agent.get(Reference::Newest(id), &ReadOptions::default(), &Cancel::default()).await?;
        Ok(key_of(&text))
    }

    async fn replace(&mut self, key: DocumentKey) -> Result<DocumentKey> {
        let (text, options) = (self.text(), UpdateOptions::default());
        let updated = self.agent.update_document(Reference::Exact(key), &text, &options, &Cancel::default()).await?;
        Ok(say_promised(&updated))
    }

    async fn batch(&mut self) -> Result<()> {
        let longest = 4 << self.random.below(6);
        let count = 1 + self.random.below(longest);
        let texts: Vec<Result<String, Error>> = (0..count).map(|_| Ok(self.text())).collect();
        let concurrency = Some(1 + self.random.below(64) as usize);
        let options = BatchOptions { concurrency, ..BatchOptions::default() };
        say(BATCH);
        let stored = self.agent.create_documents(texts, options, &Cancel::default(), |_| ()).await?;
        for text in &stored {
            self.own = say_promised(text);
        }
        say(BATCH_DONE);
        Ok(())
    }
}
