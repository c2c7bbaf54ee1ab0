//! The model against traces written by hand: what it must allow and what it must not.

use std::collections::BTreeSet;

use super::choice::Effort;
use super::follow::follow;
use super::model::{Contents, Entry, Model};
use crate::store_support::strace::calls;

/// What may be left after the last of `lines`; each state is one text. `V` is the directory that is followed, open as
/// descriptor 3; the first word of a line is its thread.
fn left(lines: &[&str]) -> BTreeSet<String> {
    left_after(lines.len(), lines)
}

/// What may be left after so many of `lines`.
fn left_after(count: usize, lines: &[&str]) -> BTreeSet<String> {
    let place = "/t/the-volume";
    let opened = "1 openat(AT_FDCWD</t>, \"V\", O_RDONLY|O_DIRECTORY) = 3<V>";
    let trace: Vec<String> = [opened].iter().chain(lines).map(|line| line.replace('V', place)).collect();
    let recording = follow(&calls(&trace.join("\n")), place);
    let mut contents = Contents::default();
    let space = Model::new(&recording).at(count, &mut contents);
    let shown = |path: &String, entry: &Entry| match entry {
        Entry::Directory => format!("{path}/"),
        Entry::File(content) => format!("{path}={}", String::from_utf8_lossy(contents.bytes(*content))),
    };
    let trees = Effort::Thorough { exhaustive: 1000, random: 0 }.trees(&space);
    trees.iter().map(|tree| tree.iter().map(|(path, entry)| shown(path, entry)).collect::<Vec<_>>().join(" ")).collect()
}

fn set<const N: usize>(states: [&str; N]) -> BTreeSet<String> {
    states.map(str::to_owned).into()
}

const MAKE: &str = "1 mkdirat(3<V>, \"a\", 0700) = 0";
const OPEN: &str = "1 openat(3<V>, \"a\", O_RDONLY|O_DIRECTORY) = 4<V/a>";
const SYNC: &str = "1 fsync(3<V>) = 0";
const FILE: &str = "1 openat(3<V>, \"f\", O_RDWR|O_CREAT|O_EXCL, 0600) = 5<V/f>";
const WRITE: &str = "1 write(5<V/f>, \"wxyz\", 4) = 4";

#[test]
fn an_entry_is_sure_once_its_directory_was_flushed_after_it() {
    assert_eq!(left(&[MAKE]), set(["", "a/"]));
    assert_eq!(left(&[SYNC, MAKE]), set(["", "a/"]));
    assert_eq!(left(&[MAKE, SYNC]), set(["a/"]));
    assert_eq!(left(&[MAKE, "1 syncfs(3<V>) = 0"]), set(["a/"]));
    assert_eq!(left(&[MAKE, "1 fsync(3<V>) = -1 EIO (Input/output error)"]), set(["", "a/"]));
    assert_eq!(left(&[MAKE, SYNC, "1 unlinkat(3<V>, \"a\", AT_REMOVEDIR) = 0"]), set(["", "a/"]));
}

#[test]
fn a_flush_covers_what_ended_before_it_began_and_counts_when_it_has_ended() {
    let (begin, end) = ("2 fsync(3<V> <unfinished ...>", "2 <... fsync resumed>) = 0");
    assert_eq!(left(&[begin, MAKE, end]), set(["", "a/"]));
    assert_eq!(left(&[MAKE, begin, end]), set(["a/"]));
    let made = ["1 mkdirat(3<V>, \"a\", 0700 <unfinished ...>", begin, "1 <... mkdirat resumed>) = 0", end];
    assert_eq!(left(&made), set(["", "a/"]));
    assert_eq!(left_after(2, &[MAKE, begin, end]), set(["", "a/"]));
}

#[test]
fn what_is_in_a_directory_needs_the_directory() {
    let inner = "1 mkdirat(4<V/a>, \"b\", 0700) = 0";
    assert_eq!(left(&[MAKE, OPEN, inner]), set(["", "a/", "a/ a/b/"]));
    assert_eq!(left(&[MAKE, OPEN, inner, "1 fsync(4<V/a>) = 0"]), set(["", "a/ a/b/"]));
    assert_eq!(left(&[MAKE, OPEN, inner, SYNC]), set(["a/", "a/ a/b/"]));
    // A flush of the entries of a directory is nothing that fdatasync promises.
    assert_eq!(left(&[MAKE, OPEN, inner, SYNC, "1 fdatasync(4<V/a>) = 0"]), set(["a/", "a/ a/b/"]));
}

#[test]
fn bytes_that_were_not_flushed_may_be_anything_of_what_was_written() {
    let torn = set(["f=", "f=wx", "f=wxy", "f=wxyz", "f=\0\0\0\0", "f=wx\0\0", "f=\0\0yz", "f=wx\u{fffd}\u{fffd}"]);
    assert_eq!(left(&[FILE, WRITE, SYNC]), torn);
    assert_eq!(left(&[FILE, WRITE, SYNC, "1 sync_file_range(5<V/f>, 0, 0, SYNC_FILE_RANGE_WAIT_AFTER) = 0"]), torn);
    assert_eq!(left(&[FILE, WRITE, SYNC, "1 fdatasync(5<V/f>) = 0"]), set(["f=wxyz"]));
    let grown = left(&[FILE, WRITE, SYNC, "1 fsync(5<V/f>) = 0", "1 write(5<V/f>, \"ab\", 2) = 2"]);
    assert!(grown.contains("f=wxyz") && grown.contains("f=wxyza") && grown.contains("f=wxyz\0\0"), "{grown:?}");
    assert!(grown.iter().all(|state| state.starts_with("f=wxyz")), "{grown:?}");
}

#[test]
fn the_halves_of_a_renaming_are_on_their_own() {
    let moved = "1 renameat2(3<V>, \"f\", 3<V>, \"g\", RENAME_NOREPLACE) = 0";
    assert_eq!(left(&[FILE, SYNC, moved]), set(["f=", "f= g=", "g=", ""]));
    assert_eq!(left(&[FILE, SYNC, moved, SYNC]), set(["g="]));
}

#[test]
fn a_file_without_a_name_comes_with_its_link() {
    let unnamed = "1 openat(3<V>, \".\", O_RDWR|O_TMPFILE, 0600) = 6<V/#1>(deleted)";
    let write = "1 write(6<V/#1>(deleted), \"w\", 1) = 1";
    let flush = "1 fsync(6<V/#1>(deleted)) = 0";
    let link = "1 linkat(AT_FDCWD</t>, \"/proc/self/fd/6\", 3<V>, \"f\", AT_SYMLINK_FOLLOW) = 0";
    assert_eq!(left(&[unnamed, write, flush]), set([""]));
    assert_eq!(left(&[unnamed, write, flush, link]), set(["", "f=w"]));
    assert!(left(&[unnamed, write, link, SYNC]).contains("f="));
    assert_eq!(left(&[unnamed, write, link, SYNC, "1 fsync(6<V/f>) = 0"]), set(["f=w"]));
}

#[test]
fn descriptors_are_followed_through_copies_and_other_threads() {
    let copy = "1 fcntl(3<V>, F_DUPFD_CLOEXEC, 0) = 7<V>";
    let reused = "2 openat(7<V>, \"a\", O_RDONLY|O_DIRECTORY) = 3<V/a>";
    let closing = ["1 close(3<V> <unfinished ...>", reused, "1 <... close resumed>) = 0"];
    let inner = "1 mkdirat(3<V/a>, \"b\", 0700) = 0";
    let lines: Vec<&str> = [&[MAKE, copy][..], &closing, &[inner, "1 fsync(7<V>) = 0"]].concat();
    assert_eq!(left(&lines), set(["a/", "a/ a/b/"]));
    // The other thread's call has done its work and not ended.
    let overlapping = ["2 mkdirat(3<V>, \"a\", 0700 <unfinished ...>", OPEN, "2 <... mkdirat resumed>) = 0", SYNC];
    assert_eq!(left(&overlapping), set(["a/"]));
    let outside = ["1 openat(3<V>, \"..\", O_RDONLY|O_DIRECTORY) = 8</t>", "1 mkdirat(8</t>, \"x\", 0700) = 0"];
    assert_eq!(left(&outside), set([""]));
}

#[test]
fn calls_that_copy_bytes_are_followed() {
    let other = "1 openat(3<V>, \"g\", O_RDWR|O_CREAT|O_EXCL, 0600) = 6<V/g>";
    let back = "1 lseek(5<V/f>, 1, SEEK_SET) = 1";
    let copy = "1 copy_file_range(5<V/f>, NULL, 6<V/g>, NULL, 1073741824, 0) = 3";
    let lines = [FILE, WRITE, other, back, copy, "1 pwrite64(6<V/g>, \"Q\", 1, 0) = 1", "1 sync() = 0"];
    assert_eq!(left(&lines), set(["f=wxyz g=Qyz"]));
    let list = "1 writev(5<V/f>, [{iov_base=\"a\\\"\", iov_len=2}, {iov_base=\"b\", iov_len=1}], 2) = 3";
    assert_eq!(left(&[FILE, list, "1 ftruncate(5<V/f>, 2) = 0", "1 sync() = 0"]), set(["f=a\""]));
}

#[test]
fn what_is_not_known_fails() {
    for (line, why) in [
        ("1 symlinkat(\"/x\", 3<V>, \"s\") = 0", "does not know this call"),
        ("1 mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, 3<V>, 0) = 0x7f", "does not know this call"),
        ("1 fchmod(3<V>, 0755) = 0", "not modelled"),
        ("1 openat(3<V>, \"f\", O_RDWR|O_TRUNC) = 5<V/f>", "not modelled"),
        ("1 openat(3<V>, \"f\", O_RDWR|O_CREAT, 0600) = 5<V/f>", "may be new or not"),
        ("1 openat(3<V>, \"f\", O_RDONLY) = 5<V/f>", "order of the calls"),
        ("1 fsync(9<V/elsewhere>) = 0", "descriptor was lost"),
        ("1 openat(8</t>, \"x\", O_RDONLY) = 9<V/x>", "path was lost"),
        ("1 write(3<V>, \"cut\"..., 90) = 90", "cut the text off"),
        ("1 unlinkat(3<V>, \"f\", 0 <unfinished ...>", "without an end"),
        ("1 chdir(\"/t\") = 0", "cannot be followed"),
        ("1 fork() = 7", "cannot be followed"),
        ("1 clone3({flags=CLONE_VM}, 88) = 7", "cannot be followed"),
        ("1 io_uring_setup(8, {flags=0}) = 9", "cannot be followed"),
    ] {
        let panicked = std::panic::catch_unwind(|| left(&[line])).expect_err(line);
        let message = panicked.downcast_ref::<String>().unwrap();
        assert!(message.contains(why), "{line}: {message}");
    }
}
