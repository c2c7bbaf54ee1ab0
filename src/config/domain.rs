//! Domain names, as far as an agent's may go.

/// A domain name in lower case and without the last dot; `None` for what is none, such as an address with a port.
///
/// Letters, digits and inner hyphens in labels of at most 63 characters, 253 in all (RFC 1035, 2.3.4; RFC 1123, 2.1):
/// the domain becomes part of a name that is looked up, so nothing that needs escapes. Others are written in ASCII.
pub fn domain_name(text: &str) -> Option<String> {
    let domain = text.strip_suffix('.').unwrap_or(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    (domain.len() <= 253 && domain.split('.').all(label)).then(|| domain.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_name_is_what_dns_carries_without_escapes() {
        let long = [&"a".repeat(63), "test"].join(".");
        for (text, name) in [("example.test", "example.test"), ("Example.TEST.", "example.test"), (&long, &long)] {
            assert_eq!(domain_name(text).as_deref(), Some(name));
        }
        let (label, whole) = ("a".repeat(64), vec!["abcdefg"; 32].join("."));
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a.test..",
            "-a.test",
            "a-.test",
            "a_b.test",
            "*.test",
            "a b.test",
            "a.test\n",
            "a\\.test",
            "a;b",
            "\"",
            "127.0.0.1:53",
            "[::1]",
            "é.test",
            "http://a.test",
            "a.test/",
            &label,
            &whole,
        ] {
            assert_eq!(domain_name(text), None, "{text}");
        }
    }
}
