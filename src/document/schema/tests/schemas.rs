//! Schemas of authors: how they are named, read and applied.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{SchemaInput, Schemas, compile, nested, on_small_stack, refused};
use crate::error::Code;

#[test]
fn the_three_forms_are_told_apart() {
    for (text, expected) in [
        ("{}", SchemaInput::Text("{}")),
        (" \n{\"a\":1}", SchemaInput::Text(" \n{\"a\":1}")),
        ("true", SchemaInput::Text("true")),
        ("false ", SchemaInput::Text("false ")),
        ("https://hai.ai/schemas/x", SchemaInput::Url("https://hai.ai/schemas/x")),
        ("file:///x", SchemaInput::Url("file:///x")),
        ("./x.json", SchemaInput::Path(Path::new("./x.json"))),
        ("", SchemaInput::Path(Path::new(""))),
        ("[1]", SchemaInput::Path(Path::new("[1]"))),
    ] {
        assert_eq!(SchemaInput::classify(text), expected, "{text:?}");
    }
}

#[test]
fn a_file_is_read_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    let schemas = Schemas::new();
    let read = || schemas.validator(SchemaInput::Path(&path));
    let error = refused(read());
    assert_eq!((error.code(), error.details().path.as_deref()), (Code::Input, path.to_str()));
    for (contents, code) in [
        (&b"not json"[..], Code::Input),
        (b"\xff", Code::Input),
        (br#"{"a":1,"a":2}"#, Code::Input),
        (br#"{"type":"nope"}"#, Code::Schema),
        (b"5", Code::Schema),
    ] {
        std::fs::write(&path, contents).unwrap();
        let error = refused(read());
        assert_eq!((error.code(), error.details().path.as_deref()), (code, path.to_str()), "{error}");
    }
    std::fs::write(&path, " ".repeat(1024 * 1024 + 1)).unwrap();
    assert_eq!(refused(read()).code(), Code::Input);
    std::fs::write(&path, r#"{"required":["a"]}"#).unwrap();
    assert!(read().unwrap().check(&json!({"a": 1})).is_ok());
    assert_eq!(refused(schemas.validator(SchemaInput::Path(folder.path()))).code(), Code::Input);
    let long = format!("{{\"title\":\"{}\"}}", "x".repeat(1024 * 1024));
    assert_eq!(refused(schemas.validator(SchemaInput::Text(&long))).code(), Code::Input);
}

#[test]
fn references_lead_into_the_schema_and_the_built_in_ones() {
    let header = "https://hai.ai/schemas/header/v1/header.schema.json";
    for (schema, good, bad) in [
        (json!({"$ref": header}), None, json!({})),
        (json!({"$ref": format!("{header}#/definitions/sha256")}), Some(json!("0".repeat(64))), json!("0")),
        (json!({"$ref": "#/definitions/a", "definitions": {"a": {"type": "number"}}}), Some(json!(1)), json!("x")),
        (json!({"$ref": "#/$defs/a%20b~1c", "$defs": {"a b/c": {"type": "number"}}}), Some(json!(1)), json!("x")),
        (json!({"$ref": "#n", "$defs": {"a": {"$anchor": "n", "type": "number"}}}), Some(json!(1)), json!("x")),
        (
            json!({"$id": "https://x.test/a/s.json", "$ref": "n.json", "$defs": {"n": {"$id": "n.json", "type": "number"}}}),
            Some(json!(1)),
            json!("x"),
        ),
        (
            json!({
                "$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#n",
                "definitions": {"n": {"$id": "#n", "type": "number"}}
            }),
            Some(json!(1)),
            json!("x"),
        ),
        (
            json!({
                "$schema": "http://json-schema.org/draft-04/schema#", "id": "https://x.test/s.json",
                "properties": {"a": {"$ref": "https://x.test/s.json#/definitions/n"}},
                "definitions": {"n": {"type": "number", "maximum": 5, "exclusiveMaximum": true}}
            }),
            Some(json!({"a": 4})),
            json!({"a": 5}),
        ),
    ] {
        let validator = compile(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
        assert!(good.is_none_or(|good| validator.check(&good).is_ok()), "{schema}");
        assert_eq!(refused(validator.check(&bad)).code(), Code::Schema, "{schema}");
    }
}

#[test]
fn recursion_into_the_document_is_fine_at_every_depth() {
    on_small_stack(|| {
        let tree = json!({
            "$ref": "#/$defs/node",
            "$defs": {"node": {
                "oneOf": [
                    {"type": "object", "properties": {"l": {"$ref": "#/$defs/node"}}, "required": ["l"]},
                    {"type": "array", "items": {"$ref": "#"}},
                    {"type": "number"}
                ]
            }}
        });
        let validator = compile(&tree).unwrap();
        validator.check(&nested(126, json!(1))).unwrap();
        validator.check(&nested(60, json!([nested(60, json!(1))]))).unwrap();
        assert_eq!(refused(validator.check(&nested(126, json!("x")))).code(), Code::Schema);
    });
}

#[test]
fn references_that_only_look_circular_are_fine() {
    for schema in [
        json!({"not": {"items": {"$ref": "#"}}}),
        json!({"allOf": [{"properties": {"not": {"$ref": "#"}}}]}),
        json!({"properties": {"$ref": {"type": "string"}, "allOf": {"$ref": "#"}}}),
        json!({"const": {"$ref": "nowhere"}, "examples": [{"$ref": "#"}]}),
        json!({"x-note": {"$ref": "nowhere"}}),
        json!({"examples": (0..300).map(|i| json!({"id": i.to_string()})).collect::<Vec<_>>()}),
        // Two resources whose parts have the same names.
        json!({
            "$ref": "a",
            "$defs": {
                "a": {"$id": "a", "$ref": "#/$defs/base", "$defs": {"base": {"$ref": "b"}}},
                "b": {"$id": "b", "$ref": "#/$defs/base", "$defs": {"base": {"type": "object"}}}
            },
            "$id": "https://x.test/s"
        }),
        json!({"$dynamicAnchor": "t", "properties": {"c": {"$dynamicRef": "#t"}}}),
        json!({
            "$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true,
            "properties": {"c": {"$recursiveRef": "#"}}, "unevaluatedProperties": false
        }),
    ] {
        compile(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    }
}

#[test]
fn violations_are_named_and_bounded_without_values() {
    let schema = json!({
        "properties": {"amount": {"type": "number"}, "s3cret": {"const": "expected"}},
        "required": ["title"],
        "additionalProperties": {"maxLength": 2}
    });
    let validator = compile(&schema).unwrap();
    let error = refused(validator.check(&json!({"amount": "s3cret-value", "a/b": "s3cret-value"}))).to_string();
    for expected in ["/amount: type", "/a~1b: maxLength", "the document: required: \"title\" is a required property"] {
        assert!(error.contains(expected), "{error}");
    }
    assert!(!error.contains("s3cret-value"), "{error}");

    let many: Value =
        (0..9000).map(|i| (format!("{i}é").repeat(900), json!("long"))).collect::<serde_json::Map<_, _>>().into();
    let error = refused(validator.check(&many)).to_string();
    assert!(error.len() <= 2048, "{}", error.len());
    assert_eq!(error.matches("...: maxLength: ").count(), 4, "{error}");
}

#[test]
fn an_early_violation_of_a_large_document_is_named() {
    let validator = compile(&json!({"items": {"type": "number"}})).unwrap();
    let large: Value = std::iter::repeat_n(json!("x"), 300_000).collect();
    assert!(refused(validator.check(&large)).to_string().contains("/0: type"));
}

#[test]
fn the_latest_schemas_stay_compiled() {
    let schemas = Schemas::new();
    let text = |i: usize| format!("{{\"maxProperties\":{i}}}");
    let get = |i: usize| schemas.validator(SchemaInput::Text(&text(i))).unwrap();
    let first = get(0);
    assert!(Arc::ptr_eq(&first.0, &get(0).0));
    for i in 1..16 {
        get(i);
    }
    assert!(Arc::ptr_eq(&first.0, &get(0).0), "the latest used stays");
    for i in 16..32 {
        get(i);
    }
    assert!(!Arc::ptr_eq(&first.0, &get(0).0));
}

/// The metered representation must say what the crate's own says.
#[test]
fn agrees_with_the_plain_representation() {
    let schemas = [
        json!({"type": ["object", "null"]}),
        json!({"type": "integer"}),
        json!({"const": {"a": [1, 2.0]}}),
        json!({"enum": [1, "x", [1], null]}),
        json!({"uniqueItems": true}),
        json!({"propertyNames": {"pattern": "^[a-c]$"}}),
        json!({"patternProperties": {"^a": {"type": "number"}}, "additionalProperties": false}),
        json!({"minProperties": 2, "required": ["a", "b"]}),
        json!({"prefixItems": [{"type": "number"}], "items": false}),
        json!({"contains": {"type": "string"}, "maxContains": 1}),
        json!({"unevaluatedProperties": false, "anyOf": [{"properties": {"a": true}}, {"properties": {"b": true}}]}),
        json!({"unevaluatedItems": {"type": "boolean"}, "prefixItems": [true]}),
        json!({"dependentRequired": {"a": ["b"]}, "if": {"type": "object"}, "then": {"maxProperties": 1}}),
        json!({"maxLength": 1}),
        json!({"multipleOf": 0.5, "exclusiveMaximum": 3}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "date-time"}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "number"}], "additionalItems": {"type": "string"}}),
        json!(true),
        json!({"not": {}}),
    ];
    let documents = [
        json!(null),
        json!(true),
        json!(0),
        json!(1.0),
        json!(2.5),
        json!(-3),
        json!("x"),
        json!("😀"),
        json!("xx"),
        json!("2026-11-22T06:06:41Z"),
        json!([]),
        json!([1]),
        json!([1, "x"]),
        json!([1, 1.0]),
        json!(["x", "y"]),
        json!([{"a": 1}, {"a": 1.0}]),
        json!({}),
        json!({"a": 1}),
        json!({"a": [1, 2]}),
        json!({"b": null}),
        json!({"a": 1, "b": 2}),
        json!({"c": "x", "d": 1}),
        json!({"ab": "x"}),
        json!([[], false]),
    ];
    for schema in &schemas {
        let (ours, plain) = (compile(schema).unwrap(), jsonschema::validator_for(schema).unwrap());
        for document in &documents {
            assert_eq!(ours.check(document).is_ok(), plain.is_valid(document), "{schema} {document}");
        }
    }
}
