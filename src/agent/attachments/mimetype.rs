//! What kind of file it is: by its content, then by its name.

use super::inputs::Item;

/// Of bytes about which nothing is known (RFC 2046 §4.5.1).
const UNKNOWN: &str = "application/octet-stream";
/// Of files that hold others of many kinds; where the name says more, it is believed.
const WRAPPERS: [&str; 4] = ["application/zip", "text/xml", "application/gzip", "application/x-ole-storage"];

/// The type that the caller gave, or the one that is found.
pub(super) fn of(item: &Item, beginning: &[u8]) -> String {
    if let Some(given) = &item.mimetype {
        return given.clone();
    }
    let by_content = infer::get(beginning).map(|found| found.mime_type());
    match by_content {
        Some(found) if !WRAPPERS.contains(&found) => found.to_owned(),
        found => by_name(&item.name).or(found).unwrap_or(UNKNOWN).to_owned(),
    }
}

fn by_name(name: &str) -> Option<&'static str> {
    mime_guess::from_path(name).first_raw()
}

/// Whether a text is a media type, such as `text/plain; charset=utf-8` (RFC 9110 §8.3.1).
pub fn is_media_type(text: &str) -> bool {
    text.parse::<mime_guess::mime::Mime>().is_ok_and(|mime| !mime.essence_str().contains('*'))
}
