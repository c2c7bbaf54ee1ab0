//! What may be left after a power cut, as far as POSIX promises anything.
//!
//! - A step is sure to be left once a flush of its file or directory that began after the step has ended.
//! - Every other step that has begun may be left or not, whatever became of the others; of the steps about one name, a
//!   later one is left only in place of the earlier ones.
//! - A file whose bytes were not flushed holds the flushed ones, or all, or only a part, or zeros or garbage for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

use super::recording::{Effect, Node, Operation, ROOT, Recording, write_at};

/// Begins the names of files that no listing shows.
pub const TEMPORARY: &str = ".tmp-";

/// Bytes of a file, by number.
pub type Content = usize;

/// The bytes that files were found with, each once.
#[derive(Default)]
pub struct Contents {
    numbers: HashMap<Rc<[u8]>, Content>,
    bytes: Vec<Rc<[u8]>>,
}

impl Contents {
    fn number(&mut self, bytes: &[u8]) -> Content {
        if let Some(number) = self.numbers.get(bytes) {
            return *number;
        }
        let bytes: Rc<[u8]> = bytes.into();
        self.bytes.push(bytes.clone());
        self.numbers.insert(bytes, self.bytes.len() - 1);
        self.bytes.len() - 1
    }

    pub fn bytes(&self, content: Content) -> &[u8] {
        &self.bytes[content]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    Directory,
    File(Content),
}

/// What a power cut left: every path below the root.
pub type Tree = BTreeMap<String, Entry>;

/// What may stand for one name, in the order of the steps about it.
type Fates = Vec<Option<Node>>;

/// All that a power cut at one instant may leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Space {
    names: BTreeMap<Node, BTreeMap<String, Fates>>,
    contents: BTreeMap<Node, Vec<Content>>,
    /// What is not sure, the oldest first.
    pub open: Vec<Open>,
    directories: BTreeSet<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Open {
    what: What,
    /// How many fates there are; the first is the flushed one, the last the one without a power cut.
    pub fates: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum What {
    Name(Node, String),
    Content(Node),
}

/// A recording with what is known of each of its steps.
pub struct Model<'a> {
    recording: &'a Recording,
    durable_at: Vec<Option<usize>>,
}

impl<'a> Model<'a> {
    pub fn new(recording: &'a Recording) -> Self {
        Self { recording, durable_at: recording.durable_at() }
    }

    /// What a power cut right after a line of the trace may leave.
    pub fn at(&self, instant: usize, contents: &mut Contents) -> Space {
        let mut space = Space::default();
        let mut since: HashMap<What, usize> = HashMap::new();
        let mut writes: BTreeMap<Node, Vec<(&Operation, bool)>> = BTreeMap::new();
        let begun = self.recording.operations.iter().zip(&self.durable_at).filter(|(step, _)| step.begin <= instant);
        for (step, durable_at) in begun {
            let is_durable = durable_at.is_some_and(|at| at <= instant);
            let (directory, name, fate) = match &step.effect {
                Effect::Enter { directory, name, node } => (*directory, name, Some(*node)),
                Effect::Leave { directory, name } => (*directory, name, None),
                Effect::Write { file, .. } | Effect::Resize { file, .. } => {
                    writes.entry(*file).or_default().push((step, is_durable));
                    continue;
                }
                Effect::Sync(_) | Effect::SyncAll | Effect::Mark(_) => continue,
            };
            let fates = space.names.entry(directory).or_default().entry(name.clone()).or_insert_with(|| vec![None]);
            let what = What::Name(directory, name.clone());
            match is_durable {
                true => {
                    // What was before is past.
                    *fates = vec![fate];
                    since.remove(&what);
                }
                false => {
                    fates.push(fate);
                    since.entry(what).or_insert(step.begin);
                }
            }
        }
        self.look(&mut space, &writes, &mut since, contents);
        space
    }

    /// Finds what can be reached at all, and leaves out the rest: nobody sees it.
    fn look(
        &self,
        space: &mut Space,
        writes: &BTreeMap<Node, Vec<(&Operation, bool)>>,
        since: &mut HashMap<What, usize>,
        contents: &mut Contents,
    ) {
        let mut reached = BTreeSet::from([ROOT]);
        let mut next = vec![ROOT];
        while let Some(directory) = next.pop() {
            let entries = space.names.get(&directory).into_iter().flat_map(BTreeMap::values);
            next.extend(entries.flatten().flatten().filter(|node| reached.insert(**node)));
        }
        space.names.retain(|directory, _| reached.contains(directory));
        space.names.values_mut().for_each(|names| names.retain(|_, fates| *fates != [None]));
        space.directories = reached.iter().copied().filter(|node| self.recording.directories[*node]).collect();
        let shown = shown(space);
        for file in reached.difference(&space.directories) {
            let steps = writes.get(file).map_or(&[][..], Vec::as_slice);
            let mut fates: Vec<Content> = fates_of(steps).iter().map(|bytes| contents.number(bytes)).collect();
            if !shown.contains(file) && fates.len() > 2 {
                // Nobody reads it: nothing and everything are enough.
                fates.drain(1..fates.len() - 1);
            }
            if let (Some((step, _)), true) = (steps.iter().find(|(_, durable)| !durable), fates.len() > 1) {
                since.insert(What::Content(*file), step.begin);
            }
            space.contents.insert(*file, fates);
        }
        let mut open: Vec<(usize, What)> = since.drain().map(|(what, since)| (since, what)).collect();
        open.sort_unstable();
        space.open = open
            .into_iter()
            .filter_map(|(_, what)| {
                let fates = match &what {
                    What::Name(directory, name) => space.names.get(directory)?.get(name)?.len(),
                    What::Content(file) => space.contents[file].len(),
                };
                Some(Open { what, fates })
            })
            .collect();
    }
}

impl Space {
    /// The tree in which each of what is open has the fate of that number.
    pub fn tree(&self, fates: &[usize]) -> Tree {
        let chosen: HashMap<&What, usize> =
            self.open.iter().map(|open| &open.what).zip(fates.iter().copied()).collect();
        let mut tree = Tree::new();
        self.add(&mut tree, &chosen, ROOT, "");
        tree
    }

    fn add(&self, tree: &mut Tree, chosen: &HashMap<&What, usize>, directory: Node, path: &str) {
        for (name, fates) in self.names.get(&directory).into_iter().flatten() {
            let fate = match fates.len() {
                1 => 0,
                _ => chosen[&What::Name(directory, name.clone())],
            };
            let Some(node) = fates[fate] else { continue };
            let own = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if self.directories.contains(&node) {
                self.add(tree, chosen, node, &own);
                tree.insert(own, Entry::Directory);
            } else {
                let content = chosen.get(&What::Content(node)).copied().unwrap_or(0);
                tree.insert(own, Entry::File(self.contents[&node][content]));
            }
        }
    }
}

/// What has a name, sure or not, that is not a temporary one.
fn shown(space: &Space) -> BTreeSet<Node> {
    let names = space.names.values().flatten().filter(|(name, _)| !name.starts_with(TEMPORARY));
    names.flat_map(|(_, fates)| fates).flatten().copied().collect()
}

/// What a file may hold, the flushed bytes first and all of them last.
fn fates_of(steps: &[(&Operation, bool)]) -> Vec<Vec<u8>> {
    let (mut flushed, mut whole, mut from) = (Vec::new(), Vec::new(), usize::MAX);
    for (step, durable) in steps {
        let contents: &mut [&mut Vec<u8>] = if *durable { &mut [&mut flushed, &mut whole] } else { &mut [&mut whole] };
        for content in contents.iter_mut() {
            let before = content.len();
            let begin = match &step.effect {
                Effect::Write { offset, bytes, .. } => {
                    write_at(content, *offset, bytes);
                    before.min(*offset)
                }
                Effect::Resize { length, .. } => {
                    content.resize(*length, 0);
                    before.min(*length)
                }
                other => panic!("not about bytes: {other:?}"),
            };
            from = if *durable { from } else { from.min(begin) };
        }
    }
    let mut fates = vec![flushed];
    if from < whole.len() {
        fates.extend(torn(&whole, from));
    }
    fates.push(whole);
    let mut seen = BTreeSet::new();
    // The flushed bytes stay first; of what is the same, the last stays last.
    let last = fates.pop().unwrap_or_default();
    fates.retain(|bytes| *bytes != last && seen.insert(bytes.clone()));
    fates.push(last);
    fates
}

/// Bytes of which everything behind `from` was not flushed: cut off, zeros and garbage in place of some or all.
fn torn(whole: &[u8], from: usize) -> Vec<Vec<u8>> {
    let (end, half) = (whole.len(), from + (whole.len() - from) / 2);
    let mixed = |kept: Range<usize>, filler: u8| {
        let mut bytes = whole.to_vec();
        bytes[from..].fill(filler);
        bytes[kept.clone()].copy_from_slice(&whole[kept]);
        bytes
    };
    vec![
        whole[..from].to_vec(),
        whole[..half].to_vec(),
        whole[..end - 1].to_vec(),
        mixed(from..from, 0),
        mixed(from..half, 0),
        mixed(half..end, 0),
        mixed(from..half, 0xa5),
    ]
}
