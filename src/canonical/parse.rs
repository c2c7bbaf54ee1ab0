//! Parsing, through a visitor of serde_json: the input rules are enforced while the tree is built.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{MAX_SAFE_INTEGER, Object, Value, compare_names};
use crate::error::{Code, Error, Result};

/// Parses one JSON text under the input rules.
///
/// Errors: `JACS_INPUT` for anything that is not one JSON value, for a duplicate key (compared after
/// unescaping), a lone surrogate, a number that overflows or is an integer beyond +/-(2^53 - 1) in any
/// spelling, and for more than [`MAX_DEPTH`] levels.
///
/// ```
/// use jacs_agent::canonical::{parse, to_string};
/// assert_eq!(to_string(&parse(r#"{"b": 1.0, "a": -0}"#)?), r#"{"a":0,"b":1}"#);
/// # Ok::<(), jacs_agent::error::Error>(())
/// ```
pub fn parse(text: &str) -> Result<Value<'_>> {
    serde_json::from_str(text)
        .map_err(|error| Error::new(Code::Input, "the text is not acceptable JSON").with("reason", error))
}

/// As [`parse`], for a text that must be an object.
pub fn parse_object(text: &str) -> Result<Object<'_>> {
    match parse(text)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::new(Code::Input, "the JSON text must be an object")),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        // Rounding of a larger integer to a double never brings it back to 2^53 - 1 or below.
        if !number.is_finite() || (number.abs() > MAX_SAFE_INTEGER && number.fract() == 0.0) {
            return Err(E::custom("an integer beyond 2^53 - 1 is not exact everywhere"));
        }
        Ok(Value::Number(if number == 0.0 { 0.0 } else { number }))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::new();
        while let Some((Name(name), value)) = members.next_entry()? {
            object.push((name, value));
        }
        object.sort_unstable_by(|(a, _), (b, _)| compare_names(a, b));
        if let Some(pair) = object.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let name: String = pair[0].0.chars().take(64).collect();
            return Err(de::Error::custom(format_args!("the key {name:?} stands twice in one object")));
        }
        Ok(Value::Object(Object(object)))
    }
}

/// A member's name, borrowed where the text has no escapes in it.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}
