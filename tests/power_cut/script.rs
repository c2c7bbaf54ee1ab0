//! What the recorded process does, and how it is recorded.
//!
//! It says what it has promised: a line on its error output, which the trace shows among its other calls. The text of a
//! document goes to a file of its own before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jacs_agent::agent::{Agent, BatchOptions, CreateAgent, CreateOptions, LoadOptions, UpdateOptions};
use jacs_agent::cancel::Cancel;
use jacs_agent::config::Config;
use jacs_agent::environment::Environment;
use jacs_agent::id::{DocumentKey, Reference};
use zeroize::Zeroizing;

use super::follow::{MARK, follow};
use super::recording::Recording;
use crate::store_support::{child, skip, strace, succeed};

pub const PASSWORD: &str = "a p4ssword that no test could guess";
/// The data directory, below the directory that is followed: so that directories above it are made, too.
pub const DATA: &str = "made/data";
const VOLUME: &str = "power-cut-volume";

/// An agent, made beforehand, and where it lives.
pub struct Scene {
    pub place: tempfile::TempDir,
}

/// What was recorded of it.
pub struct Recorded {
    pub scene: Scene,
    pub recording: Recording,
}

impl Scene {
    pub async fn new() -> Scene {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join(VOLUME)).unwrap();
        std::fs::create_dir_all(place.path().join("texts")).unwrap();
        for agent in ["agent", "stranger"] {
            create_agent(&place.path().join(agent)).await;
        }
        Scene { place }
    }

    /// Runs `function` under strace with `faults` injected; `None` where there is no strace.
    pub fn record(self, function: &str, durability: &str, faults: &[&str]) -> Option<Recorded> {
        if !strace::is_installed() {
            skip("strace is not installed");
            return None;
        }
        let place = std::fs::canonicalize(self.place.path()).unwrap();
        std::fs::write(place.join("durability"), durability).unwrap();
        let trace = place.join("trace");
        // Every call, and every byte: what is left out could be what matters.
        let mut wrapper = vec!["strace", "-f", "-y", "-s", "16777216", "-o", trace.to_str().unwrap()];
        let faults: Vec<String> = faults.iter().map(|fault| format!("inject={fault}")).collect();
        faults.iter().for_each(|fault| wrapper.extend(["-e", fault]));
        succeed(&mut child(&wrapper, function, &place));
        let calls = strace::calls(&std::fs::read_to_string(&trace).unwrap());
        let recording = follow(&calls, place.join(VOLUME).to_str().unwrap());
        Some(Recorded { scene: self, recording })
    }

    pub fn folder(&self, agent: &str) -> PathBuf {
        self.place.path().join(agent)
    }
}

async fn create_agent(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let options = CreateAgent {
        config_path: Some(folder.join("jacs.config.json").to_str().unwrap().into()),
        data_directory: Some(folder.join("data").to_str().unwrap().into()),
        key_directory: Some(folder.join("keys").to_str().unwrap().into()),
        password: Some(Zeroizing::new(PASSWORD.into())),
        ..CreateAgent::default()
    };
    Agent::create(options, Environment::default(), folder.to_owned()).await.unwrap();
}

/// Loads the agent that was made in `folder`, on another data directory.
pub async fn load(folder: &Path, data: &Path, durability: &str) -> Agent {
    let config = serde_json::json!({
        "jacs_data_directory": data,
        "jacs_key_directory": folder.join("keys"),
        "jacs_storage_options": { "durability": durability },
    });
    let environment = Environment::default();
    let config = Config::from_object(&config.to_string(), &environment, folder).unwrap();
    let options = LoadOptions { password: Some(Zeroizing::new(PASSWORD.into())), ..LoadOptions::default() };
    Agent::load(config, &options, &environment, folder).await.unwrap()
}

pub fn key_of(text: &str) -> DocumentKey {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    format!("{}:{}", value["jacsId"].as_str().unwrap(), value["jacsVersion"].as_str().unwrap()).parse().unwrap()
}

/// The recorded process.
#[derive(Clone)]
pub struct Actor {
    place: PathBuf,
    pub agent: Arc<Agent>,
}

impl Actor {
    pub async fn new(place: &Path) -> Actor {
        let durability = std::fs::read_to_string(place.join("durability")).unwrap();
        let agent = load(&place.join("agent"), &place.join(VOLUME).join(DATA), &durability).await;
        Actor { place: place.to_owned(), agent: Arc::new(agent) }
    }

    pub async fn create(&self, content: &str) -> String {
        let text = self.agent.create_document(content, &CreateOptions::default(), &Cancel::default()).await.unwrap();
        self.stored(&text);
        text
    }

    pub async fn create_all(&self, contents: Vec<String>) -> Vec<String> {
        let contents = contents.into_iter().map(Ok).collect();
        let cancel = Cancel::default();
        let texts = self.agent.create_documents(contents, BatchOptions::default(), &cancel, |_| {}).await.unwrap();
        texts.iter().for_each(|text| self.stored(text));
        texts
    }

    pub async fn update(&self, text: &str, content: &str) -> String {
        let (reference, options) = (Reference::Exact(key_of(text)), UpdateOptions::default());
        let next = self.agent.update_document(reference, content, &options, &Cancel::default()).await.unwrap();
        self.stored(&next);
        next
    }

    /// A signed document that is not stored.
    pub async fn sign(&self, content: &str) -> String {
        let options = CreateOptions { no_save: true, ..CreateOptions::default() };
        self.agent.create_document(content, &options, &Cancel::default()).await.unwrap()
    }

    pub async fn save(&self, text: &str) {
        mark("saving", key_of(text));
        assert_eq!(self.agent.save(text).await.unwrap().as_str(), text);
        self.stored(text);
    }

    /// Removes one version.
    pub async fn remove(&self, text: &str) {
        let key = key_of(text);
        mark("removing", key);
        self.agent.remove(Reference::Exact(key), false).await.unwrap();
        mark("removed", key);
    }

    /// Removes a document; `texts` are all versions of it.
    pub async fn remove_all(&self, texts: &[&str]) {
        let keys: Vec<DocumentKey> = texts.iter().map(|text| key_of(text)).collect();
        keys.iter().for_each(|key| mark("removing", *key));
        self.agent.remove(Reference::Newest(keys[0].id), true).await.unwrap();
        keys.iter().for_each(|key| mark("removed", *key));
    }

    fn stored(&self, text: &str) {
        let key = key_of(text);
        std::fs::write(self.place.join("texts").join(key.to_string()), text).unwrap();
        mark("stored", key);
    }
}

/// In one call, so that it is one line of the trace.
fn mark(what: &str, key: DocumentKey) {
    use std::io::Write;
    std::io::stderr().write_all(format!("{MARK}{what} {key}\n").as_bytes()).unwrap();
}
