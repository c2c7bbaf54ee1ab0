//! What every backend behind a network has in common: how long it is waited for, how often it is asked again, and what
//! is known about its promises.

pub(super) mod answer;
mod patient;
pub(super) mod streamed;
pub(super) mod transport;
mod watch;
pub(super) mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opendal::layers::RetryLayer;
use opendal::{ErrorKind, HttpTransport, HttpTransporter, OperationContext, Operator};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use self::answer::{Again, Verdict};
use self::patient::Patient;
pub(super) use self::watch::{Seen, Watch};
use super::CreateOnce;
use super::aws::credentials::Told;
use super::aws::presign::Presigner;
use crate::environment::Environment;
use crate::error::{Code, Error, Result, nearest};
use crate::net::{self, Client, Failure, What};

/// One operation, with all its attempts.
const TOTAL: Duration = Duration::from_secs(30);
/// One attempt may take this part of the total, so that a lost answer leaves time to ask again.
const ATTEMPTS_IN_TOTAL: u32 = 3;
const RETRIES: u32 = 3;
/// Requests under way at once: more than the client's connections need to fill a line, fewer than servers refuse.
const CONCURRENCY: u32 = 64;
/// Before the first retry; then twice as long each time, each with jitter of up to as much again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What the settings of every remote backend share.
///
/// `Debug` shows no option's value and no variable's: credentials may be among them.
#[derive(Clone, Default)]
pub struct Access {
    /// The longest that one operation may take with all its attempts, in milliseconds; bodies have four seconds more
    /// for each MiB. Default 30,000; one attempt has a third of it.
    pub timeout_ms: Option<u64>,
    /// How often a failed attempt is repeated; default 3.
    pub retries: Option<u32>,
    /// Operations under way at once; default 64.
    pub concurrency: Option<u32>,
    /// Plain http to hosts other than loopback.
    pub allow_http: bool,
    /// Options of the OpenDAL service, by its names.
    pub options: BTreeMap<String, String>,
    /// Where credentials, endpoints, proxies and certificates are looked for.
    pub environment: Environment,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("timeout_ms", &self.timeout_ms)
            .field("retries", &self.retries)
            .field("concurrency", &self.concurrency)
            .field("allow_http", &self.allow_http)
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Access {
    fn total(&self) -> Duration {
        self.timeout_ms.map_or(TOTAL, Duration::from_millis)
    }

    fn concurrency(&self) -> usize {
        self.concurrency.unwrap_or(CONCURRENCY) as usize
    }

    /// The HTTP client for these settings.
    pub(super) fn client(&self) -> Result<Client> {
        let wait = (self.total() / ATTEMPTS_IN_TOTAL).max(Duration::from_millis(1));
        Client::new(net::Limits { wait, connections: self.concurrency() }, &self.environment)
    }

    /// Errors: `JACS_CONFIG` for options that the service does not know.
    pub(super) fn check_options(&self, known: &BTreeSet<String>) -> Result<()> {
        let Some(unknown) = self.options.keys().find(|name| !known.contains(*name)) else { return Ok(()) };
        let error = Error::new(Code::Config, "the storage has no such option").with("option", unknown);
        Err(match nearest(unknown, known.iter().map(String::as_str)) {
            Some(near) => error.with("nearest", near),
            None => error,
        })
    }

    /// Checks a server's URL; returns it as the client will spell it. `name` is where it was set.
    ///
    /// Errors: `JACS_CONFIG`; the URL is not shown where it may hold a password.
    pub(super) fn check_url(&self, name: &'static str, url: &str) -> Result<String> {
        let url = net::server_url(name, url)?;
        match net::plain_host(&url).filter(|_| !self.allow_http) {
            None => Ok(url),
            Some(host) => {
                let message = "plain http goes to this machine only, unless `allow_http` is set";
                Err(Error::new(Code::Config, message).with("setting", name).with("host", host))
            }
        }
    }
}

/// A backend behind a network, beside its operator.
pub(super) struct Remote {
    /// The server, for people: scheme, host and path without credentials.
    pub endpoint: String,
    /// Whether listings come in the order of the keys' bytes.
    pub sorted: bool,
    /// Whether a write is conditional by an option of the service; where not, its transport says it or nothing does.
    pub conditional: bool,
    /// The server has refused a write because of its condition: it is left out from then on.
    pub knows_no_condition: AtomicBool,
    pub watch: Arc<Watch>,
    /// Whether its transport sends bodies as streams, where OpenDAL's service does not.
    pub streams: bool,
    /// Held by the doctor who looks.
    pub probing: tokio::sync::Mutex<()>,
    /// Only a dialect that can show half an upload has one.
    pub cut: Option<super::hai::Cut>,
    /// What the last look for credentials came to, where there is one for each request.
    pub told: Option<Told>,
    /// Only where a URL can carry a signature.
    pub presigner: Option<Box<Presigner>>,
    /// The operator that repeats requests and not steps: a write that is given up in the layer of retries could not be
    /// aborted any more.
    pub uploader: Option<Operator>,
    total: Duration,
    places: Arc<Semaphore>,
    once: Once,
}

/// The right to ask the server, until it is dropped.
pub(super) struct Turn {
    begun: Instant,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// The next of several operations of one turn has the whole time again.
    pub fn renew(&mut self) {
        self.begun = Instant::now();
    }
}

/// What is known about create-once.
enum Once {
    Known(CreateOnce),
    /// Learned by the first write that shows it; shared by all stores of this process at the same place.
    Learned(Arc<AtomicU8>),
}

const UNKNOWN: u8 = 0;
const KEPT: u8 = 1;
const IGNORED: u8 = 2;

/// What the servers of this process have shown.
fn shown(place: String) -> Arc<AtomicU8> {
    static SHOWN: Mutex<BTreeMap<String, Arc<AtomicU8>>> = Mutex::new(BTreeMap::new());
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    shown.entry(place).or_insert_with(|| Arc::new(AtomicU8::new(UNKNOWN))).clone()
}

impl Remote {
    /// `once` is `None` where the server has to show it, for each `place` on it.
    pub fn new(
        access: &Access,
        endpoint: String,
        place: &str,
        sorted: bool,
        conditional: bool,
        once: Option<CreateOnce>,
    ) -> Self {
        let once = once.map_or_else(|| Once::Learned(shown(format!("{endpoint} {place}"))), Once::Known);
        Self {
            endpoint,
            sorted,
            conditional,
            knows_no_condition: AtomicBool::new(false),
            watch: Arc::default(),
            streams: false,
            probing: tokio::sync::Mutex::default(),
            cut: None,
            told: None,
            presigner: None,
            uploader: None,
            total: access.total(),
            places: Arc::new(Semaphore::new(access.concurrency())),
            once,
        }
    }

    /// How surely a write is the first, as far as it is known.
    pub fn create_once(&self) -> Option<CreateOnce> {
        match &self.once {
            Once::Known(known) => Some(*known),
            Once::Learned(seen) => match seen.load(Ordering::Relaxed) {
                KEPT => Some(CreateOnce::Atomic),
                IGNORED => Some(CreateOnce::None),
                _ => None,
            },
        }
    }

    /// Remembers whether the server kept a condition that it should have refused.
    pub fn learn(&self, refused: bool) {
        if let Once::Learned(seen) = &self.once {
            seen.store(if refused { KEPT } else { IGNORED }, Ordering::Relaxed);
        }
    }

    /// Waits for one of the places of those that ask at the same time; that is no part of its time.
    pub async fn turn(&self) -> Turn {
        // Never closed, so there is always a permit in the end.
        let permit = self.places.clone().acquire_owned().await.ok();
        Turn { begun: Instant::now(), _permit: permit }
    }

    /// Gives up when the total time of a turn is over; `bytes` are sent or received.
    pub async fn within<T>(
        &self,
        turn: &Turn,
        bytes: u64,
        work: impl Future<Output = opendal::Result<T>>,
    ) -> opendal::Result<T> {
        match tokio::time::timeout_at(turn.begun + self.total + net::transfer(bytes), work).await {
            Ok(Err(error)) => Err(self.with_what_was_told(error)),
            Ok(done) => done,
            Err(_) => {
                let detail = format!("{} ms with all attempts", self.total.as_millis());
                let failure = Failure { what: What::Late, host: self.endpoint.clone(), detail };
                Err(opendal::Error::new(ErrorKind::Unexpected, "no answer in time").set_source(failure).set_temporary())
            }
        }
    }

    /// A request that could not be signed says why.
    fn with_what_was_told(&self, error: opendal::Error) -> opendal::Error {
        let Some(told) = self.told.as_ref().filter(|_| error.message() == UNSIGNED) else { return error };
        match told.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(none) => opendal::Error::new(ErrorKind::ConfigInvalid, "no credentials").set_source(none),
            None => Verdict::error(ErrorKind::ConfigInvalid, Again::No, "nothing can be signed with these credentials"),
        }
    }
}

/// OpenDAL's message for a request that its service could not sign.
const UNSIGNED: &str = "signing http request";

/// The backend's operators with our transport, one with retries and, for uploads in parts, one without. From the inside out: the transport's time limit for each request,
/// retries; around both, [`Remote::within`] limits the number and the whole time of operations. OpenDAL's own layers for
/// that would count the wait for a place as time, and give large bodies no more than small ones.
pub(super) fn dress(
    operator: Operator,
    access: &Access,
    transport: impl HttpTransport,
    mut remote: Remote,
) -> (Operator, Remote) {
    let retries = access.retries.unwrap_or(RETRIES);
    let transport = HttpTransporter::new(transport);
    let patient = HttpTransporter::new(Patient::new(transport.clone(), retries));
    let context = |transport| OperationContext::new().with_http_transport(transport);
    let retry = RetryLayer::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_max_times(retries as usize)
        .with_jitter()
        .with_notify(|_: opendal::layers::RetryEvent<'_>| {});
    remote.uploader = Some(operator.clone().with_context(context(patient)));
    (operator.with_context(context(transport)).layer(retry), remote)
}

/// OpenDAL's refusal of settings. It repeats the value in some of its messages; its kind and our names are enough.
pub(super) fn invalid(error: opendal::Error) -> Error {
    Error::new(Code::Config, "the storage cannot be set up").with("kind", error.kind())
}

/// How long to wait before a request is repeated: as the layer of retries has it, twice as long each time, with jitter.
fn pause(attempt: u32) -> Duration {
    let longest = (FIRST_PAUSE * 2_u32.pow(attempt.min(10))).min(LONGEST_PAUSE);
    longest + longest * (uuid::Uuid::new_v4().as_u128() as u32 % 1024) / 1024
}

/// The names of the options that a service's configuration has.
pub(super) fn known_options(config: &impl serde::Serialize) -> BTreeSet<String> {
    match serde_json::to_value(config) {
        Ok(serde_json::Value::Object(members)) => members.into_iter().map(|(name, _)| name).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine_unless_allowed() {
        let access = Access::default();
        assert_eq!(access.check_url("X", "http://127.0.0.1:1/a/").unwrap(), "http://127.0.0.1:1/a");
        assert_eq!(access.check_url("X", "https://example.com").unwrap(), "https://example.com");
        for url in [
            "http://example.com",
            "ftp://127.0.0.1",
            "127.0.0.1",
            "/path",
            "",
            "https://user:s3cret@example.com",
            "https://example.com/?token=s3cret",
            "https://example.com/a/../b",
            "https://example.com/a/%2E./b",
            "https://example.com/#s3cret",
            "https://exa mple.com",
        ] {
            let error = access.check_url("HAI_STORAGE_URL", url).unwrap_err();
            assert_eq!(error.code(), Code::Config, "{url}");
            let text = format!("{error:?} {:?}", error.causes());
            assert!(text.contains("HAI_STORAGE_URL") && !text.contains("s3cret"), "{text}");
        }
        let allowed = Access { allow_http: true, ..Access::default() };
        assert!(allowed.check_url("X", "http://example.com").is_ok());
    }

    #[test]
    fn debug_shows_names_only() {
        let access = Access {
            options: [("secret_access_key".to_owned(), "s3cret".to_owned())].into(),
            environment: Environment::from_iter([("AWS_SECRET_ACCESS_KEY", "s3cret")]),
            ..Access::default()
        };
        let text = format!("{access:?}");
        assert!(text.contains("secret_access_key") && !text.contains("s3cret"), "{text}");
    }
}
