//! What a transfer came to.

use serde_json::{Value, json};

use super::finding::Finding;
use super::listing::Shelf;
use super::log::{Log, Outcome};
use super::merkle::Merkle;
use crate::error::Result;
use crate::store::CreateOnce;

/// The Merkle roots of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub from: String,
    pub to: String,
}

/// Numbers of objects, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub copied: u64,
    pub same: u64,
    pub conflicts: u64,
    pub failed: u64,
    pub removed: u64,
    pub resigned: u64,
    /// Of what was copied.
    pub bytes: u64,
    pub findings: Vec<Finding>,
    /// How sure the target is that nothing is overwritten.
    pub create_once: Option<CreateOnce>,
    pub root: Option<Root>,
    /// A document that says all this, signed.
    pub signed: Option<String>,
    pub new_agents: Option<Vec<String>>,
}

impl Report {
    /// One more object.
    pub fn count(&mut self, outcome: Outcome, bytes: u64) {
        match outcome {
            Outcome::Copied => (self.copied, self.bytes) = (self.copied + 1, self.bytes + bytes),
            Outcome::Same => self.same += 1,
            Outcome::Conflict => self.conflicts += 1,
            Outcome::Refused | Outcome::Failed => self.failed += 1,
            Outcome::Gone => {}
        }
    }

    /// Counts all that was noted, and makes the roots of it; `None` when not all of the source could be read, for equal roots
    /// would say that all of it is there. Blocks for the disk.
    pub fn read(&mut self, log: &Log) -> Result<Option<Root>> {
        let mut was_read = self.failed == 0;
        let (mut from, mut to) = (Merkle::default(), Merkle::default());
        // In the order of the paths.
        for shelf in [Shelf::Agents, Shelf::Documents, Shelf::Files] {
            let mut records = log.records(shelf)?;
            while let Some(record) = records.next()? {
                self.count(record.outcome, record.bytes);
                was_read &= record.from.is_some() || record.outcome == Outcome::Gone;
                record.from.iter().for_each(|digest| from.add(&record.key, digest));
                record.to.iter().for_each(|digest| to.add(&record.key, digest));
            }
        }
        Ok(was_read.then(|| Root { from: from.root(), to: to.root() }))
    }

    /// Whether all is there that should be.
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.conflicts == 0
    }

    /// In the shape of `index.d.ts`, without what is absent.
    pub fn to_json(&self) -> Value {
        let mut report = json!({
            "copied": self.copied,
            "same": self.same,
            "conflicts": self.conflicts,
            "failed": self.failed,
            "removed": self.removed,
            "resigned": self.resigned,
            "bytes": self.bytes,
            "failures": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
            "createOnce": self.create_once.unwrap_or(CreateOnce::Atomic).name(),
        });
        if let Some(root) = &self.root {
            report["root"] = json!({ "from": root.from, "to": root.to });
        }
        if let Some(signed) = &self.signed {
            report["signed"] = json!(signed);
        }
        if let Some(agents) = &self.new_agents {
            report["newAgents"] = json!(agents);
        }
        report
    }
}
