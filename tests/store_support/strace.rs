//! What strace tells: the system calls of all threads of a process.

use std::collections::HashMap;

/// One system call; the calls of all threads in one order, of beginnings and of ends.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// Arguments and result as strace shows them.
    pub text: String,
    /// Lines of the trace.
    pub begin: usize,
    pub end: usize,
}

/// Whether there is a strace to run.
pub fn is_installed() -> bool {
    std::process::Command::new("strace").arg("-V").output().is_ok()
}

/// The calls of a trace (`strace -f -o`), in the order of their ends. Those that the process ended in the middle of come
/// last, and have no result.
pub fn calls(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut open: HashMap<&str, Call> = HashMap::new();
    for (position, line) in trace.lines().enumerate() {
        let Some((thread, event)) = line.split_once(' ') else { continue };
        let event = event.trim_start();
        if let Some(rest) = event.strip_prefix("<... ") {
            let mut call = open.remove(thread).unwrap();
            call.text += rest.split_once("resumed>").unwrap().1;
            call.end = position;
            calls.push(call);
        } else if let Some((name, text)) = event.split_once('(').filter(|(name, _)| !name.contains(' ')) {
            let begun = text.strip_suffix("<unfinished ...>");
            let text = begun.unwrap_or(text).to_owned();
            let call = Call { name: name.to_owned(), text, begin: position, end: position };
            match begun {
                Some(_) => assert!(open.insert(thread, call).is_none()),
                None => calls.push(call),
            }
        }
    }
    calls.extend(open.into_values().map(|call| Call { end: usize::MAX, ..call }));
    calls.sort_by_key(|call| call.end);
    calls
}

impl Call {
    /// The arguments as strace shows them.
    pub fn arguments(&self) -> Vec<&str> {
        self.split().0
    }

    /// What stands behind the `=`: a number with what strace adds to it, or `?`.
    pub fn result(&self) -> &str {
        self.split().1
    }

    pub fn succeeded(&self) -> bool {
        self.result().starts_with(|first: char| first.is_ascii_digit())
    }

    fn split(&self) -> (Vec<&str>, &str) {
        let text = &self.text;
        let mut arguments = Vec::new();
        let (mut from, mut depth, mut quoted, mut named, mut escaped) = (0, 0usize, false, false, false);
        let mut before = ' ';
        for (at, letter) in text.char_indices() {
            match letter {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' if !named => quoted = !quoted,
                _ if quoted => {}
                // The path of a descriptor, as in `3</a/b>` and `AT_FDCWD</a>`.
                '<' if before.is_ascii_digit() || before == 'D' => named = true,
                '>' if named => named = false,
                _ if named => {}
                '(' | '[' | '{' => depth += 1,
                ',' if depth == 0 => {
                    arguments.push(text[from..at].trim());
                    from = at + 1;
                }
                ')' if depth == 0 => {
                    arguments.push(text[from..at].trim());
                    return (arguments, text[at + 1..].trim_start().trim_start_matches("= "));
                }
                ')' | ']' | '}' => depth = depth.checked_sub(1).unwrap(),
                _ => {}
            }
            before = letter;
        }
        panic!("a call without an end: {self:?}");
    }
}
