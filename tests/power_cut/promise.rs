//! What the process had promised when the power was cut.

use std::collections::BTreeMap;

use jacs_agent::id::DocumentKey;

use super::recording::{Effect, Recording};

/// What must be true of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// A promise that it is stored has resolved.
    There,
    /// A promise that it is removed has resolved.
    Gone,
    /// A call about it is under way.
    Either,
}

pub type Promises = BTreeMap<DocumentKey, Promise>;

/// What had been promised right after a line of the trace. A line counts from its beginning: the promise had resolved
/// before it was written.
pub fn promises_at(recording: &Recording, instant: usize) -> Promises {
    let mut promises = Promises::new();
    let mut marks: Vec<(usize, &str)> = Vec::new();
    for operation in &recording.operations {
        if let (Effect::Mark(line), true) = (&operation.effect, operation.begin <= instant) {
            marks.push((operation.begin, line));
        }
    }
    marks.sort_unstable();
    for (_, line) in marks {
        let (what, key) = line.split_once(' ').unwrap();
        let key: DocumentKey = key.parse().unwrap();
        let promise = match what {
            "stored" => Promise::There,
            "removed" => Promise::Gone,
            // While another call that saves the same bytes is under way, what was promised stays promised.
            "saving" if promises.get(&key) == Some(&Promise::There) => Promise::There,
            "saving" | "removing" => Promise::Either,
            other => panic!("an unknown mark: {other}"),
        };
        promises.insert(key, promise);
    }
    promises
}
