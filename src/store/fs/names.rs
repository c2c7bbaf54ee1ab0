//! The names in one directory, sorted, in little memory.

use std::cmp::Ordering;

use uuid::Uuid;

/// One name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub text: String,
    pub directory: bool,
}

/// Names in descending order, so that the next one is popped off the end.
///
/// Directories named by a UUID, of which there may be millions, take 16 bytes each: their order as numbers is that of
/// their texts.
#[derive(Debug, Default)]
pub(super) struct Names {
    packed: Vec<u128>,
    others: Vec<(String, bool)>,
}

impl Names {
    pub fn push(&mut self, text: &str, directory: bool) {
        match packed(text) {
            Some(number) if directory => self.packed.push(number),
            _ => self.others.push((text.to_owned(), directory)),
        }
    }

    /// To be called once, after the last [`push`](Self::push).
    pub fn sort(&mut self) {
        self.packed.sort_unstable_by(|a, b| b.cmp(a));
        self.packed.shrink_to_fit();
        self.others.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Leaves out everything up to and with `text`.
    pub fn skip_to(&mut self, text: &str) {
        self.packed.truncate(self.packed.partition_point(|number| unpacked(*number).as_str() > text));
        self.others.truncate(self.others.partition_point(|(other, _)| other.as_str() > text));
    }
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

    #[test]
    fn names_come_out_sorted_as_texts() {
        let mut texts: Vec<String> = (0..500).map(|_| Uuid::new_v4().to_string()).collect();
        texts.extend(["0", "a.json", "ffffffffffffffffffffffffffffffff", "zz"].map(str::to_owned));
        texts.push(Uuid::new_v4().to_string().to_uppercase());
        let mut names = Names::default();
        for (position, text) in texts.iter().enumerate() {
            names.push(text, position % 3 != 0);
        }
        names.sort();
        texts.sort();
        let (skipped, rest) = texts.split_at(100);
        names.skip_to(&skipped[99]);
        assert_eq!(names.map(|name| name.text).collect::<Vec<_>>(), rest);
    }
}
