//! A document's members, each written once in canonical form. The document's text, the bytes that are
//! signed and the bytes that are hashed are all cut from that one text.

use sha2::{Digest, Sha256};

use super::header::names;
use crate::canonical::{Object, write, write_string};
use crate::crypto::hex;

/// Room for most documents.
const TYPICAL_BYTES: usize = 4096;

/// `"a":1,"b":2`, with where each name and value stands. Same order as the object's members.
pub struct Members {
    text: String,
    spans: Vec<Span>,
}

struct Span {
    start: usize,
    value: usize,
    end: usize,
}

impl Members {
    pub fn write(object: &Object) -> Members {
        // A long value must not make the text grow to twice its size.
        let long: usize = object.iter().map(|(_, value)| value.long_text()).sum();
        let mut text = String::with_capacity(TYPICAL_BYTES + long + long / 64);
        let mut spans = Vec::with_capacity(object.len());
        for (name, value) in object.iter() {
            if !text.is_empty() {
                text.push(',');
            }
            let start = text.len();
            write_string(name, &mut text);
            text.push(':');
            let at = text.len();
            write(value, &mut text);
            spans.push(Span { start, value: at, end: text.len() });
        }
        Members { text, spans }
    }

    /// The whole object in canonical form.
    pub fn object_text(&self) -> String {
        let mut text = String::with_capacity(self.text.len() + 2);
        text.push('{');
        text.push_str(&self.text);
        text.push('}');
        text
    }

    /// The object in canonical form, without the member at `left_out`.
    pub fn text_without(&self, left_out: usize) -> String {
        let mut text = String::with_capacity(self.text.len() + 2);
        let parts = [self.slice(0, left_out), self.slice(left_out + 1, self.spans.len())];
        for_each_joined(&parts, |piece| text.push_str(piece));
        text
    }

    /// The bytes that a signature covers: the members at `order`, and the signature's own metadata.
    /// Its shape is the format `jacs-signature-v2` (specification, "Signature").
    pub fn signed_bytes(&self, order: impl Iterator<Item = usize>, metadata: &str) -> String {
        let mut bytes = String::with_capacity(self.text.len() + metadata.len() + 20 * self.spans.len() + 128);
        bytes.push_str(r#"{"domain":"jacs.signature.v2","fields":["#);
        for (position, at) in order.enumerate() {
            let span = &self.spans[at];
            bytes.push_str(if position == 0 { r#"{"name":"# } else { r#",{"name":"# });
            bytes.push_str(&self.text[span.start..span.value - 1]);
            bytes.push_str(r#","value":"#);
            bytes.push_str(&self.text[span.value..span.end]);
            bytes.push('}');
        }
        bytes.push_str(r#"],"placementKey":"jacsSignature","signatureMetadata":"#);
        bytes.push_str(metadata);
        bytes.push('}');
        bytes
    }

    /// `jacsSha256` of an object that may carry it already: over its canonical form without that member.
    pub fn hash(&self, object: &Object) -> String {
        let (at, after) = match object.position(names::SHA256) {
            Ok(at) => (at, at + 1),
            Err(at) => (at, at),
        };
        hash_of(&[self.slice(0, at), self.slice(after, self.spans.len())])
    }

    /// The finished document: these members, the signature and the hash, each in its place.
    /// `room` is a text that is no longer needed, whose place it may take: large ones are dear.
    pub fn finish(&self, object: &Object, signature: &str, room: String) -> String {
        let [hash_at, signature_at] =
            [names::SHA256, names::SIGNATURE].map(|name| object.position(name).unwrap_or_else(|at| at));
        let signature = format!("\"{}\":{signature}", names::SIGNATURE);
        let head = self.slice(0, hash_at);
        let middle = self.slice(hash_at, signature_at);
        let tail = self.slice(signature_at, self.spans.len());
        let hash = format!("\"{}\":\"{}\"", names::SHA256, hash_of(&[head, middle, &signature, tail]));
        let mut document = room;
        document.clear();
        document.reserve(self.text.len() + signature.len() + hash.len() + 8);
        for_each_joined(&[head, &hash, middle, &signature, tail], |piece| document.push_str(piece));
        document
    }

    fn slice(&self, from: usize, to: usize) -> &str {
        if from == to { "" } else { &self.text[self.spans[from].start..self.spans[to - 1].end] }
    }
}

fn hash_of(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for_each_joined(parts, |piece| digest.update(piece));
    hex(&digest.finalize())
}

/// `{`, the parts that are not empty with commas between them, `}`.
fn for_each_joined(parts: &[&str], mut sink: impl FnMut(&str)) {
    sink("{");
    let mut first = true;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !first {
            sink(",");
        }
        first = false;
        sink(part);
    }
    sink("}");
}
