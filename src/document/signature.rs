//! `jacsSignature`: made here, and taken apart here (check 3). The names, their order in canonical form and
//! the two constants are the format `jacs-signature-v2`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use uuid::Uuid;

use super::CLOCK_TOLERANCE_SECONDS;
use super::header::{names, parse_date};
use super::members::Members;
use crate::canonical::{Object, Value, write_string};
use crate::crypto::{Algorithm, Signer};
use crate::error::{Code, Error, Result};
use crate::id::DocumentKey;

const CONTENT_VERSION: &str = "jacs-signature-v2";
/// In canonical order.
const MEMBERS: [&str; 10] = [
    "agentID",
    "agentVersion",
    "date",
    "fields",
    "iat",
    "jti",
    "publicKeyHash",
    "signature",
    "signatureContentVersion",
    "signingAlgorithm",
];
const OPTIONAL_MEMBERS: [&str; 2] = ["response", "responseType"];

/// Who signs: an agent, at one of its versions, with its key.
pub struct Author<'a> {
    pub agent: DocumentKey,
    pub signer: &'a dyn Signer,
}

/// Signs an object that has all its members but signature and hash; the finished document's text.
pub fn sign(object: &Object, author: &Author, at: Timestamp) -> Result<String> {
    let members = Members::write(object);
    let mut order: Vec<(usize, &str)> = object.names().enumerate().collect();
    order.sort_unstable_by_key(|(_, name)| *name);
    let (head, tail) = metadata(&order, author, at);
    let bytes = members.signed_bytes(order.iter().map(|(position, _)| *position), &format!("{head}{tail}"));
    let signature = STANDARD.encode(author.signer.sign(bytes.as_bytes())?);
    Ok(members.finish(object, &format!("{head},\"signature\":\"{signature}\"{tail}"), bytes))
}

/// The signature's members in canonical form, cut where the signature itself belongs.
fn metadata(order: &[(usize, &str)], author: &Author, at: Timestamp) -> (String, String) {
    let mut head = String::with_capacity(768);
    head.push_str(&format!(
        r#"{{"agentID":"{}","agentVersion":"{}","date":"{at}","fields":["#,
        author.agent.id, author.agent.version
    ));
    for (position, (_, name)) in order.iter().enumerate() {
        if position > 0 {
            head.push(',');
        }
        write_string(name, &mut head);
    }
    let key = author.signer.public_key();
    head.push_str(&format!(
        r#"],"iat":{},"jti":"{}","publicKeyHash":"{}""#,
        at.as_second(),
        Uuid::now_v7(),
        key.hash()
    ));
    let tail =
        format!(r#","signatureContentVersion":"{CONTENT_VERSION}","signingAlgorithm":"{}"}}"#, key.algorithm().name());
    (head, tail)
}

/// Who a signature says that signed, by which key and when.
#[derive(Clone, Copy, Debug)]
pub struct SignedBy<'a> {
    pub agent: DocumentKey,
    pub date: Timestamp,
    /// Seconds since 1970.
    pub iat: i64,
    pub public_key_hash: &'a str,
    pub algorithm: Algorithm,
}

impl SignedBy<'_> {
    /// Check 7, of a signature over the document `key`. Errors: `JACS_SIGNATURE`.
    pub fn check_times(&self, key: DocumentKey, now: Timestamp) -> Result<()> {
        let refused = |message| Err(refused(message).with("iat", self.iat).with_key(key));
        if self.iat < 0 {
            return refused("the signature's time is before 1970");
        }
        if self.iat > now.as_second() + CLOCK_TOLERANCE_SECONDS {
            return refused("the signature's time lies in the future");
        }
        let latest_ms = (self.iat + CLOCK_TOLERANCE_SECONDS).saturating_mul(1000) as u64 + 999;
        if key.version.unix_ms().is_some_and(|ms| ms > latest_ms) {
            return refused("the version's time lies after that of the signature");
        }
        Ok(())
    }
}

/// What a signature claims; nothing in it is believed before the checks have passed. Borrows from the document.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    pub by: SignedBy<'a>,
    fields: Vec<&'a str>,
    signature: &'a str,
    /// The signature's members without the signature itself, in canonical form.
    metadata: String,
}

impl<'a> Claim<'a> {
    /// Check 3: the signature is there, has its ten members and is of a known kind. Errors: `JACS_SIGNATURE`.
    pub fn read(object: &'a Object) -> Result<Claim<'a>> {
        let signature = object.get(names::SIGNATURE).ok_or_else(|| refused("the document has no signature"))?;
        let signature = signature.as_object().ok_or_else(|| refused("the signature is not an object"))?;
        if !signature.names().filter(|name| !OPTIONAL_MEMBERS.contains(name)).eq(MEMBERS) {
            return Err(refused("the signature does not have exactly its members"));
        }
        let text = |name: &'static str| signature.text(name).ok_or_else(|| malformed(name));
        if text("signatureContentVersion")? != CONTENT_VERSION {
            return Err(malformed("signatureContentVersion"));
        }
        text("jti")?;
        let iat = signature.get("iat").and_then(Value::as_integer).ok_or_else(|| malformed("iat"))?;
        let left_out = signature.position("signature").map_err(|_| malformed("signature"))?;
        let by = SignedBy {
            agent: DocumentKey {
                id: text("agentID")?.parse().map_err(|_| malformed("agentID"))?,
                version: text("agentVersion")?.parse().map_err(|_| malformed("agentVersion"))?,
            },
            date: parse_date(text("date")?).ok_or_else(|| malformed("date"))?,
            iat,
            public_key_hash: text("publicKeyHash")?,
            algorithm: Algorithm::parse(text("signingAlgorithm")?).ok_or_else(|| malformed("signingAlgorithm"))?,
        };
        Ok(Claim {
            by,
            fields: read_fields(signature)?,
            signature: text("signature")?,
            metadata: Members::write(signature).text_without(left_out),
        })
    }

    /// Check 6: every top-level member is signed, everything signed is there, once. With `allow_unsigned` the two
    /// names that other implementations never sign may stand there unsigned; they are returned.
    /// Errors: `JACS_SIGNATURE`.
    pub fn check_fields(&self, object: &Object, allow_unsigned: bool) -> Result<Vec<String>> {
        if let Some(name) = self.fields.iter().find(|name| cannot_be_signed(name)) {
            return Err(refused("a field that cannot be signed is named in the signature").with("field", shown(name)));
        }
        let mut is_signed = vec![false; object.len()];
        for (name, position) in self.fields.iter().zip(self.positions(object)) {
            let at = position.ok_or_else(|| refused("a signed field is missing").with("field", shown(name)))?;
            if std::mem::replace(&mut is_signed[at], true) {
                return Err(refused("a field is named twice in the signature").with("field", shown(name)));
            }
        }
        let mut unsigned = Vec::new();
        for (name, _) in object.names().zip(is_signed).filter(|(_, is_signed)| !is_signed) {
            match name {
                names::SIGNATURE | names::SHA256 => {}
                _ if allow_unsigned && names::NEVER_SIGNED.contains(&name) => unsigned.push(name.to_owned()),
                _ => return Err(refused("a field is not signed").with("field", shown(name))),
            }
        }
        Ok(unsigned)
    }

    /// The bytes that the signature must verify over, and the signature. Call after `check_fields`.
    pub fn signed_bytes(&self, object: &Object, members: &Members) -> Result<(String, Vec<u8>)> {
        let order: Option<Vec<usize>> = self.positions(object).collect();
        let order = order.ok_or_else(|| refused("a signed field is missing"))?;
        let signature = STANDARD.decode(self.signature).map_err(|_| malformed("signature"))?;
        Ok((members.signed_bytes(order.into_iter(), &self.metadata), signature))
    }

    /// Where each signed name stands among the object's members: behind the one before, as a rule.
    fn positions(&self, object: &Object) -> impl Iterator<Item = Option<usize>> {
        self.fields.iter().scan(0, |next, name| {
            let position = object.position_near(*next, name);
            *next = position.map_or(*next, |at| at + 1);
            Some(position)
        })
    }
}

fn read_fields<'a>(signature: &'a Object) -> Result<Vec<&'a str>> {
    let fields = signature.get("fields").and_then(Value::as_array).ok_or_else(|| malformed("fields"))?;
    fields.iter().map(|field| field.as_str().ok_or_else(|| malformed("fields"))).collect()
}

fn cannot_be_signed(name: &str) -> bool {
    matches!(name, names::SIGNATURE | names::SHA256) || names::NEVER_SIGNED.contains(&name)
}

/// A name from a stranger's document, short enough for a message.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

fn refused(message: &'static str) -> Error {
    Error::new(Code::Signature, message)
}

fn malformed(member: &'static str) -> Error {
    refused("a member of the signature is not of its type or not known").with("member", member)
}
