//! Collections, WebDAV's directories, made when an object needs one, and remembered: with a known collection a write is
//! one request. Every write is conditional (RFC 4918 §10.4, RFC 9110 §13.1.2).

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, IF_NONE_MATCH};
use http::{HeaderValue, Method, Request, Response, Uri};
use opendal::{Buffer, ErrorKind, HttpBody, HttpTransport, Result};

use super::cut::Cut;
use crate::net::Body;
use crate::store::remote::answer::Refusal;
use crate::store::remote::transport::{LONGEST_LISTING, Transport};

/// So many collections are remembered; then it begins anew.
const MOST: usize = 65_536;

/// The transport for WebDAV.
pub(super) struct Collections {
    transport: Transport,
    /// Path of the server's URL, which exists; with a trailing slash.
    base: String,
    /// Scheme and host of the server.
    origin: String,
    known: Mutex<HashSet<String>>,
    cut: Cut,
}

impl Collections {
    pub fn new(transport: Transport, address: &str) -> Self {
        let url: Uri = address.parse().unwrap_or_default();
        let path = url.path().trim_end_matches('/').to_owned();
        let origin = address.strip_suffix(&path).unwrap_or(address).trim_end_matches('/').to_owned();
        Self { transport, base: format!("{path}/"), origin, known: Mutex::default(), cut: Cut::default() }
    }

    /// A switch that breaks an upload off in the middle, for the doctor.
    pub fn cut(&self) -> Cut {
        self.cut.clone()
    }

    async fn put(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let request = Request::from_parts(parts, body.to_bytes());
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
        let mut response = self.transport.send(request.clone()).await?;
        if is_missing(&response) && forbidden.is_none() {
            // Removed since it was remembered.
            self.known().remove(&parent);
            forbidden = self.make(&parent, &request).await?;
            response = self.transport.send(request).await?;
        }
        match response.status().as_u16() {
            412 => Err(opendal::Error::new(ErrorKind::ConditionNotMatch, "something is stored there already")),
            404 | 409 => Err(forbidden.map_or_else(
                || opendal::Error::new(ErrorKind::Unexpected, "the collection keeps disappearing").set_temporary(),
                Refusal::into_error,
            )),
            _ => {
                let response = self.transport.judge(response, LONGEST_LISTING).await?;
                self.remember(parent);
                Ok(response)
            }
        }
    }

    /// Makes a collection with those above it that are missing. A refusal that says nothing about its existence is
    /// returned, not raised.
    async fn make(&self, path: &str, like: &Request<Bytes>) -> Result<Option<Refusal>> {
        let mut missing = vec![path.to_owned()];
        while let Some(path) = missing.last().cloned() {
            if path.len() <= self.base.len() {
                let error = opendal::Error::new(ErrorKind::ConfigInvalid, "nothing is at the server's URL");
                return Err(error);
            }
            let response = self.transport.send(mkcol(&path, like)?).await?;
            match response.status().as_u16() {
                // Made, or there already.
                201 | 405 | 301 => {
                    self.remember(path);
                    missing.pop();
                    continue;
                }
                404 | 409 => missing.push(parent(path.trim_end_matches('/')).to_owned()),
                403 => return Ok(Some(Refusal::read(response.status(), response.headers(), &[]))),
                _ => drop(self.transport.judge(response, LONGEST_LISTING).await?),
            }
            // Each is shorter than the one before, unless the server turns from "made" to "missing" and back.
            if missing.len() > path.len() {
                return Err(opendal::Error::new(ErrorKind::Unexpected, "collections cannot be made"));
            }
        }
        Ok(None)
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

    /// A listing may name its members by whole URLs (RFC 4918 §8.3); OpenDAL's service takes paths, and cuts them by
    /// length without a look: what is not below what was asked for must not reach it.
    async fn list(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let asked = decoded(request.uri().path());
        let response = self.transport.send(request.map(|body| body.to_bytes())).await?;
        let mut response = self.transport.judge(response, LONGEST_LISTING).await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        let bytes = response.body_mut().to_buffer().await?.to_bytes();
        let strange = || opendal::Error::new(ErrorKind::Unexpected, "the server lists what was not asked for");
        let text = std::str::from_utf8(&bytes).map_err(|_| strange())?;
        let text = text.replace(&format!(">{}/", self.origin), ">/");
        if hrefs(&text).any(|href| !decoded(href).starts_with(asked.trim_end_matches('/'))) {
            return Err(strange());
        }
        let bytes = Buffer::from(text.into_bytes());
        let length = bytes.len() as u64;
        Ok(response.map(|_| HttpBody::new(futures::stream::iter([Ok(bytes)]), Some(length))))
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

/// The texts of all `href` elements, whatever their namespace's prefix.
fn hrefs(text: &str) -> impl Iterator<Item = &str> {
    let opened = text.split("href>").skip(1).step_by(2);
    opened.map(|rest| rest.split('<').next().unwrap_or_default().trim())
}

/// A path as people write it: of a URL, possibly within XML, of whose entities only this one stands in a path as servers
/// write it.
fn decoded(path: &str) -> String {
    opendal::raw::percent_decode_path(&path.replace("&amp;", "&"))
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

    #[test]
    fn hrefs_are_found_with_any_prefix() {
        let text = "<D:response><D:href>/a/</D:href></D:response><x:href> /a/b </x:href><href>/c</href>";
        assert_eq!(hrefs(text).collect::<Vec<_>>(), ["/a/", "/a/b", "/c"]);
    }
}
