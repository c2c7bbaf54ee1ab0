//! What must hold in a data directory whose process was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use jacs_agent::agent::{Agent, CreateOptions, UpdateOptions};
use jacs_agent::cancel::Cancel;
use jacs_agent::crypto::sha256_hex;
use jacs_agent::id::{DocumentId, DocumentKey, Reference};
use jacs_agent::store::{Kind, ObjectKey};
use jacs_agent::vault::{Chain, ListFilter, ReadOptions, VerifyOptions};

use crate::store_support::tree;
use crate::worker::{Setting, key_of, load, make_agent, runtime};

/// Versions and the SHA-256 of each text.
pub type Versions = BTreeMap<DocumentKey, String>;

/// What lies in a data directory.
#[derive(Default)]
pub struct Contents {
    pub documents: Versions,
    pub agents: Versions,
    /// Names of temporary files.
    pub temporary: Vec<String>,
}

impl Contents {
    /// Asserts that nothing else lies there.
    pub fn of(data: &Path) -> Contents {
        let mut contents = Contents::default();
        // A child that was killed early has not made it.
        let names = if data.exists() { tree(data) } else { Vec::new() };
        for name in names {
            let path = data.join(&name);
            if path.symlink_metadata().unwrap().is_dir() {
                assert!(is_directory_of_the_layout(&name), "{name}");
                continue;
            }
            match ObjectKey::parse(&name) {
                Some(ObjectKey::Version { kind, key }) => {
                    let hash = sha256_hex(&fs::read(&path).unwrap());
                    contents.versions_mut(kind).insert(key, hash);
                }
                Some(ObjectKey::File(_)) => panic!("nobody stored an attachment: {name}"),
                None => {
                    let (parent, own) = name.rsplit_once('/').unwrap();
                    assert!(own.starts_with(".tmp-") && is_directory_of_the_layout(parent), "{name}");
                    contents.temporary.push(name);
                }
            }
        }
        contents
    }

    fn versions_mut(&mut self, kind: Kind) -> &mut Versions {
        match kind {
            Kind::Document => &mut self.documents,
            Kind::Agent => &mut self.agents,
        }
    }

    fn histories(&self) -> BTreeMap<DocumentId, Vec<DocumentKey>> {
        let mut histories: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for key in self.documents.keys() {
            histories.entry(key.id).or_default().push(*key);
        }
        histories
    }
}

fn is_directory_of_the_layout(name: &str) -> bool {
    match name.split_once('/') {
        None => ["agents", "documents"].contains(&name),
        Some((kind, id)) => is_directory_of_the_layout(kind) && id.parse::<DocumentId>().is_ok(),
    }
}

/// Asserts that `known` is in the data directory, byte by byte, and that the agent sees all that is there, valid.
pub async fn check(agent: &Agent, contents: &Contents, known: &Versions, data: &Path) {
    for (key, hash) in known {
        assert_eq!(contents.documents.get(key), Some(hash), "{key} was promised or seen before");
    }
    // What an agent signed is of use to others only with its own document beside it.
    let published = contents.agents.keys().eq([&agent.key]);
    assert!(published || (contents.agents.is_empty() && contents.documents.is_empty()), "{:?}", contents.agents);
    for (kind, versions) in [(Kind::Document, &contents.documents), (Kind::Agent, &contents.agents)] {
        for key in versions.keys() {
            let text = agent.get(Reference::Exact(*key), &ReadOptions::default(), &Cancel::default()).await;
            let path = data.join(ObjectKey::Version { kind, key: *key }.path());
            assert!(*text.unwrap() == fs::read_to_string(path).unwrap(), "{key} is read as another text");
        }
        assert_eq!(listed(agent, kind, true).await, versions.keys().copied().collect());
    }
    let histories = contents.histories();
    let newest = histories.values().map(|versions| *versions.last().unwrap());
    assert_eq!(listed(agent, Kind::Document, false).await, newest.collect());
    for (id, versions) in histories.iter().filter(|(_, versions)| versions.len() > 1) {
        check_history(agent, *id, versions).await;
    }
}

async fn listed(agent: &Agent, kind: Kind, all_versions: bool) -> BTreeSet<DocumentKey> {
    let filter = ListFilter { all_versions, ..ListFilter::default() };
    let mut listing = agent.list(kind, filter).await.unwrap();
    let mut listed = BTreeSet::new();
    loop {
        let page = agent.next_page(&mut listing, &Cancel::default()).await.unwrap();
        if page.is_empty() {
            return listed;
        }
        for entry in page {
            assert!(listed.insert(entry.key), "{} is listed twice", entry.key);
        }
    }
}

/// Each version replaces the one before it, by its hash; the last one is the only head.
async fn check_history(agent: &Agent, id: DocumentId, versions: &[DocumentKey]) {
    let history = agent.history(id, &VerifyOptions::default(), &Cancel::default()).await.unwrap();
    assert!(history.valid && history.gaps.is_empty(), "{history:?}");
    assert_eq!(history.heads, versions[versions.len() - 1..]);
    let found: Vec<DocumentKey> = history.versions.iter().map(|entry| entry.state.key).collect();
    assert_eq!(found, versions);
    let mut before = None;
    for entry in &history.versions {
        let expected = if before.is_none() { Chain::First } else { Chain::Linked };
        assert_eq!(entry.chain, expected, "{}", entry.state.key);
        let previous = entry.state.header.as_ref().unwrap().previous_version;
        assert_eq!(previous, before, "{} is on a branch", entry.state.key);
        before = Some(entry.state.key.version);
    }
}

/// The agent creates and updates there, also what the killed process left; what it stored.
pub async fn work_on(agent: &Agent, contents: &Contents) -> Versions {
    let options = UpdateOptions::default();
    let created = agent.create_document(r#"{"still":"at work"}"#, &CreateOptions::default(), &Cancel::default()).await;
    let created = created.unwrap();
    let longest = contents.histories().into_values().max_by_key(Vec::len);
    let left = longest.map(|versions| versions[versions.len() - 1]);
    let mut stored = Versions::from([(key_of(&created), sha256_hex(created.as_bytes()))]);
    for key in [key_of(&created)].into_iter().chain(left) {
        let updated = agent.update_document(Reference::Exact(key), r#"{"n":0}"#, &options, &Cancel::default()).await;
        let updated = updated.unwrap();
        let newest = agent.get(Reference::Newest(key.id), &ReadOptions::default(), &Cancel::default()).await.unwrap();
        assert!(*newest == updated, "{key} has another newest version");
        stored.insert(key_of(&updated), sha256_hex(updated.as_bytes()));
    }
    stored
}

#[test]
fn the_survey_notices_what_is_lost_torn_or_astray() {
    type Damage = fn(&Path, &[PathBuf]);
    let damages: [Damage; 5] = [
        |_, versions| fs::remove_file(&versions[0]).unwrap(),
        // The promised versions are there, but the chain has a gap.
        |_, versions| fs::remove_file(&versions[1]).unwrap(),
        |_, versions| fs::File::options().write(true).open(&versions[2]).unwrap().set_len(100).unwrap(),
        |_, versions| fs::copy(&versions[0], versions[0].with_extension("json~")).map(drop).unwrap(),
        |data, _| fs::remove_dir_all(data.join("agents")).unwrap(),
    ];
    survey_after(|_, _| ());
    for (number, damage) in damages.into_iter().enumerate() {
        let surveyed = catch_unwind(|| survey_after(damage));
        assert!(surveyed.is_err(), "damage {number} went unnoticed");
    }
}

/// Surveys a document of three versions, of which the first and the last were promised, after some damage.
fn survey_after(damage: fn(&Path, &[PathBuf])) {
    let place = tempfile::tempdir().unwrap();
    let (config, data) = (make_agent(place.path()), place.path().join("data"));
    runtime().block_on(async {
        let agent = load(Setting { config: &config, data: &data, storage_options: "{}" }).await;
        let mut known = work_on(&agent, &Contents::default()).await;
        known.extend(work_on(&agent, &Contents::of(&data)).await);
        let contents = Contents::of(&data);
        let versions = contents.histories().into_values().max_by_key(Vec::len).unwrap();
        assert_eq!(versions.len(), 3);
        known.remove(&versions[1]);
        let paths = versions.iter().map(|key| data.join(ObjectKey::Version { kind: Kind::Document, key: *key }.path()));
        damage(&data, &paths.collect::<Vec<_>>());
        check(&agent, &Contents::of(&data), &known, &data).await;
    });
}
