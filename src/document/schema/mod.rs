//! JSON Schema: what an author wants a document to look like. Nothing is ever fetched, from network or disk,
//! but the one schema that the caller names; neither a schema nor a document can keep the processor busy for
//! long, exhaust the stack or make a message grow.

mod built_in;
mod expansion;
mod meta;
mod metered;
mod violations;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{PatternOptions, ValidationError};
use serde_json::Value;

use crate::config::parse_strict;
use crate::error::{Code, Error, Result};
use crate::local_file::{ReadFailure, read_bounded};
pub use built_in::urls;
use metered::{Meter, Metered, MeteredNode};

/// The longest schema, in bytes (1 MiB).
pub const MAX_SCHEMA_BYTES: u64 = 1024 * 1024;

/// How many compiled schemas are kept.
const KEPT: usize = 16;

/// The longest compiled regular expression, in bytes, and the memory that matching may take.
const REGEX_BYTES: usize = 1024 * 1024;

/// Looks at the document that a check may take: this many, and so many more for each of its values.
const LOOKS: u64 = 1_000_000;
const LOOKS_PER_VALUE: u64 = 1000;

/// Looks that finding out what is wrong may take, likewise. An error takes up to a kilobyte, and a
/// hostile document makes one for nearly every look.
const LOOKS_TO_EXPLAIN: u64 = 20_000;
const LOOKS_TO_EXPLAIN_PER_VALUE: u64 = 10;
const MOST_LOOKS_TO_EXPLAIN: u64 = 100_000;

/// What the deepest document needs with the longest chain of schemas, twice over (measured without
/// optimisation: 2 KiB for a schema of the chain and a level of the document).
const LARGE_STACK: usize = 32 * 1024 * 1024;

/// Levels times chain that any thread's stack has room for.
const SHALLOW: usize = 64;

/// A schema as a call names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaInput<'a> {
    /// A local file.
    Path(&'a Path),
    /// The JSON text itself.
    Text(&'a str),
    /// The address of a built-in schema.
    Url(&'a str),
}

impl<'a> SchemaInput<'a> {
    /// Tells the three forms of the argument `schema` apart: JSON text begins with `{` or is `true` or
    /// `false`, an address has `://` in it, anything else is a path.
    ///
    /// ```
    /// use jacs_agent::document::schema::SchemaInput;
    /// assert_eq!(SchemaInput::classify(" {}"), SchemaInput::Text(" {}"));
    /// assert_eq!(SchemaInput::classify("./invoice.schema.json"), SchemaInput::Path("./invoice.schema.json".as_ref()));
    /// ```
    pub fn classify(text: &'a str) -> Self {
        match text.trim() {
            json if json.starts_with('{') || matches!(json, "true" | "false") => Self::Text(text),
            url if url.contains("://") => Self::Url(url),
            _ => Self::Path(Path::new(text)),
        }
    }
}

/// Compiles schemas and keeps the latest 16 of them compiled. One may serve many threads.
#[derive(Default)]
pub struct Schemas {
    /// The latest used first, by their text.
    compiled: Mutex<VecDeque<(Arc<str>, Validator)>>,
}

impl Schemas {
    pub fn new() -> Self {
        Self::default()
    }

    /// The validator of a schema: a file of at most 1 MiB (relative to the process's working directory), a
    /// JSON text, or the address of a built-in schema. A schema that names no draft with `$schema` is read as
    /// draft 2020-12. Patterns are matched in linear time, without look-around and back-references.
    ///
    /// # Errors
    /// `JACS_INPUT`: the file is missing, it or the text is too long or not JSON, or no built-in schema has
    /// that address. `JACS_PERMISSION`: the file may not be read. `JACS_UNAVAILABLE`: the disk could not be
    /// read. `JACS_SCHEMA`: it is no valid schema, refers to something that would have to be fetched, or
    /// asks for more work than a document is worth.
    ///
    /// ```
    /// use jacs_agent::document::schema::{SchemaInput, Schemas};
    /// let validator = Schemas::new().validator(SchemaInput::Text(r#"{"required": ["amount"]}"#))?;
    /// assert!(validator.check(&serde_json::json!({"amount": 5})).is_ok());
    /// # Ok::<(), jacs_agent::error::Error>(())
    /// ```
    pub fn validator(&self, schema: SchemaInput<'_>) -> Result<Validator> {
        match schema {
            SchemaInput::Url(url) => self.text_validator(built_in::text(url)?),
            SchemaInput::Text(text) => self.text_validator(text),
            SchemaInput::Path(path) => self.text_validator(&read(path)?).map_err(|error| error.with_path(path)),
        }
    }

    fn text_validator(&self, text: &str) -> Result<Validator> {
        if let Some(kept) = self.find(text) {
            return Ok(kept);
        }
        if text.len() as u64 > MAX_SCHEMA_BYTES {
            return Err(too_long());
        }
        let validator = on_large_stack(|| Validator::compile(text))?;
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.push_front((text.into(), validator.clone()));
        compiled.truncate(KEPT);
        Ok(validator)
    }

    fn find(&self, text: &str) -> Option<Validator> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let position = compiled.iter().position(|(known, _)| **known == *text)?;
        let found = compiled.remove(position)?;
        let validator = found.1.clone();
        compiled.push_front(found);
        Some(validator)
    }
}

/// A compiled schema; a clone is cheap.
#[derive(Clone)]
pub struct Validator(Arc<Compiled>);

struct Compiled {
    validator: jsonschema::Validator<Metered>,
    /// The longest chain of schemas that apply one another to the same value.
    chain: usize,
}

impl Validator {
    fn compile(text: &str) -> Result<Self> {
        let schema = parse_strict(text)
            .map_err(|error| Error::new(Code::Input, "the schema is not valid JSON").with("reason", error))?;
        meta::check(&schema)?;
        let chain = expansion::check(&schema)?;
        Self::build(&schema, chain)
    }

    fn build(schema: &Value, chain: usize) -> Result<Self> {
        let patterns = PatternOptions::regex().size_limit(REGEX_BYTES).dfa_size_limit(REGEX_BYTES);
        let validator = jsonschema::options_for::<Metered>()
            .with_retriever(built_in::OnlyBuiltIn)
            .with_pattern_options(patterns)
            .build(schema)
            .map_err(|error| invalid("the schema is not valid", [error]))?;
        Ok(Self(Arc::new(Compiled { validator, chain })))
    }

    /// Checks a document, which may be as deep as documents can be (127 levels).
    ///
    /// # Errors
    /// `JACS_SCHEMA`: the document breaks the schema; the message names up to five violations with JSON
    /// pointer and keyword, in at most 2 KiB and without the document's values. Also when the check would
    /// take too much work: then nothing is known about the document. `JACS_UNAVAILABLE`: the system has no
    /// thread left for a deep document.
    pub fn check(&self, document: &Value) -> Result<()> {
        let extent = Extent::of(document);
        let judge = || self.judge(document, extent, "the document does not satisfy its schema");
        match extent.levels * self.0.chain <= SHALLOW {
            true => judge(),
            false => on_large_stack(judge),
        }
    }

    /// Checks a value on this thread's stack; `message` says what it means that it breaks the schema.
    fn judge(&self, value: &Value, extent: Extent, message: &'static str) -> Result<()> {
        let meter = Meter::new(LOOKS + LOOKS_PER_VALUE * extent.values);
        let valid = self.0.validator.is_valid(MeteredNode::new(value, &meter));
        if meter.ran_out() {
            return Err(Error::new(Code::Schema, "checking against the schema takes too much work"));
        }
        match valid {
            true => Ok(()),
            false => Err(self.explain(value, extent, message)),
        }
    }

    fn explain(&self, value: &Value, extent: Extent, message: &'static str) -> Error {
        let looks = LOOKS_TO_EXPLAIN + LOOKS_TO_EXPLAIN_PER_VALUE * extent.values;
        let meter = Meter::new(looks.min(MOST_LOOKS_TO_EXPLAIN));
        let found = self.0.validator.iter_errors(MeteredNode::new(value, &meter));
        invalid(message, found.filter(|error| !metered::is_meaningless(error)))
    }
}

/// How large a document is.
#[derive(Clone, Copy)]
struct Extent {
    values: u64,
    levels: usize,
}

impl Extent {
    fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::around(items.iter()),
            Value::Object(members) => Self::around(members.values()),
            _ => Self { values: 1, levels: 1 },
        }
    }

    fn around<'a>(parts: impl Iterator<Item = &'a Value>) -> Self {
        parts.map(Self::of).fold(Self { values: 1, levels: 1 }, |sum, part| Self {
            values: sum.values + part.values,
            levels: sum.levels.max(part.levels + 1),
        })
    }
}

/// Runs recursive work where the stack is sure to have room, whatever thread asks for it.
fn on_large_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("jacs-schema".into()).stack_size(LARGE_STACK);
        let running = thread.spawn_scoped(scope, work).map_err(|error| {
            Error::new(Code::Unavailable, "the system has no thread left").with_source(error).retryable()
        })?;
        running.join().unwrap_or_else(|_| Err(Error::new(Code::Internal, "the schema library failed")))
    })
}

fn read(path: &Path) -> Result<String> {
    let (bytes, _) = read_bounded(path, MAX_SCHEMA_BYTES).map_err(|failure| {
        match failure {
            ReadFailure::Missing(error) => Error::new(Code::Input, "the schema file is missing").with_source(error),
            ReadFailure::TooLong => too_long(),
            ReadFailure::Forbidden(error) => {
                Error::new(Code::Permission, "the schema file may not be read").with_source(error)
            }
            ReadFailure::Unavailable(error) => {
                Error::new(Code::Unavailable, "the schema file could not be read").with_source(error).retryable()
            }
        }
        .with_path(path)
    })?;
    match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => Ok(text.to_owned()),
        Cow::Owned(_) => Err(Error::new(Code::Input, "the schema is not UTF-8").with_path(path)),
    }
}

fn too_long() -> Error {
    Error::new(Code::Input, "the schema is too long").with("limit in bytes", MAX_SCHEMA_BYTES)
}

fn invalid<'a>(message: &'static str, found: impl IntoIterator<Item = ValidationError<'a>>) -> Error {
    let error = Error::new(Code::Schema, message);
    match violations::describe(found) {
        violations if violations.is_empty() => error,
        violations => error.with("violations", violations),
    }
}
