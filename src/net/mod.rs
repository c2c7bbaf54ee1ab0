//! Our own HTTP client: root certificates, proxies and time limits in one place, for every backend and key source that
//! is asked over the network. Knows no storage.
//!
//! reqwest's own defaults are not used: without a certificate store they panic, they read the process's environment,
//! and they follow redirects with credentials.

mod address;
mod body;
mod proxies;
mod roots;

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;

pub use self::address::{below, is_loopback, is_metadata, normalized, plain_host, redirected, server_url};
pub use self::body::Body;
use crate::environment::Environment;
use crate::error::{Code, Error, Result};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// Idle connections are closed after this: before most servers do, so that few requests meet a closing one.
const IDLE: Duration = Duration::from_secs(20);
/// Until half a body has reached a server.
const ON_ITS_WAY: Duration = Duration::from_millis(200);
/// A body has this many more milliseconds for each MiB: the slowest line that is waited for carries 256 KiB/s.
const MS_PER_MIB: u64 = 4_000;
/// On machines that no cloud tells its credentials nobody answers.
const METADATA_WAIT: Duration = Duration::from_secs(2);

/// An HTTP client; clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    wait: Duration,
}

/// How a [`Client`] waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the answer of one request begins, and between two pieces of it; bodies have more by their size.
    pub wait: Duration,
    /// Idle connections kept to one host.
    pub connections: usize,
}

/// Why no answer came, or no whole one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub what: What,
    /// The host and port that were asked.
    pub host: String,
    /// What the operating system or TLS says; no URL and no header.
    pub detail: String,
}

/// Kinds of [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing came in time.
    Late,
    /// No connection could be made.
    Connect,
    /// The server's certificate is not believed.
    Certificate,
    /// The connection broke; the server may have done what it was asked.
    Broken,
    /// The request cannot be sent at all.
    Request,
}

impl Failure {
    /// Whether the same request may succeed later.
    pub fn may_pass(&self) -> bool {
        !matches!(self.what, What::Certificate | What::Request)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::Late => "no answer in time from",
            What::Connect => "no connection to",
            What::Certificate => "no authority is known (NODE_EXTRA_CA_CERTS) that vouches for the certificate of",
            What::Broken => "the connection broke to",
            What::Request => "the request cannot be sent to",
        };
        write!(f, "{what} {}", self.host)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for Failure {}

impl Client {
    /// A client; reads certificates from disk and opens no connection.
    ///
    /// Of `environment` it takes `SSL_CERT_FILE`, `SSL_CERT_DIR`, `NODE_EXTRA_CA_CERTS`, and `HTTP_PROXY`,
    /// `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` (also in small letters, which win).
    ///
    /// Errors: `JACS_CONFIG` for a proxy that is not a URL.
    pub fn new(limits: Limits, environment: &Environment) -> Result<Client> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(limits.connections)
            .tls_backend_preconfigured(roots::tls(environment)?);
        for proxy in proxies::of(environment)? {
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(|error| {
            Error::new(Code::Config, "the HTTP client cannot be set up").with_source(error.without_url())
        })?;
        Ok(Client { http, wait: limits.wait })
    }

    /// Sends one request, once, and follows no redirect. The answer's body is read by the caller.
    pub async fn fetch(&self, request: http::Request<Bytes>) -> std::result::Result<http::Response<Body>, Failure> {
        let length = request.body().len() as u64;
        self.send(request.map(reqwest::Body::from), length).await
    }

    /// As [`fetch`](Self::fetch), but the connection is cut in the middle of the body, so that the server sees an upload
    /// that was never finished.
    pub async fn cut(&self, request: http::Request<Bytes>) -> std::result::Result<http::Response<Body>, Failure> {
        let length = request.body().len();
        let (parts, body) = request.into_parts();
        let half = body.slice(..length / 2);
        let end = async {
            // Or the half would never leave this machine.
            tokio::time::sleep(ON_ITS_WAY).await;
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        };
        let pieces = futures::stream::iter([Ok(half)]).chain(futures::stream::once(end));
        self.stream(http::Request::from_parts(parts, ()), pieces, length as u64).await
    }

    /// As [`fetch`](Self::fetch), with a body of `length` bytes that is read while it is sent.
    pub async fn stream(
        &self,
        mut request: http::Request<()>,
        body: impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static,
        length: u64,
    ) -> std::result::Result<http::Response<Body>, Failure> {
        request.headers_mut().insert(http::header::CONTENT_LENGTH, http::HeaderValue::from(length));
        self.send(request.map(|()| reqwest::Body::wrap_stream(body)), length).await
    }

    async fn send(
        &self,
        request: http::Request<reqwest::Body>,
        length: u64,
    ) -> std::result::Result<http::Response<Body>, Failure> {
        let host = request.uri().authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let wait = if is_metadata(request.uri().host().unwrap_or_default()) {
            METADATA_WAIT
        } else {
            self.wait + transfer(length)
        };
        let fail = |error| failure(&host, error);
        let request = reqwest::Request::try_from(request).map_err(fail)?;
        let answer = match tokio::time::timeout(wait, self.http.execute(request)).await {
            Ok(answer) => answer.map_err(fail)?,
            Err(_) => return Err(Failure { what: What::Late, host, detail: format!("{} ms", wait.as_millis()) }),
        };
        let (status, headers) = (answer.status(), answer.headers().clone());
        let length = answer.content_length();
        let body = Body::new(answer, host, length, self.wait);
        let mut response = http::Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// The time that so many bytes may take on a slow line.
pub fn transfer(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(MS_PER_MIB) >> 20)
}

fn failure(host: &str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut detail = String::new();
    let mut what = match () {
        () if error.is_timeout() => What::Late,
        () if error.is_connect() => What::Connect,
        () if error.is_builder() => What::Request,
        () => What::Broken,
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        if is_certificate(error) {
            what = What::Certificate;
        }
        // The innermost says what happened; those around it, where.
        detail = error.to_string();
        cause = error.source();
    }
    Failure { what, host: host.to_owned(), detail }
}

fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        // Layers between us and TLS wrap one in the other.
        return is_certificate(inner);
    }
    matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_time_by_its_size() {
        assert_eq!(transfer(0), Duration::ZERO);
        assert_eq!(transfer(1 << 20), Duration::from_secs(4));
        assert_eq!(transfer(u64::MAX).as_millis(), u128::from(u64::MAX >> 20));
    }
}
