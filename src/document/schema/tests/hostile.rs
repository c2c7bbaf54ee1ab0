//! Schemas and documents made to do harm: each must be answered, quickly and on any stack.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{SchemaInput, Schemas, compile, nested, on_small_stack, refused};
use crate::error::Code;

/// Runs a test that must not take long, however slow the machine.
fn quickly(test: impl FnOnce()) {
    let start = Instant::now();
    test();
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// Definitions `d0` to `d{count}`, each made from a reference to the next.
fn chain(count: usize, link: impl Fn(Value) -> Value, last: Value) -> Value {
    let mut definitions: Map<_, _> =
        (0..count).map(|i| (format!("d{i}"), link(json!({"$ref": format!("#/$defs/d{}", i + 1)})))).collect();
    definitions.insert(format!("d{count}"), last);
    json!({"$ref": "#/$defs/d0", "$defs": definitions})
}

#[test]
fn nothing_is_fetched() {
    for reference in [
        "http://127.0.0.1:1/x",
        "https://example.com/s.json",
        "https://hai.ai/schemas/other.json",
        "file:///etc/passwd",
        "x.json",
        "/etc/passwd",
        "../x",
        "json-schema:///x",
        "#/nowhere",
        "#nowhere",
        "::::",
    ] {
        for schema in [json!({"$ref": reference}), json!({"properties": {"a": {"items": {"$ref": reference}}}})] {
            assert_eq!(refused(compile(&schema)).code(), Code::Schema, "{schema}");
        }
    }
    for schema in [
        json!({"$id": "file:///etc/", "$ref": "passwd"}),
        json!({"$schema": "https://example.com/own"}),
        json!({"$schema": "https://hai.ai/schemas/header/v1/header.schema.json"}),
        json!({"$id": "::::"}),
    ] {
        assert_eq!(refused(compile(&schema)).code(), Code::Schema, "{schema}");
    }
}

#[test]
fn patterns_take_linear_time_and_bounded_space() {
    quickly(|| {
        let validator = compile(&json!({"pattern": "^(a+)+$"})).unwrap();
        assert_eq!(refused(validator.check(&json!(format!("{}b", "a".repeat(100_000))))).code(), Code::Schema);
    });
    for pattern in ["(?=a)b", "(a)\\1", "(\\w{1000}){1000}", "(", "[z-a]"] {
        assert_eq!(refused(compile(&json!({"pattern": pattern}))).code(), Code::Schema, "{pattern}");
        assert_eq!(refused(compile(&json!({"patternProperties": {pattern: {}}}))).code(), Code::Schema, "{pattern}");
    }
}

#[test]
fn what_leads_back_to_itself_is_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"not": {"$ref": "#"}}),
        json!({"if": {"$ref": "#"}, "then": {"$ref": "#"}}),
        json!({"dependentSchemas": {"a": {"$ref": "#"}}}),
        json!({"$dynamicAnchor": "x", "allOf": [{"$dynamicRef": "#x"}]}),
        json!({"$id": "https://x.test/s", "anyOf": [{"$ref": "https://x.test/s"}]}),
        json!({"properties": {"p": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"oneOf": [{"$ref": "#/$defs/a"}]}}}),
        json!({"properties": {"p": {"$ref": "#/x/y"}}, "x": {"y": {"allOf": [{"$ref": "#/x/y"}]}}}),
    ] {
        let error = refused(compile(&schema));
        assert_eq!(error.code(), Code::Schema);
        assert!(error.to_string().contains("leads back"), "{schema}: {error}");
    }
}

#[test]
fn references_that_multiply_are_refused() {
    quickly(|| {
        let doubled = chain(40, |next| json!({"allOf": [next.clone(), next]}), json!(true));
        assert!(refused(compile(&doubled)).to_string().contains("too many schemas"));
        // Under names that only the schema crate could resolve, they lead nowhere.
        let hidden =
            json!({"$id": "https://x.test/a/", "$ref": "b/../c", "$defs": {"c": {"$id": "https://x.test/a/c%2f"}}});
        assert_eq!(refused(compile(&hidden)).code(), Code::Schema);
        let anchored: Value = std::iter::repeat_n(json!({"$anchor": "a", "$ref": "#a"}), 20_000).collect();
        assert!(refused(compile(&json!({"anyOf": anchored}))).to_string().contains("anchor"));
    });
}

#[test]
fn long_chains_and_deep_texts_need_no_stack() {
    on_small_stack(|| {
        quickly(|| {
            let long = chain(20_000, |next| next, json!({"type": "object"}));
            assert!(refused(compile(&long)).to_string().contains("too many schemas"));
            let deep = (0..62).fold(json!({"type": "object"}), |schema, _| json!({"allOf": [schema]}));
            compile(&deep).unwrap().check(&nested(126, json!(1))).unwrap();
            let text = format!("{}{}", "{\"not\":".repeat(100_000), "}".repeat(100_000));
            assert_eq!(refused(Schemas::new().validator(SchemaInput::Text(&text))).code(), Code::Input);
        });
    });
}

/// The longest chains at every level of the deepest document: what `LARGE_STACK` is for.
#[test]
fn the_longest_chains_fit_the_stack() {
    let last = json!({
        "type": "object", "properties": {"l": {"$ref": "#/$defs/d0"}}, "unevaluatedProperties": false
    });
    let links: [fn(Value) -> Value; 4] = [
        |next| next,
        |next| json!({"oneOf": [next, {"type": "number"}]}),
        |next| json!({"anyOf": [next, {"type": "number"}], "unevaluatedProperties": false}),
        |next| json!({"if": {"type": "object"}, "then": next, "else": false}),
    ];
    on_small_stack(move || {
        quickly(|| {
            for link in links {
                let longest = (1..64).rev().find_map(|count| compile(&chain(count, link, last.clone())).ok()).unwrap();
                assert_eq!(refused(longest.check(&nested(126, json!("x")))).code(), Code::Schema);
                if let Err(error) = longest.check(&nested(126, json!({}))) {
                    assert!(error.to_string().contains("too much work"), "{error}");
                }
            }
        });
    });
}

/// An ordinary recursive schema, and a document for which collecting the reasons doubles at every level.
#[test]
fn a_document_cannot_make_its_errors_multiply() {
    let branch = |kind| json!({"properties": {"k": {"const": kind}, "l": {"$ref": "#/$defs/e"}}, "required": ["k"]});
    let schema = json!({"$ref": "#/$defs/e", "$defs": {"e": {"oneOf": [branch("a"), branch("b"), branch("c")]}}});
    let validator = compile(&schema).unwrap();
    quickly(|| {
        let document = (0..126).fold(json!("x"), |below, _| json!({"k": "d", "l": below}));
        assert_eq!(refused(validator.check(&document)).code(), Code::Schema);
    });
}

#[test]
fn a_schema_and_a_document_cannot_multiply_together() {
    quickly(|| {
        let twice = |next: Value| json!({"allOf": [{"properties": {"l": next.clone()}}, {"properties": {"l": next}}]});
        let validator = compile(&chain(100, twice, json!(true))).unwrap();
        let error = refused(validator.check(&nested(120, json!(1))));
        assert!(error.code() == Code::Schema && error.to_string().contains("too much work"), "{error}");
    });
}

#[test]
fn a_schema_that_is_none_is_not_copied_about() {
    quickly(|| {
        let large: Value = std::iter::repeat_n(json!("x"), 50_000).collect();
        let mut schema = (0..100).fold(json!({"type": "nope", "enum": large}), |schema, _| json!({"items": schema}));
        for draft in ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"] {
            schema["$schema"] = json!(draft);
            let error = refused(compile(&schema));
            assert_eq!(error.code(), Code::Schema);
            assert!(error.to_string().len() < 2048);
        }
    });
}
