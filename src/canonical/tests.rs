use super::*;
use crate::error::Code;
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

/// A value as any JSON parser reads it: RFC 8785 has examples that the input rules refuse, such as `1E30`.
fn unrestricted(value: &serde_json::Value) -> Value<'static> {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => Value::Number(number.as_f64().unwrap()),
        serde_json::Value::String(text) => Value::from(text.clone()),
        serde_json::Value::Array(items) => Value::Array(items.iter().map(unrestricted).collect()),
        serde_json::Value::Object(members) => {
            let mut object = Object::default();
            members.iter().for_each(|(name, value)| object.set(name.clone(), unrestricted(value)));
            Value::Object(object)
        }
    }
}

fn rfc8785() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/__test__/vectors/canonical/rfc8785.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn writes_the_examples_of_rfc_8785() {
    let vectors = rfc8785();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let input = vector["input"].as_str().unwrap();
        let output = vector["output"].as_str().unwrap();
        assert_eq!(to_string(&unrestricted(&serde_json::from_str(input).unwrap())), output, "{}", vector["name"]);
        // What the input rules accept comes out the same; `1E30` and its like are the only ones they refuse.
        match parse(input) {
            Ok(value) => assert_eq!(to_string(&value), output),
            Err(_) => assert!(output.contains("e+"), "{}", vector["name"]),
        }
    }
}

#[test]
fn writes_the_numbers_of_rfc_8785() {
    let vectors = rfc8785();
    let numbers = vectors["numbers"].as_array().unwrap();
    assert_eq!(numbers.len(), 26);
    for number in numbers {
        let bits = u64::from_str_radix(number["ieee"].as_str().unwrap(), 16).unwrap();
        match number["expected"].as_str() {
            Some(expected) => assert_eq!(to_string(&Value::Number(f64::from_bits(bits))), expected),
            None => assert!(!f64::from_bits(bits).is_finite()),
        }
    }
}
