//! Verified documents kept in memory: bytes, hash and signature are remembered, for versions never change. Whose key it
//! is that made the signature is decided on every read.
//!
//! What this process removes or writes is forgotten in every cache of the process at once, whichever agent did it; what
//! other processes do is seen when an entry has come of age.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use moka::sync::Cache as Table;

use crate::crypto::PublicKey;
use crate::document::{Claim, Header, SignedBy};
use crate::id::{DocumentId, DocumentKey};
use crate::store::Kind;

/// What an entry takes beside its text, in bytes, roughly: header, key of the signature, the table itself.
const OVERHEAD: usize = 1024;
/// A text longer than this part of the whole is not kept, or a few would push out everything else.
const LARGEST_PART: u64 = 8;
/// Documents that are looked up for their newest version, at most.
const NEWEST: u64 = 100_000;
/// Ids that change are told apart by this many groups.
const GROUPS: usize = 64;

/// How much is kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// 0: nothing is kept.
    pub bytes: u64,
    /// How late the removal of a version by another process may be seen; 0: nothing is kept.
    pub ttl: Duration,
    /// How late a newer version by another process may be seen; 0: the store is asked every time.
    pub latest_ttl: Duration,
}

/// How a cache was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Reads that were answered from memory.
    pub hits: u64,
    /// Reads that looked there in vain.
    pub misses: u64,
    /// Documents in memory, and the bytes that they are counted with.
    pub entries: u64,
    pub bytes: u64,
    pub max_bytes: u64,
}

/// A version whose every check held.
pub struct Verified {
    pub text: Arc<String>,
    pub header: Header,
    /// The key that made the signature.
    pub key: PublicKey,
    public_key_hash: String,
    by: SignedBy<'static>,
}

impl Verified {
    pub fn new(text: Arc<String>, header: Header, claim: &Claim, key: PublicKey) -> Verified {
        let public_key_hash = claim.by.public_key_hash.to_owned();
        let by = SignedBy { public_key_hash: "", ..claim.by };
        Verified { text, header, key, public_key_hash, by }
    }

    /// What it takes in memory, roughly: the header has copies of some fields.
    fn bytes(&self) -> usize {
        let Header { document_type, merged_versions, .. } = &self.header;
        self.text.capacity() + document_type.len() + size_of_val(merged_versions.as_slice()) + OVERHEAD
    }

    pub fn by(&self) -> SignedBy<'_> {
        SignedBy { public_key_hash: &self.public_key_hash, ..self.by }
    }
}

type Versions = Table<(Kind, DocumentKey), Arc<Verified>>;

/// The cache of one agent's view of a store.
pub struct Cache {
    versions: Option<Versions>,
    newest: Option<Table<DocumentId, (Kind, DocumentKey)>>,
    max_bytes: u64,
    /// How often an id of each group changed: what was read before a change is not kept after it.
    changes: Vec<Mutex<u64>>,
    hasher: RandomState,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The state of a document's group before it was read.
#[derive(Clone, Copy)]
pub struct Before(u64);

/// Every cache of this process.
static CACHES: LazyLock<Mutex<Vec<Weak<Cache>>>> = LazyLock::new(Mutex::default);

impl Cache {
    pub fn new(limits: CacheLimits) -> Arc<Cache> {
        let keeps = limits.bytes > 0 && !limits.ttl.is_zero();
        let weigh =
            |_: &(Kind, DocumentKey), verified: &Arc<Verified>| u32::try_from(verified.bytes()).unwrap_or(u32::MAX);
        let versions = || Table::builder().weigher(weigh).max_capacity(limits.bytes).time_to_live(limits.ttl).build();
        let newest = || Table::builder().max_capacity(NEWEST).time_to_live(limits.latest_ttl).build();
        let cache = Arc::new(Cache {
            versions: keeps.then(versions),
            newest: (!limits.latest_ttl.is_zero()).then(newest),
            max_bytes: if keeps { limits.bytes } else { 0 },
            changes: (0..GROUPS).map(|_| Mutex::new(0)).collect(),
            hasher: RandomState::new(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        });
        let mut caches = caches();
        caches.retain(|cache| cache.strong_count() > 0);
        caches.push(Arc::downgrade(&cache));
        cache
    }

    pub fn get(&self, kind: Kind, key: DocumentKey) -> Option<Arc<Verified>> {
        self.versions.as_ref()?.get(&(kind, key))
    }

    /// Counts a read that looked here.
    pub fn count(&self, hit: bool) {
        if self.versions.is_some() {
            let counter = if hit { &self.hits } else { &self.misses };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// To be called before the store is read.
    pub fn before(&self, id: DocumentId) -> Before {
        Before(*self.group(id))
    }

    /// Whether a text of this size would be kept.
    pub fn takes(&self, text: &String) -> bool {
        self.versions.is_some() && text.capacity() as u64 <= self.max_bytes / LARGEST_PART
    }

    /// Keeps what was read, unless the document changed since.
    pub fn keep(&self, before: Before, kind: Kind, verified: Verified) {
        let Some(versions) = &self.versions else { return };
        let key = verified.header.key;
        let group = self.group(key.id);
        if *group == before.0 {
            versions.insert((kind, key), Arc::new(verified));
        }
    }

    pub fn newest(&self, id: DocumentId) -> Option<(Kind, DocumentKey)> {
        self.newest.as_ref()?.get(&id)
    }

    /// Keeps which version is the newest, unless the document changed since.
    pub fn keep_newest(&self, before: Before, kind: Kind, key: DocumentKey) {
        let Some(newest) = &self.newest else { return };
        let group = self.group(key.id);
        if *group == before.0 {
            newest.insert(key.id, (kind, key));
        }
    }

    pub fn counts(&self) -> CacheCounts {
        let versions = self.versions.as_ref();
        versions.inspect(|versions| versions.run_pending_tasks());
        CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries: versions.map_or(0, Table::entry_count),
            bytes: versions.map_or(0, Table::weighted_size),
            max_bytes: self.max_bytes,
        }
    }

    fn forget(&self, kind: Kind, key: DocumentKey) {
        let mut group = self.group(key.id);
        *group += 1;
        if let Some(versions) = &self.versions {
            versions.invalidate(&(kind, key));
        }
        match (&self.newest, kind) {
            (None, _) => {}
            (Some(newest), Kind::Document) => newest.invalidate(&key.id),
            // Versions that an agent signed may count from now on, of whatever document.
            (Some(newest), Kind::Agent) => {
                drop(group);
                self.changes.iter().for_each(|group| *lock(group) += 1);
                newest.invalidate_all();
            }
        }
    }

    fn group(&self, id: DocumentId) -> MutexGuard<'_, u64> {
        let group = self.hasher.hash_one(id) as usize % GROUPS;
        lock(&self.changes[group])
    }
}

/// To be called when a version was stored or removed, or may have been. Stored, too: another process may have removed the
/// one with other bytes that had this key before.
pub fn changed(kind: Kind, key: DocumentKey) {
    let live: Vec<Arc<Cache>> = caches().iter().filter_map(Weak::upgrade).collect();
    live.iter().for_each(|cache| cache.forget(kind, key));
}

fn caches() -> MutexGuard<'static, Vec<Weak<Cache>>> {
    lock(&CACHES)
}

/// What is behind these locks is whole between any two statements, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
