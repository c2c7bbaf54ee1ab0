//! OpenDAL's errors as ours: the one place where its kinds become codes.

use std::error::Error as _;
use std::io;
use std::path::Path;

use opendal::ErrorKind;

use super::fs;
use super::remote::answer::Refusal;
use crate::error::{Code, Error};
use crate::net::Failure;

/// What an operation was about, for the error.
pub(super) struct Subject<'a> {
    /// `id:version`, an id or a hash; none when it was about all of them.
    pub key: Option<&'a dyn std::fmt::Display>,
    /// The local path, on fs.
    pub path: Option<&'a Path>,
}

impl Subject<'_> {
    /// Names what the error is about.
    pub fn name(&self, error: Error) -> Error {
        let error = self.key.into_iter().fold(error, Error::with_key);
        self.path.into_iter().fold(error, Error::with_path)
    }

    /// Turns OpenDAL's error into ours. That of our own service on a local disk becomes its source; a server's does not,
    /// for its text may repeat what was sent: of it the status, the error code and the name of the request are kept.
    pub fn error(&self, error: opendal::Error) -> Error {
        if let Some(ours) = find::<reqsign_core::Error>(&error) {
            return self.name(without_credentials(ours, find::<Failure>(&error)));
        }
        if let Some(refusal) = find::<Refusal>(&error) {
            let ours = Error::new(code(error.kind()), refusal.sentence()).with("server", refusal);
            return self.name(if lasts(&error) { ours } else { ours.retryable() });
        }
        if let Some(failure) = find::<Failure>(&error) {
            let ours = Error::new(code(error.kind()), "the storage could not be asked").with("cause", failure);
            return self.name(if lasts(&error) { ours } else { ours.retryable() });
        }
        let cause = find::<io::Error>(&error);
        let mut ours = Error::new(code(error.kind()), self.sentence(&error));
        if let Some(cause) = cause {
            ours = ours.with("cause", cause);
        }
        if !lasts(&error) || cause.is_some_and(fs::may_pass) {
            ours = ours.retryable();
        }
        self.name(ours.with_source(error))
    }

    /// Our own service's messages are sentences of ours; others are shown as the source only.
    fn sentence(&self, error: &opendal::Error) -> String {
        if self.path.is_some() && error.kind() != ErrorKind::NotFound && !error.message().is_empty() {
            return error.message().to_owned();
        }
        match error.kind() {
            ErrorKind::NotFound => "nothing is stored under that key",
            ErrorKind::PermissionDenied => "the storage forbids it",
            ErrorKind::ConfigInvalid => "the storage is not configured rightly",
            ErrorKind::Unsupported => "the storage cannot do it",
            ErrorKind::RateLimited => "the storage asks for fewer requests",
            _ => "the storage could not be asked or could not take it",
        }
        .to_owned()
    }
}

/// Whether the same call would fail again.
fn lasts(error: &opendal::Error) -> bool {
    // What was tried again in vain is persistent, no longer temporary.
    !(error.is_temporary() || error.is_persistent() || error.kind() == ErrorKind::RateLimited)
}

/// An error of this type among those that caused this one.
fn find<E: std::error::Error + 'static>(error: &opendal::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<E>() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

/// The request could not be signed.
fn without_credentials(error: &reqsign_core::Error, failure: Option<&Failure>) -> Error {
    match (error.is_retryable(), failure) {
        (false, None) => {
            let message = "no credentials for the storage were found: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or another source of the AWS tools";
            Error::new(Code::Config, message).with("sources", error)
        }
        (_, failure) => {
            let ours = Error::new(Code::Unavailable, "the source of the credentials could not be asked").retryable();
            match failure {
                Some(failure) => ours.with("cause", failure),
                None => ours.with("sources", error),
            }
        }
    }
}

fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::PermissionDenied => Code::Permission,
        ErrorKind::ConfigInvalid => Code::Config,
        ErrorKind::Unsupported => Code::Unsupported,
        _ => Code::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(error: opendal::Error) -> Error {
        Subject { key: Some(&"id:version"), path: Some(Path::new("/data/x")) }.error(error)
    }

    #[test]
    fn kinds_become_codes_and_the_source_stays() {
        for (kind, code, retryable) in [
            (ErrorKind::NotFound, Code::NotFound, false),
            (ErrorKind::PermissionDenied, Code::Permission, false),
            (ErrorKind::ConfigInvalid, Code::Config, false),
            (ErrorKind::Unsupported, Code::Unsupported, false),
            (ErrorKind::RateLimited, Code::Unavailable, true),
            (ErrorKind::Unexpected, Code::Unavailable, false),
        ] {
            let error = map(opendal::Error::new(kind, "a sentence"));
            assert_eq!((error.code(), error.is_retryable()), (code, retryable), "{kind}");
            assert_eq!(error.details().key.as_deref(), Some("id:version"));
            assert_eq!(error.details().path.as_deref(), Some("/data/x"));
            assert_eq!(error.causes().len(), 1);
        }
        assert!(map(opendal::Error::new(ErrorKind::Unexpected, "").set_temporary()).is_retryable());
    }
}
