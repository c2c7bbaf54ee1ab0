//! OpenDAL's errors as ours: the one place where its kinds become codes.

use std::io;
use std::path::Path;

use opendal::ErrorKind;

use super::aws::credentials::{NoCredentials, Why};
use super::fs;
use super::remote::answer::{Again, Refusal, Verdict};
use crate::error::{Code, Error, below};
use crate::net::Failure;

/// What an operation was about, for the error.
pub(super) struct Subject<'a> {
    /// `id:version`, an id or a hash; none when it was about all of them.
    pub key: Option<&'a dyn std::fmt::Display>,
    /// The local path, on fs.
    pub path: Option<&'a Path>,
    /// Behind a network.
    pub remote: bool,
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
        if let Some(none) = below::<NoCredentials>(&error) {
            return self.name(without_credentials(none));
        }
        if let Some(verdict) = below::<Verdict>(&error) {
            let ours = Error::new(code(error.kind()), verdict.sentence).barred();
            return self.name(retryable(ours, verdict.again != Again::No));
        }
        if let Some(refusal) = below::<Refusal>(&error) {
            let ours = Error::new(code(error.kind()), refusal.sentence()).with("server", refusal).barred();
            return self.name(retryable(ours, refusal.kind().1 != Again::No));
        }
        if let Some(failure) = below::<Failure>(&error) {
            let ours = Error::new(code(error.kind()), "the storage could not be asked").with("cause", failure);
            return self.name(retryable(ours, failure.may_pass()));
        }
        let ours = Error::new(code(error.kind()), self.sentence(&error));
        if self.remote {
            // Retries leave no trace of whether an error was permanent: its kind must do.
            let passes = matches!(error.kind(), ErrorKind::Unexpected | ErrorKind::RateLimited | ErrorKind::Conflict);
            return self.name(retryable(ours.barred(), passes));
        }
        let cause = below::<io::Error>(&error);
        let passes = error.is_temporary() || error.is_persistent() || cause.is_some_and(fs::may_pass);
        let ours = cause.map(ToString::to_string).into_iter().fold(ours, |ours, cause| ours.with("cause", cause));
        self.name(retryable(ours, passes).with_source(error))
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

fn retryable(error: Error, passes: bool) -> Error {
    if passes { error.retryable() } else { error }
}

/// The request could not be signed.
fn without_credentials(none: &NoCredentials) -> Error {
    let (code, message) = match none.why {
        Why::Silent => (Code::Unavailable, "the source of the credentials could not be asked"),
        Why::Expired => (Code::Permission, "the credentials that were found have expired"),
        Why::None => {
            let message = "no credentials for the storage were found: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or another source of the AWS tools";
            (Code::Config, message)
        }
    };
    retryable(Error::new(code, message).with("sources", none).barred(), none.why == Why::Silent)
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
        Subject { key: Some(&"id:version"), path: Some(Path::new("/data/x")), remote: false }.error(error)
    }

    #[test]
    fn kinds_become_codes_and_the_source_stays() {
        for (kind, code) in [
            (ErrorKind::NotFound, Code::NotFound),
            (ErrorKind::PermissionDenied, Code::Permission),
            (ErrorKind::ConfigInvalid, Code::Config),
            (ErrorKind::Unsupported, Code::Unsupported),
            (ErrorKind::Unexpected, Code::Unavailable),
        ] {
            let error = map(opendal::Error::new(kind, "a sentence"));
            assert_eq!((error.code(), error.is_retryable()), (code, false), "{kind}");
            assert_eq!(error.details().key.as_deref(), Some("id:version"));
            assert_eq!(error.details().path.as_deref(), Some("/data/x"));
            assert_eq!(error.causes().len(), 1);
        }
        assert!(map(opendal::Error::new(ErrorKind::Unexpected, "").set_temporary()).is_retryable());
    }

    #[test]
    fn a_servers_error_may_pass_by_what_it_says_and_has_no_source() {
        let remote = |error| Subject { key: None, path: None, remote: true }.error(error);
        for (status, retryable) in [(401, false), (403, false), (400, false), (503, true), (429, true), (507, true)] {
            let status = http::StatusCode::from_u16(status).unwrap();
            let refusal = Refusal::read(status, &http::HeaderMap::new(), b"s3cret");
            // As every error that leaves OpenDAL's layer of retries.
            let error = remote(refusal.into_error().set_persistent());
            assert_eq!(error.is_retryable(), retryable, "{status}");
            assert!(error.causes().is_empty() && !format!("{error:?}").contains("s3cret"));
            assert!(!error.is_damage());
        }
        for (kind, retryable) in
            [(ErrorKind::NotFound, false), (ErrorKind::RateLimited, true), (ErrorKind::Unexpected, true)]
        {
            let error = remote(opendal::Error::new(kind, "s3cret").set_persistent());
            assert_eq!((error.is_retryable(), error.causes().len()), (retryable, 0), "{kind}");
        }
        assert!(!remote(opendal::Error::new(ErrorKind::PermissionDenied, "")).is_damage());
    }
}
