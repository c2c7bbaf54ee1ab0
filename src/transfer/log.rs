//! What a transfer did with each object, one line each, appended after the data: the checkpoint to go on from, and what the
//! report is made of. In a file, so that memory stays the same however many objects there are.
//!
//! ```text
//! {"jacs-agent-checkpoint":1,"what":"migrate",...}        which transfer this is
//! c documents/{id}/{version}.json {sha256 at the source} {at the target} {bytes}
//! i files/{sha256} {sha256 at the source} - {bytes}<TAB>[{"kind":"attachment-altered",...}]
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::finding::{Finding, Severity};
use super::listing::Shelf;
use crate::crypto::hex;
use crate::error::{Code, Error, Result};
use crate::local_file::{self, read_exact_at};
use crate::store::{ObjectKey, Sha256Hex};

/// Bytes of each run that are read at once.
const BUFFER: usize = 64 << 10;
/// The longest first line.
const LONGEST_TITLE: u64 = 64 << 10;
/// Runs that are read together, each with an open buffer. A resumed transfer has a few.
const MOST_RUNS: usize = 1000;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Copied,
    /// It was there already.
    Same,
    /// Other bytes are there.
    Conflict,
    /// Not copied, for what it is.
    Refused,
    /// Not copied, for it could not be read or written: worth another try.
    Failed,
    /// The source has it no more: whatever was noted of it counts no longer.
    Gone,
}

impl Outcome {
    const ALL: [(Outcome, &'static str); 6] = [
        (Outcome::Gone, "g"),
        (Outcome::Copied, "c"),
        (Outcome::Same, "s"),
        (Outcome::Conflict, "x"),
        (Outcome::Refused, "i"),
        (Outcome::Failed, "f"),
    ];

    /// Whether nothing more is to be done about the object. What was wrong with it in an `earlier` call may be put right.
    fn is_final(self, earlier: bool) -> bool {
        match self {
            Outcome::Copied | Outcome::Same | Outcome::Gone => true,
            Outcome::Conflict | Outcome::Refused => !earlier,
            Outcome::Failed => false,
        }
    }

    fn letter(self) -> &'static str {
        Self::ALL.iter().find(|(outcome, _)| *outcome == self).map_or("f", |(_, letter)| letter)
    }
}

/// One object of the source.
#[derive(Clone, Debug)]
pub struct Record {
    pub key: ObjectKey,
    pub outcome: Outcome,
    /// The SHA-256 of its bytes at the source, and of what the target has under the same name.
    pub from: Option<[u8; 32]>,
    pub to: Option<[u8; 32]>,
    /// At the source.
    pub bytes: u64,
    pub findings: Vec<Finding>,
    /// Noted by an earlier call with the same checkpoint.
    pub is_earlier: bool,
}

impl Record {
    /// Whether nothing more is to be done about it. What was wrong in an earlier call, also with an attachment of a document
    /// that was copied, may be put right since.
    pub fn is_final(&self) -> bool {
        let was_whole = !self.findings.iter().any(|finding| finding.severity == Severity::Damage);
        self.outcome.is_final(self.is_earlier) && (was_whole || !self.is_earlier)
    }

    /// Of an object that is not there any more.
    pub fn gone(key: ObjectKey) -> Record {
        Record { key, outcome: Outcome::Gone, from: None, to: None, bytes: 0, findings: Vec::new(), is_earlier: false }
    }

    fn to_line(&self) -> String {
        let hash = |digest: Option<[u8; 32]>| digest.map_or_else(|| "-".to_owned(), |digest| hex(&digest));
        let to = if self.to.is_some() && self.to == self.from { "=".to_owned() } else { hash(self.to) };
        let mut line = format!("{} {} {} {to} {}", self.outcome.letter(), self.key.path(), hash(self.from), self.bytes);
        if !self.findings.is_empty() {
            line.push('\t');
            line.push_str(&Value::Array(self.findings.iter().map(Finding::to_json).collect()).to_string());
        }
        line.push('\n');
        line
    }

    fn parse(line: &str) -> Option<Record> {
        let (line, findings) = line.split_once('\t').map_or((line, None), |(line, rest)| (line, Some(rest)));
        let mut parts = line.split(' ');
        let letter = parts.next()?;
        let (outcome, _) = Outcome::ALL.into_iter().find(|(_, known)| *known == letter)?;
        let key = ObjectKey::parse(parts.next()?)?;
        let digest = |text: &str| -> Option<Option<[u8; 32]>> {
            if text == "-" { Some(None) } else { Some(Some(*text.parse::<Sha256Hex>().ok()?.as_bytes())) }
        };
        let from = digest(parts.next()?)?;
        let to = match parts.next()? {
            "=" => from,
            text => digest(text)?,
        };
        let bytes = parts.next()?.parse().ok()?;
        let findings = match findings {
            Some(text) => {
                let list: Vec<Value> = serde_json::from_str(text).ok()?;
                list.iter().map(Finding::from_json).collect::<Option<Vec<_>>>()?
            }
            None => Vec::new(),
        };
        parts.next().is_none().then_some(Record { key, outcome, from, to, bytes, findings, is_earlier: false })
    }
}

/// Lines of one tree whose keys ascend.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    end: u64,
    last: ObjectKey,
}

/// The file, to be appended to. Blocks for the disk.
#[derive(Debug)]
pub struct Log {
    file: Arc<File>,
    path: Option<PathBuf>,
    end: u64,
    runs: Vec<Run>,
    /// Runs of earlier calls.
    earlier: usize,
}

impl Log {
    /// A file without a name, which goes with this value.
    pub fn unnamed() -> Result<Log> {
        let file = tempfile::tempfile().map_err(|error| {
            let message = "no temporary file can be made for the list of what is done";
            Error::new(Code::Unavailable, message).with_source(error).retryable()
        })?;
        Ok(Log { file: Arc::new(file), path: None, end: 0, runs: Vec::new(), earlier: 0 })
    }

    /// Opens a checkpoint, or begins one, 0600. `title` says which transfer it is of. What an earlier call noted is given to
    /// `recall`; a last line that was cut off is dropped.
    ///
    /// Errors: `JACS_INPUT` (of another transfer, or no checkpoint), `JACS_CONFLICT` (in use), `JACS_PERMISSION`,
    /// `JACS_UNAVAILABLE`.
    pub fn open(path: &Path, title: &Value, mut recall: impl FnMut(&Record)) -> Result<Log> {
        let failed = |error| local_file::io_error("the checkpoint cannot be opened", path, error);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // Not to wait for the other end of a pipe that stands there.
            options.mode(0o600).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
        }
        let file = options.open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(Error::new(Code::Input, "the checkpoint is not a regular file").with_path(path));
        }
        lock(&file, path)?;
        let mut log = Log { file: Arc::new(file), path: Some(path.to_owned()), end: 0, runs: Vec::new(), earlier: 0 };
        let kept = log.read(title, &mut recall)?;
        log.earlier = log.runs.len();
        log.file.set_len(kept).map_err(failed)?;
        if kept == 0 {
            log.append(&format!("{title}\n"))?;
        }
        Ok(log)
    }

    /// How many bytes of the file are whole lines.
    fn read(&mut self, title: &Value, recall: &mut impl FnMut(&Record)) -> Result<u64> {
        let path = self.path.clone().unwrap_or_default();
        let failed = |error| local_file::io_error("the checkpoint cannot be read", &path, error);
        let file = self.file.try_clone().map_err(failed)?;
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        lines.by_ref().take(LONGEST_TITLE).read_until(b'\n', &mut line).map_err(failed)?;
        if line.is_empty() {
            return Ok(0);
        }
        let whole = line.strip_suffix(b"\n");
        match whole.map(serde_json::from_slice::<Value>) {
            Some(Ok(found)) if found == *title => {}
            // Nothing was noted yet.
            None if format!("{title}\n").as_bytes().starts_with(&line) => return Ok(0),
            Some(Ok(found)) if found.get(super::CHECKPOINT).is_some() => {
                let message = "the checkpoint is of a call with another source, target or options";
                return Err(Error::new(Code::Input, message).with_path(&path));
            }
            _ => return Err(Error::new(Code::Input, "the file is not a checkpoint").with_path(&path)),
        }
        self.end = line.len() as u64;
        loop {
            line.clear();
            let length = lines.read_until(b'\n', &mut line).map_err(failed)? as u64;
            let Some(text) = line.strip_suffix(b"\n") else { return Ok(self.end) };
            let record = std::str::from_utf8(text).ok().and_then(Record::parse);
            let record = record.ok_or_else(|| {
                Error::new(Code::Input, "the checkpoint is damaged: remove it")
                    .with("at byte", self.end)
                    .with_path(&path)
            })?;
            let key = record.key;
            recall(&Record { is_earlier: true, ..record });
            self.note(key, length);
        }
    }

    /// Appends what became of some objects.
    pub fn add(&mut self, records: &[Record]) -> Result<()> {
        let mut text = String::new();
        let lengths: Vec<u64> = records
            .iter()
            .map(|record| {
                let line = record.to_line();
                text.push_str(&line);
                line.len() as u64
            })
            .collect();
        self.append(&text)?;
        // The file is longer by all of them; the runs follow one by one.
        self.end -= text.len() as u64;
        for (record, length) in records.iter().zip(lengths) {
            self.note(record.key, length);
        }
        Ok(())
    }

    fn append(&mut self, text: &str) -> Result<()> {
        (&*self.file).write_all(text.as_bytes()).map_err(|error| {
            let path = self.path.clone().unwrap_or_else(std::env::temp_dir);
            local_file::io_error("what was done cannot be noted", &path, error)
        })?;
        self.end += text.len() as u64;
        Ok(())
    }

    /// One more line, of so many bytes.
    fn note(&mut self, key: ObjectKey, length: u64) {
        let (first, end) = (self.end, self.end + length);
        self.end = end;
        let (is_first, last) = (self.runs.len() == self.earlier, self.runs.last_mut());
        match last.filter(|_| self.earlier == 0 || !is_first) {
            Some(run) if Shelf::of(&run.last) == Shelf::of(&key) && run.last < key => (run.end, run.last) = (end, key),
            _ => self.runs.push(Run { first, end, last: key }),
        }
    }

    /// Whether an earlier call noted something.
    pub fn is_resumed(&self) -> bool {
        self.earlier > 0
    }

    /// The greatest key of a tree that was noted.
    pub fn last(&self, shelf: Shelf) -> Option<ObjectKey> {
        self.runs.iter().map(|run| run.last).filter(|last| Shelf::of(last) == shelf).max()
    }

    /// What was noted of a tree so far, ascending; of an object that was tried twice, what came last.
    ///
    /// Errors: `JACS_UNSUPPORTED` when it was interrupted too often, and those of reading.
    pub fn records(&self, shelf: Shelf) -> Result<Records> {
        let of_shelf = self.runs.iter().enumerate().filter(|(_, run)| Shelf::of(&run.last) == shelf);
        let mut readers: Vec<Reader> =
            of_shelf.map(|(age, run)| Reader::new(self.file.clone(), age, age < self.earlier, run)).collect();
        if readers.len() > MOST_RUNS {
            let error = Error::new(Code::Unsupported, "the transfer was interrupted too often: remove the checkpoint");
            return Err(self.path.iter().fold(error, Error::with_path));
        }
        let mut next = BinaryHeap::new();
        for (at, reader) in readers.iter_mut().enumerate() {
            next.extend(reader.next()?.map(|record| Reverse((record.key, reader.age, at, Held(record)))));
        }
        Ok(Records { readers, next })
    }

    /// The work is done: the file is not needed any more.
    pub fn remove(self) -> Result<()> {
        self.path.as_deref().map_or(Ok(()), local_file::remove)
    }
}

/// Keeps two processes from noting in one file.
pub(super) fn lock(file: &File, path: &Path) -> Result<()> {
    #[cfg(unix)]
    // Any other error: there are filesystems without locks.
    if rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        == Err(rustix::io::Errno::WOULDBLOCK)
    {
        return Err(Error::new(Code::Conflict, "another call uses the file").with_path(path));
    }
    let _ = (file, path);
    Ok(())
}

/// A record in the heap; its place there says nothing about it.
struct Held(Record);

impl PartialEq for Held {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Held {}
impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Held {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

/// The records of one tree, ascending.
pub struct Records {
    readers: Vec<Reader>,
    next: BinaryHeap<Reverse<(ObjectKey, usize, usize, Held)>>,
}

impl Records {
    /// The next one. Blocks for the disk.
    pub fn next(&mut self) -> Result<Option<Record>> {
        let mut found = self.pop()?;
        // Of equal keys the oldest comes first.
        while let (Some(record), Some(Reverse((key, ..)))) = (&found, self.next.peek()) {
            if *key != record.key {
                break;
            }
            found = self.pop()?;
        }
        Ok(found)
    }

    fn pop(&mut self) -> Result<Option<Record>> {
        let Some(Reverse((_, age, at, Held(record)))) = self.next.pop() else { return Ok(None) };
        self.next.extend(self.readers[at].next()?.map(|record| Reverse((record.key, age, at, Held(record)))));
        Ok(Some(record))
    }
}

/// One run, read through a window.
struct Reader {
    file: Arc<File>,
    age: usize,
    is_earlier: bool,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    /// What of the buffer was given out.
    used: usize,
}

impl Reader {
    fn new(file: Arc<File>, age: usize, is_earlier: bool, run: &Run) -> Reader {
        Reader { file, age, is_earlier, at: run.first, end: run.end, buffer: Vec::new(), used: 0 }
    }

    fn next(&mut self) -> Result<Option<Record>> {
        loop {
            if let Some(length) = self.buffer[self.used..].iter().position(|byte| *byte == b'\n') {
                let line = &self.buffer[self.used..self.used + length];
                self.used += length + 1;
                let record = std::str::from_utf8(line).ok().and_then(Record::parse);
                let changed = || Error::new(Code::Conflict, "the checkpoint was changed by somebody else");
                let is_earlier = self.is_earlier;
                return record.ok_or_else(changed).map(|record| Some(Record { is_earlier, ..record }));
            }
            if self.at == self.end {
                return Ok(None);
            }
            self.buffer.drain(..self.used);
            self.used = 0;
            let (have, more) = (self.buffer.len(), (self.end - self.at).min(BUFFER as u64) as usize);
            self.buffer.resize(have + more, 0);
            read_exact_at(&self.file, &mut self.buffer[have..], self.at).map_err(|error| {
                Error::new(Code::Unavailable, "the list of what is done cannot be read").with_source(error)
            })?;
            self.at += more as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::super::finding::What;
    use super::*;

    fn title() -> Value {
        json!({ super::super::CHECKPOINT: 1, "what": "migrate" })
    }

    fn file(number: u8) -> ObjectKey {
        ObjectKey::File([number; 32].into())
    }

    fn record(number: u8, outcome: Outcome) -> Record {
        let digest = Some([number; 32]);
        Record {
            key: file(number),
            outcome,
            from: digest,
            to: digest,
            bytes: 7,
            findings: Vec::new(),
            is_earlier: false,
        }
    }

    fn all(log: &Log) -> Vec<(ObjectKey, Outcome)> {
        let mut records = log.records(Shelf::Files).unwrap();
        std::iter::from_fn(|| records.next().unwrap()).map(|record| (record.key, record.outcome)).collect()
    }

    #[test]
    fn gives_back_what_was_noted_in_order_and_the_last_word_of_each() {
        let mut log = Log::unnamed().unwrap();
        log.add(&[record(1, Outcome::Copied), record(5, Outcome::Failed), record(9, Outcome::Same)]).unwrap();
        log.add(&[record(3, Outcome::Copied), record(5, Outcome::Copied)]).unwrap();
        log.add(&[record(5, Outcome::Conflict)]).unwrap();
        assert_eq!(
            all(&log),
            [(1, Outcome::Copied), (3, Outcome::Copied), (5, Outcome::Conflict), (9, Outcome::Same)]
                .map(|(number, outcome)| (file(number), outcome))
        );
        assert_eq!((log.last(Shelf::Files), log.last(Shelf::Agents)), (Some(file(9)), None));
    }

    #[test]
    fn is_read_again_without_a_line_that_was_cut_off() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("checkpoint");
        let noted = Record {
            findings: vec![Finding::new(What::Hash, Code::Hash, "a\ttext\nof two lines")],
            to: None,
            ..record(2, Outcome::Refused)
        };
        let mut log = Log::open(&path, &title(), |_| panic!("nothing was noted")).unwrap();
        log.add(&[record(1, Outcome::Copied), noted.clone()]).unwrap();
        drop(log);
        let whole = fs::read(&path).unwrap();
        for cut in 1..20 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut recalled = 0;
            let log = Log::open(&path, &title(), |_| recalled += 1).unwrap();
            assert_eq!((recalled, all(&log)), (1, vec![(file(1), Outcome::Copied)]));
        }
        fs::write(&path, &whole).unwrap();
        let mut recalled = Vec::new();
        let mut log = Log::open(&path, &title(), |record| recalled.push(record.clone())).unwrap();
        assert_eq!((recalled[1].findings.clone(), recalled[1].to), (noted.findings, None));
        log.add(&[record(1, Outcome::Same)]).unwrap();
        assert_eq!(all(&log), [(file(1), Outcome::Same), (file(2), Outcome::Refused)]);
        log.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn another_transfers_and_what_is_none_is_refused_and_stays_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("checkpoint");
        let other = format!("{}\n", json!({ super::super::CHECKPOINT: 1, "what": "mirror" }));
        let damaged = format!("{}\nc nonsense\n", title());
        for text in [other.as_str(), "precious text", "precious\ntext\n", &damaged] {
            fs::write(&path, text).unwrap();
            assert_eq!(Log::open(&path, &title(), |_| ()).unwrap_err().code(), Code::Input, "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        // What was cut off in the title is begun anew.
        fs::write(&path, &title().to_string()[..9]).unwrap();
        let log = Log::open(&path, &title(), |_| panic!()).unwrap();
        assert_eq!(Log::open(&path, &title(), |_| ()).unwrap_err().code(), Code::Conflict, "two at once");
        drop(log);
        drop(Log::open(&path, &title(), |_| panic!()).unwrap());
    }
}
