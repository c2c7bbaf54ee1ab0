//! What both kinds of XML answers need.

use quick_xml::events::BytesRef;

/// The character that an entity, or a reference by number, stands for; `None` for entities that XML does not know itself.
pub(in crate::store) fn character(entity: &BytesRef<'_>) -> Option<String> {
    if let Some(character) = entity.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    let known = match &**entity {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    };
    Some(known.to_owned())
}
