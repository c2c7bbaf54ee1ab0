//! The record, in the forms in which it is published.

use serde_json::json;

use super::{owner, record};
use crate::crypto::PublicKey;
use crate::error::{Code, Error, Result};
use crate::id::DocumentId;

/// Seconds that others may keep the record: while they keep the one before, a new key is another's to them.
const TTL: u32 = 300;
/// Bytes of one string of a TXT record (RFC 1035, 3.3), which is also what Route 53 takes.
const MAX_STRING: usize = 255;

/// The TXT record that names an agent's key, for whoever has the domain to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    owner: String,
    text: String,
}

impl Publication {
    /// The record of `key` as the key of `agent` under `domain`.
    ///
    /// Errors: `JACS_INPUT` for what is no domain name, or is too long to have names below it.
    pub fn new(agent: DocumentId, domain: &str, key: &PublicKey) -> Result<Publication> {
        let owner = owner(domain).ok_or_else(|| {
            Error::new(Code::Input, "the domain is no name such as example.com, in ASCII").with("domain", domain)
        })?;
        Ok(Publication { owner, text: record::text(agent, key) })
    }

    /// The name of the record, with its last dot.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The strings of the record, joined.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A line of a zone file (RFC 1035, 5.1).
    pub fn zone_line(&self) -> String {
        format!("{} {TTL} IN TXT {}\n", self.owner, quoted(&self.text))
    }

    /// What `aws route53 change-resource-record-sets --change-batch` takes. Route 53 knows the TXT records of a name
    /// only together: it replaces them all.
    pub fn route53(&self) -> serde_json::Value {
        json!({
            "Comment": "This replaces all TXT values of the name: add those of other agents",
            "Changes": [{
                "Action": "UPSERT",
                "ResourceRecordSet": {
                    "Name": self.owner,
                    "Type": "TXT",
                    "TTL": TTL,
                    "ResourceRecords": [{ "Value": quoted(&self.text) }],
                },
            }],
        })
    }
}

/// Strings in quotes, as both zone files and Route 53 have them. The text is ASCII and never holds a quote or a backslash.
fn quoted(text: &str) -> String {
    let strings = text.as_bytes().chunks(MAX_STRING).map(String::from_utf8_lossy);
    strings.map(|string| format!("\"{string}\"")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::crypto::Algorithm;

    fn publication(domain: &str) -> Result<Publication> {
        let key = PublicKey::new(Algorithm::Ed25519, &[0x99; 32]).unwrap();
        Publication::new("550e8400-e29b-41d4-a716-446655440000".parse().unwrap(), domain, &key)
    }

    #[test]
    fn the_name_is_below_the_domain() {
        assert_eq!(publication("Example.test.").unwrap().owner(), "_v1.agent.jacs.example.test.");
        let longest = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(46));
        assert_eq!(publication(&longest).unwrap().owner().len(), 254);
        for domain in ["", "a_b.test", "a b", &format!("{longest}d")] {
            assert_eq!(publication(domain).unwrap_err().code(), Code::Input, "{domain}");
        }
    }

    #[test]
    fn a_text_of_any_length_is_strings_that_dns_can_carry() {
        assert_eq!(quoted("abc"), "\"abc\"");
        assert_eq!(quoted(&"a".repeat(255)), format!("\"{}\"", "a".repeat(255)));
        assert_eq!(quoted(&"a".repeat(256)), format!("\"{}\" \"a\"", "a".repeat(255)));
    }

    #[test]
    fn the_line_is_one_of_a_zone_file() {
        let published = publication("example.test").unwrap();
        let line = published.zone_line();
        assert_eq!(line, format!("_v1.agent.jacs.example.test. 300 IN TXT \"{}\"\n", published.text()));
        let place = tempfile::tempdir().unwrap();
        let zone = place.path().join("zone");
        let head = "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n";
        std::fs::write(&zone, format!("{head}{line}")).unwrap();
        let mut check = Command::new("named-checkzone");
        check.args(["-i", "none", "-D", "-q", "-o", "-", "example.test"]).arg(&zone);
        let Ok(output) = check.env("PATH", super::super::lookup_test::path()).output() else {
            return super::super::lookup_test::left_out("named-checkzone");
        };
        assert!(output.status.success(), "{output:?}");
        let canonical = String::from_utf8(output.stdout).unwrap();
        let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(canonical.lines().any(|found| fields(found) == fields(&line)), "{canonical}");
    }

    // Amazon Route 53, API reference, ResourceRecord and ChangeBatch; developer guide, TXT record type.
    #[test]
    fn route_53_takes_the_change() {
        let published = publication("example.test").unwrap();
        let batch = published.route53();
        assert!(batch["Comment"].as_str().unwrap().len() <= 256);
        let change = &batch["Changes"][0];
        assert_eq!(change["Action"], "UPSERT");
        let set = &change["ResourceRecordSet"];
        assert_eq!((set["Name"].as_str(), set["Type"].as_str()), (Some(published.owner()), Some("TXT")));
        assert!(set["TTL"].as_u64().is_some_and(|ttl| ttl <= 2_147_483_647));
        let value = set["ResourceRecords"][0]["Value"].as_str().unwrap();
        assert!(value.len() <= 4000);
        let string = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        assert!(string.len() <= 255 && !string.contains(['"', '\\']) && string.is_ascii());
        assert_eq!(string, published.text());
    }
}
