//! The layers of a configuration, strongest first: object, environment, file. A setting found in one of
//! them is read with its type, and an error about it says where it stood.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::json::{parse_object, type_name};
use super::values::Source;
use crate::environment::Environment;
use crate::error::{Code, Error, Result, nearest};

/// What a configuration is made from.
pub(super) struct Layers<'a> {
    pub object: Map<String, Value>,
    pub environment: Option<&'a Environment>,
    pub file: Map<String, Value>,
    /// The file's absolute path.
    pub file_path: Option<PathBuf>,
    /// The absolute working directory.
    pub cwd: &'a Path,
}

impl Layers<'_> {
    /// The strongest value of a setting; null counts as not given.
    pub fn find(&self, key: &'static str) -> Option<Found<'_>> {
        self.in_object(key).or_else(|| self.in_environment(key)).or_else(|| self.in_file(key))
    }

    /// The strongest value that does not come from the environment.
    pub fn find_written(&self, key: &'static str) -> Option<Found<'_>> {
        self.in_object(key).or_else(|| self.in_file(key))
    }

    /// What a default path is relative to: the file's folder, where there is a file.
    pub fn base(&self) -> &Path {
        self.file_path.as_deref().and_then(Path::parent).unwrap_or(self.cwd)
    }

    fn in_object(&self, key: &'static str) -> Option<Found<'_>> {
        let value = self.object.get(key).filter(|value| !value.is_null())?;
        Some(Found { key, raw: Raw::Json(value), source: Source::Object, base: self.cwd, file: None })
    }

    fn in_environment(&self, key: &'static str) -> Option<Found<'_>> {
        let text = self.environment?.get(&key.to_ascii_uppercase())?;
        Some(Found { key, raw: Raw::Text(text), source: Source::Environment, base: self.cwd, file: None })
    }

    fn in_file(&self, key: &'static str) -> Option<Found<'_>> {
        let value = self.file.get(key).filter(|value| !value.is_null())?;
        let file = self.file_path.as_deref();
        Some(Found { key, raw: Raw::Json(value), source: Source::File, base: self.base(), file })
    }
}

/// A setting's value as it was given.
pub(super) struct Found<'a> {
    key: &'static str,
    raw: Raw<'a>,
    pub source: Source,
    base: &'a Path,
    file: Option<&'a Path>,
}

#[derive(Clone, Copy)]
enum Raw<'a> {
    Json(&'a Value),
    /// From the environment, where everything is text.
    Text(&'a str),
}

impl<'a> Found<'a> {
    /// A text without control characters; it may be empty.
    pub fn text(&self) -> Result<&'a str> {
        let text = match self.raw {
            Raw::Text(text) => text,
            Raw::Json(Value::String(text)) => text,
            Raw::Json(_) => return Err(self.wrong("a string")),
        };
        if text.chars().any(char::is_control) {
            return Err(self.refused("a string without control characters"));
        }
        Ok(text)
    }

    /// A text that says something.
    pub fn words(&self) -> Result<&'a str> {
        match self.text()? {
            "" => Err(self.refused("a string that is not empty")),
            text => Ok(text),
        }
    }

    pub fn flag(&self) -> Result<bool> {
        match self.raw {
            Raw::Json(Value::Bool(flag)) => Ok(*flag),
            Raw::Text("true" | "1") => Ok(true),
            Raw::Text("false" | "0") => Ok(false),
            _ => Err(self.wrong("true or false")),
        }
    }

    pub fn integer(&self, range: RangeInclusive<u64>) -> Result<u64> {
        let number = match self.raw {
            Raw::Json(value) => value.as_u64(),
            Raw::Text(text) => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten(),
        };
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.wrong(format!("an integer from {} to {}", range.start(), range.end())))
    }

    /// A list of texts: an array of strings, or one string with commas.
    pub fn list(&self) -> Result<Vec<&'a str>> {
        let expected = "an array of strings, or a string with commas";
        let items: Vec<&str> = match self.raw {
            Raw::Text(text) => text.split(',').map(str::trim).collect(),
            Raw::Json(Value::String(text)) => text.split(',').map(str::trim).collect(),
            Raw::Json(Value::Array(items)) => {
                items.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(|| self.wrong(expected))?
            }
            Raw::Json(_) => return Err(self.wrong(expected)),
        };
        match items.iter().any(|item| item.is_empty()) {
            true => Err(self.refused("a list without empty items")),
            false => Ok(items),
        }
    }

    /// An object; in the environment, its JSON text.
    pub fn members(&self) -> Result<Map<String, Value>> {
        match self.raw {
            Raw::Json(Value::Object(members)) => Ok(members.clone()),
            Raw::Text(text) => parse_object(text).map_err(|_| self.wrong("the JSON text of an object")),
            Raw::Json(_) => Err(self.wrong("an object")),
        }
    }

    /// One of a few names.
    pub fn one_of<T>(
        &self,
        parse: impl Fn(&str) -> Option<T>,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Result<T> {
        let text = self.words()?;
        parse(text).ok_or_else(|| self.unknown(text, names))
    }

    /// A local path, made absolute.
    pub fn path(&self) -> Result<PathBuf> {
        Ok(absolute(self.base, self.words()?))
    }

    /// The value is none of the names that are known here.
    pub fn unknown(&self, value: &str, names: impl IntoIterator<Item = &'static str>) -> Error {
        let names: Vec<_> = names.into_iter().collect();
        let error = self.error("a setting has an unknown value").with("value", value);
        match nearest(value, names.iter().copied()) {
            Some(near) => error.with("nearest", near),
            None if names.len() <= 8 => error.with("known", names.join(", ")),
            None => error,
        }
    }

    /// The value has the wrong type or size; it is not shown.
    pub fn wrong(&self, expected: impl std::fmt::Display) -> Error {
        let found = match self.raw {
            Raw::Text(_) => "another text",
            Raw::Json(value) => type_name(value),
        };
        self.error("a setting has the wrong type or size").with("expected", expected).with("found", found)
    }

    /// The value has the right type and cannot be used all the same; it is not shown.
    pub fn refused(&self, expected: impl std::fmt::Display) -> Error {
        self.error("a setting cannot be used").with("expected", expected)
    }

    /// An error about this setting that says where its value stood.
    pub fn error(&self, message: &'static str) -> Error {
        let error = Error::new(Code::Config, message).with("key", self.key);
        let error = match self.source {
            Source::Environment => error.with("from", format_args!("environment {}", self.key.to_ascii_uppercase())),
            source => error.with("from", source),
        };
        match self.file {
            Some(file) => error.with_path(file),
            None => error,
        }
    }
}

/// `text` relative to the absolute `base`, without `.` components. `..` stays: with links it is not the
/// parent that the text shows.
pub(super) fn absolute(base: &Path, text: impl AsRef<Path>) -> PathBuf {
    base.join(text).components().collect()
}
