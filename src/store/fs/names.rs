//! The names in one directory, sorted, in little memory.

use std::cmp::Ordering;

use uuid::Uuid;

/// One name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub text: String,
    pub directory: bool,
}

/// Names that are kept at a time: 2 MiB of them as a rule, twice that while they are read.
const WINDOW: usize = 1 << 17;

/// The next names of a directory in descending order, so that the next one is popped off the end: those behind a given
/// one, and of these the first [`WINDOW`], so that a directory of any size takes as little memory.
///
/// Directories named by a UUID, of which there may be millions, take 16 bytes each: their order as numbers is that of
/// their texts.
#[derive(Debug)]
pub(super) struct Names {
    after: Option<String>,
    window: usize,
    packed: Vec<u128>,
    others: Vec<(String, bool)>,
    /// Whether names were left out behind the last one.
    more: bool,
}

impl Names {
    pub fn after(after: Option<String>) -> Self {
        Self { after, window: WINDOW, packed: Vec::new(), others: Vec::new(), more: false }
    }

    pub fn push(&mut self, text: &str, directory: bool) {
        if self.after.as_deref().is_some_and(|after| text <= after) {
            return;
        }
        match packed(text) {
            Some(number) if directory => self.packed.push(number),
            _ => self.others.push((text.to_owned(), directory)),
        }
        // Before either grows beyond twice the window.
        let limit = self.window * 2 - 1;
        self.more |=
            keep_least(&mut self.packed, self.window, limit) | keep_least(&mut self.others, self.window, limit);
    }

    /// To be called once, after the last [`push`](Self::push).
    pub fn sort(&mut self) {
        let limit = self.window;
        self.more |=
            keep_least(&mut self.packed, self.window, limit) | keep_least(&mut self.others, self.window, limit);
        self.packed.sort_unstable_by(|a, b| b.cmp(a));
        self.others.sort_unstable_by(|a, b| b.cmp(a));
        if self.more {
            self.end_together();
        }
    }

    /// Whether there were names behind these when they were read.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Of both kinds only what lies before the first that may have been left out.
    fn end_together(&mut self) {
        let full = |length| length >= self.window;
        let packed_end = self.packed.first().filter(|_| full(self.packed.len())).map(|number| unpacked(*number));
        let others_end = self.others.first().filter(|_| full(self.others.len())).map(|(text, _)| text.clone());
        let Some(end) = packed_end.iter().chain(&others_end).min().cloned() else { return };
        self.packed.drain(..self.packed.partition_point(|number| unpacked(*number) > end));
        self.others.drain(..self.others.partition_point(|(text, _)| *text > end));
    }
}

/// Cuts `names` down to the least `window` once there are more than `limit`; whether any went.
fn keep_least<T: Ord>(names: &mut Vec<T>, window: usize, limit: usize) -> bool {
    if names.len() <= limit {
        return false;
    }
    names.select_nth_unstable(window);
    names.truncate(window);
    true
}

/// Ascending.
impl Iterator for Names {
    type Item = Name;

    fn next(&mut self) -> Option<Name> {
        let packed = self.packed.last().map(|number| unpacked(*number));
        let packed_first = match (&packed, self.others.last()) {
            (Some(packed), Some((other, _))) => packed.cmp(other) == Ordering::Less,
            (Some(_), None) => true,
            (None, _) => false,
        };
        match packed {
            Some(text) if packed_first => {
                self.packed.pop();
                Some(Name { text, directory: true })
            }
            _ => self.others.pop().map(|(text, directory)| Name { text, directory }),
        }
    }
}

fn packed(text: &str) -> Option<u128> {
    let number = Uuid::try_parse(text).ok()?.as_u128();
    (unpacked(number) == text).then_some(number)
}

fn unpacked(number: u128) -> String {
    Uuid::from_u128(number).hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_names() -> Vec<String> {
        let mut texts: Vec<String> = (0..500).map(|_| Uuid::new_v4().to_string()).collect();
        texts.extend((0..40).map(|number| format!("{number}.json")));
        texts.extend(["0", "a.json", "ffffffffffffffffffffffffffffffff", "zz"].map(str::to_owned));
        texts.push(Uuid::new_v4().to_string().to_uppercase());
        texts
    }

    fn read(texts: &[String], after: Option<String>, window: usize) -> Names {
        let mut names = Names { window, ..Names::after(after) };
        for (position, text) in texts.iter().enumerate() {
            names.push(text, position % 3 != 0);
        }
        names.sort();
        names
    }

    #[test]
    fn names_come_out_sorted_as_texts() {
        let mut texts = some_names();
        let names = read(&texts, None, WINDOW);
        assert!(!names.has_more());
        let found: Vec<String> = names.map(|name| name.text).collect();
        texts.sort();
        assert_eq!(found, texts);
    }

    #[test]
    fn windows_together_are_the_whole_directory() {
        for window in [1, 2, 7, 100, 544, 545, 546] {
            let mut texts = some_names();
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let names = read(&texts, after.clone(), window);
                let more = names.has_more();
                found.extend(names.map(|name| name.text));
                if !more {
                    break;
                }
                assert!(after.as_ref() < found.last(), "a window of {window} without progress");
                after = found.last().cloned();
            }
            texts.sort();
            assert_eq!(found, texts, "{window}");
        }
    }
}
