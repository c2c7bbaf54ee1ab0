//! Strings from JavaScript.

use napi::bindgen_prelude::{FromNapiValue, Unknown};
use napi::{JsString, ValueType};

use crate::error::{Code, Error, Result};

/// The text of an argument. Errors: `JACS_INPUT` for another type, and for a lone surrogate, of which napi would
/// silently make U+FFFD.
pub fn text(value: &Unknown, name: &'static str) -> Result<String> {
    let failed = |error: napi::Error| {
        Error::new(Code::Input, "an argument could not be read").with("argument", name).with_source(error)
    };
    if value.get_type().map_err(failed)? != ValueType::String {
        return Err(Error::new(Code::Input, "an argument must be text").with("argument", name));
    }
    let text = String::from_unknown(*value).map_err(failed)?;
    if text.contains('\u{fffd}') {
        let units = JsString::from_unknown(*value).and_then(JsString::into_utf16).map_err(failed)?;
        if char::decode_utf16(units.as_slice().iter().copied()).any(|unit| unit.is_err()) {
            return Err(Error::new(Code::Input, "the text has a lone surrogate").with("argument", name));
        }
    }
    Ok(text)
}
