//! What a server's refusal means: the one place that knows status codes and the error codes of S3.

use std::fmt;

use http::{HeaderMap, StatusCode};
use opendal::ErrorKind;

/// A server's answer that is not what was asked for. Of the answer's text only the error code is kept: the rest may
/// repeat what was sent, credentials included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Refusal {
    pub status: u16,
    /// The error code of S3, such as `AccessDenied`.
    pub code: Option<String>,
    /// The server's name for the request, for its operators.
    pub request: Option<String>,
    /// The server's clock, where that is the matter.
    pub date: Option<String>,
    /// The bucket's region, where that is the matter.
    pub region: Option<String>,
}

/// Our own word about an answer that a server should not have given, or about what cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Verdict {
    pub sentence: &'static str,
    pub again: Again,
}

impl Verdict {
    pub fn error(kind: ErrorKind, again: Again, sentence: &'static str) -> opendal::Error {
        again.mark(opendal::Error::new(kind, sentence).set_source(Verdict { sentence, again }))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence)
    }
}

impl std::error::Error for Verdict {}

/// What to do about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Again {
    /// The same request gets the same answer.
    No,
    /// Right away.
    Soon,
    /// Not now, but when somebody has done something about it.
    Later,
}

impl Refusal {
    /// Reads an answer of status 300 or more.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name: &str, also: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            let plain = value.len() <= 64 && value.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
            plain.then(|| value.to_owned())
        };
        let code = error_code(body);
        let about_clock = code.as_deref() == Some("RequestTimeTooSkewed");
        Self {
            status: status.as_u16(),
            code,
            request: header("x-amz-request-id", "-_.=+/"),
            date: header("date", " ,:").filter(|_| about_clock),
            region: header("x-amz-bucket-region", "-").filter(|_| status.is_redirection() || status == 400),
        }
    }

    /// Whether the code says more than the status.
    pub fn is_known(&self) -> bool {
        self.code.as_deref().and_then(by_code).is_some()
    }

    pub fn kind(&self) -> (ErrorKind, Again) {
        if let Some(known) = self.code.as_deref().and_then(by_code) {
            return known;
        }
        match self.status {
            300..=399 => (ErrorKind::ConfigInvalid, Again::No),
            401 | 403 | 407 => (ErrorKind::PermissionDenied, Again::No),
            404 => (ErrorKind::NotFound, Again::No),
            405 | 501 => (ErrorKind::Unsupported, Again::No),
            408 | 423 | 425 => (ErrorKind::Unexpected, Again::Soon),
            429 => (ErrorKind::RateLimited, Again::Soon),
            507 => (ErrorKind::Unexpected, Again::Later),
            500.. => (ErrorKind::Unexpected, Again::Soon),
            _ => (ErrorKind::Unexpected, Again::No),
        }
    }

    /// The sentence for people.
    pub fn sentence(&self) -> &'static str {
        match self.code.as_deref() {
            Some("NoSuchBucket") => return "the bucket does not exist",
            Some("InvalidAccessKeyId") => return "the server does not know the access key: AWS_ACCESS_KEY_ID",
            Some("NoSuchUpload") => return "the upload was ended by somebody else",
            Some("SignatureDoesNotMatch") => {
                return "the secret does not belong to the access key: AWS_SECRET_ACCESS_KEY";
            }
            Some("RequestTimeTooSkewed") => return "the clock of this machine differs too much from the server's",
            Some("ExpiredToken" | "TokenRefreshRequired" | "InvalidToken") => return "the credentials have expired",
            Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException") => {
                return "the bucket is in another region: AWS_REGION";
            }
            _ => {}
        }
        match self.status {
            300..=399 => "the server redirects to another place, which is not followed",
            401 | 407 => "the server does not accept the credentials",
            403 => "the server forbids it",
            429 => "the server asks for fewer requests",
            507 => "the server has no space left",
            413 => "the server does not take anything so large",
            405 | 501 => "the server cannot do it",
            500.. => "the server failed",
            _ => "the server refused it",
        }
    }

    /// As an error of OpenDAL that carries this.
    pub fn into_error(self) -> opendal::Error {
        let (kind, again) = self.kind();
        again.mark(opendal::Error::new(kind, self.sentence()).set_source(self))
    }

    /// Whether the server does not know something of the request (RFC 9110 §15.6.2).
    pub fn is_unimplemented(error: &opendal::Error) -> bool {
        let refusal = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Refusal>());
        refusal.is_some_and(|refusal| refusal.status == 501)
    }
}

impl Again {
    fn mark(self, error: opendal::Error) -> opendal::Error {
        match self {
            Again::No => error,
            Again::Soon => error.set_temporary(),
            Again::Later => error.set_persistent(),
        }
    }
}

/// Codes that say more than their status; <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
fn by_code(code: &str) -> Option<(ErrorKind, Again)> {
    Some(match code {
        "NoSuchBucket"
        | "AuthorizationHeaderMalformed"
        | "PermanentRedirect"
        | "IllegalLocationConstraintException"
        | "InvalidStorageClass"
        | "InvalidEncryptionAlgorithmError"
        | "InvalidBucketName" => (ErrorKind::ConfigInvalid, Again::No),
        "ExpiredToken"
        | "TokenRefreshRequired"
        | "InvalidToken"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed"
        | "AccessDenied" => (ErrorKind::PermissionDenied, Again::No),
        // Somebody else has ended it; the next call begins another one.
        "NoSuchUpload" => (ErrorKind::Unexpected, Again::Later),
        "RequestTimeout" | "BadDigest" | "InternalError" | "ServiceUnavailable" | "OperationAborted" => {
            (ErrorKind::Unexpected, Again::Soon)
        }
        "SlowDown" | "TooManyRequests" => (ErrorKind::RateLimited, Again::Soon),
        "QuotaExceeded" => (ErrorKind::Unexpected, Again::Later),
        _ if code.starts_with("KMS.") => (ErrorKind::ConfigInvalid, Again::No),
        _ => return None,
    })
}

/// The text of `<Code>`, when it is a plain word.
fn error_code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0.trim();
    // Words only: nothing that looks like a key or a token.
    let plain = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.');
    plain.then(|| code.to_owned())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.status)?;
        let more =
            [("", &self.code), ("request ", &self.request), ("its clock ", &self.date), ("region ", &self.region)];
        for (name, value) in more {
            if let Some(value) = value {
                write!(f, ", {name}{value}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Refusal {
        Refusal::read(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn codes_say_more_than_their_status() {
        for (status, code, expected) in [
            (403, "RequestTimeTooSkewed", (ErrorKind::PermissionDenied, Again::No)),
            (400, "ExpiredToken", (ErrorKind::PermissionDenied, Again::No)),
            (404, "NoSuchBucket", (ErrorKind::ConfigInvalid, Again::No)),
            (404, "NoSuchKey", (ErrorKind::NotFound, Again::No)),
            (400, "RequestTimeout", (ErrorKind::Unexpected, Again::Soon)),
            (503, "SlowDown", (ErrorKind::RateLimited, Again::Soon)),
            (403, "AccessDenied", (ErrorKind::PermissionDenied, Again::No)),
            (400, "KMS.NotFoundException", (ErrorKind::ConfigInvalid, Again::No)),
            (400, "Whatever", (ErrorKind::Unexpected, Again::No)),
        ] {
            let refusal = read(status, &format!("<Error><Code>{code}</Code><Message>x</Message></Error>"));
            assert_eq!(refusal.kind(), expected, "{code}");
            assert_eq!(refusal.code.as_deref(), Some(code));
        }
    }

    #[test]
    fn statuses_without_a_code() {
        for (status, expected) in [
            (301, (ErrorKind::ConfigInvalid, Again::No)),
            (401, (ErrorKind::PermissionDenied, Again::No)),
            (403, (ErrorKind::PermissionDenied, Again::No)),
            (429, (ErrorKind::RateLimited, Again::Soon)),
            (500, (ErrorKind::Unexpected, Again::Soon)),
            (507, (ErrorKind::Unexpected, Again::Later)),
            (400, (ErrorKind::Unexpected, Again::No)),
        ] {
            assert_eq!(read(status, "").kind(), expected, "{status}");
        }
    }

    #[test]
    fn only_the_code_of_the_text_is_kept() {
        let refusal = read(403, "<Code>AccessDenied</Code><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId>");
        assert!(!format!("{refusal:?} {refusal} {:?}", refusal.clone().into_error()).contains("AKIASECRET"));
        assert_eq!(read(403, "<Code>a b</Code>").code, None);
        assert_eq!(read(403, &format!("<Code>{}</Code>", "a".repeat(65))).code, None);
    }
}
