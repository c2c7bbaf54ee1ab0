//! The file by which a check goes on where another ended: JSON lines, each written after what it says was done.
//!
//! The first line says of which store and for which options it is. A step is its findings, one line each, and then the
//! line that says how far it came: what stands behind the last such line, or is cut off, was not done.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::CheckOptions;
use super::files::new_seed;
use super::tally::Tally;
use crate::crypto::hex;
use crate::error::{Code, Error, Result};
use crate::local_file::{create, io_error, remove};
use crate::transfer::Finding;
use crate::transfer::log::lock;

/// The member of such a file's first line by which one is known; its value is the version of the form.
pub const CHECK_STATE: &str = "jacs-agent-check";
const FORM: u64 = 1;
/// The longest line that is read, in bytes: a step that names very many attachments.
const LONGEST: u64 = 256 << 20;

/// One part of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    Names,
    Agents,
    Documents,
    Files,
}

impl Pass {
    const ALL: [Pass; 4] = [Pass::Names, Pass::Agents, Pass::Documents, Pass::Files];

    fn name(self) -> &'static str {
        match self {
            Pass::Names => "names",
            Pass::Agents => "agents",
            Pass::Documents => "documents",
            Pass::Files => "files",
        }
    }

    fn parse(name: &str) -> Option<Pass> {
        Pass::ALL.into_iter().find(|pass| pass.name() == name)
    }
}

/// How far a pass is.
#[derive(Debug, Default)]
pub struct Reached {
    /// The last id or hash of what was looked at.
    pub after: Option<String>,
    pub ended: bool,
    /// Ids or hashes that could not be looked at.
    pub again: Vec<String>,
}

/// What is done. Without a file it is known for this call alone.
pub struct State {
    path: Option<PathBuf>,
    file: Option<File>,
    seed: [u8; 16],
    /// When the first of the calls with this file began.
    begun: Option<SystemTime>,
    passes: HashMap<Pass, Reached>,
    /// Of the calls before.
    pub tally: Tally,
}

impl State {
    /// Reads the file of an earlier call, or begins one. Errors: `JACS_INPUT` for a file that is none of this check's.
    pub fn open(options: &CheckOptions, place: &str) -> Result<State> {
        let fresh = State {
            path: None,
            file: None,
            seed: new_seed(),
            begun: None,
            passes: HashMap::new(),
            tally: Tally::default(),
        };
        let Some(path) = &options.resume else { return Ok(fresh) };
        let now = jiff::Timestamp::now().as_millisecond();
        let header = |seed: &[u8; 16], begun: i64| {
            json!({
                CHECK_STATE: FORM,
                "store": place,
                "since": options.since.map(|since| since.to_string()),
                "sample": options.sample,
                "seed": hex(seed),
                "begun": begun,
                "repairs": options.repairs,
            })
        };
        let failed = |error| io_error("the file of an earlier check cannot be used", path, error);
        if path.symlink_metadata().is_err() {
            create(path, format!("{}\n", header(&fresh.seed, now)).as_bytes())?;
        }
        let file = OpenOptions::new().read(true).append(true).open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(foreign(path));
        }
        lock(&file, path)?;
        let mut lines = Lines { reader: BufReader::new(file), at: 0 };
        let first = lines.next().map_err(failed)?.ok_or_else(|| foreign(path))?;
        let seed = seed_of(&first).ok_or_else(|| foreign(path))?;
        let begun = first.get("begun").and_then(Value::as_i64).ok_or_else(|| foreign(path))?;
        if first != header(&seed, begun) {
            return Err(foreign(path));
        }
        let begun = u64::try_from(begun).ok().map(|begun| SystemTime::UNIX_EPOCH + Duration::from_millis(begun));
        let mut state = State { path: Some(path.clone()), seed, begun, ..fresh };
        let mut end = lines.at;
        while let Some(line) = lines.next().map_err(failed)? {
            if state.read(&line) {
                end = lines.at;
            }
        }
        let file = lines.reader.into_inner();
        file.set_len(end).map_err(failed)?;
        state.file = Some(file);
        Ok(state)
    }

    pub fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    /// What was stored later may be named by documents that were looked at before; `None` where there was one call.
    pub fn begun(&self) -> Option<SystemTime> {
        self.begun
    }

    pub fn seed(&self) -> [u8; 16] {
        self.seed
    }

    /// Gives the findings of the calls before.
    pub fn findings(&mut self, mut each: impl FnMut(Finding)) -> Result<()> {
        self.each_line(|line| Finding::from_json(line.get("finding")?).map(&mut each))
    }

    /// Gives what documents named in the calls before, as they wrote it.
    pub fn named(&mut self, mut each: impl FnMut(u64)) -> Result<()> {
        self.each_line(|line| {
            let named = line.get("named")?.as_array()?.iter();
            named.filter_map(|digest| u64::from_str_radix(digest.as_str()?, 16).ok()).for_each(&mut each);
            Some(())
        })
    }

    fn each_line(&mut self, mut each: impl FnMut(&Value) -> Option<()>) -> Result<()> {
        let (Some(file), Some(path)) = (&mut self.file, &self.path) else { return Ok(()) };
        let failed = |error| io_error("the file of an earlier check cannot be read", path, error);
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut lines = Lines { reader: BufReader::new(file), at: 0 };
        while let Some(line) = lines.next().map_err(failed)? {
            let _ = each(&line);
        }
        Ok(())
    }

    pub fn reached(&mut self, pass: Pass) -> &mut Reached {
        self.passes.entry(pass).or_default()
    }

    /// Whether something could not be looked at.
    pub fn has_more(&self) -> bool {
        self.passes.values().any(|reached| !reached.again.is_empty())
    }

    /// Notes a step: all up to `after` is done now, or the pass at its end. `settles`: what could not be looked at before
    /// was tried again, all of it.
    pub fn step(&mut self, pass: Pass, after: Option<&str>, ended: bool, settles: bool, tally: Tally) -> Result<()> {
        self.tally.count(&tally);
        let reached = self.passes.entry(pass).or_default();
        if settles {
            reached.again.clear();
        }
        reached.again.extend(tally.again.iter().cloned());
        if let Some(after) = after {
            reached.after = Some(after.to_owned());
        }
        reached.ended |= ended;
        let (Some(file), Some(path)) = (&mut self.file, &self.path) else { return Ok(()) };
        let mut text = String::new();
        for finding in &tally.findings {
            text.push_str(&json!({ "finding": finding.to_json() }).to_string());
            text.push('\n');
        }
        let named: Vec<String> = tally.named.iter().map(|digest| format!("{digest:x}")).collect();
        let line = json!({
            "pass": pass.name(), "after": after, "ended": ended, "settles": settles,
            "scanned": tally.scanned, "bytes": tally.bytes, "damaged": tally.damaged, "repaired": tally.repaired,
            "again": tally.again, "named": named,
        });
        text.push_str(&line.to_string());
        text.push('\n');
        file.write_all(text.as_bytes())
            .map_err(|error| io_error("the file by which the check could go on cannot be written", path, error))
    }

    /// Takes a line in; whether it ends a step.
    fn read(&mut self, line: &Value) -> bool {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let number = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default();
        let flag = |name: &str| line.get(name).and_then(Value::as_bool).unwrap_or_default();
        let Some(pass) = text("pass").and_then(Pass::parse) else { return false };
        self.tally.scanned += number("scanned");
        self.tally.bytes += number("bytes");
        self.tally.damaged += number("damaged");
        self.tally.repaired += number("repaired");
        let reached = self.passes.entry(pass).or_default();
        if flag("settles") {
            reached.again.clear();
        }
        let again = line.get("again").and_then(Value::as_array).into_iter().flatten();
        reached.again.extend(again.filter_map(|again| again.as_str().map(str::to_owned)));
        if let Some(after) = text("after") {
            reached.after = Some(after.to_owned());
        }
        reached.ended |= flag("ended");
        true
    }

    /// All is done: the file goes.
    pub fn remove(&mut self) -> Result<()> {
        self.file = None;
        self.path.as_deref().map_or(Ok(()), remove)
    }
}

/// The lines that are whole and JSON, up to the first that is not.
struct Lines<R> {
    reader: BufReader<R>,
    /// Behind the last one.
    at: u64,
}

impl<R: Read> Lines<R> {
    fn next(&mut self) -> std::io::Result<Option<Value>> {
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        let value = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok());
        if value.is_some() {
            self.at += read as u64;
        }
        Ok(value)
    }
}

fn seed_of(first: &Value) -> Option<[u8; 16]> {
    let digits = first.get("seed")?.as_str().filter(|text| text.len() == 32 && text.is_ascii())?;
    let mut seed = [0; 16];
    for (at, byte) in seed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(seed)
}

fn foreign(path: &Path) -> Error {
    let message = "the file is not that of an earlier check of this store with these options";
    Error::new(Code::Input, message).with("option", "resume").with_path(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::What;

    fn options(path: &Path) -> CheckOptions {
        CheckOptions { since: None, sample: Some(0.5), resume: Some(path.to_owned()), max_findings: 10, repairs: false }
    }

    fn tally(number: u64) -> Tally {
        let finding = Finding::new(What::Hash, Code::Hash, "a\nsentence").with_path("documents/x");
        let (named, findings) = (vec![number, u64::MAX], vec![finding]);
        Tally { scanned: number, damaged: 1, named, findings, again: vec![number.to_string()], ..Tally::default() }
    }

    #[test]
    fn what_was_done_is_known_again_however_the_file_is_cut() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state");
        let mut state = State::open(&options(&path), "here").unwrap();
        state.step(Pass::Agents, None, true, false, tally(1)).unwrap();
        let first = std::fs::metadata(&path).unwrap().len() as usize;
        state.step(Pass::Documents, Some("b"), false, true, tally(2)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let seed = state.seed();
        // One call at a time has the file.
        drop(state);
        for length in first..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut read = State::open(&options(&path), "here").unwrap();
            let both = length == whole.len();
            assert_eq!(read.seed(), seed);
            assert!(read.reached(Pass::Agents).ended && read.has_more());
            assert_eq!(read.reached(Pass::Documents).after.as_deref(), both.then_some("b"), "{length}");
            assert_eq!(read.tally.scanned, if both { 3 } else { 1 });
            let (mut findings, mut named) = (0, Vec::new());
            read.findings(|_| findings += 1).unwrap();
            read.named(|digest| named.push(digest)).unwrap();
            assert_eq!(findings, if both { 2 } else { 1 });
            assert_eq!(named, [1, u64::MAX, 2, u64::MAX][..findings * 2]);
            read.step(Pass::Documents, Some("c"), false, false, tally(4)).unwrap();
            drop(read);
            let mut again = State::open(&options(&path), "here").unwrap();
            assert_eq!(again.reached(Pass::Documents).after.as_deref(), Some("c"));
            assert_eq!(again.tally.scanned, if both { 7 } else { 5 });
        }
    }

    #[test]
    fn the_file_of_another_store_is_refused_and_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state");
        drop(State::open(&options(&path), "here").unwrap());
        let whole = std::fs::read(&path).unwrap();
        let refused = |options: &CheckOptions, place: &str| State::open(options, place).err().map(|error| error.code());
        assert_eq!(refused(&options(&path), "there"), Some(Code::Input));
        assert_eq!(refused(&CheckOptions { sample: None, ..options(&path) }, "here"), Some(Code::Input));
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        for text in ["", "{}", "{}\n", "my diary\n", &String::from_utf8_lossy(&whole[..whole.len() - 1])] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(refused(&options(&path), "here"), Some(Code::Input), "{text:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(refused(&options(place.path()), "here"), Some(Code::Input));
    }
}
