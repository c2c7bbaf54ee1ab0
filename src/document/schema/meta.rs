//! Whether a schema is one: it is checked against its draft like a document, with a bound on the work. The
//! schema crate checks it too, but copies what it complains about: a schema of a megabyte took gigabytes.

use std::sync::OnceLock;

use jsonschema::Draft;
use serde_json::{Value, json};

use super::{Extent, Validator};
use crate::error::{Code, Error, Result};

/// The longest chain in any of the drafts' own schemas.
const CHAIN: usize = 16;

/// Refuses what is no schema of the draft that it names (2020-12 if none).
pub(super) fn check(schema: &Value) -> Result<()> {
    static COMPILED: [OnceLock<Validator>; 5] = [const { OnceLock::new() }; 5];
    let (slot, address) = match Draft::default().detect(schema) {
        Draft::Draft4 => (0, "http://json-schema.org/draft-04/schema#"),
        Draft::Draft6 => (1, "http://json-schema.org/draft-06/schema#"),
        Draft::Draft7 => (2, "http://json-schema.org/draft-07/schema#"),
        Draft::Draft201909 => (3, "https://json-schema.org/draft/2019-09/schema"),
        Draft::Draft202012 => (4, "https://json-schema.org/draft/2020-12/schema"),
        _ => return Err(Error::new(Code::Schema, "the schema names a draft that is not known")),
    };
    let validator = match COMPILED[slot].get() {
        Some(validator) => validator.clone(),
        None => {
            let compiled = Validator::build(&json!({"$schema": address, "$ref": address}), CHAIN)?;
            COMPILED[slot].get_or_init(|| compiled).clone()
        }
    };
    validator.judge(schema, Extent::of(schema), "the schema is not valid")
}
