//! The Merkle tree hash of RFC 6962, section 2.1, over the objects of a store: two stores with the same root hold the same
//! bytes under the same names.
//!
//! A leaf's data is `path NUL sha256`: the object's path below the data directory and the SHA-256 of its bytes in lower-case
//! hex, a zero byte between them. Leaves are sorted by path.

use crate::crypto::{Hasher, hex, sha256};
use crate::store::ObjectKey;

/// Before the data of a leaf, and before the hashes of two subtrees: no leaf can be taken for a node.
const LEAF: u8 = 0;
const NODE: u8 = 1;

/// A tree whose leaves come one after the other; it holds one hash for each of its levels.
#[derive(Clone, Debug, Default)]
pub struct Merkle {
    /// Roots of whole subtrees, the largest first: their sizes are the powers of two that make up `leaves`.
    roots: Vec<[u8; 32]>,
    leaves: u64,
}

impl Merkle {
    /// Adds the next object; their paths must ascend.
    pub fn add(&mut self, object: &ObjectKey, digest: &[u8; 32]) {
        let mut leaf = Hasher::default();
        leaf.update(&[LEAF]);
        leaf.update(object.path().as_bytes());
        leaf.update(&[0]);
        leaf.update(hex(digest).as_bytes());
        self.add_leaf(leaf.finish());
    }

    fn add_leaf(&mut self, mut hash: [u8; 32]) {
        // As many subtrees close as the old count ends in ones.
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.leaves += 1;
    }

    /// The root in hex; that of no leaves is the hash of nothing.
    pub fn root(mut self) -> String {
        let Some(mut hash) = self.roots.pop() else { return hex(&sha256(b"")) };
        while let Some(left) = self.roots.pop() {
            hash = node(&left, &hash);
        }
        hex(&hash)
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Hasher::default();
    hasher.update(&[NODE]);
    hasher.update(left);
    hasher.update(right);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the RFC defines it: split at the largest power of two below the count.
    fn defined(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves.len() {
            0 => sha256(b""),
            1 => leaves[0],
            count => {
                let split = count.next_power_of_two() / 2;
                node(&defined(&leaves[..split]), &defined(&leaves[split..]))
            }
        }
    }

    #[test]
    fn is_the_tree_of_the_definition() {
        let leaves: Vec<[u8; 32]> = (0..130u8).map(|number| sha256(&[number])).collect();
        for count in 0..=leaves.len() {
            let mut tree = Merkle::default();
            leaves[..count].iter().for_each(|leaf| tree.add_leaf(*leaf));
            assert_eq!(tree.root(), hex(&defined(&leaves[..count])), "{count}");
        }
    }

    #[test]
    fn gives_the_hashes_that_certificate_transparency_has_published() {
        // The eight inputs that implementations of the RFC test with.
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let mut tree = Merkle::default();
        for input in inputs {
            tree.add_leaf(sha256(&[&[LEAF], input].concat()));
        }
        assert_eq!(tree.root(), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }
}
