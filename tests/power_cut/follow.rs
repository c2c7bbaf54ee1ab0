//! From the system calls of a process to what it did to one directory tree.
//!
//! Descriptors are followed by their numbers, and compared with what strace says about each. Every call that touches the
//! tree must be known: one that is not fails the test, since it may change what a power cut leaves behind.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::argument::{Argument, WORKING_DIRECTORY};
use super::files::{Files, Handle};
use super::recording::{Effect, Node, Operation, ROOT, Recording};
use crate::store_support::strace::Call;

/// Begins the lines by which the process says what it promised.
pub const MARK: &str = "MARK ";

/// What says how the process's directories and descriptors are shared is not followed.
const FORBIDDEN: [&str; 11] = [
    "chdir",
    "fchdir",
    "chroot",
    "close_range",
    "fork",
    "vfork",
    "unshare",
    "setns",
    "io_submit",
    "pidfd_getfd",
    "recvmsg",
];

/// A call under way.
pub(super) struct Begun<'a> {
    pub call: &'a Call,
    pub name: &'a str,
    pub arguments: Vec<Argument>,
    /// Of each argument, the open file that it meant when the call began.
    pub handles: Vec<Option<Handle>>,
    done: Cell<bool>,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Outside,
    Node(Node),
    Entry(Node, String),
}

pub struct Follower<'a> {
    /// The absolute path of the tree, and its last part, which occurs in no other path.
    place: &'a str,
    name: &'a str,
    pub(super) files: Files,
    pub(super) descriptors: HashMap<i32, Handle>,
    begun: BTreeMap<usize, Rc<Begun<'a>>>,
    operations: Vec<Operation>,
}

/// What the calls did to the tree at `place`, which was there and empty, and was durable.
pub fn follow(calls: &[Call], place: &str) -> Recording {
    let name = place.rsplit_once('/').unwrap().1;
    let (files, descriptors) = Default::default();
    let mut follower = Follower { place, name, files, descriptors, begun: BTreeMap::new(), operations: Vec::new() };
    let mut events: Vec<(usize, bool, usize)> = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        follower.refuse(call);
        events.extend([(call.begin, false, index), (call.end, true, index)]);
    }
    events.sort_unstable();
    for (_, is_end, index) in events {
        match is_end {
            false => follower.begin(index, &calls[index]),
            true => follower.end(index),
        }
    }
    Recording { operations: follower.operations, directories: follower.files.directories() }
}

impl<'a> Follower<'a> {
    fn refuse(&self, call: &Call) {
        let copies_descriptors = call.name.starts_with("clone") && !call.text.contains("CLONE_FILES");
        let is_forbidden = FORBIDDEN.contains(&call.name.as_str()) || call.name.starts_with("io_uring");
        let is_lost = copies_descriptors || (is_forbidden && call.succeeded());
        assert!(!is_lost, "this cannot be followed: {call:?}");
    }

    fn begin(&mut self, index: usize, call: &'a Call) {
        let is_mark = call.name == "write" && call.text.contains(MARK);
        if !call.text.contains(self.name) && !is_mark && call.name != "sync" {
            return;
        }
        let (name, arguments) = modern(call);
        let handles: Vec<Option<Handle>> = arguments.iter().map(|argument| self.handle_of(argument)).collect();
        for (argument, handle) in arguments.iter().zip(&handles) {
            if let Argument::Descriptor { number, path } = argument
                && *number != WORKING_DIRECTORY
            {
                assert_eq!(handle.is_some(), self.is_inside(path), "a descriptor was lost: {call:?}");
            }
        }
        if let ("close", [Argument::Descriptor { number, .. }]) = (name, arguments.as_slice()) {
            // Now: before the call ends, another thread may get the same number.
            self.descriptors.remove(number);
        }
        self.begun.insert(index, Rc::new(Begun { call, name, arguments, handles, done: Cell::new(false) }));
    }

    fn handle_of(&self, argument: &Argument) -> Option<Handle> {
        let number = match argument {
            Argument::Descriptor { number, .. } => *number,
            Argument::Text(bytes) => std::str::from_utf8(bytes).ok()?.strip_prefix("/proc/self/fd/")?.parse().ok()?,
            Argument::Other(_) => return None,
        };
        self.descriptors.get(&number).cloned()
    }

    fn end(&mut self, index: usize) {
        if let Some(begun) = self.begun.remove(&index) {
            self.apply(&begun);
        }
    }

    fn apply(&mut self, begun: &Begun<'a>) {
        if !begun.done.replace(true) {
            self.effect_of(begun);
        }
    }

    pub(super) fn is_inside(&self, path: &str) -> bool {
        path.strip_prefix(self.place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(super) fn push(&mut self, begun: &Begun, effect: Effect) {
        self.operations.push(Operation { effect, begin: begun.call.begin, end: begun.call.end });
    }

    /// Where the path in one argument leads, from the directory in another.
    pub(super) fn place(&mut self, begun: &Begun, base: usize, path: usize) -> Place {
        let text = begun.arguments[path].path();
        if let Some(handle) = &begun.handles[path] {
            return Place::Node(handle.node);
        }
        match (&begun.handles[base], &begun.arguments[base]) {
            (Some(handle), _) if !text.starts_with('/') => self.walk(handle.node, text),
            (_, Argument::Descriptor { path, .. }) => {
                let whole = normal(path, text);
                match self.is_inside(&whole) {
                    true => self.walk(ROOT, whole[self.place.len()..].trim_start_matches('/')),
                    false => Place::Outside,
                }
            }
            _ => panic!("not relative to a directory: {:?}", begun.call),
        }
    }

    fn walk(&mut self, from: Node, path: &str) -> Place {
        let mut place = Place::Node(from);
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            let directory = match place {
                Place::Outside => panic!("a path through a place outside"),
                Place::Node(node) => node,
                Place::Entry(directory, name) => self.node_at(directory, &name),
            };
            place = match part {
                ".." if directory == ROOT => Place::Outside,
                ".." => Place::Node(self.files.parent(directory)),
                name => Place::Entry(directory, name.to_owned()),
            };
        }
        place
    }

    /// What the call found at a place; it must be there.
    pub(super) fn node_at(&mut self, directory: Node, name: &str) -> Node {
        self.settle(directory, name, true);
        self.files.entries(directory)[name]
    }

    /// Calls of other threads that have begun and not ended may have done their work already. Those that made a name
    /// what this call found it to be did.
    pub(super) fn settle(&mut self, directory: Node, name: &str, present: bool) {
        let under_way: Vec<Rc<Begun>> = self.begun.values().cloned().collect();
        for other in under_way {
            if self.files.entries(directory).contains_key(name) == present {
                return;
            }
            if !other.done.get() && self.names(&other).contains(&Place::Entry(directory, name.to_owned())) {
                self.apply(&other);
            }
        }
        let found = self.files.entries(directory).contains_key(name);
        assert_eq!(found, present, "the order of the calls about {name} is not known");
    }

    /// The names that a call changes.
    fn names(&mut self, begun: &Begun) -> Vec<Place> {
        let bases: &[usize] = match begun.name {
            _ if !begun.call.succeeded() => &[],
            "openat" if !begun.arguments[2].word().contains("O_CREAT") => &[],
            "mkdirat" | "unlinkat" | "openat" => &[0],
            "linkat" => &[2],
            "renameat2" => &[0, 2],
            _ => &[],
        };
        bases.iter().map(|base| self.place(begun, *base, base + 1)).collect()
    }
}

/// Older calls as the newer ones that do the same.
fn modern(call: &Call) -> (&str, Vec<Argument>) {
    let mut arguments: Vec<Argument> = call.arguments().into_iter().map(Argument::parse).collect();
    // A path of theirs that leads into the tree is absolute: the process works elsewhere and stays there.
    let base = || Argument::Descriptor { number: WORKING_DIRECTORY, path: "/".into() };
    let name = match call.name.as_str() {
        "open" => "openat",
        "mkdir" => "mkdirat",
        "unlink" | "rmdir" => "unlinkat",
        "link" => "linkat",
        "rename" => "renameat2",
        "renameat" => return ("renameat2", arguments),
        name => return (name, arguments),
    };
    arguments.insert(0, base());
    if matches!(name, "linkat" | "renameat2") {
        arguments.insert(2, base());
    }
    (name, arguments)
}

/// An absolute path without `.` and `..`.
fn normal(base: &str, path: &str) -> String {
    let mut parts = Vec::new();
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{base}/{path}") };
    for part in whole.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
