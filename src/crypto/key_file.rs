//! The encrypted file that holds a private key at rest: one JSON object, a password, Argon2id (RFC 9106) and
//! AES-256-GCM (NIST SP 800-38D).

use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use super::key_derivation::{Costs, KDF_VERSION, NEW_COSTS, SALT_LEN, derive_key};
use crate::error::{Code, Error, Result};

/// The one version there is.
const VERSION: u32 = 2;
const CIPHER: &str = "AES-256-GCM";
const KDF: &str = "Argon2id";
/// The tag of AES-GCM stands behind the ciphertext.
const TAG_LEN: usize = 16;
/// A file holds one key of at most 5 KB; reading stops far above that.
const MAX_TEXT_LEN: usize = 64 * 1024;

/// The members in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    #[serde(rename = "jacsEncryptedPrivateKeyVersion")]
    version: u32,
    cipher: String,
    #[serde(deserialize_with = "object")]
    kdf: Kdf,
    salt: String,
    nonce: String,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    version: u32,
    m_cost_kib: u32,
    t_cost: u32,
    p_cost: u32,
}

/// The text of a key file that holds `plain`, the bytes of
/// [`SecretKey::to_plain`](super::SecretKey::to_plain), under `password`, whatever its strength
/// ([`check_strength`](super::check_strength)). Takes 19 MiB while it runs.
///
/// Fails with `JACS_UNAVAILABLE` when there is not that much memory.
pub fn encrypt(plain: &[u8], password: &str) -> Result<String> {
    encrypt_at(plain, password, NEW_COSTS)
}

fn encrypt_at(plain: &[u8], password: &str, costs: Costs) -> Result<String> {
    let failed = |unspecified: Unspecified| {
        Error::new(Code::Internal, "the private key could not be encrypted").with_source(unspecified)
    };
    let mut salt = [0; SALT_LEN];
    aws_lc_rs::rand::fill(&mut salt).map_err(failed)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, &*derive_key(password, &salt, costs)?).map_err(failed)?;
    // Room for the tag from the start, so that growing leaves no copy of the plain bytes behind.
    let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_LEN));
    sealed.extend_from_slice(plain);
    let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut *sealed).map_err(failed)?;
    let file = KeyFile {
        version: VERSION,
        cipher: CIPHER.to_owned(),
        kdf: Kdf {
            name: KDF.to_owned(),
            version: KDF_VERSION,
            m_cost_kib: costs.m_cost_kib,
            t_cost: costs.t_cost,
            p_cost: costs.p_cost,
        },
        salt: BASE64.encode(salt),
        nonce: BASE64.encode(nonce.as_ref()),
        ciphertext: BASE64.encode(&*sealed),
    };
    serde_json::to_string(&file)
        .map_err(|error| Error::new(Code::Internal, "the key file could not be written").with_source(error))
}

/// The plain key bytes in the text of a key file.
///
/// The costs in the file are used, up to 1 GiB of memory, 16 passes and 16 lanes. Fails with `JACS_KEY` when
/// the text is over 64 KiB or malformed, or names a version, cipher, function, cost or member that is not
/// known; with `JACS_PASSWORD` when it does not open with this password (an altered file looks the same);
/// with `JACS_UNAVAILABLE` when there is not as much memory as it asks for.
pub fn decrypt(text: &str, password: &str) -> Result<Zeroizing<Vec<u8>>> {
    let file = parse(text)?;
    let costs = check_kinds(&file)?;
    let salt: [u8; SALT_LEN] = decode_array("salt", &file.salt)?;
    let nonce: [u8; NONCE_LEN] = decode_array("nonce", &file.nonce)?;
    let mut sealed = Zeroizing::new(decode("ciphertext", &file.ciphertext)?);
    let plain_len = sealed.len().checked_sub(TAG_LEN).filter(|len| *len > 0).ok_or_else(|| malformed("ciphertext"))?;

    let key = RandomizedNonceKey::new(&AES_256_GCM, &*derive_key(password, &salt, costs)?)
        .map_err(|unspecified| Error::new(Code::Internal, "the cipher could not be set up").with_source(unspecified))?;
    key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .map_err(|_| Error::new(Code::Password, "the password of the private key is wrong"))?;
    sealed.truncate(plain_len);
    Ok(sealed)
}

fn parse(text: &str) -> Result<KeyFile> {
    if text.len() > MAX_TEXT_LEN {
        return Err(Error::new(Code::Key, "the key file is too large").with("limit", MAX_TEXT_LEN));
    }
    // The parser's own message may quote what it stumbled over, which in a file that is not encrypted is a key.
    let not_a_key_file = |error: serde_json::Error| {
        Error::new(Code::Key, "the text is not an encrypted private key")
            .with("line", error.line())
            .with("column", error.column())
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let file = object(&mut json).map_err(not_a_key_file)?;
    json.end().map_err(not_a_key_file)?;
    Ok(file)
}

/// Reads a struct from a JSON object alone; serde's derived code takes an array of the values as well.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

fn check_kinds(file: &KeyFile) -> Result<Costs> {
    let KeyFile { version, cipher, kdf, .. } = file;
    let known = [
        ("jacsEncryptedPrivateKeyVersion", *version == VERSION),
        ("cipher", cipher == CIPHER),
        ("kdf.name", kdf.name == KDF),
        ("kdf.version", kdf.version == KDF_VERSION),
    ];
    if let Some((member, _)) = known.iter().find(|(_, known)| !known) {
        return Err(Error::new(Code::Key, "the key file is of a kind that is not known").with("member", member));
    }
    Costs { m_cost_kib: kdf.m_cost_kib, t_cost: kdf.t_cost, p_cost: kdf.p_cost }.checked()
}

fn decode(member: &'static str, text: &str) -> Result<Vec<u8>> {
    BASE64.decode(text).map_err(|_| malformed(member))
}

fn decode_array<const N: usize>(member: &'static str, text: &str) -> Result<[u8; N]> {
    decode(member, text)?.try_into().map_err(|_| malformed(member))
}

fn malformed(member: &'static str) -> Error {
    Error::new(Code::Key, "a member of the key file is malformed").with("member", member)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "TestP@ss123!#";
    /// The cheapest costs there are; without optimization the real ones take most of a second.
    const CHEAP: Costs = Costs { m_cost_kib: 8, t_cost: 1, p_cost: 1 };

    fn cheap_file() -> String {
        encrypt_at(b"some key bytes", PASSWORD, CHEAP).unwrap()
    }

    fn code_of(text: &str) -> Code {
        decrypt(text, PASSWORD).unwrap_err().code()
    }

    #[test]
    fn opens_what_it_wrote_at_the_costs_of_new_files() {
        let text = encrypt(b"some key bytes", PASSWORD).unwrap();
        assert!(text.starts_with(concat!(
            r#"{"jacsEncryptedPrivateKeyVersion":2,"cipher":"AES-256-GCM","kdf":{"name":"Argon2id","version":19,"#,
            r#""m_cost_kib":19456,"t_cost":2,"p_cost":1},"salt":""#
        )));
        assert_eq!(**decrypt(&text, PASSWORD).unwrap(), *b"some key bytes");
    }

    #[test]
    fn salt_and_nonce_are_new_each_time() {
        let (one, other) = (parse(&cheap_file()).unwrap(), parse(&cheap_file()).unwrap());
        assert_eq!((one.salt.len(), one.nonce.len()), (22, 16));
        assert_ne!(one.salt, other.salt);
        assert_ne!(one.nonce, other.nonce);
        assert_ne!(one.ciphertext, other.ciphertext);
    }

    #[test]
    fn reads_members_in_any_order_and_other_costs() {
        let file: serde_json::Value = serde_json::from_str(&cheap_file()).unwrap();
        let pretty = serde_json::to_string_pretty(&file).unwrap();
        assert!(pretty.find("\"salt\"") > pretty.find("\"nonce\""));
        assert_eq!(**decrypt(&pretty, PASSWORD).unwrap(), *b"some key bytes");
        let lanes = encrypt_at(b"k", PASSWORD, Costs { m_cost_kib: 128, t_cost: 16, p_cost: 16 }).unwrap();
        assert_eq!(**decrypt(&lanes, PASSWORD).unwrap(), *b"k");
    }

    #[test]
    fn a_wrong_password_or_altered_bytes_do_not_open() {
        let text = cheap_file();
        for password in ["", "TestP@ss123!", "testP@ss123!#", "TestP@ss123!#\0"] {
            assert_eq!(decrypt(&text, password).unwrap_err().code(), Code::Password, "{password}");
        }
        let file = parse(&text).unwrap();
        for member in [&file.salt, &file.nonce, &file.ciphertext] {
            let first = if member.starts_with('A') { "B" } else { "A" };
            let altered = text.replace(member.as_str(), &format!("{first}{}", &member[1..]));
            assert_eq!(code_of(&altered), Code::Password, "{altered}");
        }
        assert_eq!(code_of(&text.replace("\"t_cost\":1", "\"t_cost\":2")), Code::Password);
    }

    #[test]
    fn refuses_other_kinds_and_costs_out_of_bounds() {
        let text = cheap_file();
        for (from, to) in [
            ("Version\":2", "Version\":1"),
            ("Version\":2", "Version\":3"),
            ("Version\":2", "Version\":\"2\""),
            ("AES-256-GCM", "AES-128-GCM"),
            ("AES-256-GCM", "aes-256-gcm"),
            ("Argon2id", "Argon2i"),
            ("\"version\":19", "\"version\":16"),
            ("\"m_cost_kib\":8", "\"m_cost_kib\":7"),
            ("\"m_cost_kib\":8", "\"m_cost_kib\":1048577"),
            ("\"m_cost_kib\":8", "\"m_cost_kib\":4294967296"),
            ("\"m_cost_kib\":8", "\"m_cost_kib\":-8"),
            ("\"m_cost_kib\":8", "\"m_cost_kib\":8.5"),
            ("\"t_cost\":1", "\"t_cost\":0"),
            ("\"t_cost\":1", "\"t_cost\":17"),
            ("\"p_cost\":1", "\"p_cost\":0"),
            ("\"p_cost\":1", "\"p_cost\":2"),
            ("\"m_cost_kib\":8,\"t_cost\":1,\"p_cost\":1", "\"m_cost_kib\":999,\"t_cost\":1,\"p_cost\":17"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert_eq!(code_of(&changed), Code::Key, "{changed}");
        }
    }

    #[test]
    fn refuses_malformed_texts() {
        let text = cheap_file();
        let file = parse(&text).unwrap();
        let as_array = format!(
            r#"[2,"AES-256-GCM",{},"{}","{}","{}"]"#,
            &text[text.find("{\"name").unwrap()..text.find(",\"salt").unwrap()],
            file.salt,
            file.nonce,
            file.ciphertext
        );
        for changed in [
            String::new(),
            "null".to_owned(),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            text[..text.len() - 1].to_owned(),
            format!("{text}{{}}"),
            format!("[{text}]"),
            text.replacen('{', "{\"cipher\":\"AES-256-GCM\",", 1),
            text.replacen('{', "{\"\\u0063ipher\":\"AES-256-GCM\",", 1),
            text.replacen("\"t_cost\":1", "\"t_cost\":1,\"t_cost\":1", 1),
            text.replacen('{', "{\"comment\":1,", 1),
            text.replacen("\"t_cost\":1", "\"t_cost\":1,\"secret\":1", 1),
            text.replacen("\"cipher\":\"AES-256-GCM\",", "", 1),
            text.replacen(
                "{\"name\":\"Argon2id\",\"version\":19,\"m_cost_kib\":8,\"t_cost\":1,\"p_cost\":1}",
                "[\"Argon2id\",19,8,1,1]",
                1,
            ),
            as_array,
            text.replace(&file.salt, &format!("{}==", file.salt)),
            text.replace(&file.salt, &file.salt[..21]),
            text.replace(&file.nonce, &format!("{}AAAA", file.nonce)),
            text.replace(&file.nonce, &format!("{}+", &file.nonce[1..])),
            text.replace(&file.ciphertext, "AAAAAAAAAAAAAAAAAAAAAA"),
            text.replace(&file.ciphertext, ""),
            format!("{}{text}", " ".repeat(MAX_TEXT_LEN)),
        ] {
            assert_ne!(changed, text);
            assert_eq!(code_of(&changed), Code::Key, "{changed}");
        }
    }

    #[test]
    fn errors_quote_nothing_of_the_text() {
        for text in ["\"MC4CAQ\"", "{\"cipher\":[\"MC4CAQ\"]}", "{\"MC4CAQ\":1}", "MC4CAQ"] {
            let error = decrypt(text, PASSWORD).unwrap_err();
            assert!(!format!("{error:?} {:?}", error.causes()).contains("MC4"), "{error:?}");
        }
    }
}
