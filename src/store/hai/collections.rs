//! Collections, WebDAV's directories, made when an object needs one, and remembered: with a known collection a write is
//! one request. Every write is conditional (RFC 4918 §10.4, RFC 9110 §13.1.2).

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, IF_NONE_MATCH};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use opendal::{Buffer, ErrorKind, HttpBody, HttpTransport, Result};

use super::cut::Cut;
use super::multistatus::rewritten;
use crate::net::Body;
use crate::store::remote::answer::{Again, Refusal, Verdict};
use crate::store::remote::streamed::Upload;
use crate::store::remote::transport::{LONGEST_LISTING, Transport, no_listing, whole};

/// So many collections are remembered; then it begins anew.
const MOST: usize = 65_536;

/// The transport for WebDAV.
pub(super) struct Collections {
    transport: Transport,
    /// Path of the server's URL, which exists; with a trailing slash.
    base: String,
    known: Mutex<HashSet<String>>,
    cut: Cut,
}

impl Collections {
    pub fn new(transport: Transport, address: &str) -> Self {
        let url: Uri = address.parse().unwrap_or_default();
        let base = format!("{}/", url.path().trim_end_matches('/'));
        Self { transport, base, known: Mutex::default(), cut: Cut::default() }
    }

    /// A switch that breaks an upload off in the middle, for the doctor.
    pub fn cut(&self) -> Cut {
        self.cut.clone()
    }

    async fn put(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let request = Request::from_parts(parts, body.to_bytes());
        let upload = Upload::under_way();
        let parent = parent(request.uri().path()).to_owned();
        if self.cut.takes(request.uri().path()) {
            return Err(match self.transport.client().cut(request).await {
                Ok(_) => opendal::Error::new(ErrorKind::Unexpected, "the server took half an upload"),
                Err(failure) => opendal::Error::new(ErrorKind::Unexpected, "cut on purpose").set_source(failure),
            });
        }
        // Where making it is forbidden, it may still be there.
        let mut forbidden = None;
        if !self.known().contains(&parent) {
            forbidden = self.make(&parent, &request).await?;
        }
        let mut response = self.send(&request, upload.as_ref()).await?;
        if is_missing(&response) && forbidden.is_none() {
            // Removed since it was remembered.
            self.known().remove(&parent);
            forbidden = self.make(&parent, &request).await?;
            response = self.send(&request, upload.as_ref()).await?;
        }
        match response.status().as_u16() {
            // 200 may be anybody's page, or say that something was replaced: as with 412, what stands there is looked at.
            412 | 200 => {
                Err(opendal::Error::new(ErrorKind::ConditionNotMatch, "something may be stored there already"))
            }
            404 | 409 => Err(forbidden.map_or_else(no_collection, Refusal::into_error)),
            _ => {
                let response = self.transport.judge(response, LONGEST_LISTING).await?;
                self.remember(parent);
                Ok(response)
            }
        }
    }

    async fn send(&self, request: &Request<Bytes>, upload: Option<&Upload>) -> Result<Response<Body>> {
        match upload {
            Some(upload) => self.transport.upload(request.clone().map(drop), upload).await,
            None => self.transport.send(request.clone()).await,
        }
    }

    /// Makes a collection with those above it that are missing. A refusal that says nothing about its existence is
    /// returned, not raised.
    async fn make(&self, path: &str, like: &Request<Bytes>) -> Result<Option<Refusal>> {
        let mut missing = vec![path.to_owned()];
        let mut forbidden = None;
        // Each is asked for once before those above it are made, and once after.
        for _ in 0..2 * path.matches('/').count() {
            let Some(path) = missing.last().cloned() else { break };
            if path.len() <= self.base.len() {
                return Err(Verdict::error(ErrorKind::ConfigInvalid, Again::No, "nothing is at the storage's URL"));
            }
            let response = self.transport.send(mkcol(&path, like)?).await?;
            match response.status().as_u16() {
                // Made, or there already.
                201 | 405 | 301 => {
                    self.remember(path);
                    missing.pop();
                }
                // Also said of one that somebody else is just making.
                403 => {
                    forbidden = Some(refusal(&response));
                    missing.pop();
                }
                404 | 409 => match forbidden {
                    Some(refusal) => return Err(refusal.into_error()),
                    None => missing.push(parent(path.trim_end_matches('/')).to_owned()),
                },
                _ => drop(self.transport.judge(response, LONGEST_LISTING).await?),
            }
        }
        match missing.is_empty() {
            true => Ok(forbidden),
            false => Err(Verdict::error(ErrorKind::Unexpected, Again::No, "the server does not make collections")),
        }
    }

    fn remember(&self, path: String) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(path);
    }

    fn known(&self) -> MutexGuard<'_, HashSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let asked = request.uri().path().to_owned();
        let response = self.transport.send(request.map(|body| body.to_bytes())).await?;
        let mut response = self.transport.judge(response, LONGEST_LISTING).await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        let bytes = response.body_mut().to_buffer().await?.to_bytes();
        let listed = if response.status() == StatusCode::MULTI_STATUS { rewritten(&bytes, &asked) } else { None };
        let listed = listed.ok_or_else(no_listing)?;
        Ok(response.map(|_| whole(listed)))
    }
}

impl HttpTransport for Collections {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        match request.method().as_str() {
            "PUT" => self.put(request).await,
            "PROPFIND" => self.list(request).await,
            _ => HttpTransport::fetch(&self.transport, request).await,
        }
    }
}

/// The collection was just made, or was there, and still the object has none.
fn no_collection() -> opendal::Error {
    let sentence = "the object's collection vanishes, or something else stands in its place";
    Verdict::error(ErrorKind::Unexpected, Again::Soon, sentence)
}

fn refusal(response: &Response<Body>) -> Refusal {
    Refusal::read(response.status(), response.headers(), &[])
}

fn is_missing(response: &Response<Body>) -> bool {
    matches!(response.status().as_u16(), 404 | 409)
}

/// The collection of a path, with a trailing slash.
fn parent(path: &str) -> &str {
    path.rfind('/').map_or("/", |slash| &path[..=slash])
}

fn mkcol(path: &str, like: &Request<Bytes>) -> Result<Request<Bytes>> {
    let mut url = like.uri().clone().into_parts();
    url.path_and_query = path.parse().ok();
    let invalid = |_| opendal::Error::new(ErrorKind::Unexpected, "a collection's URL cannot be made");
    let url = Uri::from_parts(url).map_err(invalid)?;
    let method = Method::from_bytes(b"MKCOL").unwrap_or_default();
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = method;
    *request.uri_mut() = url;
    if let Some(authorization) = like.headers().get(AUTHORIZATION) {
        request.headers_mut().insert(AUTHORIZATION, authorization.clone());
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_end_with_a_slash() {
        assert_eq!(parent("/dav/documents/a/b.json"), "/dav/documents/a/");
        assert_eq!(parent("/dav"), "/");
        assert_eq!(parent("dav"), "/");
    }
}
