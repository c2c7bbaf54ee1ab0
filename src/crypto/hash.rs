//! SHA-256, hex, and the lossy hash by which documents name a public key.

use encoding_rs::UTF_8;
use sha2::{Digest, Sha256};

/// The SHA-256 (FIPS 180-4) of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A SHA-256 of bytes that come one piece after the other.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The SHA-256 of `bytes` in lower-case hex, 64 characters.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// `bytes` in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The `publicKeyHash` of documents: the SHA-256, in hex, of the raw key read as text.
///
/// The text: decoded by the byte order mark when there is one (UTF-8, UTF-16LE, UTF-16BE; the mark is
/// dropped), else as UTF-8, with U+FFFD for each maximal invalid sequence; then trimmed of Unicode
/// White_Space; then without any CR. Different keys can share this hash, so it never proves a key: compare
/// [`PublicKey::sha256`](super::PublicKey::sha256) for that.
pub fn public_key_hash(raw: &[u8]) -> String {
    let (text, _, _) = UTF_8.decode(raw);
    let trimmed = text.trim();
    if trimmed.contains('\r') {
        sha256_hex(trimmed.replace('\r', "").as_bytes())
    } else {
        sha256_hex(trimmed.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_reads_as(raw: &[u8], text: &str) {
        assert_eq!(public_key_hash(raw), sha256_hex(text.as_bytes()), "{raw:02x?}");
    }

    #[test]
    fn hashes_as_fips_180_does() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_byte_order_mark_names_the_encoding_and_is_dropped() {
        assert_reads_as(b"\xEF\xBB\xBFab\xC3\xA9", "ab\u{e9}");
        assert_reads_as(b"\xFF\xFEa\0\xE9\0", "a\u{e9}");
        assert_reads_as(b"\xFE\xFF\0a\0\xE9", "a\u{e9}");
        // Only the first mark is one; the next is a character, and trim does not take it.
        assert_reads_as(b"\xEF\xBB\xBF\xEF\xBB\xBFa", "\u{feff}a");
        assert_reads_as(b"\xFF\xFE\xFF\xFEa\0", "\u{feff}a");
        assert_reads_as(b"a\xEF\xBB\xBF", "a\u{feff}");
        assert_reads_as(b"\xFE\xFF\0a\xFE\xFF", "a\u{feff}");
        // Half a mark is none.
        assert_reads_as(b"\xEF\xBBa", "\u{fffd}a");
        assert_reads_as(b"\xFFa", "\u{fffd}a");
    }

    #[test]
    fn trims_white_space_after_a_mark_too() {
        assert_reads_as(b"\xEF\xBB\xBF a ", "a");
        assert_reads_as(b"\xFF\xFE \0a\0\x0D\0b\0\x0A\0", "ab");
        assert_reads_as(b"\xFE\xFF\0 \0a\x30\x00", "a");
    }

    #[test]
    fn an_invalid_sequence_becomes_one_replacement_each() {
        assert_reads_as(b"\x80\x80", "\u{fffd}\u{fffd}");
        assert_reads_as(b"\xE2\x82", "\u{fffd}");
        assert_reads_as(b"\xE2\x82a\xE2\x82", "\u{fffd}a\u{fffd}");
        assert_reads_as(b"\xF0\x90\x80", "\u{fffd}");
        assert_reads_as(b"\xF0\x80\x80", "\u{fffd}\u{fffd}\u{fffd}");
        assert_reads_as(b"\xED\xA0\x80", "\u{fffd}\u{fffd}\u{fffd}");
        // UTF-16: an unpaired surrogate, an odd last byte.
        assert_reads_as(b"\xFF\xFE\x00\xD8a\0", "\u{fffd}a");
        assert_reads_as(b"\xFE\xFF\0a\0", "a\u{fffd}");
        assert_reads_as(b"\xFF\xFEa\0a", "a\u{fffd}");
        assert_reads_as(b"\xFF\xFE\x3D\xD8\x00\xDE", "\u{1f600}");
    }

    #[test]
    fn trims_as_rust_does() {
        for space in [
            "\t", "\n", "\u{b}", "\u{c}", "\r", " ", "\u{85}", "\u{a0}", "\u{1680}", "\u{2000}", "\u{2028}",
            "\u{2029}", "\u{202f}", "\u{205f}", "\u{3000}",
        ] {
            assert_reads_as(format!("{space}a{space}b{space}").as_bytes(), &format!("a{space}b").replace('\r', ""));
        }
        for kept in ["\u{1c}", "\u{1d}", "\u{1e}", "\u{1f}", "\0", "\u{180e}", "\u{200b}", "\u{2060}", "a\u{feff}"] {
            let text = format!("{kept}a{kept}");
            assert_reads_as(text.as_bytes(), &text);
        }
    }

    #[test]
    fn every_cr_goes_and_nothing_is_trimmed_after_that() {
        assert_reads_as(b"a\r\nb\rc\r\r", "a\nbc");
        assert_reads_as(b"\x1F\r \x1F", "\x1F \x1F");
        assert_reads_as(b"\r\r", "");
        assert_reads_as(b"", "");
    }
}
