//! Which of the states that are possible at one instant are looked at: all while they are few.

use super::model::{Space, Tree};
use super::recording::Recording;

/// How far to go.
#[derive(Clone, Copy)]
pub enum Effort {
    /// At every instant all states as long as there are no more than `exhaustive`, else the telling ones and so many at
    /// random.
    Thorough { exhaustive: usize, random: usize },
    /// The telling states at one of every 16 instants: for recordings that are long.
    Sampled,
    /// For what is found quickly if it is found at all: few states, at the last instant and at one of every 20 before.
    Quick,
    /// The one state in which everything survives: the process ended, and the power stayed.
    ProcessOnly,
}

impl Effort {
    pub fn usual() -> Effort {
        match std::env::var("JACS_TEST_SOAK").is_ok_and(|value| value == "1") {
            true => Effort::Thorough { exhaustive: 1 << 12, random: 1 << 12 },
            false => Effort::Thorough { exhaustive: 1 << 9, random: 1 << 7 },
        }
    }

    /// Those of the instants that are looked at.
    pub fn instants(self, recording: &Recording) -> Vec<usize> {
        let all = recording.instants();
        match self {
            Effort::Sampled => all.into_iter().rev().step_by(16).collect(),
            Effort::Quick => all.into_iter().rev().step_by(20).collect(),
            Effort::Thorough { .. } | Effort::ProcessOnly => all,
        }
    }

    /// The states of one instant.
    pub fn trees(self, space: &Space) -> Vec<Tree> {
        let limits: Vec<usize> = space.open.iter().map(|open| open.fates).collect();
        let count = limits.iter().try_fold(1usize, |count, limit| count.checked_mul(*limit)).unwrap_or(usize::MAX);
        let choices = match self {
            Effort::Thorough { exhaustive, .. } if count <= exhaustive => all(&limits),
            Effort::Thorough { random, .. } => some(&limits, random),
            Effort::Sampled => some(&limits, 16),
            Effort::Quick => some(&limits, 4),
            Effort::ProcessOnly => vec![limits.iter().map(|limit| limit - 1).collect()],
        };
        choices.iter().map(|choice| space.tree(choice)).collect()
    }
}

fn all(limits: &[usize]) -> Vec<Vec<usize>> {
    limits.iter().fold(vec![Vec::new()], |choices, limit| {
        let with = |choice: &Vec<usize>, fate| choice.iter().copied().chain([fate]).collect();
        choices.iter().flat_map(|choice| (0..*limit).map(move |fate| with(choice, fate))).collect()
    })
}

/// Nothing, everything, one alone, all but one, all up to one, and a sample that is the same in every run.
fn some(limits: &[usize], random: usize) -> Vec<Vec<usize>> {
    let nothing = vec![0; limits.len()];
    let everything: Vec<usize> = limits.iter().map(|limit| limit - 1).collect();
    let mut choices = vec![nothing.clone(), everything.clone()];
    for (position, limit) in limits.iter().enumerate() {
        for fate in 0..*limit {
            for base in [&nothing, &everything] {
                let mut choice = base.clone();
                choice[position] = fate;
                choices.push(choice);
            }
        }
        choices.push([&everything[..position], &nothing[position..]].concat());
    }
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..random {
        choices.push(limits.iter().map(|limit| (splitmix(&mut seed) % *limit as u64) as usize).collect());
    }
    choices
}

fn splitmix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn few_states_are_all_tried_and_of_many_the_telling_ones() {
    assert_eq!(all(&[2, 3]).len(), 6);
    assert_eq!(all(&[]), [Vec::<usize>::new()]);
    let some = some(&[2; 40], 10);
    let single = |choice: &Vec<usize>| choice.iter().sum::<usize>() == 1;
    assert!((0..40).all(|position| some.iter().any(|choice| single(choice) && choice[position] == 1)));
    assert!((0..=40).all(|length| some.iter().any(|choice| {
        choice.iter().take_while(|fate| **fate == 1).count() == length && choice.iter().sum::<usize>() == length
    })));
}
