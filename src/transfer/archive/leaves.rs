//! The objects of an archive with their hashes, sorted by path however they came: what the Merkle roots are made of. A few
//! megabytes are in memory, the rest in a file without a name.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use super::super::merkle::Merkle;
use super::super::report::Root;
use crate::error::{Code, Error, Result};
use crate::local_file::read_exact_at;
use crate::store::{Kind, ObjectKey};

/// Leaves that are sorted at once.
const RUN: usize = 1 << 15;
/// Leaves of each run that are read at once.
const WINDOW: u64 = 256;
/// Bytes of a leaf in the file: what orders it, two hashes, and whether each is there.
const LENGTH: usize = 33 + 64 + 1;

/// One object: its hash at the source, and that of what the target has under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub key: ObjectKey,
    pub from: Option<[u8; 32]>,
    pub to: Option<[u8; 32]>,
}

type Bytes = [u8; LENGTH];

/// Leaves in the order in which they came.
#[derive(Default)]
pub struct Leaves {
    memory: Vec<Bytes>,
    file: Option<File>,
    /// Leaves in the file, in runs that ascend, of [`RUN`] each.
    written: u64,
}

impl Leaves {
    /// Whether the next one makes it write to the disk.
    pub fn is_full(&self) -> bool {
        self.memory.len() + 1 >= RUN
    }

    /// Adds one; of equal keys the first counts. Blocks for the disk now and then.
    pub fn add(&mut self, leaf: &Leaf) -> Result<()> {
        self.memory.push(to_bytes(leaf));
        if self.memory.len() < RUN {
            return Ok(());
        }
        // Stable: the first of equal keys stays first.
        self.memory.sort_by(order);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(failed)?),
        };
        file.write_all(self.memory.as_flattened()).map_err(failed)?;
        self.written += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }

    /// The roots over what the source has and over what the target has; `None` when not all of the source could be read, for
    /// equal roots would say that all of it is there. Blocks for the disk.
    pub fn roots(mut self) -> Result<Option<Root>> {
        let (mut from, mut to) = (Merkle::default(), Merkle::default());
        self.memory.sort_by(order);
        let mut runs: Vec<Run> = Vec::new();
        if let Some(file) = self.file.take() {
            let file = Arc::new(file);
            let begins = (0..self.written).step_by(RUN);
            runs.extend(begins.map(|at| Run::of_file(file.clone(), at, (at + RUN as u64).min(self.written))));
        }
        runs.push(Run { file: None, at: 0, end: 0, window: std::mem::take(&mut self.memory), used: 0 });
        let mut next = BinaryHeap::new();
        for (age, run) in runs.iter_mut().enumerate() {
            next.extend(run.next()?.map(|leaf| Reverse((key_of(&leaf), age, leaf))));
        }
        let (mut last, mut was_read) = (None, true);
        while let Some(Reverse((key, age, leaf))) = next.pop() {
            next.extend(runs[age].next()?.map(|leaf| Reverse((key_of(&leaf), age, leaf))));
            if last.replace(key) == Some(key) {
                continue;
            }
            let leaf = of_bytes(&leaf)?;
            was_read &= leaf.from.is_some();
            leaf.from.iter().for_each(|digest| from.add(&leaf.key, digest));
            leaf.to.iter().for_each(|digest| to.add(&leaf.key, digest));
        }
        Ok(was_read.then(|| Root { from: from.root(), to: to.root() }))
    }
}

/// Leaves that ascend, read through a window.
struct Run {
    file: Option<Arc<File>>,
    at: u64,
    end: u64,
    window: Vec<Bytes>,
    used: usize,
}

impl Run {
    fn of_file(file: Arc<File>, at: u64, end: u64) -> Run {
        Run { file: Some(file), at, end, window: Vec::new(), used: 0 }
    }

    fn next(&mut self) -> Result<Option<Bytes>> {
        if let (true, Some(file)) = (self.used == self.window.len() && self.at < self.end, &self.file) {
            let count = WINDOW.min(self.end - self.at);
            self.window.resize(count as usize, [0; LENGTH]);
            read_exact_at(file, self.window.as_flattened_mut(), self.at * LENGTH as u64).map_err(failed)?;
            self.at += count;
            self.used = 0;
        }
        let next = self.window.get(self.used).copied();
        self.used += 1;
        Ok(next)
    }
}

fn failed(error: io::Error) -> Error {
    let message = "the list of objects cannot be kept in the temporary directory";
    Error::new(Code::Unavailable, message).with_source(error).retryable()
}

fn order(one: &Bytes, other: &Bytes) -> std::cmp::Ordering {
    key_of(one).cmp(&key_of(other))
}

/// Orders as paths do: `agents`, `documents`, `files`; ids and hashes of one length as their digits.
fn key_of(bytes: &Bytes) -> [u8; 33] {
    let mut key = [0; 33];
    key.copy_from_slice(&bytes[..33]);
    key
}

fn to_bytes(leaf: &Leaf) -> Bytes {
    let mut bytes = [0; LENGTH];
    match leaf.key {
        ObjectKey::Version { kind, key } => {
            bytes[0] = if kind == Kind::Agent { 0 } else { 1 };
            bytes[1..17].copy_from_slice(key.id.as_bytes());
            bytes[17..33].copy_from_slice(key.version.as_bytes());
        }
        ObjectKey::File(hash) => {
            bytes[0] = 2;
            bytes[1..33].copy_from_slice(hash.as_bytes());
        }
    }
    bytes[33..65].copy_from_slice(&leaf.from.unwrap_or_default());
    bytes[65..97].copy_from_slice(&leaf.to.unwrap_or_default());
    bytes[97] = u8::from(leaf.from.is_some()) | u8::from(leaf.to.is_some()) << 1;
    bytes
}

fn of_bytes(bytes: &Bytes) -> Result<Leaf> {
    let half = |at: usize| <[u8; 16]>::try_from(&bytes[at..at + 16]).unwrap_or_default();
    let digest = |at: usize, bit: u8| {
        (bytes[97] & bit != 0).then(|| <[u8; 32]>::try_from(&bytes[at..at + 32]).unwrap_or_default())
    };
    let kind = match bytes[0] {
        0 => Some(Kind::Agent),
        1 => Some(Kind::Document),
        _ => None,
    };
    let key = match kind {
        Some(kind) => {
            let key = crate::id::DocumentKey { id: half(1).into(), version: half(17).into() };
            ObjectKey::Version { kind, key }
        }
        None => ObjectKey::File(<[u8; 32]>::try_from(&bytes[1..33]).unwrap_or_default().into()),
    };
    Ok(Leaf { key, from: digest(33, 1), to: digest(65, 2) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sha256;

    fn leaf(number: u32) -> Leaf {
        let digest = sha256(&number.to_be_bytes());
        let half = |at: usize| <[u8; 16]>::try_from(&digest[at..at + 16]).unwrap();
        let key = crate::id::DocumentKey { id: half(0).into(), version: half(16).into() };
        let key = match number % 3 {
            0 => ObjectKey::File(digest.into()),
            1 => ObjectKey::Version { kind: Kind::Agent, key },
            _ => ObjectKey::Version { kind: Kind::Document, key },
        };
        Leaf { key, from: Some(digest), to: (!number.is_multiple_of(5)).then_some(digest) }
    }

    #[test]
    fn the_roots_are_those_of_the_leaves_sorted_by_path() {
        for count in [0, 1, 1000, 2 * RUN as u32 + 17] {
            let mut leaves = Leaves::default();
            // Some come twice; what comes later does not count.
            let again = (0..count / 10).map(|number| Leaf { from: None, to: None, ..leaf(number) });
            (0..count).map(leaf).chain(again).for_each(|leaf| leaves.add(&leaf).unwrap());
            let mut sorted: Vec<Leaf> = (0..count).map(leaf).collect();
            sorted.sort_by_key(|leaf| leaf.key.path());
            let (mut from, mut to) = (Merkle::default(), Merkle::default());
            for leaf in sorted {
                from.add(&leaf.key, &leaf.from.unwrap());
                leaf.to.iter().for_each(|digest| to.add(&leaf.key, digest));
            }
            assert_eq!(leaves.roots().unwrap(), Some(Root { from: from.root(), to: to.root() }), "{count}");
        }
    }
}
