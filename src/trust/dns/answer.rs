//! What of an answer counts: the records of the very name that was asked for, or of where its proven aliases lead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::dnssec::rdata::{DNSSECRData, SigInput};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// An answer is kept no longer than this, and no longer than it says itself: whose a key is is to be decided anew.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Aliases one after the other that are followed; hickory follows as many.
const MAX_ALIASES: usize = 8;

/// What DNS answers for a name.
pub(super) enum Answer {
    Found(Arc<Found>),
    /// There are no such records, as far as one can know.
    Nothing,
    /// It is not what the domain says; or what proves it did not arrive, which hickory does not tell apart.
    Bogus,
    /// It is proven for every name that has nothing of its own. That this one has not is proven by records beside it, which
    /// hickory does not ask for where unproven ones stand in their place.
    Wildcard,
}

/// The TXT records that answer for a name.
pub(super) struct Found {
    /// The strings of each joined.
    pub(super) texts: Vec<String>,
    /// Whether DNSSEC proves all of them, and each alias on the way to them.
    pub(super) secure: bool,
    /// When it is to be asked for anew.
    pub(super) until: Instant,
}

/// The records at `name`, or where its aliases lead to.
///
/// What else stands in an answer counts for nothing: it may be proven and yet be about another name. hickory follows aliases
/// too, but not in a way that tells which of them were proven.
pub(super) async fn follow(name: &Name, resolver: &TokioResolver) -> Result<Answer, NetError> {
    let mut name = name.clone();
    let mut secure = true;
    let mut ttl = u32::MAX;
    for _ in 0..=MAX_ALIASES {
        let answer = resolver.lookup(name.clone(), RecordType::TXT).await?;
        let here = Here::of(&name, RecordType::TXT, answer.answers());
        if !here.records.is_empty() {
            let until = Instant::now() + KEPT_FOR.min(Duration::from_secs(ttl.min(here.ttl()).into()));
            let texts = here.records.iter().copied().filter_map(text).collect();
            let found = Found { texts, secure: secure && here.is_secure(), until };
            return Ok(if here.wildcard { Answer::Wildcard } else { Answer::Found(Arc::new(found)) });
        }
        let answer = resolver.lookup(name.clone(), RecordType::CNAME).await?;
        let here = Here::of(&name, RecordType::CNAME, answer.answers());
        let Some(next) = here.records.iter().copied().find_map(alias) else { break };
        if here.wildcard {
            return Ok(Answer::Wildcard);
        }
        (secure, ttl) = (secure && here.is_secure(), ttl.min(here.ttl()));
        name = next;
    }
    Ok(Answer::Nothing)
}

/// The records of a name and type in an answer.
struct Here<'a> {
    records: Vec<&'a Record>,
    signed: bool,
    /// Whether a signature says that they are those of a wildcard: it is over fewer labels (RFC 4035, 5.3.4).
    wildcard: bool,
}

impl<'a> Here<'a> {
    fn of(name: &Name, record_type: RecordType, answers: &'a [Record]) -> Here<'a> {
        let here = || answers.iter().filter(|record| record.name == *name);
        let signatures = || here().filter_map(signature).filter(|input| input.type_covered == record_type);
        Here {
            records: here().filter(|record| record.record_type() == record_type).collect(),
            signed: signatures().next().is_some(),
            wildcard: signatures().any(|input| input.num_labels < name.num_labels()),
        }
    }

    fn is_secure(&self) -> bool {
        self.signed && self.records.iter().all(|record| record.proof.is_secure())
    }

    /// Seconds.
    fn ttl(&self) -> u32 {
        self.records.iter().map(|record| record.ttl).min().unwrap_or(0)
    }
}

fn signature(record: &Record) -> Option<&SigInput> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature.input()),
        _ => None,
    }
}

fn alias(record: &Record) -> Option<Name> {
    match &record.data {
        RData::CNAME(alias) => Some(alias.0.clone()),
        _ => None,
    }
}

/// The strings of a TXT record one after the other, nothing between them.
fn text(record: &Record) -> Option<String> {
    match &record.data {
        RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
        _ => None,
    }
}
