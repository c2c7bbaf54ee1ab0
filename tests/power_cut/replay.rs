//! A state as a real directory, and what the store makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jacs_agent::agent::{Agent, CreateOptions};
use jacs_agent::cancel::Cancel;
use jacs_agent::error::Code;
use jacs_agent::id::{DocumentId, DocumentKey, Reference};
use jacs_agent::store::{Durability, Kind, ObjectKey, Settings, Store};
use jacs_agent::trust::{Keyring, OwnKey, Sources};
use jacs_agent::vault::{Cache, CacheLimits, ListFilter, ReadOptions, Vault};

use super::model::{Contents, Entry, TEMPORARY, Tree};
use super::script::{DATA, Scene, load};

/// What is wrong with a state, whatever was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It lies in the data directory and is not of the layout.
    Stray(String),
    /// A listing shows it, and reading it is refused.
    Torn(DocumentKey, Code),
    /// Reading it is refused to somebody who has only the store to go by.
    Unverified(DocumentKey, Code),
    /// A read gave other bytes than were stored.
    Wrong(DocumentKey),
    /// Listings and files do not agree.
    Unlisted(String),
    /// A call that must work does not.
    Refused(&'static str, Code),
}

/// What the store makes of a state.
#[derive(Debug, Default)]
pub struct Observation {
    /// The versions that a listing shows.
    pub listed: BTreeSet<DocumentKey>,
    /// Those of them that are read, verified, as they were stored.
    pub readable: BTreeSet<DocumentKey>,
    pub faults: Vec<Fault>,
}

/// Makes states and looks at them, always with a store and a reader that know nothing of the last one.
pub struct Replayer {
    place: tempfile::TempDir,
    folder: PathBuf,
    /// Who wrote, and somebody who has only the agent's document in the store to go by.
    readers: [Agent; 2],
    texts: BTreeMap<DocumentKey, String>,
    made: usize,
}

impl Replayer {
    pub async fn new(scene: &Scene) -> Replayer {
        let memory = Path::new("/dev/shm");
        let place = match memory.is_dir() {
            true => tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()),
            false => tempfile::tempdir(),
        };
        let place = place.unwrap();
        let (folder, nowhere) = (scene.folder("agent"), place.path().join("nowhere"));
        let readers = [load(&folder, &nowhere, "full").await, load(&scene.folder("stranger"), &nowhere, "full").await];
        let mut texts = BTreeMap::from([(readers[0].key, readers[0].document.clone())]);
        for entry in std::fs::read_dir(scene.folder("texts")).unwrap() {
            let path = entry.unwrap().path();
            let key = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            texts.insert(key, std::fs::read_to_string(path).unwrap());
        }
        Replayer { place, folder, readers, texts, made: 0 }
    }

    /// Looks at a state; `thoroughly`: also with an agent that is loaded anew, which takes long.
    pub async fn observe(&mut self, tree: &Tree, contents: &Contents, thoroughly: bool) -> Observation {
        self.made += 1;
        let root = self.place.path().join(self.made.to_string());
        make(&root, tree, contents);
        let data = root.join(DATA);
        let mut seen = Observation::default();
        let files = layout(tree, &mut seen);
        self.read(&data, &files, &mut seen, thoroughly).await;
        self.write(&data, &mut seen, thoroughly).await;
        std::fs::remove_dir_all(&root).unwrap();
        seen
    }

    async fn read(&self, data: &Path, files: &BTreeSet<DocumentKey>, seen: &mut Observation, thoroughly: bool) {
        let own = vault(&self.readers[0], data).await;
        seen.listed = list(&own).await;
        if seen.listed != *files {
            seen.faults.push(Fault::Unlisted(format!("{:?} of {files:?}", seen.listed)));
        }
        for key in &seen.listed {
            match read(&own, Reference::Exact(*key)).await {
                Ok(text) if self.texts.get(key) == Some(&text) => _ = seen.readable.insert(*key),
                Ok(_) => seen.faults.push(Fault::Wrong(*key)),
                Err(code) => seen.faults.push(Fault::Torn(*key, code)),
            }
        }
        for pair in seen.readable.iter().collect::<Vec<_>>().windows(2).filter(|pair| pair[0].id == pair[1].id) {
            if let Err(code) = read(&own, Reference::Newest(pair[0].id)).await {
                seen.faults.push(Fault::Refused("reading the newest version", code));
            }
        }
        // All have one signer, so one is enough to see whether he can be found.
        let foreign = vault(&self.readers[1], data).await;
        for key in seen.readable.iter().take(if thoroughly { usize::MAX } else { 1 }) {
            if let Err(code) = read(&foreign, Reference::Exact(*key)).await {
                seen.faults.push(Fault::Unverified(*key, code));
            }
        }
    }

    /// Whoever goes on there can store something new, and save again what may have been lost.
    async fn write(&self, data: &Path, seen: &mut Observation, thoroughly: bool) {
        let vault = vault(&self.readers[0], data).await;
        let options = CreateOptions { no_save: true, ..CreateOptions::default() };
        let text = self.readers[0].create_document("{\"new\":1}", &options, &Cancel::default()).await.unwrap();
        let lost = self.texts.iter().filter(|(key, _)| **key != self.readers[0].key && !seen.listed.contains(key));
        for text in lost.map(|(_, text)| text).take(if thoroughly { usize::MAX } else { 1 }).chain([&text]) {
            let saved = async {
                let stored = vault.save(text).await?;
                vault.get(Reference::Exact(stored.key), &ReadOptions::default()).await
            };
            match saved.await {
                Ok(stored) if *stored.text == *text => {}
                Ok(stored) => seen.faults.push(Fault::Wrong(stored.key)),
                Err(error) => seen.faults.push(Fault::Refused("saving", error.code())),
            }
        }
        if thoroughly {
            let agent = load(&self.folder, data, "full").await;
            let made = agent.create_document("{\"new\":2}", &CreateOptions::default(), &Cancel::default()).await;
            if let Err(error) = made {
                seen.faults.push(Fault::Refused("creating", error.code()));
            }
        }
    }
}

fn make(root: &Path, tree: &Tree, contents: &Contents) {
    std::fs::create_dir(root).unwrap();
    // In this order a directory comes before what is in it.
    for (path, entry) in tree {
        match entry {
            Entry::Directory => std::fs::create_dir(root.join(path)).unwrap(),
            Entry::File(content) => std::fs::write(root.join(path), contents.bytes(*content)).unwrap(),
        }
    }
}

/// The versions whose files are there; everything else must be a directory of the layout or a temporary file.
fn layout(tree: &Tree, seen: &mut Observation) -> BTreeSet<DocumentKey> {
    let mut versions = BTreeSet::new();
    for (path, entry) in tree {
        let below = path.strip_prefix(DATA).map(|below| below.trim_start_matches('/'));
        let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
        let parts: Vec<&str> = below.unwrap_or_default().split('/').collect();
        match (entry, below.and_then(ObjectKey::parse)) {
            (Entry::File(_), Some(ObjectKey::Version { key, .. })) => _ = versions.insert(key),
            (Entry::File(_), Some(ObjectKey::File(_))) => {}
            (Entry::File(_), None) if name.starts_with(TEMPORARY) => {}
            (Entry::Directory, _) if DATA.starts_with(path.as_str()) => {}
            (Entry::Directory, _) if matches!(parts[..], ["documents" | "agents" | "files"]) => {}
            (Entry::Directory, _) if matches!(parts[..], ["documents" | "agents", id] if id.parse::<DocumentId>().is_ok()) =>
                {}
            _ => seen.faults.push(Fault::Stray(path.clone())),
        }
    }
    versions
}

async fn vault(reader: &Agent, data: &Path) -> Vault {
    let settings = Settings::Fs { root: data.to_owned(), durability: Durability::Full };
    let store = Store::open(&settings).await.unwrap();
    let config = &reader.config;
    let own = OwnKey::new(reader.key, reader.public_key().clone(), [], Vec::new());
    let keyring = Keyring::new(
        Some(own),
        store.clone(),
        Sources { order: config.key_resolution.clone(), ..Sources::default() },
        config.max_document_bytes,
    );
    Vault {
        store,
        keyring,
        minimum_trust: config.minimum_trust,
        update_policy: config.update_policy,
        max_bytes: config.max_document_bytes,
        // What a former state had is not what this one has.
        cache: Cache::new(CacheLimits { bytes: 0, ttl: Duration::ZERO, latest_ttl: Duration::ZERO }),
        successions: Default::default(),
    }
}

async fn list(vault: &Vault) -> BTreeSet<DocumentKey> {
    let mut listed = BTreeSet::new();
    for kind in [Kind::Document, Kind::Agent] {
        let filter = ListFilter { all_versions: true, ..ListFilter::default() };
        let mut listing = vault.list(kind, filter).await.unwrap();
        loop {
            let page = listing.next_page(vault, || Ok(())).await.unwrap();
            if page.is_empty() {
                break;
            }
            listed.extend(page.iter().map(|entry| entry.key));
        }
    }
    listed
}

async fn read(vault: &Vault, reference: Reference) -> Result<String, Code> {
    let read = vault.get(reference, &ReadOptions::default()).await;
    read.map(|stored| stored.text.to_string()).map_err(|error| error.code())
}
