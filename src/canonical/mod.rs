//! JSON in, canonical JSON out: the input rules of I-JSON (RFC 7493) and the canonical form of RFC 8785 (JCS).
//!
//! A text is parsed once into a tree that borrows from it, with the members of every object already in
//! canonical order, so that writing the canonical form is one pass without look-ups.

mod parse;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::cmp::Ordering;

pub use parse::{parse, parse_object};
pub use write::{to_string, write, write_string};

/// Nesting that a text may have; the outermost array or object is level 1. It is serde_json's own limit.
pub const MAX_DEPTH: usize = 127;

/// The largest integer that every JSON implementation keeps exact (RFC 7493, 2.2): 2^53 - 1.
pub const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// A string of more bytes is a long one.
const LONG: usize = 64 << 10;

/// A JSON value that borrows from the text it was parsed from.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    /// Finite, never `-0`, and at most [`MAX_SAFE_INTEGER`] where it is an integer.
    Number(f64),
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Object<'a>),
}

/// The members of an object: names unique, in canonical order (UTF-16 code units, RFC 8785 3.2.3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// The order of member names: by UTF-16 code units. It differs from the order of UTF-8 bytes only where a
/// character beyond U+FFFF (lead byte F0 or more) meets one of U+E000 to U+FFFF (lead byte EE or EF).
pub fn compare_names(a: &str, b: &str) -> Ordering {
    let differing = a.bytes().zip(b.bytes()).find(|(x, y)| x != y);
    match differing {
        None => a.len().cmp(&b.len()),
        Some((0xf0.., 0xee | 0xef)) => Ordering::Less,
        Some((0xee | 0xef, 0xf0..)) => Ordering::Greater,
        Some((x, y)) => x.cmp(&y),
    }
}

/// The same value as serde_json has it, for libraries that take that.
pub fn to_json(object: &Object) -> serde_json::Value {
    object
        .0
        .iter()
        .map(|(name, value)| (name.to_string(), value_to_json(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn value_to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        // An integer stays one: schemas tell `integer` from `number` by it.
        Value::Number(number) if number.fract() == 0.0 => (*number as i64).into(),
        Value::Number(number) => (*number).into(),
        Value::String(text) => serde_json::Value::String(text.to_string()),
        Value::Array(items) => items.iter().map(value_to_json).collect::<Vec<_>>().into(),
        Value::Object(object) => to_json(object),
    }
}

impl<'a> Value<'a> {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of the long strings in it, which are most of what it takes to write it.
    pub fn long_text(&self) -> usize {
        match self {
            Value::String(text) if text.len() > LONG => text.len(),
            Value::Array(items) => items.iter().map(Value::long_text).sum(),
            Value::Object(object) => object.iter().map(|(_, value)| value.long_text()).sum(),
            _ => 0,
        }
    }

    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The value when it is an integer.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Number(number) if number.fract() == 0.0 => Some(*number as i64),
            _ => None,
        }
    }

    /// The same value that borrows nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(truth) => Value::Bool(truth),
            Value::Number(number) => Value::Number(number),
            Value::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Value::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Value::Object(object) => Value::Object(object.into_owned()),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::String(Cow::Owned(text))
    }
}

impl<'a> Object<'a> {
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.position(name).ok().map(|at| &self.0[at].1)
    }

    /// The text of a member that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    /// Sets a member, in its place.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) {
        let (name, value) = (name.into(), value.into());
        match self.position(&name) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    pub fn remove(&mut self, name: &str) -> Option<Value<'a>> {
        self.position(name).ok().map(|at| self.0.remove(at).1)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    pub fn into_owned(self) -> Object<'static> {
        Object(self.0.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned())).collect())
    }

    /// Where a member stands among the others, or would stand.
    pub fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| compare_names(other, name))
    }

    /// Where a member stands; at `likely`, as a rule.
    pub fn position_near(&self, likely: usize, name: &str) -> Option<usize> {
        match self.0.get(likely) {
            Some((other, _)) if other == name => Some(likely),
            _ => self.position(name).ok(),
        }
    }
}
