//! OpenDAL's requests over our HTTP client.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use opendal::raw::Operation;
use opendal::{Buffer, ErrorKind, HttpBody, HttpTransport, Result};

use super::Watch;
use super::answer::Refusal;
use crate::net::{Body, Client, Failure};

/// So much of a refusal is read, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;
/// The longest answer about credentials, in bytes.
const LONGEST_SECRET: u64 = 1 << 20;
/// The longest answer that is held in memory, in bytes: a listing on WebDAV comes in one piece.
pub(in crate::store) const LONGEST_LISTING: u64 = 256 << 20;

/// Sends what a service asks for. Refusals become errors here, before a service could put the server's text into one;
/// what the service must judge itself (`judged`) is passed on.
#[derive(Clone)]
pub(in crate::store) struct Transport {
    client: Client,
    watch: Arc<Watch>,
    judged: fn(u16) -> bool,
}

impl Transport {
    pub fn new(client: Client, watch: Arc<Watch>, judged: fn(u16) -> bool) -> Self {
        Self { client, watch, judged }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// One request and the server's answer, whatever it is.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let method = request.method().clone();
        let response = self.client.fetch(request).await.map_err(from_failure)?;
        self.watch.see(&method, response.status(), response.headers());
        Ok(response)
    }

    /// Makes an error of a refusal, unless the service judges it; else the answer, of at most `most` bytes.
    pub async fn judge(&self, response: Response<Body>, most: u64) -> Result<Response<HttpBody>> {
        let status = response.status();
        if status.is_success() || status == 304 {
            return Ok(pass(response, most));
        }
        let (mut parts, body) = response.into_parts();
        let text = beginning(body).await;
        let refusal = Refusal::read(status, &parts.headers, &text);
        // A missing bucket is not a missing object.
        let judged = (self.judged)(status.as_u16()) && refusal.kind().0 != ErrorKind::ConfigInvalid;
        if !judged {
            return Err(refusal.into_error());
        }
        // A service puts what it judges into its errors: it gets the code and nothing else.
        parts.headers.clear();
        let code = refusal.code.unwrap_or_default();
        Ok(Response::from_parts(parts, whole(format!("<Error><Code>{code}</Code></Error>").into_bytes())))
    }
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let operation = request.extensions().get::<Operation>().copied();
        let response = self.send(request.map(|body| body.to_bytes())).await?;
        match operation {
            // Whoever asks for credentials reads the answers by itself.
            None => Ok(pass(response, LONGEST_SECRET)),
            // Read piece by piece, by who knows how long it may be.
            Some(Operation::Read) => self.judge(response, u64::MAX).await,
            Some(_) => self.judge(response, LONGEST_LISTING).await,
        }
    }
}

/// A request that got no answer, or no whole one.
pub(in crate::store) fn from_failure(failure: Failure) -> opendal::Error {
    let passes = failure.may_pass();
    let error = opendal::Error::new(ErrorKind::Unexpected, "the server could not be asked").set_source(failure);
    if passes { error.set_temporary() } else { error }
}

/// The answer, which fails when its body is longer than `most` bytes.
fn pass(response: Response<Body>, most: u64) -> Response<HttpBody> {
    response.map(|body| {
        let length = body.length();
        let mut left = most;
        let limited = body.map(move |piece| {
            let piece = piece.map_err(from_failure)?;
            left = left.checked_sub(piece.len() as u64).ok_or_else(too_long)?;
            Ok(Buffer::from(piece))
        });
        HttpBody::new(limited, length)
    })
}

fn too_long() -> opendal::Error {
    opendal::Error::new(ErrorKind::Unexpected, "the server's answer is longer than what was asked for can be")
}

fn whole(bytes: Vec<u8>) -> HttpBody {
    let length = bytes.len() as u64;
    HttpBody::new(futures::stream::iter([Ok(Buffer::from(bytes))]), Some(length))
}

async fn beginning(mut body: Body) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(Ok(piece)) = body.next().await {
        text.extend_from_slice(&piece[..piece.len().min(LONGEST_REFUSAL - text.len())]);
        if text.len() == LONGEST_REFUSAL {
            break;
        }
    }
    text
}
