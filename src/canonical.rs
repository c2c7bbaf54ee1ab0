//! JSON in, canonical JSON out: the input rules of I-JSON (RFC 7493) and the canonical form of RFC 8785 (JCS).
//!
//! A text is parsed once into a tree that borrows from it, with the members of every object already in
//! canonical order, so that writing the canonical form is one pass without look-ups.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Code, Error, Result};

/// Nesting that a text may have; the outermost array or object is level 1. It is serde_json's own limit.
pub const MAX_DEPTH: usize = 127;

/// The largest integer that every JSON implementation keeps exact (RFC 7493, 2.2): 2^53 - 1.
pub const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

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

/// The canonical form of a value.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// Appends the canonical form of a value.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(*number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (position, (name, member)) in object.0.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
    }
}

/// Appends a string with the escapes of RFC 8785 3.2.2.2: only what must be escaped is.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = position_of_escape(rest.as_bytes()) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            0x09 => out.push_str("\\t"),
            0x0a => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            0x0d => out.push_str("\\r"),
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(control >> 4)]));
                out.push(char::from(HEX[usize::from(control & 15)]));
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Where the first byte stands that must be escaped. Whole blocks are tested without branches, which the
/// compiler turns into vector instructions; strings are most of what documents are made of.
fn position_of_escape(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let must_escape = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    let mut start = 0;
    for block in bytes.chunks_exact(BLOCK) {
        if block.iter().fold(false, |found, byte| found | must_escape(*byte)) {
            break;
        }
        start += BLOCK;
    }
    bytes[start..].iter().position(|byte| must_escape(*byte)).map(|at| start + at)
}

/// Appends a number as ECMAScript does (RFC 8785 3.2.2.3).
fn write_number(number: f64, out: &mut String) {
    if number.abs() <= MAX_SAFE_INTEGER && number.fract() == 0.0 {
        out.push_str(itoa::Buffer::new().format(number as i64));
    } else {
        out.push_str(ryu_js::Buffer::new().format_finite(number));
    }
}

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

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| compare_names(other, name))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        to_string(&parse(text).unwrap())
    }

    #[test]
    fn refuses_what_the_input_rules_forbid() {
        let texts = [
            "",
            "nul",
            "{",
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"["\ud800"]"#,
            r#"["\udc00\ud800"]"#,
            "9007199254740992",
            "-9007199254740992",
            "9007199254740993",
            "1e21",
            "1E30",
            "1e400",
            "-1e400",
            "NaN",
            "Infinity",
            "18446744073709551616",
            "01",
            "1.",
            "[1,]",
            "{} {}",
            "\u{feff}{}",
        ];
        for text in texts {
            assert_eq!(parse(text).map_err(|error| error.code()), Err(Code::Input), "{text}");
        }
    }

    #[test]
    fn counts_levels_from_the_outermost() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse(&nested(10_000)).is_err());
    }

    #[test]
    fn sorts_by_utf16_code_units() {
        let text = "{\"\u{fb33}\":1,\"\u{1f600}\":2,\"\u{20ac}\":3,\"a\":4,\"\":5,\"\\r\":6}";
        assert_eq!(canonical(text), "{\"\":5,\"\\r\":6,\"a\":4,\"\u{20ac}\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn writes_numbers_as_ecmascript_does() {
        for (text, expected) in [
            ("-0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("5e-324", "5e-324"),
            ("481.83792520110524", "481.83792520110524"),
            ("4.50", "4.5"),
            ("9007199254740991", "9007199254740991"),
        ] {
            assert_eq!(canonical(text), expected);
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>()
                .prop_filter("finite and not a large integer", |n| n.is_finite()
                    && (n.fract() != 0.0 || n.abs() <= MAX_SAFE_INTEGER))
                .prop_map(Into::into),
            (-9_007_199_254_740_991i64..=9_007_199_254_740_991).prop_map(Into::into),
            any::<String>().prop_map(Into::into),
            "[\u{0}-\u{1f}\"\\\\a\u{e000}-\u{ffff}\u{10000}-\u{10ffff}]{0,40}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::Array),
                prop::collection::hash_map("[a\u{20ac}\u{e000}-\u{ffff}\u{10000}-\u{10ffff}]{0,3}", inner, 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn cases() -> u32 {
        std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn is_stable_and_equals_an_independent_implementation(value in json()) {
            let text = serde_json::to_string(&value).unwrap();
            let once = canonical(&text);
            prop_assert_eq!(&canonical(&once), &once);
            prop_assert_eq!(&serde_json_canonicalizer::to_string(&value).unwrap(), &once);
        }
    }
}
