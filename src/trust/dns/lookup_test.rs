//! Lookups beside bind9 (`npm run servers`), whose zones are those of `scripts/servers/zones.mjs`, and beside servers that lie
//! or say nothing.

use std::future::Future;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::NS;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::lookup::{Confirmation, Dns, Limits};
use crate::crypto::{Algorithm, PublicKey};
use crate::error::{Code, Result};

const AGENT: &str = "550e8400-e29b-41d4-a716-446655440000";
const SHORT: Limits = Limits { answer: Duration::from_millis(300), all: Duration::from_secs(3) };

/// Where programs are, those of servers too.
pub(super) fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Says that a test cannot be made here; a failure where nothing may be left out.
pub(super) fn left_out(what: &str) {
    let required = cfg!(target_os = "linux") && std::env::var("CI").as_deref() == Ok("true");
    assert!(!required, "{what} is missing");
    eprintln!("left out: {what} is missing");
}

struct Bind {
    address: SocketAddr,
    anchor: PathBuf,
}

/// The server that `npm run servers` started; `None` where there is none.
fn bind() -> Option<Bind> {
    let found = std::env::var_os("JACS_TEST_SERVERS").and_then(|file| {
        let servers: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let dns = servers.get("dns")?;
        let text = |name: &str| dns[name].as_str().unwrap().to_owned();
        Some(Bind { address: text("address").parse().unwrap(), anchor: text("anchor").into() })
    });
    if found.is_none() {
        left_out("the server `dns`");
    }
    found
}

impl Bind {
    fn dns(&self, strict: bool) -> Dns {
        Dns::new(&[self.address], Some(&self.anchor), strict).unwrap()
    }
}

fn key(byte: u8) -> PublicKey {
    PublicKey::new(Algorithm::Ed25519, &[byte; 32]).unwrap()
}

async fn confirm(dns: &Dns, domain: &str) -> Result<Confirmation> {
    let key = key(0x99);
    dns.confirm(AGENT.parse().unwrap(), domain, &key, key.hash(), &[]).await
}

/// What a domain gives, without the words.
#[derive(Debug, PartialEq, Eq)]
enum Gives {
    Secure,
    Plain,
    Absent,
    Another,
    Insecure,
    Error(Code, bool),
}
use Gives::{Absent, Another, Error, Insecure, Plain, Secure};

async fn gives(dns: &Dns, domain: &str) -> Gives {
    match confirm(dns, domain).await {
        Ok(Confirmation::Confirmed { secure, raw }) => {
            assert!(raw);
            if secure { Secure } else { Plain }
        }
        Ok(Confirmation::Succeeded { .. }) => unreachable!("no later key was given"),
        Ok(Confirmation::Absent(_)) => Absent,
        Ok(Confirmation::Another(_)) => Another,
        Ok(Confirmation::Insecure(_)) => Insecure,
        Err(error) => Error(error.code(), error.is_retryable()),
    }
}

const FAILED: Gives = Error(Code::Unavailable, true);

#[tokio::test]
async fn what_dnssec_says_decides() {
    let Some(bind) = bind() else { return };
    let (strict, lenient) = (bind.dns(true), bind.dns(false));
    let mut wrong = Vec::new();
    for (domain, strictly, leniently) in [
        ("example.test", Secure, Secure),
        ("EXAMPLE.test.", Secure, Secure),
        ("nsec3.test", Secure, Secure),
        ("unsigned.test", Insecure, Plain),
        ("another-key.unsigned.test", Insecure, Another),
        ("bogus.test", Insecure, Insecure),
        ("expired.test", Insecure, Insecure),
        ("stripped.test", Insecure, Insecure),
        ("missing.test", FAILED, FAILED),
        ("elsewhere.example", FAILED, FAILED),
        ("nowhere.test", Absent, Absent),
        ("nowhere.example.test", Absent, Absent),
        ("nowhere.nsec3.test", Absent, Absent),
        ("nowhere.unsigned.test", Absent, Absent),
        ("no-text.example.test", Absent, Absent),
        ("unrelated.example.test", Absent, Absent),
        ("another-agent.example.test", Absent, Absent),
        ("another-key.example.test", Another, Another),
        ("two.example.test", Another, Another),
        ("beside.example.test", Secure, Secure),
        ("strings.example.test", Secure, Secure),
        ("bytes.example.test", Absent, Absent),
        // A wildcard's, or an alias that is.
        ("any.any.example.test", Insecure, Insecure),
        ("any.any-alias.example.test", Insecure, Insecure),
        ("alias.example.test", Secure, Secure),
        ("to-unsigned.example.test", Insecure, Plain),
        ("to-signed.unsigned.test", Insecure, Plain),
        ("to-bogus.example.test", Insecure, Insecure),
        // hickory takes the proof that there is nothing for one about the alias.
        ("to-nothing.example.test", Insecure, Insecure),
        ("to-nothing.unsigned.test", Absent, Absent),
        // bind9 gives up.
        ("round.example.test", FAILED, FAILED),
        ("localhost", Absent, Absent),
        ("a.onion", Absent, Absent),
    ] {
        // Twice: the second time from what was kept.
        for _ in 0..2 {
            for (dns, expected) in [(&strict, &strictly), (&lenient, &leniently)] {
                let found = gives(dns, domain).await;
                if found != *expected {
                    wrong.push(format!(
                        "{domain}, {}: {found:?} instead of {expected:?}",
                        if expected == &strictly { "strictly" } else { "leniently" }
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_record_may_name_a_later_key() {
    let Some(bind) = bind() else { return };
    let (first, second, third) = (key(0x99), key(1), key(2));
    let asked = async |domain: &str, strict, successors: &[&PublicKey]| {
        let agent = AGENT.parse().unwrap();
        bind.dns(strict).confirm(agent, domain, &first, first.hash(), successors).await.unwrap()
    };
    let names_second = "another-key.example.test";
    assert!(matches!(asked(names_second, true, &[]).await, Confirmation::Another(_)));
    assert!(matches!(asked(names_second, true, &[&third]).await, Confirmation::Another(_)));
    assert_eq!(asked(names_second, true, &[&third, &second]).await, Confirmation::Succeeded { secure: true });
    assert!(matches!(asked("another-key.unsigned.test", true, &[&second]).await, Confirmation::Insecure(_)));
    let unproven = asked("another-key.unsigned.test", false, &[&second]).await;
    assert_eq!(unproven, Confirmation::Succeeded { secure: false });
    // Two records are one too many, whomever they name.
    assert!(matches!(asked("two.example.test", true, &[&second]).await, Confirmation::Another(_)));
    assert!(matches!(asked("example.test", true, &[&second]).await, Confirmation::Confirmed { secure: true, .. }));
}

// 512 bytes is what plain DNS sends by UDP, 1232 what is sent with EDNS here.
#[tokio::test]
async fn an_answer_of_any_size_arrives() {
    let Some(bind) = bind() else { return };
    for domain in ["long.example.test", "longer.example.test", "very-long.example.test"] {
        assert_eq!(gives(&bind.dns(true), domain).await, Secure, "{domain}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_asked_for_at_once() {
    let Some(bind) = bind() else { return };
    let dns = bind.dns(true);
    let all = (0..200).map(|at| {
        let dns = dns.clone();
        tokio::spawn(async move { gives(&dns, &format!("many-{}.example.test", at % 60)).await })
    });
    for found in futures::future::join_all(all).await {
        assert_eq!(found.unwrap(), Secure);
    }
}

#[tokio::test]
async fn clones_share_what_was_answered() {
    let Some(bind) = bind() else { return };
    let relay = Relay::start(bind.address, |_| {});
    let dns = relay.dns(&bind, true);
    assert_eq!(gives(&dns, "example.test").await, Secure);
    let asked = relay.asked();
    assert_eq!(gives(&dns.clone(), "example.test").await, Secure);
    assert_eq!(relay.asked(), asked);
}

#[tokio::test]
async fn an_answer_is_kept_as_long_as_it_says_at_most() {
    let Some(bind) = bind() else { return };
    let relay = Relay::start(bind.address, |_| {});
    let dns = relay.dns(&bind, true);
    assert_eq!(gives(&dns, "brief.example.test").await, Secure);
    let asked = relay.asked();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(gives(&dns, "brief.example.test").await, Secure);
    assert!(relay.asked() > asked);
}

#[tokio::test]
async fn without_the_anchor_of_a_zone_nothing_in_it_is_proven() {
    let Some(bind) = bind() else { return };
    let place = tempfile::tempdir().unwrap();
    let other = place.path().join("anchor");
    // Another's key as that of the zone.
    let mut keys = std::fs::read_dir(bind.anchor.with_file_name("keys")).unwrap().map(|entry| entry.unwrap().path());
    let of_another =
        keys.find(|path| path.to_string_lossy().contains("Kexample.test.") && path.extension().unwrap() == "key");
    let text = std::fs::read_to_string(of_another.unwrap()).unwrap();
    let line = text.lines().find(|line| line.contains("DNSKEY")).unwrap();
    std::fs::write(&other, line.replace("example.test.", "test.") + "\n").unwrap();
    for anchor in [None, Some(other.as_path())] {
        for strict in [true, false] {
            let dns = Dns::new(&[bind.address], anchor, strict).unwrap();
            let found = gives(&dns, "example.test").await;
            assert!(matches!(found, Insecure | FAILED), "{found:?} with {anchor:?}");
        }
    }
}

/// Somebody on the way who changes answers.
struct Relay {
    address: SocketAddr,
    asked: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Relay {
    fn start(to: SocketAddr, change: impl Fn(&mut Message) + Send + 'static) -> Relay {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let relay = Relay { address: socket.local_addr().unwrap(), asked: Default::default() };
        let asked = relay.asked.clone();
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let onward = UdpSocket::bind("127.0.0.1:0").unwrap();
                onward.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                onward.send_to(&buffer[..length], to).unwrap();
                let Ok(length) = onward.recv(&mut buffer) else { continue };
                let mut message = Message::from_vec(&buffer[..length]).unwrap();
                change(&mut message);
                socket.send_to(&message.to_vec().unwrap(), from).unwrap();
            }
        });
        relay
    }

    fn dns(&self, bind: &Bind, strict: bool) -> Dns {
        Dns::new(&[self.address], Some(&bind.anchor), strict).unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// What `domain` gives when answers are changed on the way: strictly, and not.
async fn changed(bind: &Bind, domain: &str, change: impl Fn(&mut Message) + Clone + Send + 'static) -> [Gives; 2] {
    let of = |strict| {
        let dns = Relay::start(bind.address, change.clone()).dns(bind, strict);
        async move { gives(&dns, domain).await }
    };
    [of(true).await, of(false).await]
}

fn owner(domain: &str) -> Name {
    Name::from_ascii(format!("_v1.agent.jacs.{domain}.")).unwrap()
}

fn asks_for_text(message: &Message) -> bool {
    message.queries.first().is_some_and(|query| query.query_type() == RecordType::TXT)
}

#[tokio::test]
async fn who_changes_an_answer_on_the_way_confirms_nothing() {
    let Some(bind) = bind() else { return };
    // A record that names our key, where there is one that names another.
    let ours = super::record::text(AGENT.parse().unwrap(), &key(0x99));
    let forged = move |message: &mut Message| {
        for record in message.answers.iter_mut() {
            if let RData::TXT(text) = &mut record.data {
                *text = hickory_resolver::proto::rr::rdata::TXT::new(vec![ours.clone()]);
            }
        }
    };
    assert_eq!(changed(&bind, "another-key.example.test", forged.clone()).await, [Insecure, Insecure]);
    // Without signatures nobody knows of a change.
    assert_eq!(changed(&bind, "another-key.unsigned.test", forged.clone()).await, [Insecure, Plain]);
    // Signatures taken away from the answer, and from all answers.
    let unsigned =
        move |message: &mut Message| message.answers.retain(|record| record.record_type() != RecordType::RRSIG);
    let both = move |message: &mut Message| {
        forged(message);
        unsigned(message);
        message.authorities.retain(|record| !record.record_type().is_dnssec());
    };
    assert_eq!(changed(&bind, "another-key.example.test", both).await, [Insecure, Insecure]);
    assert_eq!(changed(&bind, "example.test", unsigned).await, [Insecure, Insecure]);
}

// What is proven is not yet an answer: it must be about the name that was asked for.
#[tokio::test]
async fn a_proven_record_of_another_name_confirms_nothing() {
    let Some(bind) = bind() else { return };
    let at = bind.address;
    let other = move |message: &mut Message| {
        if asks_for_text(message) && message.queries[0].name() == &owner("another-key.example.test") {
            message.answers = ask(at, &owner("example.test")).answers;
        }
    };
    let [strictly, leniently] = changed(&bind, "another-key.example.test", other).await;
    assert!(!matches!(strictly, Secure | Plain), "{strictly:?}");
    assert!(!matches!(leniently, Secure | Plain), "{leniently:?}");
    let beside = move |message: &mut Message| {
        if asks_for_text(message) && message.queries[0].name() == &owner("another-key.example.test") {
            let more: Vec<Record> = ask(at, &owner("example.test")).answers;
            message.answers.extend(more);
        }
    };
    assert_eq!(changed(&bind, "another-key.example.test", beside).await, [Another, Another]);
}

// The wildcard's signature is good; what proves that the name has nothing of its own is left out, and an unsigned record of a
// domain that need not be signed stands in its place.
#[tokio::test]
async fn a_wildcard_confirms_nothing_where_a_name_has_a_record_of_its_own() {
    let Some(bind) = bind() else { return };
    let (at, own) = (bind.address, owner("own.any.example.test"));
    assert_eq!(gives(&bind.dns(true), "own.any.example.test").await, Another);
    let replayed = move |message: &mut Message| {
        if !asks_for_text(message) || message.queries[0].name() != &own {
            return;
        }
        message.answers = ask(at, &owner("any.any.example.test")).answers;
        for record in message.answers.iter_mut() {
            record.name = own.clone();
        }
        let [zone, server] = ["unsigned.test.", "ns.unsigned.test."].map(|name| Name::from_ascii(name).unwrap());
        message.authorities = vec![Record::from_rdata(zone, 300, RData::NS(NS(server)))];
    };
    assert_eq!(changed(&bind, "own.any.example.test", replayed).await, [Insecure, Insecure]);
}

/// The TXT records of a name with their signatures.
fn ask(server: SocketAddr, name: &Name) -> Message {
    let mut question = Message::query();
    question.add_query(hickory_resolver::proto::op::Query::query(name.clone(), RecordType::TXT));
    let mut edns = hickory_resolver::proto::op::Edns::new();
    edns.set_max_payload(1232).set_dnssec_ok(true);
    question.edns = Some(edns);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(&question.to_vec().unwrap(), server).unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

#[tokio::test]
async fn who_denies_a_record_is_not_believed_where_that_needs_a_proof() {
    let Some(bind) = bind() else { return };
    let denied = |message: &mut Message| {
        if asks_for_text(message) {
            message.answers.clear();
            message.authorities.clear();
            message.metadata.response_code = ResponseCode::NXDomain;
        }
    };
    assert_eq!(changed(&bind, "example.test", denied).await, [Insecure, Insecure]);
    assert_eq!(changed(&bind, "unsigned.test", denied).await, [Absent, Absent]);
}

#[tokio::test]
async fn a_server_that_fails_or_says_nothing_is_not_asked_for_ever() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for server in [silent.local_addr().unwrap(), closed] {
        let dns = Dns::with_limits(&[server], None, false, SHORT).unwrap();
        let begun = Instant::now();
        assert_eq!(gives(&dns, "example.test").await, FAILED);
        assert!(begun.elapsed() < SHORT.all + Duration::from_secs(2));
    }
    // Slow servers of the stranger's, each within its time.
    let Some(bind) = bind() else { return };
    let slow = Relay::start(bind.address, |_| std::thread::sleep(Duration::from_millis(200)));
    let limits = Limits { answer: Duration::from_secs(1), all: Duration::from_millis(500) };
    let dns = Dns::with_limits(&[slow.address], Some(&bind.anchor), false, limits).unwrap();
    assert_eq!(gives(&dns, "example.test").await, FAILED);
    // One server that answers is enough.
    let dns = Dns::with_limits(&[silent.local_addr().unwrap(), bind.address], Some(&bind.anchor), true, SHORT).unwrap();
    assert_eq!(gives(&dns, "example.test").await, Secure);
}

#[tokio::test]
async fn garbage_is_no_answer() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            // The id of the question and then nonsense.
            let id = [buffer[0], buffer[1], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc0, 0x0c];
            for answer in [&id[..], &buffer[..length], &buffer[..3], b""] {
                let _ = socket.send_to(answer, from);
            }
        }
    });
    let dns = Dns::with_limits(&[address], None, false, SHORT).unwrap();
    let found = gives(&dns, "example.test").await;
    assert!(matches!(found, FAILED | Insecure | Absent), "{found:?}");
}

#[tokio::test]
async fn what_is_no_domain_is_not_looked_up() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let dns = Dns::with_limits(&[socket.local_addr().unwrap()], Some(Path::new("/nowhere")), true, SHORT).unwrap();
    let long = "a.".repeat(126) + "a";
    for domain in ["", ".", "a b", "a_b.test", "*.test", "\\.test", "127.0.0.1:53", "é.test", "a\0.test", &long] {
        assert_eq!(gives(&dns, domain).await, Absent, "{domain}");
    }
    assert!(socket.recv(&mut [0; 512]).is_err());
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_told_when_they_are() {
    let server: SocketAddr = "127.0.0.1:1".parse().unwrap();
    assert_eq!(Dns::new(&["127.0.0.1:0".parse().unwrap()], None, false).err().map(|e| e.code()), Some(Code::Config));
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("anchor");
    for text in [
        "",
        "; a comment\n",
        "test. IN A 127.0.0.1\n",
        "test. IN DNSKEY 257 3\n",
        "DNSKEY\n",
        "\u{0}",
        "test. IN DNSKEY 257 3 13 ?\n",
    ] {
        std::fs::File::create(&file).unwrap().write_all(text.as_bytes()).unwrap();
        let dns = Dns::with_limits(&[server], Some(&file), false, SHORT).unwrap();
        assert_eq!(gives(&dns, "example.test").await, Error(Code::Config, false), "{text}");
    }
    let dns = Dns::with_limits(&[server], Some(&place.path().join("missing")), false, SHORT).unwrap();
    let error = confirm(&dns, "example.test").await.unwrap_err();
    assert_eq!((error.code(), error.details().path.is_some()), (Code::Config, true));
}

#[test]
fn lookups_may_move_between_threads() {
    fn sent<T: Send>(_: impl Future<Output = T> + Send) {}
    let dns = Dns::new(&[], None, false).unwrap();
    sent(confirm(&dns, "example.test"));
}
