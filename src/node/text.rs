//! Strings from JavaScript.

use napi::bindgen_prelude::{FromNapiValue, Object, Unknown};
use napi::{JsString, ValueType};

use crate::error::{Code, Error, Result};

/// The text of an argument. Errors: `JACS_INPUT` for another type, and for a lone surrogate.
pub fn text(value: &Unknown, name: &'static str) -> Result<String> {
    document(value, name)?
}

/// The text of a document that is to be judged: one with a lone surrogate is text, and no document.
/// Errors: `JACS_INPUT` for another type.
pub fn document(value: &Unknown, name: &'static str) -> Result<Result<String>> {
    if value.get_type().map_err(|error| unreadable(error, name))? != ValueType::String {
        return Err(Error::new(Code::Input, "an argument must be text").with("argument", name));
    }
    let text = String::from_unknown(*value).map_err(|error| unreadable(error, name))?;
    // napi silently makes U+FFFD of a lone surrogate.
    if text.contains('\u{fffd}') {
        let units =
            JsString::from_unknown(*value).and_then(JsString::into_utf16).map_err(|error| unreadable(error, name))?;
        if char::decode_utf16(units.as_slice().iter().copied()).any(|unit| unit.is_err()) {
            return Ok(Err(Error::new(Code::Input, "the text has a lone surrogate").with("argument", name)));
        }
    }
    Ok(Ok(text))
}

/// The text of an item of a batch. JavaScript hands in the error of an object that could not be written.
pub fn item(value: &Unknown) -> Result<String> {
    let message = match value.get_type() {
        Ok(ValueType::Object) => Object::from_unknown(*value).and_then(|error| error.get::<String>("message")),
        _ => Ok(None),
    };
    match message {
        Ok(Some(message)) => Err(Error::new(Code::Input, message)),
        _ => text(value, "json"),
    }
}

fn unreadable(error: napi::Error, name: &'static str) -> Error {
    Error::new(Code::Input, "an argument could not be read").with("argument", name).with_source(error)
}
