//! Answers to PROPFIND (RFC 4918 §9.1), read strictly and written anew for OpenDAL's service, which cuts members' names
//! by length, wants properties that servers may leave out, and takes any XML for an empty listing.

use jiff::fmt::rfc2822;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult::Bound;
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use crate::store::remote::xml::character;

const DAV: ResolveResult<'static> = Bound(Namespace("DAV:"));
/// For members that name no time: OpenDAL's service does not do without.
const NO_TIME: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// One resource of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Member {
    /// The path as the server spells it, decoded.
    path: String,
    properties: Properties,
    /// Those of the propstat that is being read, and what the server says of them.
    read: Properties,
    status: String,
}

/// What is wanted of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Properties {
    collection: bool,
    length: String,
    modified: String,
}

/// The answer again, with nothing in it but what lies at or directly below `asked`, the path of the request as it was
/// sent. `None` for what is no such answer, or lists something else.
pub(super) fn rewritten(answer: &[u8], asked: &str) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let base = decoded(asked.trim_end_matches('/'));
    let mut written = String::with_capacity(answer.len() / 2);
    written.push_str("<D:multistatus xmlns:D=\"DAV:\">");
    for member in read(text)? {
        let below = member.path.strip_prefix(&base)?;
        if !(below.is_empty() || below.starts_with('/')) {
            return None;
        }
        let name = below.trim_matches('/');
        // Deeper ones were not asked for, and are listed where they belong.
        if name.contains('/') {
            continue;
        }
        write(&mut written, asked, name, &member);
    }
    written.push_str("</D:multistatus>");
    Some(written)
}

fn write(written: &mut String, asked: &str, name: &str, member: &Member) {
    let slash = if !name.is_empty() && !asked.ends_with('/') { "/" } else { "" };
    let name = opendal::raw::percent_encode_path(name);
    let properties = &member.properties;
    let end = if properties.collection && !name.is_empty() { "/" } else { "" };
    let kind = if properties.collection { "<D:collection/>" } else { "" };
    let modified = if properties.modified.is_empty() { NO_TIME } else { &properties.modified };
    let length = if properties.length.is_empty() { "0" } else { &properties.length };
    let parts = [
        "<D:response><D:href>",
        &escape(asked),
        slash,
        &escape(&name),
        end,
        "</D:href><D:propstat><D:prop><D:getlastmodified>",
        &escape(modified),
        "</D:getlastmodified><D:resourcetype>",
        kind,
        "</D:resourcetype><D:getcontentlength>",
        &escape(length),
        "</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>",
    ];
    written.extend(parts);
}

/// Where in an answer the reader is; each is a child of the one before.
const RESPONSE: [&str; 2] = ["multistatus", "response"];
const HREF: [&str; 3] = ["multistatus", "response", "href"];
const PROPSTAT: [&str; 3] = ["multistatus", "response", "propstat"];
const STATUS: [&str; 4] = ["multistatus", "response", "propstat", "status"];
const PROP: [&str; 4] = ["multistatus", "response", "propstat", "prop"];

/// The members; `None` for what is no multistatus, or not a whole one.
fn read(text: &str) -> Option<Vec<Member>> {
    let mut reader = NsReader::from_str(text);
    let mut members = Vec::new();
    let mut member = Member::default();
    // Local names of the open elements; empty for those of other namespaces, which match nothing.
    let mut open: Vec<String> = Vec::new();
    let mut whole = false;
    loop {
        match reader.read_resolved_event().ok()? {
            (namespace, Event::Start(start)) => {
                let name = local(&namespace, start.local_name().as_ref());
                if open.is_empty() && (whole || name != "multistatus") {
                    return None;
                }
                open.push(name);
                member.enter(&open);
            }
            (namespace, Event::Empty(start)) => {
                let name = local(&namespace, start.local_name().as_ref());
                if open.is_empty() {
                    // A listing without any member, which no server gives of something that exists.
                    return None;
                }
                open.push(name);
                member.enter(&open);
                open.pop();
            }
            (_, Event::End(_)) => {
                if open == PROPSTAT {
                    member.end_of_propstat();
                }
                if open == RESPONSE {
                    let mut done = std::mem::take(&mut member);
                    done.path = decoded(path_of(done.path.trim()));
                    members.push(done);
                }
                open.pop();
                whole |= open.is_empty();
            }
            (_, Event::Text(text)) => member.add(&open, &text),
            (_, Event::CData(text)) => member.add(&open, &text),
            (_, Event::GeneralRef(entity)) => member.add(&open, &character(&entity)?),
            (_, Event::Eof) => return (whole && open.is_empty()).then_some(members),
            _ => {}
        }
    }
}

impl Member {
    fn enter(&mut self, open: &[String]) {
        match open {
            // A second one would belong to something else.
            _ if open == HREF => self.path.clear(),
            [prop @ .., a, b] if prop == PROP && a == "resourcetype" && b == "collection" => {
                self.read.collection = true
            }
            _ => {}
        }
    }

    fn add(&mut self, open: &[String], text: &str) {
        match open {
            _ if open == HREF => self.path.push_str(text),
            _ if open == STATUS => self.status.push_str(text),
            [prop @ .., a] if prop == PROP && a == "getcontentlength" => self.read.length.push_str(text),
            [prop @ .., a] if prop == PROP && a == "getlastmodified" => self.read.modified.push_str(text),
            _ => {}
        }
    }

    /// Takes the properties that the server says it has; what cannot be understood is left out.
    fn end_of_propstat(&mut self) {
        let (read, status) = (std::mem::take(&mut self.read), std::mem::take(&mut self.status));
        let code = status.split_whitespace().nth(1);
        if code.is_some_and(|code| !code.starts_with('2')) {
            return;
        }
        self.properties.collection |= read.collection;
        let (length, modified) = (read.length.trim(), read.modified.trim());
        if length.parse::<u64>().is_ok() {
            length.clone_into(&mut self.properties.length);
        }
        if rfc2822::parse(modified).is_ok() {
            modified.clone_into(&mut self.properties.modified);
        }
    }
}

fn local(namespace: &ResolveResult<'_>, name: &str) -> String {
    if *namespace == DAV { name.to_owned() } else { String::new() }
}

/// The path of an href, which may be a whole URL (RFC 4918 §8.3); a proxy before the server may have another name.
fn path_of(href: &str) -> &str {
    let host = href.strip_prefix("//").or_else(|| href.split_once("://").map(|(_, rest)| rest));
    match host {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => href,
    }
}

fn decoded(path: &str) -> String {
    opendal::raw::percent_decode_path(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Option<Vec<String>> {
        Some(read(text)?.into_iter().map(|member| member.path).collect())
    }

    fn response(href: &str) -> String {
        format!("<d:response><d:href>{href}</d:href><d:propstat><d:prop/></d:propstat></d:response>")
    }

    fn answer(inside: &str) -> String {
        format!("<?xml version=\"1.0\"?>\n<d:multistatus xmlns:d=\"DAV:\">{inside}</d:multistatus>")
    }

    #[test]
    fn hrefs_are_paths_however_they_are_spelled() {
        for href in
            ["/a%20b/c", "/%61%20b/c", "http://example.com/a%20b/c", " /a b/c\n", "<![CDATA[/a%20b/c]]>", "/&#x61; b/c"]
        {
            assert_eq!(paths(&answer(&response(href))), Some(vec!["/a b/c".to_owned()]), "{href}");
        }
        assert_eq!(paths(&answer(&response("/x&amp;y"))), Some(vec!["/x&y".to_owned()]));
        let other = "<multistatus xmlns='DAV:'><response><href x=''>/p</href ></response></multistatus>";
        assert_eq!(paths(other), Some(vec!["/p".to_owned()]));
    }

    #[test]
    fn hrefs_of_locks_and_dead_properties_are_not_members() {
        let inside = "<d:response><d:href>/a</d:href><d:propstat><d:prop><d:lockdiscovery><d:owner>\
            <d:href>http://evil/x</d:href></d:owner></d:lockdiscovery></d:prop></d:propstat></d:response>";
        assert_eq!(paths(&answer(inside)), Some(vec!["/a".to_owned()]));
    }

    #[test]
    fn properties_are_those_that_the_server_has() {
        let member = |propstats: &str| {
            let text = answer(&format!("<d:response><d:href>/a</d:href>{propstats}</d:response>"));
            read(&text).unwrap().remove(0).properties
        };
        let propstat = |properties: &str, status: &str| {
            format!("<d:propstat><d:prop>{properties}</d:prop><d:status>HTTP/1.1 {status}</d:status></d:propstat>")
        };
        let time = "Sun, 06 Nov 1994 08:49:37 GMT";
        let good =
            format!("<d:getcontentlength> 7 </d:getcontentlength><d:getlastmodified>\n{time}</d:getlastmodified>");
        let bad = "<d:getcontentlength/><d:getlastmodified/><d:resourcetype><d:collection/></d:resourcetype>";
        let expected = Properties { collection: false, length: "7".into(), modified: time.into() };
        assert_eq!(member(&(propstat(&good, "200 OK") + &propstat(bad, "404 Not Found"))), expected);
        assert_eq!(member(&(propstat(bad, "404 Not Found") + &propstat(&good, "200 OK"))), expected);
        let odd = "<d:getcontentlength>x</d:getcontentlength><d:getlastmodified>1994-11-06</d:getlastmodified>";
        assert_eq!(member(&propstat(odd, "200 OK")), Properties::default());
    }

    #[test]
    fn what_is_no_whole_multistatus_is_nothing() {
        let whole = answer(&response("/a"));
        for text in [
            "",
            "<html><body>login</body></html>",
            "<multistatus/>",
            "<multistatus><response/></multistatus>",
            "<d:multistatus xmlns:d=\"other\"></d:multistatus>",
            &whole[..whole.len() - 5],
            &format!("{whole}{whole}"),
        ] {
            assert_eq!(paths(text), None, "{text}");
        }
    }

    #[test]
    fn members_are_those_of_what_was_asked_for() {
        let asked = "/base%20x/documents/";
        let list = |hrefs: &[&str]| {
            let inside: String = hrefs.iter().map(|href| response(href)).collect();
            rewritten(answer(&inside).as_bytes(), asked)
        };
        let text = list(&["/base x/documents", "/base%20x/documents/%61b", "/base%20x/documents/a/b"]).unwrap();
        assert_eq!(text.matches("<D:response>").count(), 2);
        assert!(text.contains("<D:href>/base%20x/documents/ab</D:href>"), "{text}");
        for strange in ["/", "/base%20x/documents2/a", "/base x", "a", "/other"] {
            assert_eq!(list(&[strange]), None, "{strange}");
        }
    }
}
