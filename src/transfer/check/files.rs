//! The attachments of a store: which are stored and which are named, eight bytes each, and what the stored ones are.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::repair::{KnownOf, Outcome};
use super::tally::Tally;
use super::{Check, Finding, What};
use crate::crypto::{Hasher, sha256};
use crate::error::{Code, Result};
use crate::store::layout::{ObjectKey, Sha256Hex};
use crate::store::{FileName, Survey, Trouble};

/// Digits of a hash.
const DIGITS: usize = 64;

/// Which attachments are stored and which of them are named.
///
/// A hash stands there as eight bytes that depend on a secret of the call, so that nobody can name files such that one
/// hides that another is missing.
pub struct Known {
    seed: [u8; 16],
    stored: OnceLock<Stored>,
    others: Mutex<Others>,
}

#[derive(Default)]
struct Stored {
    /// Ascending.
    digests: Vec<u64>,
    /// A bit for each of them.
    named: Vec<AtomicU64>,
}

#[derive(Default)]
struct Others {
    /// Named, and not there when the store was listed.
    named: HashSet<u64>,
    /// Those of which it was told that they are missing.
    told: HashSet<u64>,
}

impl Known {
    pub fn new(seed: [u8; 16]) -> Known {
        Known { seed, stored: OnceLock::new(), others: Mutex::default() }
    }

    pub fn digest(&self, hash: &Sha256Hex) -> u64 {
        self.mix(hash.as_bytes())
    }

    /// A number that is as good as drawn for each text, and the same for all of the call.
    pub fn mix(&self, bytes: &[u8]) -> u64 {
        let mut hasher = Hasher::default();
        hasher.update(&self.seed);
        hasher.update(bytes);
        let [a, b, c, d, e, f, g, h, ..] = hasher.finish();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// To be called once, with all that are stored.
    pub fn set_stored(&self, mut digests: Vec<u64>) {
        digests.sort_unstable();
        digests.dedup();
        let named = (0..digests.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        self.stored.get_or_init(|| Stored { digests, named });
    }

    /// The bit of one that was stored when the store was listed.
    fn bit(&self, digest: u64) -> Option<(&AtomicU64, u32)> {
        let stored = self.stored.get()?;
        let at = stored.digests.binary_search(&digest).ok()?;
        Some((&stored.named[at / 64], at as u32 % 64))
    }

    /// Notes that a document names an attachment; whether it was stored when the store was listed.
    pub fn name(&self, digest: u64) -> bool {
        match self.bit(digest) {
            Some((word, bit)) => {
                word.fetch_or(1 << bit, Ordering::Relaxed);
                true
            }
            None => {
                self.others().named.insert(digest);
                false
            }
        }
    }

    /// Whether nothing was told yet of a missing one.
    fn is_news(&self, digest: u64) -> bool {
        self.others().told.insert(digest)
    }

    pub fn is_named(&self, digest: u64) -> bool {
        match self.bit(digest) {
            Some((word, bit)) => word.load(Ordering::Relaxed) >> bit & 1 == 1,
            None => self.others().named.contains(&digest),
        }
    }

    /// Whether it was there when the store was listed, so that its document should be, too.
    fn is_old(&self, digest: u64) -> bool {
        self.bit(digest).is_some()
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All hashes that stand in the bytes of a damaged document: what it may have named is not without a document.
pub fn hashes_in(bytes: &[u8]) -> Vec<Sha256Hex> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let runs = bytes.split(|byte| !is_digit(byte)).filter(|run| run.len() == DIGITS);
    runs.filter_map(|run| std::str::from_utf8(run).ok()?.parse().ok()).collect()
}

impl Check {
    /// Notes what a version names, and tells of what is missing. `key` is that of the version. Whether something was
    /// brought back.
    pub(super) async fn name_files(
        &self,
        tally: &mut Tally,
        key: &str,
        hashes: Vec<Sha256Hex>,
        asks: bool,
    ) -> Result<()> {
        for hash in hashes {
            let digest = self.known.digest(&hash);
            let is_stored = self.known.name(digest);
            if self.recorded.is_some() {
                tally.named.push(digest);
            }
            if is_stored || !asks {
                continue;
            }
            match self.vault.store.file_length(hash).await {
                Ok(Some(_)) => continue,
                Ok(None) => {}
                // What stands there is looked at with the other files.
                Err(error) if error.is_damage() => continue,
                Err(error) => {
                    self.unchecked(tally, &ObjectKey::File(hash).path(), key.split(':').next().unwrap_or(key), &error)?;
                    continue;
                }
            }
            if self.known.is_news(digest) {
                self.missing(tally, key, hash).await?;
            }
        }
        Ok(())
    }

    async fn missing(&self, tally: &mut Tally, key: &str, hash: Sha256Hex) -> Result<()> {
        let object = ObjectKey::File(hash);
        let message = "a stored attachment of the document is not in the store";
        let finding =
            Finding::new(What::AttachmentMissing, Code::Attachment, message).with_key(key).with_path(object.path());
        let outcome = match &self.repair {
            Some(repair) => Some(repair.fetch(self, object, None).await?),
            None => None,
        };
        tally.damaged += 1;
        tally.repaired += u64::from(matches!(outcome, Some(Outcome::Repaired)));
        self.tell(tally, Outcome::note(outcome, finding));
        Ok(())
    }

    /// Looks at some of the attachments.
    pub(super) async fn look_at_files(&self, survey: &Survey, page: Vec<FileName>) -> Result<Tally> {
        let mut tally = Tally::default();
        let everything = self.since.is_none() && self.sample.is_none();
        for name in page {
            self.check_on()?;
            let digest = self.known.digest(&name.hash);
            let is_named = self.known.is_named(digest);
            if !everything && !is_named {
                continue;
            }
            self.look_at_file(survey, name, &mut tally).await?;
            // One that came between two calls may be named by a document whose place the first had passed.
            let was_there = self.begun.is_none_or(|begun| name.modified.is_some_and(|modified| modified < begun));
            if everything && !is_named && was_there && self.known.is_old(digest) {
                let message = "no document names the attachment";
                let note = Finding::new(What::AttachmentUnreferenced, Code::Attachment, message);
                self.tell(&mut tally, note.with_key(name.hash).with_path(ObjectKey::File(name.hash).path()));
            }
        }
        Ok(tally)
    }

    async fn look_at_file(&self, survey: &Survey, name: FileName, tally: &mut Tally) -> Result<()> {
        let object = ObjectKey::File(name.hash);
        let path = object.path();
        let (mut hasher, mut bytes) = (Hasher::default(), 0);
        let mut access = None;
        let read = match survey.file(name.hash, name.bytes).await {
            Ok(opened) => {
                access = opened.open_to_others();
                let piece = |piece: &[u8]| {
                    self.check_on()?;
                    hasher.update(piece);
                    bytes += piece.len() as u64;
                    Ok(())
                };
                opened.pieces(piece).await?
            }
            Err(trouble) => Err(trouble),
        };
        let finding = match read {
            Err(Trouble::Gone) => return Ok(()),
            Err(Trouble::Unasked(error)) => return self.unchecked(tally, &path, name.hash, &error),
            Err(Trouble::NotAFile(what)) => Some(not_a_file(what)),
            Err(Trouble::Unreadable(error)) => Some(Finding::of(What::Unreadable, &error)),
            Ok(()) if Sha256Hex::from(hasher.finish()) == name.hash => None,
            Ok(()) => {
                let message = "the bytes of the attachment are not what its hash says";
                Some(Finding::new(What::AttachmentAltered, Code::Attachment, message))
            }
        };
        self.asked();
        tally.scanned += 1;
        tally.bytes += bytes;
        if let Some(access) = access {
            self.tell(tally, super::folder::permissions(access).with_key(name.hash).with_path(&path));
        }
        let Some(finding) = finding else { return Ok(()) };
        let outcome = match &self.repair {
            Some(repair) => Some(repair.replace(self, object, &KnownOf::default()).await?),
            None => None,
        };
        tally.damaged += 1;
        tally.repaired += u64::from(matches!(outcome, Some(Outcome::Repaired)));
        self.tell(tally, Outcome::note(outcome, finding.with_key(name.hash).with_path(path)));
        Ok(())
    }
}

pub fn not_a_file(what: &str) -> Finding {
    Finding::new(What::NotAFile, Code::Permission, format!("{what} stands where an object belongs"))
}

/// The seed of a call.
pub fn new_seed() -> [u8; 16] {
    let random = sha256(format!("{}{}", crate::id::Version::now(), crate::id::DocumentId::random()).as_bytes());
    let mut seed = [0; 16];
    seed.copy_from_slice(&random[..16]);
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u8) -> Sha256Hex {
        [number; 32].into()
    }

    #[test]
    fn what_is_named_and_stored_is_known() {
        let known = Known::new([7; 16]);
        let stored: Vec<u64> = (0..200).map(|number| known.digest(&hash(number))).collect();
        known.set_stored(stored);
        for number in [0, 63, 64, 199] {
            let digest = known.digest(&hash(number));
            assert!(!known.is_named(digest));
            assert!(known.name(digest) && known.is_named(digest) && known.is_old(digest));
        }
        let other = known.digest(&hash(200));
        assert!(!known.name(other) && known.is_named(other) && !known.is_old(other));
        assert!(known.is_news(other) && !known.is_news(other));
        assert_ne!(Known::new([8; 16]).digest(&hash(1)), known.digest(&hash(1)));
    }

    #[test]
    fn hashes_are_found_in_damaged_bytes() {
        let text = format!("\u{0}{{\"a\":\"{}\",\"b\":[\"{}\" \"{}f\"]", hash(1), hash(2), hash(3));
        assert_eq!(hashes_in(text.as_bytes()), [hash(1), hash(2)]);
    }
}
