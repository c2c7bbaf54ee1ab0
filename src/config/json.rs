//! A configuration's JSON: one object, no member twice.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};

/// The longest configuration that is read, in bytes (1 MiB).
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// Parses a text that must be one JSON object, at any depth without duplicate members: which of two would
/// count is not for a reader to guess.
pub(super) fn parse_object(text: &str) -> Result<Map<String, Value>> {
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::new(Code::Config, "the configuration is too long").with("limit in bytes", MAX_BYTES));
    }
    match parse_strict(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => {
            Err(Error::new(Code::Config, "the configuration must be a JSON object").with("found", type_name(&other)))
        }
        Err(error) => Err(Error::new(Code::Config, "the configuration is not valid JSON").with("reason", &error)),
    }
}

/// Parses JSON in which no object has a member twice.
pub(crate) fn parse_strict(text: &str) -> std::result::Result<Value, serde_json::Error> {
    serde_json::from_str(text).map(|Strict(value)| value)
}

/// The type of a value, for messages that must not show the value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the key {name:?} stands twice")));
            }
            let Strict(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_one_plain_object() {
        let deep = "[".repeat(10_000);
        for text in [
            "",
            "{",
            "[1]",
            "null",
            "\u{feff}{}",
            "{} {}",
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"\u0062":2}}"#,
            "{\"a\":1e400}",
            &deep,
        ] {
            let error = parse_object(text).unwrap_err();
            assert_eq!(error.code(), Code::Config, "{text}");
        }
        assert!(parse_object(r#"{"a":1,"a":1}"#).unwrap_err().to_string().contains("\"a\""));
    }

    #[test]
    fn keeps_every_kind_of_value() {
        let text = r#"{"a":[null,true,-1,1,1.5,"x"],"b":{}}"#;
        assert_eq!(Value::Object(parse_object(text).unwrap()), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn bounds_the_length() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BYTES as usize));
        assert!(parse_object(&long).unwrap_err().to_string().contains("too long"));
    }
}
