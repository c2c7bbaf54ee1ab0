mod built_in;
mod hostile;
mod schemas;

use serde_json::Value;

use super::{SchemaInput, Schemas, Validator};
use crate::error::{Error, Result};

fn compile(schema: &Value) -> Result<Validator> {
    Schemas::new().validator(SchemaInput::Text(&schema.to_string()))
}

fn refused<T>(result: Result<T>) -> Error {
    result.err().expect("it must be refused")
}

/// Runs a test where any thread must be able to run it: on a quarter of a mebibyte of stack.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 * 1024).spawn(test).unwrap().join().unwrap();
}

/// `leaf` under `depth` objects with the one member `l`.
fn nested(depth: usize, leaf: Value) -> Value {
    (0..depth).fold(leaf, |below, _| serde_json::json!({"l": below}))
}
