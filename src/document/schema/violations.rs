//! What is wrong with a document, in a text of bounded length that shows none of its values.

use std::fmt::{self, Write};

use jsonschema::ValidationError;

/// The most violations that an error names.
pub(super) const MAX_VIOLATIONS: usize = 5;

/// The longest JSON pointer, and the longest description with it, in bytes: five fit into two kibibytes.
const MAX_POINTER_BYTES: usize = 180;
const MAX_BYTES: usize = 380;

/// Describes violations: the JSON pointer, the keyword and what it says.
pub(super) fn describe<'a>(errors: impl IntoIterator<Item = ValidationError<'a>>) -> String {
    let described: Vec<_> = errors.into_iter().take(MAX_VIOLATIONS).map(|error| one(&error)).collect();
    described.join("; ")
}

fn one(error: &ValidationError<'_>) -> String {
    let pointer = match error.instance_path().as_str() {
        "" => "the document",
        pointer => pointer,
    };
    let mut text = Bounded { text: String::new(), limit: MAX_POINTER_BYTES };
    text.add(pointer);
    text.limit = MAX_BYTES;
    text.add(format_args!(": {}: {}", error.kind().keyword(), error.masked_with("the value")));
    text.text
}

/// A text that takes no more than it may hold: a property's name can be as long as a document.
struct Bounded {
    text: String,
    limit: usize,
}

impl Bounded {
    fn add(&mut self, part: impl fmt::Display) {
        if write!(self, "{part}").is_err() {
            self.text.push_str("...");
        }
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = self.limit.saturating_sub(self.text.len());
        if part.len() <= room {
            self.text.push_str(part);
            return Ok(());
        }
        let fits = part.char_indices().take_while(|(start, char)| start + char.len_utf8() <= room);
        self.text.extend(fits.map(|(_, char)| char));
        Err(fmt::Error)
    }
}
