//! What a process did to a directory tree, and when each of its steps was sure to survive.

/// A file or directory, by the order in which it was made.
pub type Node = usize;

/// The directory that the recording is about; durable from the beginning.
pub const ROOT: Node = 0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// `name` in `directory` is `node` from now on: a new directory, a new file, a link, the new name of a renaming.
    Enter {
        directory: Node,
        name: String,
        node: Node,
    },
    /// `name` is gone: removed, or the old name of a renaming. The two halves of a renaming are on their own, since not
    /// every filesystem writes them at once.
    Leave {
        directory: Node,
        name: String,
    },
    Write {
        file: Node,
        offset: usize,
        bytes: Vec<u8>,
    },
    Resize {
        file: Node,
        length: usize,
    },
    /// Flushes a file's bytes, or a directory's entries; never the entry by which it is reached.
    Sync(Node),
    SyncAll,
    /// A line in which the process said what it had promised.
    Mark(String),
}

/// A step. It took place between `begin` and `end`, which are lines of the trace; nothing is known about the order of
/// steps that overlap, except for those about one name.
#[derive(Clone, Debug)]
pub struct Operation {
    pub effect: Effect,
    pub begin: usize,
    pub end: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Those about one name or one file are in the order in which they took place.
    pub operations: Vec<Operation>,
    /// Of each node, whether it is a directory.
    pub directories: Vec<bool>,
}

impl Recording {
    /// The instant at which each step was sure to survive: the end of the first flush that began after the step had
    /// ended. `None`: at no time.
    pub fn durable_at(&self) -> Vec<Option<usize>> {
        let flushes: Vec<(Option<Node>, &Operation)> = self
            .operations
            .iter()
            .filter_map(|operation| match operation.effect {
                Effect::Sync(node) => Some((Some(node), operation)),
                Effect::SyncAll => Some((None, operation)),
                _ => None,
            })
            .collect();
        let durable = |operation: &Operation| {
            let node = operation.effect.holder()?;
            let covers = |(flushed, flush): &&(Option<Node>, &Operation)| {
                flushed.is_none_or(|flushed| flushed == node) && flush.begin > operation.end
            };
            flushes.iter().filter(covers).map(|(_, flush)| flush.end).min()
        };
        self.operations.iter().map(durable).collect()
    }

    /// The instants at which something begins or ends; between two of them a power cut finds the same.
    pub fn instants(&self) -> Vec<usize> {
        let mut instants: Vec<usize> = self.operations.iter().flat_map(|step| [step.begin, step.end]).collect();
        instants.push(0);
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// The same process, had it flushed nothing that `dropped` picks.
    pub fn without_flushes(&self, dropped: impl Fn(&Node) -> bool) -> Recording {
        let mut left = self.clone();
        left.operations.retain(|step| match &step.effect {
            Effect::Sync(node) => !dropped(node),
            Effect::SyncAll => false,
            _ => true,
        });
        assert!(left.operations.len() < self.operations.len(), "there is no such flush");
        left
    }

    /// The same process, had every promise resolved just before the last flush before it.
    pub fn promising_early(&self) -> Recording {
        let mut early = self.clone();
        for step in early.operations.iter_mut().filter(|step| matches!(step.effect, Effect::Mark(_))) {
            let flushes = self.operations.iter().filter(|flush| flush.is_flush() && flush.begin < step.begin);
            let begin = flushes.map(|flush| flush.begin - 1).max().unwrap_or(step.begin);
            (step.begin, step.end) = (begin, begin);
        }
        early
    }

    /// The same process, had every flush begun together with the last step that it made durable.
    pub fn flushing_early(&self) -> Recording {
        let mut early = self.clone();
        for flush in early.operations.iter_mut().filter(|step| step.is_flush()) {
            let Effect::Sync(node) = flush.effect else { continue };
            let covered = |step: &&Operation| step.effect.holder() == Some(node) && step.end < flush.begin;
            let last = self.operations.iter().filter(covered).max_by_key(|step| step.end);
            flush.begin = last.map_or(flush.begin, |step| step.begin);
        }
        early
    }

    /// All directories that ever had this path below the root.
    pub fn directories_at(&self, path: &str) -> Vec<Node> {
        path.split('/').filter(|part| !part.is_empty()).fold(vec![ROOT], |parents, part| {
            let entered = self.operations.iter().filter_map(|operation| match &operation.effect {
                Effect::Enter { directory, name, node } if name == part && parents.contains(directory) => Some(*node),
                _ => None,
            });
            entered.collect()
        })
    }
}

impl Operation {
    fn is_flush(&self) -> bool {
        matches!(self.effect, Effect::Sync(_) | Effect::SyncAll)
    }
}

impl Effect {
    /// What must be flushed for this to survive.
    pub fn holder(&self) -> Option<Node> {
        match self {
            Effect::Enter { directory, .. } | Effect::Leave { directory, .. } => Some(*directory),
            Effect::Write { file, .. } | Effect::Resize { file, .. } => Some(*file),
            Effect::Sync(_) | Effect::SyncAll | Effect::Mark(_) => None,
        }
    }
}

/// Writes `bytes` at `offset`; a gap is filled with zeros.
pub fn write_at(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    content.resize(content.len().max(end), 0);
    content[offset..end].copy_from_slice(bytes);
}
