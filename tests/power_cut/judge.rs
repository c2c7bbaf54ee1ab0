//! Every state after every instant, looked at once and held against what had been promised.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use jacs_agent::id::DocumentKey;

use super::choice::Effort;
use super::model::{Contents, Model, Space, Tree};
use super::promise::{Promise, Promises, promises_at};
use super::recording::Recording;
use super::replay::{Fault, Observation, Replayer};

/// Of so many states one is looked at thoroughly.
const THOROUGH: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// It was promised to be stored and cannot be read.
    Lost(DocumentKey),
    /// It was promised to be removed and is there.
    Back(DocumentKey),
    Fault(Fault),
}

/// A complaint, and all that is needed to understand it.
#[derive(Debug)]
pub struct Case {
    pub complaint: Complaint,
    /// The line of the trace after which the power was cut.
    pub instant: usize,
    pub tree: Tree,
}

#[derive(Debug, Default)]
pub struct Verdict {
    pub instants: usize,
    /// Pairs of an instant and a tree.
    pub states: usize,
    pub trees: usize,
    pub cases: Vec<Case>,
}

struct Judge {
    replayer: Replayer,
    contents: Contents,
    trees: HashMap<Tree, usize>,
    observations: Vec<Observation>,
    /// Which tree was held against which promises already.
    judged: HashSet<(usize, usize)>,
    verdict: Verdict,
}

/// Looks at what a power cut may leave of a recording; at each instant at which that changes.
pub async fn judge(recording: &Recording, replayer: Replayer, effort: Effort) -> Verdict {
    let begun = Instant::now();
    let model = Model::new(recording);
    let mut judge = Judge {
        replayer,
        contents: Contents::default(),
        trees: HashMap::new(),
        observations: Vec::new(),
        judged: HashSet::new(),
        verdict: Verdict::default(),
    };
    let mut spaces: HashMap<Space, Vec<usize>> = HashMap::new();
    let mut all_promises: BTreeMap<Promises, usize> = BTreeMap::new();
    for instant in effort.instants(recording) {
        let promises = promises_at(recording, instant);
        let number = all_promises.len();
        let number = *all_promises.entry(promises.clone()).or_insert(number);
        let space = model.at(instant, &mut judge.contents);
        let trees = match spaces.get(&space) {
            Some(trees) => trees.clone(),
            None => {
                let trees = judge.look(effort.trees(&space), instant).await;
                spaces.insert(space, trees.clone());
                trees
            }
        };
        judge.verdict.instants += 1;
        judge.verdict.states += trees.len();
        for tree in trees {
            if judge.judged.insert((tree, number)) {
                judge.hold(tree, &promises, instant);
            }
        }
    }
    judge.verdict.trees = judge.trees.len();
    let Verdict { instants, states, trees, cases } = &judge.verdict;
    eprintln!("{instants} instants, {states} states, {trees} trees, {} complaints, {:?}", cases.len(), begun.elapsed());
    judge.verdict
}

impl Judge {
    /// Looks at the trees that are new; the numbers of all, each once.
    async fn look(&mut self, trees: Vec<Tree>, instant: usize) -> Vec<usize> {
        let mut numbers = Vec::new();
        for tree in trees {
            let next = self.observations.len();
            let number = *self.trees.entry(tree.clone()).or_insert(next);
            if number == next {
                let thoroughly = next.is_multiple_of(THOROUGH);
                let seen = self.replayer.observe(&tree, &self.contents, thoroughly).await;
                let cases = seen.faults.iter().map(|fault| {
                    let complaint = Complaint::Fault(fault.clone());
                    Case { complaint, instant, tree: tree.clone() }
                });
                self.verdict.cases.extend(cases);
                self.observations.push(seen);
            }
            numbers.push(number);
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn hold(&mut self, number: usize, promises: &Promises, instant: usize) {
        let seen = &self.observations[number];
        for (key, promise) in promises {
            let complaint = match promise {
                Promise::There if !seen.readable.contains(key) => Complaint::Lost(*key),
                Promise::Gone if seen.listed.contains(key) => Complaint::Back(*key),
                _ => continue,
            };
            let tree = self.trees.iter().find(|(_, found)| **found == number).map(|(tree, _)| tree.clone());
            self.verdict.cases.push(Case { complaint, instant, tree: tree.unwrap_or_default() });
        }
    }
}

/// The steps around a case, for whoever has to understand it.
pub fn explain(recording: &Recording, case: &Case) -> String {
    let steps = recording.operations.iter().filter(|step| step.begin <= case.instant).rev().take(40);
    let mut lines: Vec<String> = steps.map(|step| format!("{step:.200?}")).collect();
    lines.reverse();
    format!("{:?} after line {}\n{}\n{:#?}", case.complaint, case.instant, lines.join("\n"), case.tree)
}
