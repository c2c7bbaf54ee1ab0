//! What every backend must do: plain functions over a store, run for each.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::fs::Publish;
use super::{Access, Aws, Durability, Hai, Kind, Name, ObjectKey, Put, Settings, Sha256Hex, Store};
use crate::environment::Environment;
use crate::error::Code;
use crate::id::{DocumentId, DocumentKey, Version};

const NO_LIMIT: u64 = u64::MAX;

/// Runs the contract over `fresh` stores, each empty.
async fn hold(fresh: &dyn Fn() -> Store) {
    hold_without_contest(fresh).await;
    contested_keys_have_one_winner(fresh()).await;
}

/// For a server whose conditions are not atomic.
async fn hold_without_contest(fresh: &dyn Fn() -> Store) {
    an_empty_store_has_nothing(fresh()).await;
    what_is_put_is_got(fresh()).await;
    a_key_keeps_its_first_bytes(fresh()).await;
    a_limit_is_kept(fresh()).await;
    removal_takes_one_version(fresh()).await;
    listing_is_sorted_and_complete(fresh()).await;
    ids_go_on_after_any_id(fresh()).await;
    many_are_removed_at_once(fresh()).await;
    locks_exclude(fresh()).await;
    large_objects_come_back_whole(fresh()).await;
}

/// Callers run all of it on threads of their choice.
#[test]
fn everything_can_be_sent() {
    fn sent<T: Send>(_: T) {}
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Store>();
    shared::<super::Ids>();
    shared::<super::Lock>();
    let _ = |store: &'static Store, ids: &'static mut super::Ids, key: &'static ObjectKey, id: DocumentId| {
        sent(Store::open(&Settings::Memory));
        sent(store.put(key, Bytes::new(), Name::Given));
        sent(store.get(key, 0));
        sent(store.exists(key));
        sent(store.file_length(Sha256Hex::from([0; 32])));
        sent(store.remove(key));
        sent(store.versions(Kind::Agent, id));
        sent(store.entries(Kind::Agent, id));
        sent(store.ids(Kind::Agent));
        sent(store.lock(Kind::Agent, id));
        sent(ids.next());
    };
}

fn version_of(id: DocumentId) -> ObjectKey {
    ObjectKey::Version { kind: Kind::Document, key: DocumentKey { id, version: Version::now() } }
}

fn any_version() -> ObjectKey {
    version_of(DocumentId::random())
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn all_ids(store: &Store, after: Option<DocumentId>) -> Vec<DocumentId> {
    let mut ids = store.ids(Kind::Document).await.unwrap();
    if let Some(after) = after {
        ids.seek_after(after);
    }
    let mut all = Vec::new();
    while let Some(id) = ids.next().await.unwrap() {
        all.push(id);
    }
    assert_eq!(ids.next().await.unwrap(), None, "the end is not the end");
    all
}

async fn an_empty_store_has_nothing(store: Store) {
    let (key, id) = (any_version(), DocumentId::random());
    assert_eq!(store.get(&key, NO_LIMIT).await.unwrap_err().code(), Code::NotFound);
    assert!(!store.exists(&key).await.unwrap());
    assert_eq!(store.file_length(Sha256Hex::from([0xcd; 32])).await.unwrap(), None);
    let error = store.remove(&key).await.unwrap_err();
    assert_eq!((error.code(), error.details().key.clone()), (Code::NotFound, Some(key.to_string())));
    assert_eq!(store.versions(Kind::Document, id).await.unwrap(), []);
    assert_eq!(all_ids(&store, None).await, []);
    // Behind a network nothing is asked for a lock.
    if store.0.remote.is_none() {
        assert_eq!(store.lock(Kind::Document, id).await.err().unwrap().code(), Code::NotFound);
    }
}

async fn what_is_put_is_got(store: Store) {
    let file = ObjectKey::File(Sha256Hex::from([0xab; 32]));
    let agent = ObjectKey::Version {
        kind: Kind::Agent,
        key: DocumentKey { id: DocumentId::random(), version: Version::now() },
    };
    for (key, bytes) in [(any_version(), text("{}")), (agent, text("{\"a\":1}")), (file, Bytes::new())] {
        assert_eq!(store.put(&key, bytes.clone(), Name::Given).await.unwrap(), Put::Created);
        assert!(store.exists(&key).await.unwrap());
        assert_eq!(store.get(&key, NO_LIMIT).await.unwrap(), bytes);
    }
    assert_eq!(store.file_length(Sha256Hex::from([0xab; 32])).await.unwrap(), Some(0));
}

async fn a_key_keeps_its_first_bytes(store: Store) {
    let key = any_version();
    assert_eq!(store.put(&key, text("first"), Name::Given).await.unwrap(), Put::Created);
    assert_eq!(store.put(&key, text("first"), Name::Given).await.unwrap(), Put::Same);
    for other in ["", "f", "fIrst", "first and longer"] {
        let error = store.put(&key, text(other), Name::Given).await.unwrap_err();
        assert_eq!((error.code(), error.details().key.clone()), (Code::Conflict, Some(key.to_string())));
    }
    assert_eq!(store.get(&key, NO_LIMIT).await.unwrap(), b"first");
}

async fn a_limit_is_kept(store: Store) {
    let key = any_version();
    store.put(&key, text("12345"), Name::Given).await.unwrap();
    assert_eq!(store.get(&key, 5).await.unwrap(), b"12345");
    let error = store.get(&key, 4).await.unwrap_err();
    assert_eq!(error.code(), Code::Hash);
    assert!(error.to_string().contains("limit: 4"), "{error}");
}

async fn removal_takes_one_version(store: Store) {
    let id = DocumentId::random();
    let (first, second) = (version_of(id), version_of(id));
    store.put(&first, text("first"), Name::Given).await.unwrap();
    store.put(&second, text("second"), Name::Given).await.unwrap();
    store.remove(&first).await.unwrap();
    assert_eq!(store.remove(&first).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(store.get(&second, NO_LIMIT).await.unwrap(), b"second");
    store.remove(&second).await.unwrap();
    assert_eq!(store.versions(Kind::Document, id).await.unwrap(), []);
    // An empty collection stays on WebDAV: to remove it could take along what others have just put there.
    let page = store.documents(Kind::Document).await.unwrap().next_page(10).await.unwrap();
    assert!(page.into_iter().all(|document| document.entries.unwrap().is_empty()));
    if !matches!(&store.0.remote, Some(remote) if !remote.sorted) {
        assert_eq!(all_ids(&store, None).await, []);
    }
    assert_eq!(store.put(&first, text("anew"), Name::Given).await.unwrap(), Put::Created);
    assert_eq!(store.get(&first, NO_LIMIT).await.unwrap(), b"anew");
}

async fn listing_is_sorted_and_complete(store: Store) {
    let id = DocumentId::random();
    let mut versions: Vec<Version> = (0..300).map(|_| Version::now()).collect();
    for (position, version) in versions.iter().enumerate().rev() {
        let key = ObjectKey::Version { kind: Kind::Document, key: DocumentKey { id, version: *version } };
        store.put(&key, Bytes::from(vec![b'x'; position]), Name::Given).await.unwrap();
    }
    versions.sort();
    assert_eq!(store.versions(Kind::Document, id).await.unwrap(), versions);
    assert_eq!(store.versions(Kind::Agent, id).await.unwrap(), []);
    for (position, entry) in store.entries(Kind::Document, id).await.unwrap().into_iter().enumerate() {
        assert_eq!(entry.key, DocumentKey { id, version: versions[position] });
        assert_eq!(entry.bytes, Some(position as u64));
    }
}

async fn ids_go_on_after_any_id(store: Store) {
    let ids: BTreeSet<DocumentId> = (0..50).map(|_| DocumentId::random()).collect();
    for id in &ids {
        store.put(&version_of(*id), text("{}"), Name::Given).await.unwrap();
        store.put(&version_of(*id), text("[]"), Name::Given).await.unwrap();
    }
    let ids: Vec<DocumentId> = ids.into_iter().collect();
    assert_eq!(all_ids(&store, None).await, ids);
    assert_eq!(all_ids(&store, Some(ids[20])).await, ids[21..]);
    let absent = DocumentId::random();
    let rest: Vec<DocumentId> = ids.iter().copied().filter(|id| *id > absent).collect();
    assert_eq!(all_ids(&store, Some(absent)).await, rest);
    let mut walk = store.ids(Kind::Document).await.unwrap();
    assert_eq!(walk.next().await.unwrap(), Some(ids[0]));
    walk.seek_after(ids[30]);
    assert_eq!(walk.next().await.unwrap(), Some(ids[31]));
    walk.seek_after(ids[2]);
    assert_eq!(walk.next().await.unwrap(), Some(ids[32]), "it went back");
}

async fn many_are_removed_at_once(store: Store) {
    let id = DocumentId::random();
    let versions: Vec<Version> = (0..20).map(|_| Version::now()).collect();
    let object = |version| ObjectKey::Version { kind: Kind::Document, key: DocumentKey { id, version } };
    for version in &versions {
        store.put(&object(*version), text("{}"), Name::Given).await.unwrap();
    }
    store.remove(&object(versions[7])).await.unwrap();
    store.remove_all(Kind::Document, id, &versions).await.unwrap();
    assert_eq!(store.versions(Kind::Document, id).await.unwrap(), []);
    store.remove_all(Kind::Document, id, &versions).await.unwrap();
    store.remove_all(Kind::Document, id, &[]).await.unwrap();
}

async fn contested_keys_have_one_winner(store: Store) {
    let key = any_version();
    let writers: Vec<_> = (0..64)
        .map(|writer| {
            let store = store.clone();
            // Four writers of each text.
            let bytes = Bytes::from(format!("{:>100}", writer / 4));
            tokio::spawn(async move {
                (store.put(&key, bytes.clone(), Name::Given).await.map_err(|error| error.code()), bytes)
            })
        })
        .collect();
    let mut results = Vec::new();
    for writer in writers {
        results.push(writer.await.unwrap());
    }
    let stored = store.get(&key, NO_LIMIT).await.unwrap();
    assert_eq!(results.iter().filter(|(put, _)| *put == Ok(Put::Created)).count(), 1);
    for (put, bytes) in results {
        match bytes == stored {
            true => assert!(put.is_ok(), "{put:?}"),
            false => assert_eq!(put, Err(Code::Conflict)),
        }
    }
}

async fn locks_exclude(store: Store) {
    let id = DocumentId::random();
    store.put(&version_of(id), text("{}"), Name::Given).await.unwrap();
    let inside = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, inside) = (store.clone(), inside.clone());
            tokio::spawn(async move {
                let _lock = store.lock(Kind::Document, id).await.unwrap();
                assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn large_objects_come_back_whole(store: Store) {
    for length in [1 << 20, (1 << 20) + 1, (5 << 20) + 3] {
        let key = any_version();
        let bytes: Bytes = (0..length).map(|position: u32| (position % 251) as u8).collect();
        assert_eq!(store.put(&key, bytes.clone(), Name::Given).await.unwrap(), Put::Created);
        assert_eq!(store.put(&key, bytes.clone(), Name::Given).await.unwrap(), Put::Same);
        assert!(store.get(&key, NO_LIMIT).await.unwrap() == bytes);
        assert_eq!(store.get(&key, u64::from(length) - 1).await.unwrap_err().code(), Code::Hash);
        assert_eq!(store.put(&key, bytes.slice(1..), Name::Given).await.unwrap_err().code(), Code::Conflict);
    }
}

async fn hold_on_fs(publish: Publish, durability: Durability) {
    let place = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    hold(&|| {
        next.set(next.get() + 1);
        Store::local(&place.path().join(format!("not/there/{}", next.get())), durability, publish).unwrap()
    })
    .await;
    let mut left = std::process::Command::new("find");
    let left = left.arg(place.path()).args(["-name", ".*", "-o", "-type", "d", "-empty"]).output().unwrap().stdout;
    let left = String::from_utf8(left).unwrap();
    assert!(!left.contains(".tmp-"), "temporary files are left: {left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fs_durable() {
    hold_on_fs(Publish::Unnamed, Durability::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fs_not_durable() {
    hold_on_fs(Publish::Unnamed, Durability::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fs_with_temporary_names() {
    hold_on_fs(Publish::Named, Durability::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fs_without_links() {
    hold_on_fs(Publish::Renamed, Durability::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    let settings = Settings::Memory;
    let store = || futures::FutureExt::now_or_never(Store::open(&settings)).unwrap().unwrap();
    hold(&store).await;
}

/// The servers that `npm run servers` started; `None` where there are none.
fn servers() -> Option<serde_json::Value> {
    let text = std::fs::read(std::env::var_os("JACS_TEST_SERVERS")?).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

fn text_of(value: &serde_json::Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

fn opened(settings: Settings) -> Store {
    futures::FutureExt::now_or_never(Store::open(&settings)).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn aws() {
    let Some(servers) = servers() else { return };
    let rgw = &servers["rgw"];
    let variables = [
        ("AWS_ACCESS_KEY_ID", text_of(rgw, "accessKey")),
        ("AWS_SECRET_ACCESS_KEY", text_of(rgw, "secretKey")),
        ("AWS_REGION", text_of(rgw, "region")),
        ("AWS_ENDPOINT_URL_S3", text_of(rgw, "endpoint")),
    ];
    let bucket = format!("contract-{}", uuid::Uuid::new_v4());
    let mut make = std::process::Command::new("aws");
    make.args(["--endpoint-url", &text_of(rgw, "endpoint"), "s3api", "create-bucket", "--bucket", &bucket]);
    assert!(make.env_remove("AWS_CA_BUNDLE").envs(variables.clone()).output().unwrap().status.success());
    let next = std::cell::Cell::new(0);
    hold(&|| {
        next.set(next.get() + 1);
        // A prefix that an URL has to encode.
        let prefix = format!("deep prefix/100%/é+&/{}", next.get());
        let access = Access { environment: Environment::from_iter(variables.clone()), ..Access::default() };
        opened(Settings::Aws(Box::new(Aws { bucket: bucket.clone(), prefix, access, ..Aws::default() })))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hai() {
    let Some(servers) = servers() else { return };
    let dav = &servers["dav"];
    let variables = [("HAI_STORAGE_URL", text_of(dav, "url")), ("HAI_STORAGE_TOKEN", text_of(dav, "token"))];
    let place = uuid::Uuid::new_v4();
    let next = std::cell::Cell::new(0);
    hold_without_contest(&|| {
        next.set(next.get() + 1);
        let path = format!("contract {place}/100%/é+&/{}", next.get());
        let access = Access { environment: Environment::from_iter(variables.clone()), ..Access::default() };
        opened(Settings::Hai(Box::new(Hai { path, by_options: false, access })))
    })
    .await;
}
