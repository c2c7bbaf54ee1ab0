//! The one error type of the crate.
//!
//! Rules:
//! - An error is made at the lowest place that knows its kind. Upper layers add context (`with_key`,
//!   `with_path`, `with`) and never wrap it again or change its code.
//! - A message is one sentence without values; values go to the context, which is shown behind it.
//! - No key bytes, passwords, tokens or credentials, in a message, a context value or a source.
//! - The codes are a promise to callers: never renamed, never reused. `index.d.ts` lists the same ones.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What `Result` means in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($name:ident = $text:literal, $what:literal;)*) => {
        /// The stable code of an [`Error`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $what] $name,)* }

        impl Code {
            /// Every code, in the order in which the documentation lists them.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as callers see it, such as `JACS_INPUT`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    Config = "JACS_CONFIG", "A setting is missing, unknown or malformed, or the call does not fit the agent's state.";
    Input = "JACS_INPUT", "An argument or a text given by the caller breaks the rules for it.";
    Schema = "JACS_SCHEMA", "The document does not satisfy its schema.";
    NotFound = "JACS_NOT_FOUND", "Nothing is stored under that key.";
    Conflict = "JACS_CONFLICT", "Something else already stands there, or the version is not the newest.";
    Hash = "JACS_HASH", "Stored bytes are not what their hash or key says.";
    Signature = "JACS_SIGNATURE", "A signature is missing, malformed or wrong.";
    Untrusted = "JACS_UNTRUSTED", "The key is known but not believed enough for this call.";
    Key = "JACS_KEY", "A key is missing, malformed or not the one that was named.";
    Password = "JACS_PASSWORD", "The password of the private key is missing, weak or wrong.";
    Attachment = "JACS_ATTACHMENT", "An attachment is missing, altered or cannot be read.";
    Permission = "JACS_PERMISSION", "The operating system, the server or read-only mode forbids it.";
    Unsupported = "JACS_UNSUPPORTED", "This build, platform or backend cannot do it.";
    Unavailable = "JACS_UNAVAILABLE", "A disk, server or source could not be asked or could not take it.";
    Aborted = "JACS_ABORTED", "The caller's signal stopped it.";
    Internal = "JACS_INTERNAL", "A defect of this package.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One item of a batch that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Position in the input, from 0.
    pub index: usize,
    pub code: Code,
    pub message: String,
    /// `id:version`, when it was signed.
    pub key: Option<String>,
    /// The signed document, when signing it succeeded and storing it did not: whether it is stored may be unknown.
    pub document: Option<String>,
}

/// What a caller can act on, beside code and message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// `id:version`, or `id`, that the error is about.
    pub key: Option<String>,
    /// Local path that the error is about.
    pub path: Option<String>,
    /// The signed document, when signing succeeded and storing it did not.
    pub document: Option<String>,
    /// The key of the version that is newest now.
    pub current: Option<String>,
    /// The keys of all heads.
    pub heads: Option<Vec<String>>,
    /// A batch's documents by position; `None` where that item failed.
    pub documents: Option<Vec<Option<String>>>,
    /// A batch's failures.
    pub failures: Option<Vec<Failure>>,
}

/// An error with a stable code, one sentence, context, and the error that caused it.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    retryable: bool,
    barred: bool,
    details: Details,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A new error; `message` is one sentence without values.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            context: Vec::new(),
            retryable: false,
            barred: false,
            details: Details::default(),
            source: None,
        }))
    }

    /// Adds a value that explains the message.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// Names the document, as `id:version` or `id`, unless a lower layer already did.
    #[must_use]
    pub fn with_key(mut self, key: impl fmt::Display) -> Self {
        self.0.details.key.get_or_insert_with(|| key.to_string());
        self
    }

    /// Names the local path, unless a lower layer already did.
    #[must_use]
    pub fn with_path(mut self, path: impl AsRef<std::path::Path>) -> Self {
        let path = path.as_ref().to_string_lossy();
        self.0.details.path.get_or_insert_with(|| path.into_owned());
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Says that the same call may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Says that the way to what was asked for is barred: no verdict about the thing itself.
    #[must_use]
    pub fn barred(mut self) -> Self {
        self.0.barred = true;
        self
    }

    /// Whether what is stored is not what was written: other bytes, or on a disk something that is no file or may not be
    /// read.
    pub fn is_damage(&self) -> bool {
        matches!(self.0.code, Code::Hash | Code::Permission) && !self.0.barred
    }

    /// Changes what the caller can act on.
    #[must_use]
    pub fn with_details(mut self, change: impl FnOnce(&mut Details)) -> Self {
        change(&mut self.0.details);
        self
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    pub fn details(&self) -> &Details {
        &self.0.details
    }

    /// The texts of the errors below this one, outermost first.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (position, (name, value)) in self.0.context.iter().enumerate() {
            let lead = if position == 0 { " (" } else { ", " };
            write!(f, "{lead}{name}: {value}")?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.code)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

/// The longest name that is compared with the known ones, in bytes.
const LONGEST_NAME: usize = 128;

/// The known name nearest to `name`, for messages about a name that is not known.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes time as the product of the lengths.
    if name.len() > LONGEST_NAME {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (likeness(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.4)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// From 0 to 1. Who wrote the beginning of a name most likely meant the whole.
fn likeness(name: &str, candidate: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(name, candidate);
    if name.len() >= 4 && candidate.starts_with(name) { edits.max(0.9) } else { edits }
}

/// An error of this type among those that caused this one.
pub fn below<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<E>() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_sentence_then_its_context() {
        let error = Error::new(Code::Input, "the depth is over the limit").with("limit", 127).with("depth", 128);
        assert_eq!(error.to_string(), "the depth is over the limit (limit: 127, depth: 128)");
    }

    #[test]
    fn the_lowest_layer_names_the_key() {
        let error = Error::new(Code::Hash, "the hash differs").with_key("low").with_key("high");
        assert_eq!(error.details().key.as_deref(), Some("low"));
    }

    #[test]
    fn finds_the_nearest_name() {
        assert_eq!(
            nearest("jacs_default_stroage", ["jacs_default_storage", "jacs_data_directory"]),
            Some("jacs_default_storage")
        );
        assert_eq!(nearest("zzz", ["jacs_default_storage"]), None);
    }
}
