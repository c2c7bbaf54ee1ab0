//! One question to the registry over HTTP: redirects, limits, and asking again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, timeout};

use super::kept::{Ages, Kept};
use crate::config::parse_strict;
use crate::error::{Code, Error, Result};
use crate::net::{self, Body, Client, Failure, What};

/// Redirects that are followed for one answer.
const REDIRECTS: usize = 3;
/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 << 10;

/// How long the registry is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For one answer, with all attempts and the pauses between them.
    pub total: Duration,
    /// For one attempt, with its redirects.
    pub attempt: Duration,
    /// Before each further attempt.
    pub pauses: [Duration; 3],
}

impl Default for Patience {
    fn default() -> Self {
        // A third of the whole, so that a lost answer leaves time to ask again.
        Self {
            total: Duration::from_secs(30),
            attempt: Duration::from_secs(10),
            pauses: [1, 2, 4].map(Duration::from_secs),
        }
    }
}

/// Why there is no answer. Nothing of what the server sent is kept but its status.
enum Why {
    Failed(Failure),
    Status(StatusCode),
    /// One redirect too many.
    Redirects,
    /// To a place that is less safe, or none at all.
    Redirect,
    TooLong,
    NoJson,
}

impl Why {
    /// Whether it is asked again at once: servers that fail and answers that are lost may do better the next time. Where
    /// no connection can be made, nobody waits: most often the machine is offline.
    fn again(&self) -> bool {
        match self {
            Why::Failed(failure) => matches!(failure.what, What::Late | What::Broken),
            Why::Status(status) => status.is_server_error(),
            _ => false,
        }
    }

    /// Whether the same call may succeed later.
    fn may_pass(&self) -> bool {
        match self {
            Why::Failed(failure) => failure.may_pass(),
            Why::Status(status) => status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429),
            Why::NoJson => true,
            Why::Redirects | Why::Redirect | Why::TooLong => false,
        }
    }

    fn into_error(self) -> Error {
        let passes = self.may_pass();
        let error = |why: &'static str| Error::new(Code::Unavailable, why);
        let error = match self {
            Why::Failed(failure) => error("the registry could not be asked").with("cause", failure),
            Why::Status(status) => error("the registry gives no answer").with("status", status.as_u16()),
            Why::Redirects => error("the registry redirects too often").with("limit", REDIRECTS),
            Why::Redirect => error("the registry redirects to a place that is not as safe, or to none"),
            Why::TooLong => error("the registry's answer is too long").with("limit in bytes", LONGEST),
            Why::NoJson => error("the registry's answer is not JSON"),
        };
        if passes { error.retryable() } else { error }
    }
}

/// Asks until there is an answer, or no time and no attempt left.
///
/// Errors: `JACS_UNAVAILABLE`.
pub(super) async fn ask(client: &Client, url: &str, patience: Patience, ages: Ages) -> Result<Kept> {
    let end = Instant::now() + patience.total;
    let mut pauses = patience.pauses.into_iter();
    loop {
        let limit = patience.attempt.min(end.saturating_duration_since(Instant::now()));
        let why = match timeout(limit, attempt(client, url, ages)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(why)) => why,
            Err(_) => {
                let host = url.parse::<http::Uri>().ok().and_then(|url| Some(url.authority()?.to_string()));
                let detail = format!("{} ms", limit.as_millis());
                Why::Failed(Failure { what: What::Late, host: host.unwrap_or_default(), detail })
            }
        };
        match pauses.next().filter(|pause| why.again() && Instant::now() + *pause < end) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(why.into_error()),
        }
    }
}

async fn attempt(client: &Client, url: &str, ages: Ages) -> Result<Kept, Why> {
    let response = follow(client, url).await?;
    let (parts, body) = response.into_parts();
    match parts.status {
        StatusCode::OK => {
            let until = std::time::Instant::now() + ages.of(&parts.headers, true);
            let text = Arc::from(text(&parts.headers, body).await?);
            Ok(Kept { text: Some(text), until })
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Ok(Kept { text: None, until: std::time::Instant::now() + ages.of(&parts.headers, false) })
        }
        status => Err(Why::Status(status)),
    }
}

/// The answer at the end of the redirects. Each hop is a request of its own: nothing of one stands in the next.
async fn follow(client: &Client, url: &str) -> Result<Response<Body>, Why> {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS {
        let response = client.fetch(request(&url)?).await.map_err(Why::Failed)?;
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(response);
        }
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        url = location.and_then(|location| net::redirected(&url, location)).ok_or(Why::Redirect)?;
    }
    Err(Why::Redirects)
}

fn request(url: &str) -> Result<Request<Bytes>, Why> {
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = url.parse().map_err(|_| Why::Redirect)?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(request)
}

/// The body of an answer, as far as it is JSON in which no member stands twice.
async fn text(headers: &HeaderMap, mut body: Body) -> Result<String, Why> {
    // What comes compressed was not asked for, and could be of any length.
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Why::NoJson);
    }
    if body.length().is_some_and(|length| length > LONGEST as u64) {
        return Err(Why::TooLong);
    }
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(Why::Failed)?;
        if bytes.len() + piece.len() > LONGEST {
            return Err(Why::TooLong);
        }
        bytes.extend_from_slice(&piece);
    }
    let text = String::from_utf8(bytes).map_err(|_| Why::NoJson)?;
    parse_strict(&text).map_err(|_| Why::NoJson)?;
    Ok(text)
}
