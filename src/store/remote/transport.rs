//! OpenDAL's requests over our HTTP client, and the server's answers in the shape that its services rely on.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use md5::{Digest, Md5};
use opendal::raw::Operation;
use opendal::{Buffer, ErrorKind, HttpBody, HttpTransport, Result};

use super::Watch;
use super::answer::{Again, Refusal, Verdict};
use super::streamed::Upload;
use crate::net::{self, Body, Client, Failure};

/// RFC 1864.
const CONTENT_MD5: &str = "content-md5";
/// So much of a refusal is read, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;
/// The longest answer about credentials, in bytes.
const LONGEST_SECRET: u64 = 1 << 20;
/// The longest answer that is held in memory, in bytes: a listing on WebDAV comes in one piece.
pub(in crate::store) const LONGEST_LISTING: u64 = 256 << 20;

/// What one kind of server needs.
#[derive(Clone)]
pub(in crate::store) struct Dialect {
    /// Statuses that OpenDAL's service tells apart by itself.
    pub judged: fn(u16) -> bool,
    /// Whether the answer to a listing, with the query of its request, is one.
    pub is_listing: fn(&[u8], &str) -> bool,
    /// Whether an answer to a write says that it was stored: pages for logging in come with status 200, too.
    pub is_stored: fn(&HeaderMap) -> bool,
    /// Whether the answer to a step of an upload in parts says that the step was done, where there are such steps.
    pub is_upload: Option<fn(&[u8]) -> bool>,
    /// Whether bodies go with their MD5, which shows bytes that changed on their way (RFC 1864).
    pub checksums: bool,
    /// The hosts that the service may be sent to, with their ports; any when empty.
    pub hosts: Arc<[String]>,
}

/// Of a server about which nothing more is known: missing, conflicting and conditional answers are the service's matter.
impl Default for Dialect {
    fn default() -> Self {
        Self {
            judged: |status| matches!(status, 404 | 409 | 412 | 416),
            is_listing: |_, _| true,
            is_stored: |_| true,
            is_upload: None,
            checksums: false,
            hosts: Arc::default(),
        }
    }
}

/// Sends what a service asks for. Refusals become errors here, before a service could put the server's text into one.
#[derive(Clone)]
pub(in crate::store) struct Transport {
    client: Client,
    watch: Arc<Watch>,
    dialect: Dialect,
}

impl Transport {
    pub fn new(client: Client, watch: Arc<Watch>, dialect: Dialect) -> Self {
        Self { client, watch, dialect }
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

    /// As [`send`](Self::send), with a body that is read while it is sent.
    pub async fn upload(&self, request: Request<()>, upload: &Upload) -> Result<Response<Body>> {
        let changed = |_: &_| opendal::Error::new(ErrorKind::Unexpected, "the contents changed");
        if let Some(failure) = upload.failure() {
            return Err(changed(failure));
        }
        let method = request.method().clone();
        let sent = self.client.stream(request, upload.body(), upload.length()).await;
        let response = sent.map_err(|failure| upload.failure().map_or_else(|| from_failure(failure), changed))?;
        self.watch.see(&method, response.status(), response.headers());
        Ok(response)
    }

    /// Makes an error of a refusal, unless the service judges it; else the answer, of at most `most` bytes.
    pub async fn judge(&self, response: Response<Body>, most: u64) -> Result<Response<HttpBody>> {
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(pass(response, most));
        }
        let (mut parts, body) = response.into_parts();
        let text = beginning(body).await;
        let refusal = Refusal::read(status, &parts.headers, &text);
        // A missing bucket is not a missing object.
        let judged = (self.dialect.judged)(status.as_u16()) && !refusal.is_known();
        if !judged {
            return Err(refusal.into_error());
        }
        // A service puts what it judges into its errors: it gets the code and nothing else.
        parts.headers.clear();
        let code = refusal.code.unwrap_or_default();
        Ok(Response::from_parts(parts, whole(format!("<Error><Code>{code}</Code></Error>").into_bytes())))
    }

    /// What asks for credentials; it reads the answers by itself.
    async fn ask_for_credentials(&self, request: Request<Bytes>) -> Result<Response<HttpBody>> {
        let host = request.uri().host().unwrap_or_default();
        let local = net::is_loopback(host) || net::is_metadata(host);
        if request.uri().scheme_str() != Some("https") && !local {
            return Err(Verdict::error(
                ErrorKind::ConfigInvalid,
                Again::No,
                "credentials are not asked for in plain http",
            ));
        }
        Ok(pass(self.send(request).await?, LONGEST_SECRET))
    }

    async fn read(&self, request: Request<Bytes>) -> Result<Response<HttpBody>> {
        let from = request.headers().get(RANGE).and_then(first_of_range);
        let mut response = self.judge(self.send(request).await?, u64::MAX).await?;
        match (from, response.status()) {
            (Some(from), StatusCode::OK) if from > 0 => response = without_beginning(response, from).await?,
            (from, StatusCode::PARTIAL_CONTENT) if from.is_none() || first_of_content(response.headers()) != from => {
                return Err(strange("the server sent another part than it was asked for"));
            }
            _ => {}
        }
        if response.status().is_success() && !response.headers().contains_key(CONTENT_LENGTH) {
            response = measured(response).await?;
        }
        Ok(response)
    }

    async fn write(&self, mut request: Request<Bytes>) -> Result<Response<HttpBody>> {
        if self.dialect.checksums && request.method() == Method::PUT && !request.headers().contains_key(CONTENT_MD5) {
            let checksum = STANDARD.encode(Md5::digest(request.body()));
            let checksum = HeaderValue::try_from(checksum).map_err(|_| strange("a checksum has no header"))?;
            request.headers_mut().insert(CONTENT_MD5, checksum);
        }
        let is_step = request.method() == Method::POST;
        let mut response = self.judge(self.send(request).await?, LONGEST_LISTING).await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        match self.dialect.is_upload {
            Some(is_upload) if is_step => {
                let bytes = response.body_mut().to_buffer().await?.to_bytes();
                if is_upload(&bytes) {
                    return Ok(response.map(|_| whole(bytes)));
                }
                // A server that has begun to answer before it was done can only refuse in words.
                let refusal = Refusal::read(StatusCode::INTERNAL_SERVER_ERROR, response.headers(), &bytes);
                Err(refusal.into_error())
            }
            None if is_step => Ok(response),
            _ if (self.dialect.is_stored)(response.headers()) => Ok(response),
            _ => Err(strange("the server does not say that it stored the object")),
        }
    }

    async fn list(&self, request: Request<Bytes>) -> Result<Response<HttpBody>> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mut response = self.judge(self.send(request).await?, LONGEST_LISTING).await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        let bytes = response.body_mut().to_buffer().await?.to_bytes();
        if !(self.dialect.is_listing)(&bytes, &query) {
            return Err(no_listing());
        }
        Ok(response.map(|_| whole(bytes)))
    }
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let operation = request.extensions().get::<Operation>().copied();
        let request = request.map(|body| body.to_bytes());
        let Some(operation) = operation else { return self.ask_for_credentials(request).await };
        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        if !self.dialect.hosts.is_empty() && !self.dialect.hosts.iter().any(|known| known == host) {
            // Documents, and signatures that others could use, go nowhere else.
            return Err(Verdict::error(
                ErrorKind::ConfigInvalid,
                Again::No,
                "a request would leave the storage's host",
            ));
        }
        match operation {
            Operation::Read => self.read(request).await,
            Operation::List => self.list(request).await,
            Operation::Write => self.write(request).await,
            _ => {
                let is_delete = request.method() == Method::DELETE;
                let mut response = self.judge(self.send(request).await?, LONGEST_LISTING).await?;
                let status = response.status();
                // Services wait for 204; these say the same (RFC 9110 §9.3.5).
                if is_delete && matches!(status, StatusCode::OK | StatusCode::ACCEPTED) {
                    *response.status_mut() = StatusCode::NO_CONTENT;
                }
                Ok(response)
            }
        }
    }
}

/// A request that got no answer, or no whole one.
pub(in crate::store) fn from_failure(failure: Failure) -> opendal::Error {
    let passes = failure.may_pass();
    let error = opendal::Error::new(ErrorKind::Unexpected, "the server could not be asked").set_source(failure);
    if passes { error.set_temporary() } else { error }
}

/// An answer that no server of this kind gives; something may stand between.
pub(in crate::store) fn strange(sentence: &'static str) -> opendal::Error {
    Verdict::error(ErrorKind::Unexpected, Again::Later, sentence)
}

/// An answer that is not the listing that was asked for, or not a whole one, as servers under load send.
pub(in crate::store) fn no_listing() -> opendal::Error {
    let sentence = "the server's answer is not the listing that it was asked for";
    Verdict::error(ErrorKind::Unexpected, Again::Soon, sentence)
}

/// The answer, which fails when its body is longer than `most` bytes.
fn pass(response: Response<Body>, most: u64) -> Response<HttpBody> {
    response.map(|body| {
        let length = body.length();
        let mut left = most;
        let limited = body.map(move |piece| {
            let piece = piece.map_err(from_failure)?;
            left = left.checked_sub(piece.len() as u64).ok_or_else(|| strange("the server's answer has no end"))?;
            Ok(Buffer::from(piece))
        });
        HttpBody::new(limited, length)
    })
}

pub(in crate::store) fn whole(bytes: impl Into<Buffer>) -> HttpBody {
    let bytes = bytes.into();
    let length = bytes.len() as u64;
    HttpBody::new(futures::stream::iter([Ok(bytes)]), Some(length))
}

/// A body whose length the server does not say beforehand, which OpenDAL's services need.
async fn measured(mut response: Response<HttpBody>) -> Result<Response<HttpBody>> {
    let mut bytes = Vec::new();
    while let Some(piece) = next(response.body_mut()).await? {
        if bytes.len() as u64 + piece.len() as u64 > LONGEST_LISTING {
            return Err(strange("the server does not say how long its answer is, and it is too long to be measured"));
        }
        bytes.extend_from_slice(&piece.to_bytes());
    }
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Ok(response.map(|_| whole(bytes)))
}

async fn next(body: &mut HttpBody) -> Result<Option<Buffer>> {
    let piece = opendal::raw::oio::ReadStream::read(body).await?;
    Ok((!piece.is_empty()).then_some(piece))
}

/// The rest of a whole answer to who asked for the rest alone: servers may ignore a range (RFC 9110 §14.2).
async fn without_beginning(mut response: Response<HttpBody>, from: u64) -> Result<Response<HttpBody>> {
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut left = from;
    let mut rest = Vec::new();
    while let Some(mut piece) = next(response.body_mut()).await? {
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        left -= skipped as u64;
        bytes::Buf::advance(&mut piece, skipped);
        if rest.len() as u64 + piece.len() as u64 > LONGEST_LISTING {
            return Err(strange("the server begins a long answer anew each time"));
        }
        rest.extend_from_slice(&piece.to_bytes());
    }
    let end = from + rest.len() as u64;
    if left > 0 || length.is_some_and(|length| length != end) {
        return Err(strange("the server sent less than before"));
    }
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let range = HeaderValue::try_from(format!("bytes {from}-{}/{end}", end.saturating_sub(1)));
    response.headers_mut().insert(CONTENT_RANGE, range.map_err(|_| strange("a range has no header"))?);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(rest.len()));
    Ok(response.map(|_| whole(rest)))
}

/// Of `bytes=7-` or `bytes=7-9`: 7.
fn first_of_range(range: &HeaderValue) -> Option<u64> {
    range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?.0.parse().ok()
}

/// Of `bytes 7-9/10`: 7.
fn first_of_content(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        assert_eq!(first_of_range(&value("bytes=7-")), Some(7));
        assert_eq!(first_of_range(&value("bytes=0-9")), Some(0));
        assert_eq!(first_of_range(&value("bytes=-9")), None);
        let headers = HeaderMap::from_iter([(CONTENT_RANGE, value("bytes 7-9/10"))]);
        assert_eq!(first_of_content(&headers), Some(7));
    }

    fn response(bytes: &[u8]) -> Response<HttpBody> {
        let mut response = Response::new(whole(bytes.to_vec()));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        response
    }

    #[tokio::test]
    async fn the_beginning_of_a_whole_answer_is_left_out() {
        let mut rest = without_beginning(response(b"0123456789"), 7).await.unwrap();
        assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(rest.headers()[CONTENT_RANGE], "bytes 7-9/10");
        assert_eq!(rest.body_mut().to_buffer().await.unwrap().to_vec(), b"789");
        assert!(without_beginning(response(b"012"), 7).await.is_err());
    }
}
