//! The files as the process saw them while it ran, without any power cut.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::recording::{Node, ROOT, write_at};

/// A file or directory that was opened; duplicates of its descriptor share it.
#[derive(Debug)]
pub struct Description {
    pub node: Node,
    pub offset: Cell<usize>,
}

pub type Handle = Rc<Description>;

pub fn handle(node: Node) -> Handle {
    Rc::new(Description { node, offset: Cell::new(0) })
}

#[derive(Debug)]
enum Kind {
    Directory { parent: Node, entries: BTreeMap<String, Node> },
    File(Vec<u8>),
}

/// Every file and directory that there ever was.
#[derive(Debug)]
pub struct Files(Vec<(Kind, u32)>);

impl Default for Files {
    fn default() -> Self {
        Self(vec![(Kind::Directory { parent: ROOT, entries: BTreeMap::new() }, 0)])
    }
}

impl Files {
    pub fn add_directory(&mut self, parent: Node, mode: u32) -> Node {
        self.add(Kind::Directory { parent, entries: BTreeMap::new() }, mode)
    }

    pub fn add_file(&mut self, mode: u32) -> Node {
        self.add(Kind::File(Vec::new()), mode)
    }

    fn add(&mut self, kind: Kind, mode: u32) -> Node {
        self.0.push((kind, mode));
        self.0.len() - 1
    }

    /// Of each node, whether it is a directory.
    pub fn directories(&self) -> Vec<bool> {
        (0..self.0.len()).map(|node| self.is_directory(node)).collect()
    }

    pub fn is_directory(&self, node: Node) -> bool {
        matches!(self.0[node].0, Kind::Directory { .. })
    }

    pub fn mode(&self, node: Node) -> u32 {
        self.0[node].1
    }

    pub fn parent(&self, directory: Node) -> Node {
        match &self.0[directory].0 {
            Kind::Directory { parent, .. } => *parent,
            Kind::File(_) => panic!("a file has no entry `..`"),
        }
    }

    pub fn entries(&mut self, directory: Node) -> &mut BTreeMap<String, Node> {
        match &mut self.0[directory].0 {
            Kind::Directory { entries, .. } => entries,
            Kind::File(_) => panic!("a file has no entries"),
        }
    }

    pub fn content(&mut self, file: Node) -> &mut Vec<u8> {
        match &mut self.0[file].0 {
            Kind::File(content) => content,
            Kind::Directory { .. } => panic!("a directory has no bytes"),
        }
    }

    pub fn write(&mut self, file: Node, offset: usize, bytes: &[u8]) {
        write_at(self.content(file), offset, bytes);
    }
}
