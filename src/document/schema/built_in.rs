//! The schemas that the package brings along, under the URLs by which documents name them.

use std::sync::LazyLock;

use serde_json::Value;

use crate::error::{Code, Error, Result, nearest};

/// One of the package's own schemas: the text is ours, written from the format's description.
struct BuiltIn {
    url: &'static str,
    text: &'static str,
}

const BUILT_IN: [BuiltIn; 5] = [
    BuiltIn {
        url: "https://hai.ai/schemas/header/v1/header.schema.json",
        text: include_str!("../schemas/header.json"),
    },
    BuiltIn { url: "https://hai.ai/schemas/agent/v1/agent.schema.json", text: include_str!("../schemas/agent.json") },
    BuiltIn { url: "https://hai.ai/schemas/jacs.config.schema.json", text: include_str!("../schemas/config.json") },
    BuiltIn {
        url: "https://hai.ai/schemas/components/signature/v1/signature.schema.json",
        text: include_str!("../schemas/signature.json"),
    },
    BuiltIn {
        url: "https://hai.ai/schemas/components/files/v1/files.schema.json",
        text: include_str!("../schemas/files.json"),
    },
];

/// The URLs of the built-in schemas.
pub fn urls() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|schema| schema.url)
}

/// The text of a built-in schema.
pub(super) fn text(url: &str) -> Result<&'static str> {
    let known = BUILT_IN.iter().find(|schema| schema.url == url.trim_end_matches('#'));
    known.map(|schema| schema.text).ok_or_else(|| unknown(url))
}

/// The built-in schemas and their URLs.
pub(super) fn parsed() -> impl Iterator<Item = (&'static str, &'static Value)> {
    static PARSED: LazyLock<Vec<(&str, Value)>> = LazyLock::new(|| {
        // A text that is no JSON cannot be built into the package: a test parses each.
        BUILT_IN.iter().filter_map(|schema| Some((schema.url, serde_json::from_str(schema.text).ok()?))).collect()
    });
    PARSED.iter().map(|(url, schema)| (*url, schema))
}

fn unknown(url: &str) -> Error {
    let error =
        Error::new(Code::Input, "the package has no schema of that address, and fetches none").with("schema", url);
    match nearest(url, urls()) {
        Some(near) => error.with("nearest", near),
        None => error,
    }
}

/// Answers for the built-in schemas and for nothing else: no schema is fetched from network or disk.
pub(super) struct OnlyBuiltIn;

impl jsonschema::Retrieve for OnlyBuiltIn {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> std::result::Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let known = parsed().find(|(url, _)| *url == uri.as_str());
        known.map(|(_, schema)| schema.clone()).ok_or_else(|| unknown(uri.as_str()).into())
    }
}
