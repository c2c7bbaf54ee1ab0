//! OpenDAL's errors as ours: the one place where its kinds become codes.

use std::error::Error as _;
use std::io;
use std::path::Path;

use opendal::ErrorKind;

use super::fs;
use crate::error::{Code, Error};

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

    /// Turns OpenDAL's error into ours, which keeps it as its source.
    pub fn error(&self, error: opendal::Error) -> Error {
        let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        let mut ours = Error::new(code(error.kind()), self.sentence(&error));
        if let Some(cause) = cause {
            ours = ours.with("cause", cause);
        }
        if error.is_temporary() || error.kind() == ErrorKind::RateLimited || cause.is_some_and(fs::may_pass) {
            ours = ours.retryable();
        }
        self.name(ours.with_source(error))
    }

    /// Our own service's messages are sentences of ours; a server's are shown as the source only.
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
