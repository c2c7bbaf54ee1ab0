//! The entries of an archive: the whole of it once, before anything is stored, and then those of one tree at a time, which
//! are read ahead of whoever stores them.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::super::bundle;
use super::super::finding::{Finding, What};
use super::gzip::{Packed, Unpacked};
use super::limits::Most;
use super::names::{self, Named};
use super::spool::{Spool, Spooled};
use super::tape::{self, Entry, Tape};
use crate::cancel::Cancel;
use crate::crypto::Hasher;
use crate::document::MAX_AGENT_BYTES;
use crate::error::{Code, Error, Result};
use crate::store::{Kind, ObjectKey};

/// Bytes of documents that are read ahead; one that is longer has it all for itself. In KiB.
const AHEAD: u32 = 32 << 10;
/// Entries that are read ahead.
const ENTRIES_AHEAD: usize = 64;
/// Bytes that are read at once.
const PIECE: usize = 128 << 10;

/// What entries are taken for, in the order in which they come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    Agents,
    Files,
    Documents,
}

impl Tree {
    /// Whether an entry may belong to it; only the content of some tells.
    pub fn has(self, named: &Named) -> bool {
        match named {
            Named::Object(ObjectKey::File(_)) => self == Tree::Files,
            _ => match named.kind() {
                Some(Kind::Agent) => self == Tree::Agents,
                Some(Kind::Document) => self == Tree::Documents,
                None => self != Tree::Files,
            },
        }
    }
}

/// An archive, and what may come out of it.
#[derive(Clone)]
pub struct Archive {
    pub packed: Packed,
    pub most: Most,
    /// Of a document.
    pub max_bytes: u64,
}

/// Numbers of entries that may be objects.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub agents: u64,
    pub files: u64,
    pub documents: u64,
    /// All of them; one whose content tells what it is counts once.
    pub objects: u64,
    pub refused: u64,
}

impl Counts {
    pub fn of(&self, tree: Tree) -> u64 {
        match tree {
            Tree::Agents => self.agents,
            Tree::Files => self.files,
            Tree::Documents => self.documents,
        }
    }
}

/// An entry that was read.
pub struct Item {
    /// Its name in the archive.
    pub path: String,
    pub named: Named,
    pub contents: Spooled,
    _room: Option<OwnedSemaphorePermit>,
}

impl Item {
    /// To be kept for later: others may be read meanwhile.
    pub fn kept(self) -> Item {
        Item { _room: None, ..self }
    }
}

impl Archive {
    /// Reads all of it. Blocks for the disk.
    ///
    /// Errors: `JACS_INPUT` (no archive, damaged, over a limit), `JACS_PERMISSION`, `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub fn scan(&self, refuse: impl Fn(Finding), cancel: &Cancel) -> Result<Counts> {
        let (mut counts, mut entries) = (Counts::default(), 0);
        let mut tape = Tape::new(self.packed.unpacked(self.most)?);
        while let Some(entry) = self.next(&mut tape)? {
            cancel.check()?;
            entries += 1;
            self.most.check_entries(entries).map_err(|error| error.with_path(self.packed.path()))?;
            match self.judge(&entry) {
                Ok(Some(named)) => {
                    counts.objects += 1;
                    counts.agents += u64::from(Tree::Agents.has(&named));
                    counts.files += u64::from(Tree::Files.has(&named));
                    counts.documents += u64::from(Tree::Documents.has(&named));
                }
                Ok(None) => {}
                Err(finding) => {
                    counts.refused += 1;
                    refuse(finding);
                }
            }
            // What is skipped may be long.
            self.skip(&mut tape, cancel)?;
        }
        if entries == 0 && self.packed.length() == 0 {
            return Err(Error::new(Code::Input, "the archive is empty").with_path(self.packed.path()));
        }
        self.packed.check_unchanged()?;
        Ok(counts)
    }

    /// Reads the entries of a tree, of which there are so many, in a thread of its own. The channel ends behind the last,
    /// or with an error.
    pub fn entries(&self, tree: Tree, count: u64, cancel: &Cancel) -> mpsc::Receiver<Result<Item>> {
        let (sender, receiver) = mpsc::channel(ENTRIES_AHEAD);
        let (archive, cancel, runtime) = (self.clone(), cancel.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = archive.send(tree, count, &sender, &cancel, &runtime) {
                // Nobody listens any more when the import has ended.
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    }

    fn send(
        &self,
        tree: Tree,
        mut left: u64,
        items: &mpsc::Sender<Result<Item>>,
        cancel: &Cancel,
        runtime: &Handle,
    ) -> Result<()> {
        let room = Arc::new(Semaphore::new(AHEAD as usize));
        let mut tape = Tape::new(self.packed.unpacked(self.most)?);
        while left > 0
            && let Some(entry) = self.next(&mut tape)?
        {
            cancel.check()?;
            let Ok(Some(named)) = self.judge(&entry) else { continue };
            if !tree.has(&named) {
                continue;
            }
            left -= 1;
            let room = match tree {
                // They are in a file when they are long.
                Tree::Files => None,
                _ => {
                    let units = u32::try_from(entry.bytes / 1024 + 1).unwrap_or(AHEAD).min(AHEAD);
                    runtime.block_on(cancel.or(async { Ok(room.clone().acquire_many_owned(units).await.ok()) }))?
                }
            };
            let contents = self.read(&mut tape, tree, cancel)?;
            let path = String::from_utf8_lossy(&entry.name).into_owned();
            let item = Item { path, named, contents, _room: room };
            if items.blocking_send(Ok(item)).is_err() {
                return Ok(());
            }
        }
        self.packed.check_unchanged()
    }

    fn next(&self, tape: &mut Tape<Unpacked>) -> Result<Option<Entry>> {
        tape.next().map_err(|error| self.packed.error(error))
    }

    fn skip(&self, tape: &mut Tape<Unpacked>, cancel: &Cancel) -> Result<()> {
        let mut buffer = [0; 64 << 10];
        while tape.read(&mut buffer).map_err(|error| self.packed.error(error))? > 0 {
            cancel.check()?;
        }
        Ok(())
    }

    /// The contents of an entry. Those of a document are in memory in any case.
    fn read(&self, tape: &mut Tape<Unpacked>, tree: Tree, cancel: &Cancel) -> Result<Spooled> {
        let mut spool = Spool::new(tree == Tree::Files);
        let (mut hasher, mut piece) = (Hasher::default(), vec![0; PIECE]);
        loop {
            cancel.check()?;
            match tape.read(&mut piece).map_err(|error| self.packed.error(error))? {
                0 => return spool.finish(hasher.finish()),
                count => {
                    hasher.update(&piece[..count]);
                    spool.add(&piece[..count])?;
                }
            }
        }
    }

    /// What an entry may be; `None` for a directory, of which nobody has to hear.
    fn judge(&self, entry: &Entry) -> std::result::Result<Option<Named>, Finding> {
        let refused = |message: &str| {
            let path = String::from_utf8_lossy(&entry.name);
            let shown: String = path.chars().take(SHOWN).collect();
            Finding::new(What::Refused, Code::Input, message).with_path(shown)
        };
        match entry.what {
            tape::What::Directory => return Ok(None),
            tape::What::Other(what) => return Err(refused(&format!("an entry is not a file but {what}"))),
            // The objects of a bundle come in as those of any archive; what it says of them has done its work.
            tape::What::File if entry.name == bundle::NAME.as_bytes() => return Ok(None),
            tape::What::File => {}
        }
        let named = names::read(&entry.name).map_err(refused)?;
        let most = match (named, named.kind()) {
            (Named::Object(ObjectKey::File(_)), _) => return Ok(Some(named)),
            (_, Some(Kind::Agent)) => self.max_bytes.min(MAX_AGENT_BYTES),
            _ => self.max_bytes,
        };
        if entry.bytes > most {
            let error = Error::new(Code::Input, "an entry is longer than such a document may be");
            return Err(refused(&error.with("limit", most).with("bytes", entry.bytes).to_string()));
        }
        Ok(Some(named))
    }
}

/// Characters of a stranger's name that are shown.
const SHOWN: usize = 300;
