//! What each system call does to the tree.

use super::argument::Argument;
use super::files::handle;
use super::follow::{Begun, Follower, MARK, Place};
use super::recording::{Effect, Node};

/// They change nothing that a power cut could lose. `sync_file_range` writes pages but neither sizes nor what the drive
/// keeps in its cache, so it makes nothing durable; locks end with the process.
const HARMLESS: [&str; 22] = [
    "access",
    "close",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fgetxattr",
    "flock",
    "fstat",
    "fstatfs",
    "getdents64",
    "getxattr",
    "lstat",
    "newfstatat",
    "pread64",
    "preadv",
    "readahead",
    "readlink",
    "readlinkat",
    "stat",
    "statfs",
    "statx",
    "sync_file_range",
];

impl<'a> Follower<'a> {
    pub(super) fn effect_of(&mut self, begun: &Begun<'a>) {
        if HARMLESS.contains(&begun.name) {
            return;
        }
        let act: fn(&mut Self, &Begun<'a>) = match begun.name {
            "openat" => Self::open,
            "mkdirat" => Self::make_directory,
            "linkat" => Self::link,
            "renameat2" => Self::rename,
            "unlinkat" => Self::unlink,
            "fcntl" => Self::control,
            "dup" | "dup2" | "dup3" => Self::duplicate,
            "write" | "pwrite64" | "writev" | "pwritev" => Self::write,
            "copy_file_range" | "sendfile" => Self::copy,
            "read" | "readv" => Self::read,
            "lseek" => Self::seek,
            "ftruncate" | "fallocate" => Self::resize,
            "fsync" | "fdatasync" => Self::sync,
            "sync" | "syncfs" => |own, begun| own.push(begun, Effect::SyncAll),
            "fchmod" => Self::change_mode,
            // What is written there later is written to nobody else.
            "mmap" if !begun.call.text.contains("MAP_SHARED") => |_, _| {},
            _ => panic!("the model does not know this call: {:?}", begun.call),
        };
        if begun.call.succeeded() {
            act(self, begun);
        }
    }

    fn open(&mut self, begun: &Begun<'a>) {
        let flags: Vec<&str> = begun.arguments[2].word().split('|').collect();
        let place = self.place(begun, 0, 1);
        let Argument::Descriptor { number, path } = Argument::parse(begun.call.result()) else {
            panic!("no descriptor: {:?}", begun.call)
        };
        assert_eq!(place != Place::Outside, self.is_inside(&path), "a path was lost: {:?}", begun.call);
        let has = |flag: &str| flags.contains(&flag);
        assert!(!has("O_APPEND") && !has("O_TRUNC"), "not modelled: {:?}", begun.call);
        let node = match place {
            Place::Outside => return,
            _ if has("O_TMPFILE") => self.files.add_file(mode_of(&begun.arguments[3])),
            Place::Entry(directory, name) if has("O_CREAT") => {
                assert!(has("O_EXCL"), "the file may be new or not: {:?}", begun.call);
                let node = self.files.add_file(mode_of(&begun.arguments[3]));
                self.enter(begun, directory, name, node);
                node
            }
            Place::Entry(directory, name) => self.node_at(directory, &name),
            Place::Node(node) => node,
        };
        self.descriptors.insert(number, handle(node));
    }

    fn make_directory(&mut self, begun: &Begun<'a>) {
        if let Place::Entry(directory, name) = self.place(begun, 0, 1) {
            let node = self.files.add_directory(directory, mode_of(&begun.arguments[2]));
            self.enter(begun, directory, name, node);
        }
    }

    fn link(&mut self, begun: &Begun<'a>) {
        let node = match (self.place(begun, 0, 1), &begun.handles[0]) {
            _ if begun.arguments[1].text().is_empty() => begun.handles[0].as_ref().map(|handle| handle.node),
            (Place::Node(node), _) => Some(node),
            (Place::Entry(directory, name), _) => Some(self.node_at(directory, &name)),
            (Place::Outside, _) => None,
        };
        match (node, self.place(begun, 2, 3)) {
            (Some(node), Place::Entry(directory, name)) => self.enter(begun, directory, name, node),
            (None, Place::Outside) => {}
            _ => panic!("a link into the tree or out of it: {:?}", begun.call),
        }
    }

    fn rename(&mut self, begun: &Begun<'a>) {
        let flags = begun.arguments.get(4).map_or("0", Argument::word);
        assert!(matches!(flags, "0" | "RENAME_NOREPLACE"), "not modelled: {:?}", begun.call);
        let (Place::Entry(from, old), Place::Entry(to, new)) = (self.place(begun, 0, 1), self.place(begun, 2, 3))
        else {
            panic!("a file is moved into the tree or out of it: {:?}", begun.call)
        };
        let node = self.node_at(from, &old);
        assert!(!self.files.is_directory(node), "directories are not moved: {:?}", begun.call);
        if flags == "0" {
            self.files.entries(to).remove(&new);
        }
        self.enter(begun, to, new, node);
        self.leave(begun, from, old);
    }

    fn unlink(&mut self, begun: &Begun<'a>) {
        if let Place::Entry(directory, name) = self.place(begun, 0, 1) {
            self.leave(begun, directory, name);
        }
    }

    fn enter(&mut self, begun: &Begun<'a>, directory: Node, name: String, node: Node) {
        self.settle(directory, &name, false);
        self.files.entries(directory).insert(name.clone(), node);
        self.push(begun, Effect::Enter { directory, name, node });
    }

    fn leave(&mut self, begun: &Begun<'a>, directory: Node, name: String) {
        self.settle(directory, &name, true);
        self.files.entries(directory).remove(&name);
        self.push(begun, Effect::Leave { directory, name });
    }

    fn control(&mut self, begun: &Begun<'a>) {
        match begun.arguments[1].word() {
            "F_DUPFD" | "F_DUPFD_CLOEXEC" => self.duplicate(begun),
            "F_GETFD" | "F_SETFD" | "F_GETFL" => {}
            _ => panic!("the model does not know this call: {:?}", begun.call),
        }
    }

    fn duplicate(&mut self, begun: &Begun<'a>) {
        let Argument::Descriptor { number, .. } = Argument::parse(begun.call.result()) else {
            panic!("no descriptor: {:?}", begun.call)
        };
        match &begun.handles[0] {
            Some(handle) => drop(self.descriptors.insert(number, handle.clone())),
            None => drop(self.descriptors.remove(&number)),
        }
    }

    fn write(&mut self, begun: &Begun<'a>) {
        let bytes = match begun.name {
            "writev" | "pwritev" => begun.arguments[1].texts(),
            _ => begun.arguments[1].text().to_vec(),
        };
        let Some(handle) = &begun.handles[0] else {
            let is_error_output = matches!(begun.arguments[0], Argument::Descriptor { number: 2, .. });
            if let (true, Some(mark)) = (is_error_output, bytes.strip_prefix(MARK.as_bytes())) {
                self.push(begun, Effect::Mark(String::from_utf8_lossy(mark).trim().to_owned()));
            }
            return;
        };
        let written = &bytes[..count(begun)];
        let offset = match begun.name {
            "pwrite64" | "pwritev" => begun.arguments[3].number() as usize,
            _ => handle.offset.replace(handle.offset.get() + written.len()),
        };
        self.put(begun, handle.node, offset, written.to_vec());
    }

    fn put(&mut self, begun: &Begun<'a>, file: Node, offset: usize, bytes: Vec<u8>) {
        self.files.write(file, offset, &bytes);
        self.push(begun, Effect::Write { file, offset, bytes });
    }

    /// Between two files, from where each one stands.
    fn copy(&mut self, begun: &Begun<'a>) {
        let (from, to, offsets): (usize, usize, &[usize]) = match begun.name {
            "sendfile" => (1, 0, &[2]),
            _ => (0, 2, &[1, 3]),
        };
        let stands = offsets.iter().all(|offset| begun.arguments[*offset].word() == "NULL");
        let (true, Some(from), Some(to)) = (stands, &begun.handles[from], &begun.handles[to]) else {
            panic!("the model does not know this copy: {:?}", begun.call)
        };
        let start = from.offset.replace(from.offset.get() + count(begun));
        let bytes = self.files.content(from.node)[start..start + count(begun)].to_vec();
        let offset = to.offset.replace(to.offset.get() + bytes.len());
        self.put(begun, to.node, offset, bytes);
    }

    fn read(&mut self, begun: &Begun<'a>) {
        if let Some(handle) = &begun.handles[0] {
            handle.offset.set(handle.offset.get() + count(begun));
        }
    }

    fn seek(&mut self, begun: &Begun<'a>) {
        if let Some(handle) = &begun.handles[0] {
            handle.offset.set(count(begun));
        }
    }

    fn resize(&mut self, begun: &Begun<'a>) {
        let Some(handle) = &begun.handles[0] else { return };
        let before = self.files.content(handle.node).len();
        let number = |position: usize| begun.arguments[position].number() as usize;
        let length = match (begun.name, begun.arguments[1].word()) {
            ("ftruncate", _) => number(1),
            (_, "0") => before.max(number(2) + number(3)),
            (_, "FALLOC_FL_KEEP_SIZE") => return,
            _ => panic!("the model does not know this call: {:?}", begun.call),
        };
        self.files.content(handle.node).resize(length, 0);
        self.push(begun, Effect::Resize { file: handle.node, length });
    }

    fn sync(&mut self, begun: &Begun<'a>) {
        let Some(handle) = &begun.handles[0] else { return };
        // What fdatasync does for the entries of a directory is said nowhere.
        if begun.name == "fsync" || !self.files.is_directory(handle.node) {
            self.push(begun, Effect::Sync(handle.node));
        }
    }

    /// Modes are not part of a state, so none may differ from the one that a file was made with.
    fn change_mode(&mut self, begun: &Begun<'a>) {
        let Some(handle) = &begun.handles[0] else { return };
        assert_eq!(mode_of(&begun.arguments[1]), self.files.mode(handle.node), "not modelled: {:?}", begun.call);
    }
}

fn count(begun: &Begun) -> usize {
    begun.call.result().split(' ').next().unwrap().parse().unwrap()
}

fn mode_of(argument: &Argument) -> u32 {
    u32::from_str_radix(argument.word(), 8).unwrap()
}
