//! Asking DNS for a domain's record: which servers, how long, and what is kept. hickory-resolver asks and validates (DNSSEC).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::read_system_conf;
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::answer::{Answer, Found, follow};
use super::owner;
use super::record::{self, Said};
use crate::crypto::PublicKey;
use crate::error::{Code, Error, Result};
use crate::id::DocumentId;
use crate::local_file::read_bounded;
use crate::store::blocking;

/// Of a file of trust anchors; the root's own keys take less than 1 KiB.
const MAX_ANCHORS: u64 = 64 * 1024;
/// Bytes of answers that are kept.
const KEPT: u64 = 1024 * 1024;

/// How long one is waited for. To confirm a key takes several questions: one for the record, some for its signatures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until a server answers one question; another try has as long.
    pub(super) answer: Duration,
    /// All questions together. The domain is a stranger's, and so may be the servers that are slow.
    pub(super) all: Duration,
}

const LIMITS: Limits = Limits { answer: Duration::from_secs(5), all: Duration::from_secs(15) };
/// Beside the first try.
const MORE_TRIES: usize = 1;

/// Looks up the records of agents' domains. Clones share what was answered. Nothing is read and no socket is opened before
/// [`confirm`](Dns::confirm) is called.
#[derive(Clone)]
pub struct Dns(Arc<Inner>);

struct Inner {
    servers: Vec<SocketAddr>,
    trust_anchor: Option<PathBuf>,
    strict: bool,
    limits: Limits,
    /// `None` until it is needed.
    resolver: Mutex<Option<TokioResolver>>,
    /// By the name that was asked for. What is not there is not kept: who just published a record wants to see it.
    kept: Cache<Name, Arc<Found>>,
}

/// What DNS says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The record names the key. `secure`: DNSSEC proves the record; `raw`: it names the key by the SHA-256 of its bytes, not
    /// by the lossy hash that other keys can share.
    Confirmed { secure: bool, raw: bool },
    /// The record names a key that succeeded this one; `secure` as above.
    Succeeded { secure: bool },
    /// There is no record about the agent, as far as one can know; why.
    Absent(String),
    /// There is one, which does not name the key: it names another, is malformed, or is not the only one.
    Another(String),
    /// What DNS answers must not be believed: DNSSEC says that it was changed, or does not prove it where `strict` asks for
    /// that.
    Insecure(String),
}

impl Dns {
    /// `servers`: those that are asked, two at once; empty for the operating system's. `trust_anchor`: a file with DNSKEY records
    /// in zone file form that replace the root's keys as what DNSSEC starts from. `strict`: only what DNSSEC proves
    /// counts; else also what it cannot prove, as in a domain that is not signed, but never what it disproves.
    ///
    /// Errors: `JACS_CONFIG` for a server that cannot be asked: port 0.
    pub fn new(servers: &[SocketAddr], trust_anchor: Option<&Path>, strict: bool) -> Result<Dns> {
        Self::with_limits(servers, trust_anchor, strict, LIMITS)
    }

    pub(super) fn with_limits(
        servers: &[SocketAddr],
        trust_anchor: Option<&Path>,
        strict: bool,
        limits: Limits,
    ) -> Result<Dns> {
        if let Some(server) = servers.iter().find(|server| server.port() == 0) {
            return Err(Error::new(Code::Config, "a DNS server has no port").with("server", server));
        }
        let trust_anchor = trust_anchor.map(Path::to_owned);
        let servers = servers.to_vec();
        let kept = Cache::builder().weigher(weigh).max_capacity(KEPT).build();
        Ok(Dns(Arc::new(Inner { servers, trust_anchor, strict, limits, resolver: Mutex::default(), kept })))
    }

    /// Whether the record of `domain` names `key` as the agent's. `public_key_hash` is the lossy one of the document;
    /// `successors`, keys that the agent had after this one: the record can name but one.
    ///
    /// A server between that strips or breaks what DNSSEC needs makes answers of signed domains unbelievable.
    ///
    /// Errors: `JACS_UNAVAILABLE`, retryable, when the servers did not answer, refused or failed; `JACS_CONFIG` when the
    /// system's servers or the trust anchors cannot be read.
    pub async fn confirm(
        &self,
        agent: DocumentId,
        domain: &str,
        key: &PublicKey,
        public_key_hash: &str,
        successors: &[&PublicKey],
    ) -> Result<Confirmation> {
        let name = owner(domain).and_then(|owner| Name::from_ascii(owner).ok());
        let Some(name) = name else { return Ok(Confirmation::Absent("the domain is none that DNS can carry".into())) };
        let found = match self.0.ask(&name).await? {
            Answer::Found(found) => found,
            Answer::Nothing => return Ok(Confirmation::Absent("the domain has no record".into())),
            Answer::Bogus => return Ok(Confirmation::Insecure("DNSSEC disproves the answer".into())),
            Answer::Wildcard => return Ok(Confirmation::Insecure("a wildcard stands for the record".into())),
        };
        Ok(match record::judge(&found.texts, agent, key, public_key_hash) {
            Said::Nothing => Confirmation::Absent("no record of the domain is about the agent".into()),
            _ if self.0.strict && !found.secure => Confirmation::Insecure("DNSSEC does not prove the record".into()),
            Said::Named { raw } => Confirmation::Confirmed { secure: found.secure, raw },
            Said::Otherwise(reason) => {
                // Of another key it must say more than the hash that many share.
                let named = |later: &&PublicKey| {
                    record::judge(&found.texts, agent, later, later.hash()) == Said::Named { raw: true }
                };
                match successors.iter().any(named) {
                    true => Confirmation::Succeeded { secure: found.secure },
                    false => Confirmation::Another(reason.into()),
                }
            }
        })
    }
}

impl Inner {
    async fn ask(&self, name: &Name) -> Result<Answer> {
        if let Some(found) = self.kept.get(name).filter(|found| Instant::now() < found.until) {
            return Ok(Answer::Found(found));
        }
        let resolver = self.resolver().await?;
        let unavailable =
            || Error::new(Code::Unavailable, "the DNS servers did not answer").with("name", name).retryable();
        let failed = match tokio::time::timeout(self.limits.all, follow(name, &resolver)).await {
            Ok(Ok(answer)) => {
                if let Answer::Found(found) = &answer {
                    self.kept.insert(name.clone(), found.clone());
                }
                return Ok(answer);
            }
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => return Ok(Answer::Nothing),
            Ok(Err(NetError::Dns(DnsError::DnssecBogus))) => return Ok(Answer::Bogus),
            Ok(Err(NetError::Dns(DnsError::Nsec { proof, .. }))) if proof.is_bogus() => return Ok(Answer::Bogus),
            Ok(Err(NetError::Dns(DnsError::Nsec { .. }))) => return Ok(Answer::Nothing),
            Ok(Err(error)) => unavailable().with_source(error),
            Err(late) => unavailable().with_source(late),
        };
        // This may be another network by now, and the system may name other servers.
        if self.servers.is_empty() {
            *self.resolver.lock().await = None;
        }
        Err(failed)
    }

    async fn resolver(&self) -> Result<TokioResolver> {
        let mut resolver = self.resolver.lock().await;
        if let Some(resolver) = &*resolver {
            return Ok(resolver.clone());
        }
        Ok(resolver.insert(self.new_resolver().await?).clone())
    }

    async fn new_resolver(&self) -> Result<TokioResolver> {
        let (servers, trust_anchor) = (self.servers.clone(), self.trust_anchor.clone());
        let (config, anchors) = blocking(move || {
            let config = match servers.is_empty() {
                true => system()?,
                false => ResolverConfig::from_name_servers(servers.iter().map(server).collect()),
            };
            Ok((config, trust_anchor.as_deref().map_or_else(|| Ok(TrustAnchors::default()), anchors)?))
        })
        .await?;
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(self.options())
            .with_trust_anchor(Arc::new(anchors))
            .build()
            .map_err(|error| Error::new(Code::Internal, "the DNS resolver cannot be made").with_source(error))
    }

    fn options(&self) -> ResolverOpts {
        let mut options = ResolverOpts::default();
        options.validate = true;
        options.timeout = self.limits.answer;
        options.attempts = MORE_TRIES;
        // The local file of host names has no such records.
        options.use_hosts_file = ResolveHosts::Never;
        // Of what it keeps it loses the signatures, and how it got there.
        options.cache_size = 0;
        options
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// The operating system's servers. Its search list is no matter: only whole names are asked for.
fn system() -> Result<ResolverConfig> {
    let (config, _) = read_system_conf().map_err(|error| {
        Error::new(Code::Config, "the system does not say which DNS servers to ask (jacs_dns_servers)")
            .with_source(error)
    })?;
    Ok(ResolverConfig::from_name_servers(config.name_servers().to_vec()))
}

fn anchors(path: &Path) -> Result<TrustAnchors> {
    const MESSAGE: &str = "the file of DNSSEC trust anchors cannot be used (jacs_dns_trust_anchor)";
    let malformed = || Error::new(Code::Config, MESSAGE).with_path(path);
    let (bytes, _) =
        read_bounded(path, MAX_ANCHORS).map_err(|failure| failure.into_error(Code::Config, MESSAGE, path))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| malformed().with_source(error))?;
    // Comments and empty lines alone parse as well, and would make every answer a forgery.
    if !text.contains("DNSKEY") {
        return Err(malformed().with("reason", "it has no DNSKEY record"));
    }
    text.parse().map_err(|error| malformed().with_source(error))
}

fn weigh(_: &Name, found: &Arc<Found>) -> u32 {
    // A name has up to 255 bytes; the rest is what the table itself takes.
    let bytes = 512 + found.texts.iter().map(String::len).sum::<usize>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
