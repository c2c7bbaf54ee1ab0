//! OpenDAL's requests over our HTTP client.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response};
use opendal::raw::Operation;
use opendal::{Buffer, ErrorKind, HttpBody, HttpTransport, Result};

use super::Watch;
use super::answer::Refusal;
use crate::net::{Body, Client, Failure};

/// So much of a refusal is read, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;

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

    /// Makes an error of a refusal, unless the service judges it.
    pub async fn judge(&self, response: Response<Body>) -> Result<Response<HttpBody>> {
        let status = response.status();
        if status.is_success() || status == 304 {
            return Ok(pass(response));
        }
        let (parts, body) = response.into_parts();
        let text = beginning(body).await;
        let refusal = Refusal::read(status, &parts.headers, &text);
        // A missing bucket is not a missing object.
        let judged = (self.judged)(status.as_u16()) && refusal.kind().0 != ErrorKind::ConfigInvalid;
        if !judged {
            return Err(refusal.into_error());
        }
        Ok(Response::from_parts(parts, whole(text)))
    }
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let of_service = request.extensions().get::<Operation>().is_some();
        let response = self.send(request.map(|body| body.to_bytes())).await?;
        // Whoever asks for credentials reads the answers by itself.
        if of_service { self.judge(response).await } else { Ok(pass(response)) }
    }
}

/// A request that got no answer, or no whole one.
pub(in crate::store) fn from_failure(failure: Failure) -> opendal::Error {
    let passes = failure.may_pass();
    let error = opendal::Error::new(ErrorKind::Unexpected, "the server could not be asked").set_source(failure);
    if passes { error.set_temporary() } else { error }
}

fn pass(response: Response<Body>) -> Response<HttpBody> {
    response.map(|body| {
        let length = body.length();
        HttpBody::new(body.map_ok(Buffer::from).map_err(from_failure), length)
    })
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
