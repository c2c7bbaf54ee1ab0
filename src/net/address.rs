//! Addresses of servers: how they are spelled, what of them is this machine, and what lies below them.

use std::net::{IpAddr, Ipv4Addr};

use reqwest::Url;

use crate::error::{Code, Error, Result};

/// Where clouds tell a machine its credentials; on other machines nothing answers there, so nobody waits long.
const METADATA_HOSTS: [&str; 8] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "metadata.google.internal",
    "100.100.100.200",
    "metadata.tencentyun.com",
];

/// Checks the URL of a server, and returns it as the client will spell it. `setting` is where it was set.
///
/// Errors: `JACS_CONFIG`; the URL is not shown, for it may hold a password.
pub fn server_url(setting: &'static str, url: &str) -> Result<String> {
    let refused = |why: &'static str| Error::new(Code::Config, why).with("setting", setting);
    let parsed: http::Uri = url.parse().map_err(|_| refused("a server's address is not a URL"))?;
    let (Some(scheme), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
        return Err(refused("a server's address is not a URL with http:// or https://"));
    };
    if authority.as_str().contains('@') {
        return Err(refused("credentials do not belong into a server's URL"));
    }
    if parsed.query().is_some() || url.contains('#') {
        return Err(refused("a server's URL has neither query nor fragment"));
    }
    let dotted = |segment: &str| matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..");
    if parsed.path().split('/').any(dotted) {
        return Err(refused("a server's URL has no `.` or `..`"));
    }
    if !matches!(scheme, "https" | "http") {
        return Err(refused("a server's URL begins with https:// or http://"));
    }
    normalized(url).ok_or_else(|| refused("a server's address is not a URL"))
}

/// The host that plain http would be spoken with over a network, where this URL asks for that.
pub fn plain_host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str().filter(|host| url.scheme() == "http" && !is_loopback(host))?;
    Some(host.to_owned())
}

/// A URL as the client will spell it: host in small letters, addresses in their usual form, no default port, no slash at the
/// end. `None` for what is no URL.
pub fn normalized(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(Url::has_host)?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// The URL of a path below a server's, each of its segments percent-encoded. `None` for a segment that servers do not take
/// for one: an empty one, `.` and `..`.
pub fn below(server: &str, segments: &[&str]) -> Option<String> {
    let mut url = Url::parse(server).ok()?;
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return None;
    }
    url.path_segments_mut().ok()?.pop_if_empty().extend(segments);
    Some(url.into())
}

/// Where a redirect of an answer from `url` leads, when that is no less safe than `url`: from https to https, from this
/// machine to itself and from elsewhere to elsewhere, into a private network only from one, and not to where clouds tell
/// credentials. `None` otherwise, and where the new URL carries credentials.
pub fn redirected(url: &str, location: &str) -> Option<String> {
    let from = Url::parse(url).ok()?;
    let mut to = from.join(location).ok()?;
    to.set_fragment(None);
    let (old, new) = (from.host_str()?, to.host_str()?);
    let same_kind = is_loopback(old) == is_loopback(new) && (is_private(old) || !is_private(new)) && !is_metadata(new);
    let secure = to.scheme() == "https" || to.scheme() == "http" && from.scheme() == "http" && is_loopback(new);
    let bare = to.username().is_empty() && to.password().is_none();
    (same_kind && secure && bare).then(|| to.into())
}

/// Whether plain http to this host stays on this machine.
pub fn is_loopback(host: &str) -> bool {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // Names below it are asked of DNS servers.
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Whether a host is one that the internet does not see, as far as its name shows that: names that only a DNS server
/// knows are not looked up.
fn is_private(host: &str) -> bool {
    let name = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let old = |address: Ipv4Addr| {
        address.is_private() || address.is_loopback() || address.is_link_local() || address.is_unspecified()
    };
    match name.parse() {
        Ok(IpAddr::V4(address)) => old(address),
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => old(address),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
        Err(_) => name.rsplit('.').next().is_some_and(|top| top.eq_ignore_ascii_case("localhost")),
    }
}

/// Whether a cloud tells a machine its credentials at this address, over plain http that does not leave the machine.
pub fn is_metadata(host: &str) -> bool {
    METADATA_HOSTS.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_name_and_number() {
        for host in ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "[::1]", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "a.localhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn segments_stay_segments() {
        for (server, segments, url) in [
            ("https://a.test", &["x", "y"][..], Some("https://a.test/x/y")),
            ("https://a.test/", &["x"], Some("https://a.test/x")),
            ("https://a.test/base", &["sha256:0f"], Some("https://a.test/base/sha256:0f")),
            ("https://a.test", &["a/b?c#d%e"], Some("https://a.test/a%2Fb%3Fc%23d%25e")),
            ("https://a.test", &["%2e%2e"], Some("https://a.test/%252e%252e")),
            ("https://a.test", &["\u{e4} b"], Some("https://a.test/%C3%A4%20b")),
            ("https://a.test", &["x", ".."], None),
            ("https://a.test", &["."], None),
            ("https://a.test", &["", "x"], None),
            ("nothing", &["x"], None),
        ] {
            assert_eq!(below(server, segments).as_deref(), url, "{server} {segments:?}");
        }
    }

    #[test]
    fn redirects_stay_as_safe_as_they_were() {
        const PUBLIC: &str = "https://a.test/x/y";
        const LOCAL: &str = "http://127.0.0.1:8/x/y";
        for (from, location, to) in [
            (PUBLIC, "/z?q=1", Some("https://a.test/z?q=1")),
            (PUBLIC, "z", Some("https://a.test/x/z")),
            (PUBLIC, "//b.test/z", Some("https://b.test/z")),
            (PUBLIC, "HTTPS://B.test:444/z#f", Some("https://b.test:444/z")),
            (PUBLIC, "http://a.test/z", None),
            (PUBLIC, "http://127.0.0.1/z", None),
            (PUBLIC, "https://127.0.0.1/z", None),
            (PUBLIC, "https://[::1]/z", None),
            (PUBLIC, "https://2130706433/z", None),
            (PUBLIC, "https://0x7f.1/z", None),
            (PUBLIC, "https://LOCALHOST/z", None),
            (PUBLIC, "https://localhost./z", None),
            (PUBLIC, "https://[::ffff:127.0.0.1]/z", None),
            (PUBLIC, "https://a.localhost/z", None),
            (PUBLIC, "https://0.0.0.0/z", None),
            (PUBLIC, "https://10.0.0.1/z", None),
            (PUBLIC, "https://[fd00::1]/z", None),
            (PUBLIC, "https://8.8.8.8/z", Some("https://8.8.8.8/z")),
            ("https://10.0.0.1/", "https://10.0.0.2/z", Some("https://10.0.0.2/z")),
            ("https://10.0.0.1/", "https://169.254.169.254/z", None),
            ("https://10.0.0.1/", "https://127.0.0.1/z", None),
            (LOCAL, "https://0.0.0.0/z", None),
            (PUBLIC, "https://169.254.169.254/z", None),
            (PUBLIC, "https://user:s3cret@b.test/", None),
            (PUBLIC, "https://user@b.test/", None),
            (PUBLIC, "ftp://a.test/", None),
            (PUBLIC, "file:///etc/passwd", None),
            (PUBLIC, "data:text/plain,x", None),
            (PUBLIC, "https://", None),
            (LOCAL, "/z", Some("http://127.0.0.1:8/z")),
            (LOCAL, "http://localhost:9/z", Some("http://localhost:9/z")),
            (LOCAL, "https://[::1]:9/z", Some("https://[::1]:9/z")),
            ("https://127.0.0.1:8/", "http://127.0.0.1:8/z", None),
            (LOCAL, "https://a.test/", None),
            (LOCAL, "http://10.0.0.1/", None),
            (LOCAL, "http://localhost.a.test/", None),
        ] {
            assert_eq!(redirected(from, location).as_deref(), to, "{from} to {location}");
        }
    }

    #[test]
    fn plain_http_is_seen() {
        assert_eq!(plain_host("http://example.com:8/x").as_deref(), Some("example.com"));
        for url in ["https://example.com", "http://localhost", "http://[::1]:3", "nothing"] {
            assert_eq!(plain_host(url), None, "{url}");
        }
    }
}
