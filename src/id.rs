//! Identifiers: parsed once, typed after. Only lower-case hyphenated UUIDs (RFC 9562) are accepted, so that
//! no text reaches a path or URL that could mean anything else there.

use std::fmt;
use std::str::FromStr;

use uuid::{Builder, Uuid};

use crate::error::{Code, Error, Result};

/// Bits of a UUIDv7 below its 48-bit millisecond time: 12 in `rand_a`, 62 in `rand_b` (RFC 9562, 5.7).
const V7_RANDOM_BITS: u32 = 74;

fn parse_uuid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    let mut canonical = Uuid::encode_buffer();
    (uuid.hyphenated().encode_lower(&mut canonical) == text).then_some(uuid)
}

macro_rules! uuid_newtype {
    ($name:ident, $doc:literal, $what:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                parse_uuid(text)
                    .map($name)
                    .ok_or_else(|| Error::new(Code::Input, concat!($what, " must be a lower-case hyphenated UUID")))
            }
        }

        impl $name {
            /// The UUID itself, 16 bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = Uuid::encode_buffer();
                f.write_str(self.0.hyphenated().encode_lower(&mut buffer))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

uuid_newtype!(DocumentId, "The id of a document or agent, shared by all its versions.", "a document id");
uuid_newtype!(Version, "The id of one version of a document or agent.", "a version");

impl DocumentId {
    /// A new random id (UUIDv4: random, so that keys spread over partitions of an object store).
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl Version {
    /// A version made now (UUIDv7).
    pub fn now() -> Self {
        Self(Uuid::now_v7())
    }

    /// A version made now that is greater than `previous` whatever the clocks say: its time is the later of
    /// the two, and at an equal time its random part is larger.
    pub fn after(previous: Version) -> Self {
        Self::after_at(previous, Uuid::now_v7())
    }

    fn after_at(previous: Version, now: Uuid) -> Self {
        // A version of another kind (v4) has no time to stay above; callers order those by date.
        let Some(previous_ms) = previous.unix_ms() else { return Self(now) };
        let now_ms = Version(now).unix_ms().unwrap_or(0);
        if now_ms > previous_ms {
            return Self(now);
        }
        // At an equal time: the previous random part plus a random step, so that two writers who replace
        // the same version still differ. A carry out of the random part moves on to the next millisecond.
        let step = u128::from(u32::from_be_bytes(random_tail(&now))) + 1;
        let random = random_part(previous.0) + step;
        let (ms, random) = match random >> V7_RANDOM_BITS {
            0 => (previous_ms, random),
            _ => (previous_ms + 1, random & ((1 << V7_RANDOM_BITS) - 1)),
        };
        Self(with_parts(ms, random))
    }

    /// The time of a UUIDv7 in milliseconds since 1970; `None` for any other kind.
    pub fn unix_ms(self) -> Option<u64> {
        (self.0.get_version_num() == 7).then(|| (self.0.as_u128() >> 80) as u64)
    }
}

fn random_tail(uuid: &Uuid) -> [u8; 4] {
    let bytes = uuid.as_bytes();
    [bytes[12], bytes[13], bytes[14], bytes[15]]
}

fn random_part(uuid: Uuid) -> u128 {
    let bits = uuid.as_u128();
    ((bits >> 64 & 0xfff) << 62) | (bits & ((1 << 62) - 1))
}

fn with_parts(unix_ms: u64, random: u128) -> Uuid {
    let bits = u128::from(unix_ms) << 80 | (random >> 62 & 0xfff) << 64 | (random & ((1 << 62) - 1));
    Builder::from_u128(bits).with_version(uuid::Version::SortRand).with_variant(uuid::Variant::RFC4122).into_uuid()
}

/// Names one version of one document: `id:version`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKey {
    pub id: DocumentId,
    pub version: Version,
}

impl FromStr for DocumentKey {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text.parse()? {
            Reference::Exact(key) => Ok(key),
            Reference::Newest(_) => Err(Error::new(Code::Input, "a key must be `id:version`").with_key(text)),
        }
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.version)
    }
}

impl fmt::Debug for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a caller names: the newest version of a document (`id`) or one version (`id:version`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    Newest(DocumentId),
    Exact(DocumentKey),
}

impl Reference {
    pub fn id(self) -> DocumentId {
        match self {
            Reference::Newest(id) => id,
            Reference::Exact(key) => key.id,
        }
    }
}

impl FromStr for Reference {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let malformed =
            || Error::new(Code::Input, "a key must be `id` or `id:version`, both lower-case hyphenated UUIDs");
        match text.split_once(':') {
            None => Ok(Reference::Newest(DocumentId(parse_uuid(text).ok_or_else(malformed)?))),
            Some((id, version)) => Ok(Reference::Exact(DocumentKey {
                id: DocumentId(parse_uuid(id).ok_or_else(malformed)?),
                version: Version(parse_uuid(version).ok_or_else(malformed)?),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_other_spelling() {
        for text in [
            "",
            "../x",
            "67E55044-10B1-426F-9247-BB680E5FE0C8",
            "67e5504410b1426f9247bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
        ] {
            assert_eq!(text.parse::<DocumentId>().unwrap_err().code(), Code::Input, "{text}");
            assert_eq!(text.parse::<Reference>().unwrap_err().code(), Code::Input, "{text}");
        }
        assert!("67e55044-10b1-426f-9247-bb680e5fe0c8:".parse::<Reference>().is_err());
        assert!("67e55044-10b1-426f-9247-bb680e5fe0c8".parse::<DocumentKey>().is_err());
    }

    #[test]
    fn a_next_version_is_greater_whatever_the_clock_says() {
        let mut previous = Version(with_parts(Version::now().unix_ms().unwrap() + 240_000, 5));
        for _ in 0..1000 {
            let next = Version::after(previous);
            assert!(next > previous);
            assert_eq!(next.unix_ms(), previous.unix_ms());
            previous = next;
        }
    }

    #[test]
    fn a_full_random_part_carries_into_the_next_millisecond() {
        let previous = Version(with_parts(1 << 46, (1 << V7_RANDOM_BITS) - 1));
        let next = Version::after(previous);
        assert!(next > previous);
        assert_eq!(next.unix_ms(), Some((1 << 46) + 1));
        assert_eq!(next.0.get_variant(), uuid::Variant::RFC4122);
    }
}
