//! Answers to ListObjects, looked at before OpenDAL's service reads them: it takes any XML for an empty listing, and cuts
//! keys by length.

use quick_xml::events::Event;
use quick_xml::reader::Reader;

use crate::store::remote::xml::character;

const ROOT: &str = "ListBucketResult";

/// Whether this is a whole answer, and about nothing but what was asked for. `query` is that of the request.
pub(super) fn is_sound(answer: &[u8], query: &str) -> bool {
    let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
    let prefix = opendal::raw::percent_decode_path(prefix);
    keys_begin_with(answer, &prefix).unwrap_or(false)
}

/// `None` for what is no listing.
fn keys_begin_with(answer: &[u8], prefix: &str) -> Option<bool> {
    let mut reader = Reader::from_str(std::str::from_utf8(answer).ok()?);
    let mut open: Vec<String> = Vec::new();
    let mut key = String::new();
    let mut named = false;
    let mut whole = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                if open.is_empty() && (whole || name != ROOT) {
                    return None;
                }
                open.push(name);
                key.clear();
                named &= !is_object(&open);
            }
            // `<ListBucketResult/>` says nothing, not even that it is the end.
            Event::Empty(_) if open.is_empty() => return None,
            // An object without a name.
            Event::Empty(start) => {
                open.push(start.local_name().as_ref().to_owned());
                if is_object(&open) || is_key(&open) {
                    return None;
                }
                open.pop();
            }
            Event::CData(text) if is_key(&open) => key.push_str(&text),
            Event::Text(text) if is_key(&open) => key.push_str(&text),
            Event::GeneralRef(entity) if is_key(&open) => key.push_str(&character(&entity)?),
            Event::End(_) => {
                if is_key(&open) {
                    if key.is_empty() || !key.starts_with(prefix) {
                        return Some(false);
                    }
                    named = true;
                }
                if is_object(&open) && !named {
                    return None;
                }
                open.pop();
                whole |= open.is_empty();
            }
            Event::Eof => return (whole && open.is_empty()).then_some(true),
            _ => {}
        }
    }
}

fn is_object(open: &[String]) -> bool {
    matches!(open, [_, list] if list == "Contents" || list == "CommonPrefixes")
}

fn is_key(open: &[String]) -> bool {
    matches!(open, [_, list, name] if (list == "Contents" && name == "Key") || (list == "CommonPrefixes" && name == "Prefix"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(inside: &str) -> String {
        format!("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><Name>b</Name>{inside}</ListBucketResult>")
    }

    #[test]
    fn keys_are_those_of_the_prefix() {
        let query = "list-type=2&prefix=a%20b/&delimiter=/";
        let inside = "<Prefix>a b/</Prefix><Contents><Key>a b/x</Key><Size>1</Size></Contents>\
            <CommonPrefixes><Prefix>a b/y/</Prefix></CommonPrefixes>";
        assert!(is_sound(listing(inside).as_bytes(), query));
        assert!(is_sound(listing("").as_bytes(), query));
        for inside in ["<Contents><Key>a</Key></Contents>", "<CommonPrefixes><Prefix>z/</Prefix></CommonPrefixes>"] {
            assert!(!is_sound(listing(inside).as_bytes(), query), "{inside}");
        }
        assert!(is_sound(listing("<Contents><Key>a&amp;b</Key></Contents>").as_bytes(), "prefix=a%26b"));
    }

    #[test]
    fn other_texts_are_no_listing() {
        let whole = listing("<Contents><Key>k</Key></Contents>");
        for text in [
            "",
            "<html>login</html>",
            "<Error><Code>InternalError</Code></Error>",
            "<ListBucketResult/>",
            &listing("<Contents><Key/></Contents>"),
            &listing("<Contents><Key></Key></Contents>"),
            &listing("<Contents><Size>1</Size></Contents>"),
            &listing("<Contents/>"),
            &listing("<Contents><Key>k</Key></Contents><CommonPrefixes><Prefix/></CommonPrefixes>"),
            &whole[..whole.len() - 3],
        ] {
            assert!(!is_sound(text.as_bytes(), ""), "{text}");
        }
    }
}
