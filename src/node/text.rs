//! Strings from JavaScript, and to it. They cross as V8 keeps them, one or two bytes a character, and are converted here:
//! that is faster than V8's own UTF-8, and shows lone surrogates, of which V8 would silently make U+FFFD.

use std::sync::Arc;

use encoding_rs::mem;
use napi::bindgen_prelude::{Env, FromNapiValue, JsValue, Object, ToNapiValue, Unknown, sys};
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
    let string = JsString::from_unknown(*value).and_then(JsString::into_utf16);
    let string = string.map_err(|error| unreadable(error, name))?;
    // The last unit is C's end of the string.
    let units = string.as_slice().split_last().map_or(&[][..], |(_, units)| units);
    let lone_surrogate = || Error::new(Code::Input, "the text has a lone surrogate").with("argument", name);
    Ok(from_utf16(units).ok_or_else(lone_surrogate))
}

fn from_utf16(units: &[u16]) -> Option<String> {
    let mut text = "\0".repeat(units.len());
    let (read, _) = mem::convert_utf16_to_str_partial(units, &mut text);
    // Room for a byte a unit was enough: it is ASCII, as most texts are.
    if read == units.len() {
        return Some(text);
    }
    if mem::utf16_valid_up_to(units) < units.len() {
        return None;
    }
    let mut text = "\0".repeat(units.len() * 3);
    let (_, written) = mem::convert_utf16_to_str_partial(units, &mut text);
    text.truncate(written);
    Some(text)
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

/// A text on its way to JavaScript; documents in memory are shared.
pub struct Text(Arc<String>);

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Arc::new(text))
    }
}

impl From<Arc<String>> for Text {
    fn from(text: Arc<String>) -> Text {
        Text(text)
    }
}

impl ToNapiValue for Text {
    #[allow(unsafe_code)] // The trait's signature; `env` is handed on as it came.
    unsafe fn to_napi_value(env: sys::napi_env, Text(text): Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(env);
        if mem::is_str_latin1(&text) {
            return Ok(env.create_string_latin1(mem::encode_latin1_lossy(&text))?.raw());
        }
        let mut units = vec![0; text.len()];
        let written = mem::convert_str_to_utf16(&text, &mut units);
        Ok(env.create_string_utf16(&units[..written])?.raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_characters_of_every_width() {
        for text in ["", "a", "\u{0}ascii\u{7f}", "é", "aaé", "ł", "\u{fffd}", "\u{ffff}", "a😀", "😀é大a"] {
            assert_eq!(from_utf16(&text.encode_utf16().collect::<Vec<_>>()).as_deref(), Some(text));
        }
    }

    #[test]
    fn refuses_lone_surrogates_wherever_they_stand() {
        let a = u16::from(b'a');
        for units in
            [&[0xd800][..], &[0xdc00], &[a, 0xd800], &[0xd800, a], &[0xdc00, 0xd800], &[a, 0xd83d, 0xde00, 0xd83d]]
        {
            assert_eq!(from_utf16(units), None, "{units:x?}");
        }
    }
}
