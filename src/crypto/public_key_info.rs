//! Public keys as X.509 has them: SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in DER and PEM, for Ed25519 (RFC 8410) and
//! ML-DSA-87 (RFC 9881).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use super::{Algorithm, PublicKey};
use crate::error::{Code, Error, Result};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// Characters of a line of PEM (RFC 7468, 2).
const LINE: usize = 64;

impl PublicKey {
    /// The key of a SubjectPublicKeyInfo in DER.
    ///
    /// DER has one encoding for each value, and neither algorithm has parameters: an info is right when it is, byte for
    /// byte, the one that aws-lc-rs makes of the key at its end. So nothing is parsed here.
    ///
    /// Errors: `JACS_KEY` for anything else, another algorithm, or a key that [`PublicKey::new`] refuses.
    pub fn from_info(der: &[u8]) -> Result<PublicKey> {
        for algorithm in [Algorithm::Ed25519, Algorithm::Pq2025] {
            let Some(start) = der.len().checked_sub(algorithm.public_key_len()) else { continue };
            let Ok(key) = PublicKey::new(algorithm, &der[start..]) else { continue };
            if key.info()? == der {
                return Ok(key);
            }
        }
        Err(Error::new(Code::Key, "the public key is not one of an algorithm that is known here"))
    }

    /// The key of a text that is one PEM section with the label `PUBLIC KEY`; lines may have any length, and end with LF,
    /// CRLF or CR.
    ///
    /// Errors: `JACS_KEY`, as for [`from_info`](Self::from_info).
    pub fn from_pem(text: &str) -> Result<PublicKey> {
        let malformed = || Error::new(Code::Key, "the public key is not one section of PEM");
        let text = text.trim_ascii();
        let mut sections = SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes());
        // The reader passes over what stands around sections, and over sections of other labels.
        match (sections.next(), text.matches("-----").count()) {
            (Some(Ok(der)), 4) if text.starts_with(BEGIN) && text.ends_with(END) => PublicKey::from_info(&der),
            _ => Err(malformed()),
        }
    }

    /// The PEM text of the key as OpenSSL writes it, without a line end at its end.
    ///
    /// Errors: `JACS_INTERNAL` when there is no memory.
    pub fn pem(&self) -> Result<String> {
        let mut text = BEGIN.to_owned();
        let base64 = STANDARD.encode(self.info()?);
        for (at, character) in base64.char_indices() {
            if at % LINE == 0 {
                text.push('\n');
            }
            text.push(character);
        }
        Ok(text + "\n" + END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{SecretKey, Signer};

    /// What stands before the raw key: RFC 8410, 4, and RFC 9881, 4.
    const HEADS: [(Algorithm, &[u8]); 2] = [
        (Algorithm::Ed25519, &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]),
        (
            Algorithm::Pq2025,
            &[
                0x30, 0x82, 0x0a, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13,
                0x03, 0x82, 0x0a, 0x21, 0x00,
            ],
        ),
    ];

    #[test]
    fn an_info_is_its_head_and_the_raw_key() {
        for (algorithm, head) in HEADS {
            let secret = SecretKey::generate(algorithm).unwrap();
            let key = secret.public_key();
            let info = [head, key.raw()].concat();
            assert_eq!(PublicKey::from_info(&info).unwrap(), *key);
            assert_eq!(PublicKey::from_pem(&key.pem().unwrap()).unwrap(), *key);
            for at in 0..head.len() {
                let mut altered = info.clone();
                altered[at] ^= 1;
                assert_eq!(PublicKey::from_info(&altered).unwrap_err().code(), Code::Key, "{at}");
            }
            for other in [&info[1..], &info[..info.len() - 1], &[&info[..], &[0]].concat(), key.raw(), &[]] {
                assert_eq!(PublicKey::from_info(other).unwrap_err().code(), Code::Key, "{}", other.len());
            }
        }
    }

    #[test]
    fn a_key_under_which_anybody_can_sign_is_refused_here_too() {
        let mut info = HEADS[0].1.to_vec();
        info.extend([1]);
        info.extend([0; 31]);
        assert_eq!(PublicKey::from_info(&info).unwrap_err().code(), Code::Key);
    }

    #[test]
    fn pem_is_one_section_whatever_its_lines() {
        // RFC 8410, 10.1.
        const TEXT: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----";
        let key = PublicKey::from_pem(TEXT).unwrap();
        assert_eq!(key.raw()[..4], [0x19, 0xbf, 0x44, 0x09]);
        assert_eq!(key.pem().unwrap(), TEXT);
        for same in [
            format!("{TEXT}\n"),
            TEXT.replace('\n', "\r\n"),
            TEXT.replace('\n', "\r"),
            TEXT.replace("Gb9", "G\nb9"),
            format!("\n {TEXT} \n"),
            TEXT.replace("ZuE=", "ZuE"),
        ] {
            assert_eq!(PublicKey::from_pem(&same).unwrap(), key, "{same:?}");
        }
        for other in [
            String::new(),
            "-----BEGIN PUBLIC KEY-----".to_owned(),
            format!("x\n{TEXT}"),
            format!("{TEXT}\nx"),
            format!("{TEXT}\n{TEXT}"),
            TEXT.replace("PUBLIC", "PRIVATE"),
            TEXT.replace("-----END PUBLIC KEY-----", ""),
            TEXT.replace("Gb9", "G*9"),
            TEXT.replace("MCow", "MCo"),
            TEXT.replace('\n', ""),
            TEXT.replace('\n', " "),
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned(),
        ] {
            let code = PublicKey::from_pem(&other).err().map(|error| error.code());
            assert_eq!(code, Some(Code::Key), "{other:?}");
        }
    }
}
