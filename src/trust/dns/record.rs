//! The text of the TXT record by which a domain names its agent's key: written, and read. No I/O.
//!
//! Parts `name=value` separated by `;`:
//!
//! ```text
//! v=jacs; jacs_agent_id={uuid}; alg=SHA-256; enc=base64; jac_public_key_hash={SHA-256 of the raw key}
//! ```

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::{PublicKey, sha256};
use crate::id::DocumentId;

/// What makes a text such a record: the value of `v`.
const KINDS: [&str; 2] = ["jacs", "hai.ai"];
const HASH: &str = "jac_public_key_hash";
/// Another spelling of [`HASH`]: both in one record are one part twice.
const HASH_TOO: &str = "jacs_public_key_hash";

/// What all the records at an agent's name say about one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is the agent's. `raw`: named by the SHA-256 of its bytes, not by the hash that other keys share.
    Named { raw: bool },
    /// No record is about the agent.
    Nothing,
    /// A record is about the agent, and does not name the key; why not.
    Otherwise(&'static str),
}

/// The text of the record that names `key` as the agent's.
pub fn text(agent: DocumentId, key: &PublicKey) -> String {
    let digest = STANDARD.encode(sha256(key.raw()));
    format!("v=jacs; jacs_agent_id={agent}; alg=SHA-256; enc=base64; {HASH}={digest}")
}

/// Judges the `texts` at an agent's name, each the strings of one TXT record joined. Those that are about something
/// else, or about other agents, are passed over. `public_key_hash` is the lossy one of documents.
///
/// Names and values are compared without regard to case, but for base64; white space around them and unknown parts mean
/// nothing. `alg` and `enc` may be left out.
pub fn judge(texts: &[String], agent: DocumentId, key: &PublicKey, public_key_hash: &str) -> Said {
    let agent = agent.to_string();
    let judge = |text: &String| {
        let parts = Parts::read(text);
        parts.about(&agent).then(|| parts.names(key, public_key_hash))
    };
    let mut said = texts.iter().filter_map(judge);
    match (said.next(), said.next()) {
        (None, _) => Said::Nothing,
        (Some(Ok(raw)), None) => Said::Named { raw },
        (Some(Err(reason)), None) => Said::Otherwise(reason),
        (Some(_), Some(_)) => Said::Otherwise("more than one record is about the agent"),
    }
}

struct Parts<'a> {
    /// By name in lower case; more than one value where a part is there again.
    values: HashMap<String, Vec<&'a str>>,
    /// Whether something is no part at all.
    broken: bool,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Parts<'a> {
        let mut parts = Parts { values: HashMap::new(), broken: false };
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                parts.broken = true;
                continue;
            };
            let name = match name.trim().to_ascii_lowercase() {
                name if name == HASH_TOO => HASH.to_owned(),
                name => name,
            };
            parts.values.entry(name).or_default().push(value.trim());
        }
        parts
    }

    fn has(&self, name: &str, wanted: &str) -> bool {
        self.values.get(name).is_some_and(|values| values.iter().any(|value| value.eq_ignore_ascii_case(wanted)))
    }

    fn one(&self, name: &str) -> Option<&'a str> {
        self.values.get(name)?.first().copied()
    }

    /// Whether it is a record about the agent, well formed or not.
    fn about(&self, agent: &str) -> bool {
        KINDS.iter().any(|kind| self.has("v", kind)) && self.has("jacs_agent_id", agent)
    }

    /// Whether it names the key by its bytes, rather than by the lossy hash; or why it does not name it.
    fn names(&self, key: &PublicKey, public_key_hash: &str) -> Result<bool, &'static str> {
        if self.broken {
            return Err("the record is malformed");
        }
        if self.values.values().any(|values| values.len() > 1) {
            return Err("the record has a part twice");
        }
        if self.one("alg").is_some_and(|alg| !alg.eq_ignore_ascii_case("SHA-256")) {
            return Err("the record's alg is not SHA-256");
        }
        let Some(value) = self.one(HASH) else { return Err("the record names no key") };
        let raw = match self.one("enc").unwrap_or("base64").to_ascii_lowercase().as_str() {
            "base64" => value.trim_end_matches('=') == STANDARD.encode(sha256(key.raw())).trim_end_matches('='),
            "hex" => value.eq_ignore_ascii_case(key.sha256()),
            _ => return Err("the record's enc is neither base64 nor hex"),
        };
        let lossy = public_key_hash == key.hash() && value.eq_ignore_ascii_case(public_key_hash);
        match raw || lossy {
            true => Ok(raw),
            false => Err("the record names another key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::{Algorithm, hex};

    const AGENT: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn agent() -> DocumentId {
        AGENT.parse().unwrap()
    }

    fn key(byte: u8) -> PublicKey {
        PublicKey::new(Algorithm::Ed25519, &[byte; 32]).unwrap()
    }

    fn digest(key: &PublicKey) -> String {
        STANDARD.encode(sha256(key.raw()))
    }

    fn said(texts: &[&str]) -> Said {
        let key = key(0x99);
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        judge(&texts, agent(), &key, key.hash())
    }

    const RAW: Said = Said::Named { raw: true };

    #[test]
    fn what_is_written_is_as_the_format_says() {
        // python3: base64.b64encode(hashlib.sha256(bytes([0x99] * 32)).digest())
        let expected = "v=jacs; jacs_agent_id=550e8400-e29b-41d4-a716-446655440000; alg=SHA-256; enc=base64; \
                        jac_public_key_hash=r4NLI1e65q1+zNNcCgUFOK84sZAjJ19Y0fOznk0aBDU=";
        assert_eq!(text(agent(), &key(0x99)), expected);
        assert_eq!(said(&[expected]), RAW);
    }

    #[test]
    fn every_form_that_others_write_is_read() {
        let key = key(0x99);
        let (base64, hexadecimal) = (digest(&key), key.sha256());
        for (form, raw) in [
            (format!("v=hai.ai; jacs_agent_id={AGENT}; alg=SHA-256; enc=base64; jac_public_key_hash={base64}"), true),
            (format!("v=jacs; jacs_agent_id={AGENT}; alg=SHA-256; enc=base64; jacs_public_key_hash={base64}"), true),
            (format!("v=jacs; jacs_agent_id={AGENT}; alg=SHA-256; enc=hex; jac_public_key_hash={hexadecimal}"), true),
            (
                format!(
                    "enc=hex;JACS_Public_Key_Hash={};v=JACS;jacs_agent_id={}",
                    hexadecimal.to_uppercase(),
                    AGENT.to_uppercase()
                ),
                true,
            ),
            (
                format!(
                    " ;v = jacs;; jacs_agent_id =\t{AGENT} ; jac_public_key_hash= {} ; ",
                    base64.trim_end_matches('=')
                ),
                true,
            ),
            (format!("v=jacs; jacs_agent_id={AGENT}; note=a=b; jac_public_key_hash={base64}"), true),
            (format!("v=jacs; jacs_agent_id={AGENT}; enc=base64; jac_public_key_hash={}", key.hash()), false),
            (
                format!("v=jacs; jacs_agent_id={AGENT}; enc=hex; jac_public_key_hash={}", key.hash().to_uppercase()),
                false,
            ),
        ] {
            assert_eq!(said(&[&form]), Said::Named { raw }, "{form}");
        }
        assert_ne!(key.hash(), key.sha256());
    }

    #[test]
    fn a_lossy_hash_that_is_not_the_keys_names_nothing() {
        for hash in ["", "abcd"] {
            let text = format!("v=jacs; jacs_agent_id={AGENT}; jac_public_key_hash={hash}");
            assert!(matches!(judge(&[text], agent(), &key(0x99), hash), Said::Otherwise(_)), "{hash}");
        }
    }

    #[test]
    fn what_is_about_something_else_is_passed_over() {
        let ours = text(agent(), &key(0x99));
        let others = [
            "",
            ";",
            "=",
            "v=spf1 include:_spf.example.test ~all",
            "v=jacs",
            "v=jacs; jacs_agent_id=",
            &text(DocumentId::random(), &key(1)),
            // Of another agent: whatever is wrong with it is not this one's.
            "v=jacs; v=jacs; jacs_agent_id=67e55044-10b1-426f-9247-bb680e5fe0c8; x",
            &ours.replace("v=jacs", "v=jacs2"),
            &ours.replace("v=jacs; ", ""),
            &format!("\"{ours}\""),
        ];
        assert_eq!(said(&others), Said::Nothing);
        assert_eq!(said(&[]), Said::Nothing);
        assert_eq!(said(&[&others[..], &[&ours]].concat()), RAW);
    }

    #[test]
    fn a_record_of_the_agent_that_does_not_name_the_key_is_told() {
        let ours = text(agent(), &key(0x99));
        let base64 = digest(&key(0x99));
        for wrong in [
            text(agent(), &key(1)),
            ours.replace("alg=SHA-256", "alg=SHA-512"),
            ours.replace("enc=base64", "enc=base32"),
            ours.replace("enc=base64", "enc="),
            ours.replace("enc=base64", "enc=hex"),
            ours.replace("jac_public_key_hash", "public_key_hash"),
            ours.replace(&base64, ""),
            ours.replace(&base64, &base64[..20]),
            ours.replace(&base64, &base64.to_ascii_lowercase()),
            ours.replace(&base64, &hex(base64.as_bytes())),
            format!("{ours}; broken"),
            format!("{ours}; v=jacs"),
            format!("{ours}; v=spf1"),
            format!("{ours}; jacs_agent_id={AGENT}"),
            format!("{ours}; jacs_agent_id=67e55044-10b1-426f-9247-bb680e5fe0c8"),
            format!("{ours}; jac_public_key_hash={base64}"),
            format!("{ours}; jacs_public_key_hash={base64}"),
            format!("{ours}; ENC=base64"),
            format!("{ours}; note=1; Note=2"),
        ] {
            assert!(matches!(said(&[&wrong]), Said::Otherwise(_)), "{wrong}");
            // Beside a good one it is one too many.
            assert!(matches!(said(&[&ours, &wrong]), Said::Otherwise(_)), "{wrong}");
        }
        assert!(matches!(said(&[&ours, &ours]), Said::Otherwise(_)));
    }

    proptest! {
        #[test]
        fn no_text_panics_or_names_a_key_by_chance(texts in prop::collection::vec(any::<String>(), 0..4)) {
            let key = key(0x99);
            prop_assert_eq!(judge(&texts, agent(), &key, key.hash()), Said::Nothing);
        }

        #[test]
        fn any_change_of_the_digest_is_seen(at in 0usize..32, bit in 0u8..8) {
            let mut digest = sha256(key(0x99).raw());
            digest[at] ^= 1 << bit;
            let changed = text(agent(), &key(0x99)).replace(&self::digest(&key(0x99)), &STANDARD.encode(digest));
            prop_assert!(matches!(said(&[&changed]), Said::Otherwise(_)));
        }

        #[test]
        fn a_record_reads_alike_in_any_order_and_spacing(order in Just([0usize, 1, 2, 3, 4]).prop_shuffle(), space in "[ \t]{0,3}") {
            let ours = text(agent(), &key(0x99));
            let parts: Vec<&str> = ours.split("; ").collect();
            let mixed: Vec<String> = order.iter().map(|at| format!("{space}{}{space}", parts[*at])).collect();
            prop_assert_eq!(said(&[&mixed.join(";")]), RAW);
        }
    }
}
