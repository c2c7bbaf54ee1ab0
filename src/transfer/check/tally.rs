//! What one step of a check counted and found.

use super::Finding;

/// Of one step, or of all.
#[derive(Debug, Default)]
pub struct Tally {
    /// Objects that were looked at.
    pub scanned: u64,
    pub bytes: u64,
    /// Objects with damage, and those of them that were brought back.
    pub damaged: u64,
    pub repaired: u64,
    /// Objects that could not be looked at, and the ids or hashes by which to try again.
    pub unchecked: u64,
    pub again: Vec<String>,
    /// Attachments that documents name, as [`Known`](super::files::Known) has them.
    pub named: Vec<u64>,
    /// Where somebody keeps them.
    pub findings: Vec<Finding>,
}

impl Tally {
    /// Adds the counts of another, and what it holds.
    pub fn add(&mut self, other: Tally) {
        self.count(&other);
        self.again.extend(other.again);
        self.named.extend(other.named);
        self.findings.extend(other.findings);
    }

    /// Adds the counts of another alone.
    pub fn count(&mut self, other: &Tally) {
        self.scanned += other.scanned;
        self.bytes += other.bytes;
        self.damaged += other.damaged;
        self.repaired += other.repaired;
        self.unchecked += other.unchecked;
    }
}
