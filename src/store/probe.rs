//! The doctor's look at a backend behind a network: what it lets us do, shown by doing it to one object that is removed
//! afterwards. Nothing else is written.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use opendal::ErrorKind;
use uuid::Uuid;

use super::layout::{self, Kind};
use super::remote::{Remote, Seen};
use super::{CreateOnce, Store};
use crate::error::Error;

/// Begins the name of a probe object; no name of the layout does.
const NAME: &str = ".jacs-probe-";
const FIRST: &[u8] = b"jacs-agent doctor: this object is removed at once";
const SECOND: &[u8] = b"jacs-agent doctor: this must not replace the first";
/// Bytes of an upload that is broken off.
const LONG: usize = 256 << 10;
/// A server may notice a broken connection a little later.
const NOTICED: Duration = Duration::from_millis(300);

/// What a look at a server found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Scheme, host and path.
    pub endpoint: String,
    /// `None` where it was not tried.
    pub may: Abilities,
    pub create_once: CreateOnce,
    /// Whether the bucket keeps versions; `None` where nothing tells.
    pub versioning: Option<bool>,
    /// How the server says that it encrypts, such as `AES256`.
    pub encryption: Option<String>,
    /// Whether listings come in the order of keys.
    pub listing_sorted: bool,
    /// The server's clock minus ours, to the second; positive when ours is late.
    pub clock_skew_seconds: Option<i64>,
    /// Whether an upload that was broken off could be seen; `None` where it cannot be or was not tried.
    pub partial_uploads: Option<bool>,
    /// What failed, in the order in which it was tried.
    pub failures: Vec<(&'static str, Error)>,
}

/// What the credentials allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    pub list: Option<bool>,
    pub write: Option<bool>,
    pub read: Option<bool>,
    pub remove: Option<bool>,
}

impl Store {
    /// Looks at the server; with `write` at what writing does there. `None` for a backend that is no server.
    pub async fn probe(&self, write: bool) -> Option<Findings> {
        let remote = self.0.remote.as_ref()?;
        // One at a time: they would see each other's answers.
        let _alone = remote.probing.lock().await;
        remote.watch.begin();
        let mut findings = Findings {
            endpoint: remote.endpoint.clone(),
            may: Abilities::default(),
            create_once: self.create_once(),
            versioning: None,
            encryption: None,
            listing_sorted: remote.sorted,
            clock_skew_seconds: None,
            partial_uploads: None,
            failures: Vec::new(),
        };
        let listed = self.probe_listing().await;
        findings.may.list = Some(findings.note("listing", self, listed).is_some());
        if write {
            let name = format!("{NAME}{}", Uuid::new_v4());
            self.probe_object(remote, &name, &mut findings).await;
            self.probe_cut(remote, &mut findings).await;
        }
        findings.learn(&remote.watch.end());
        Some(findings)
    }

    async fn probe_listing(&self) -> opendal::Result<()> {
        let directory = layout::kind_prefix(Kind::Agent);
        let mut lister = self.operator().lister_with(&directory).limit(1).await?.into();
        self.next_listed(&mut lister, &mut self.turn().await).await.map(drop)
    }

    async fn probe_object(&self, remote: &Remote, name: &str, findings: &mut Findings) {
        // As every write, it is looked at when its answer was lost.
        let written = self.put_once(name, &Bytes::from_static(FIRST)).await;
        findings.may.write = Some(findings.note("writing", self, written).is_some());
        if findings.may.write == Some(true) {
            self.probe_written(remote, name, findings).await;
        }
        // Also what a failed write may have left.
        let removed = self.within(&self.turn().await, 0, self.operator().delete(name)).await;
        if findings.may.write == Some(true) {
            findings.may.remove = Some(findings.note("removing", self, removed).is_some());
        }
    }

    async fn probe_written(&self, remote: &Remote, name: &str, findings: &mut Findings) {
        let kept = match self.write(name, &Bytes::from_static(SECOND)).await {
            Err(error) if error.kind() == ErrorKind::ConditionNotMatch => Some(true),
            second => findings.note("writing twice", self, second).map(|()| false),
        };
        let read = self.read(name, LONG as u64).await;
        let read = findings.note("reading", self, read).flatten();
        let stands = |text: &[u8]| read.as_ref().is_some_and(|read| read == text);
        // A server may refuse in words and replace all the same.
        let kept = kept.map(|kept| kept && !stands(SECOND));
        if let Some(kept) = kept {
            remote.learn(kept);
            findings.create_once = if kept { self.create_once() } else { CreateOnce::None };
        }
        findings.may.read = Some(stands(if kept == Some(false) { SECOND } else { FIRST }));
    }

    async fn probe_cut(&self, remote: &Remote, findings: &mut Findings) {
        let Some(cut) = remote.cut.as_ref().filter(|_| findings.may.write == Some(true)) else { return };
        let name = format!("{NAME}{}", Uuid::new_v4());
        cut.arm(&name);
        // It must fail; what matters is what is to be seen afterwards.
        drop(self.write(&name, &Bytes::from(vec![b'x'; LONG])).await);
        tokio::time::sleep(NOTICED).await;
        let seen = self.within(&self.turn().await, 0, self.operator().exists(&name)).await;
        findings.partial_uploads = findings.note("looking for a broken upload", self, seen);
        if findings.partial_uploads == Some(true) {
            let removed = self.within(&self.turn().await, 0, self.operator().delete(&name)).await;
            findings.note("removing", self, removed);
        }
    }
}

impl Findings {
    fn note<T>(&mut self, what: &'static str, store: &Store, result: opendal::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failures.push((what, store.fail_listing(error, "")));
                None
            }
        }
    }

    /// From headers that OpenDAL does not pass on.
    fn learn(&mut self, answers: &[Seen]) {
        for answer in answers {
            let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
            if let Some(date) = header("date").and_then(|date| rfc2822::parse(date).ok()) {
                self.clock_skew_seconds = Some(skew(date.timestamp(), answer.at));
            }
            if answer.method == http::Method::PUT && answer.status.is_success() {
                let version = header("x-amz-version-id");
                // Only servers of S3 name the request, and the version where they keep it.
                if version.is_some() || header("x-amz-request-id").is_some() {
                    self.versioning = Some(version.is_some_and(|version| version != "null"));
                }
            }
            if let Some(encryption) = header("x-amz-server-side-encryption") {
                self.encryption = Some(encryption.to_owned());
            }
        }
    }
}

fn skew(server: Timestamp, here: SystemTime) -> i64 {
    let here = Timestamp::try_from(here).map_or(0, Timestamp::as_second);
    server.as_second() - here
}
