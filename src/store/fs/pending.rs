//! A file on its way into the data directory.

use std::io::Write;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opendal::{Buffer, Error, ErrorKind, Result};
use rustix::fd::OwnedFd;
use rustix::fs::AtFlags;

use super::commit::{Save, Saved};
use super::errno::{check_parts, write_fault};
use super::publish::{Published, Temporary};
use super::sync::Flushed;
use super::unix::{Disk, open_file, split};
use super::walk::{self, Dirs};
use super::{Outcome, Publish, sync};
use crate::store::Durability;

impl Disk {
    /// Saves several files, each a success or a failure of its own. Each step is made for all before the next is made
    /// for any, so that their flushes meet, and no directory is flushed twice.
    pub fn save_all(self: &Arc<Self>, saves: Vec<Save>) -> Vec<Saved> {
        let begun: Vec<Result<Pending>> = saves.into_iter().map(|save| self.filled(save)).collect();
        if let (Durability::Full, [_, _, ..]) = (self.durability, begun.as_slice()) {
            begun
                .iter()
                .flatten()
                .filter_map(|pending| pending.file.as_ref())
                .for_each(|file| file.start_writing(0, None));
        }
        let flushed: Vec<Result<Pending>> = begun.into_iter().map(|file| file?.flushed()).collect();
        let named: Vec<Result<Named>> = flushed.into_iter().map(|file| file?.named()).collect();
        let mut flushed = Flushed::default();
        named.into_iter().map(|file| file?.settled(&mut flushed)).collect()
    }

    fn filled(self: &Arc<Self>, save: Save) -> Result<Pending> {
        let mut pending = self.begin(&save.path)?;
        save.bytes.into_iter().try_for_each(|bytes| pending.write(bytes))?;
        Ok(pending)
    }

    /// Begins a file that appears when it is published.
    pub fn begin(self: &Arc<Self>, path: &str) -> Result<Pending> {
        check_parts(path)?;
        let (parent, name) = split(path);
        let way = self.way();
        for () in walk::attempts() {
            let dirs = walk::make_dirs(&self.root, parent)?;
            let made = dirs.first_made.is_some();
            let (parent, name) = (parent.to_owned(), name.to_owned());
            // Before the file is made, so that a failure of that takes the new directory away, too.
            let mut pending = Pending { disk: self.clone(), parent, name, dirs, file: None, made, bytes: 0 };
            pending.file = Temporary::create(pending.dirs.last()?.0, way)?;
            if pending.file.is_some() {
                return Ok(pending);
            }
            // What stands there now is another writer's.
            pending.made = false;
        }
        Err(walk::given_up())
    }

    fn way(&self) -> Publish {
        match self.way.load(Ordering::Relaxed) {
            0 => Publish::Unnamed,
            1 => Publish::Named,
            _ => Publish::Renamed,
        }
    }
}

/// A file that is being written. Nobody sees it; dropped unpublished, it goes, with the directory made for it.
pub(super) struct Pending {
    disk: Arc<Disk>,
    parent: String,
    name: String,
    dirs: Dirs,
    file: Option<Temporary>,
    /// Whether the directory was made for it.
    made: bool,
    bytes: u64,
}

impl Pending {
    pub fn write(&mut self, bytes: Buffer) -> Result<()> {
        let Some(temporary) = &mut self.file else { return Err(finished()) };
        for chunk in bytes {
            temporary.file().write_all(&chunk).map_err(|error| write_fault("the file cannot be written", error))?;
            self.bytes += chunk.len() as u64;
        }
        Ok(())
    }

    /// Writes one of the pieces of a large file; `offset` is that of the piece.
    pub fn write_piece(&mut self, piece: &[u8], offset: u64) -> Result<()> {
        let Some(temporary) = &mut self.file else { return Err(finished()) };
        temporary.file().write_all(piece).map_err(|error| write_fault("the file cannot be written", error))?;
        self.bytes += piece.len() as u64;
        if self.disk.durability == Durability::Full {
            temporary.start_writing(offset, NonZeroU64::new(piece.len() as u64));
        }
        Ok(())
    }

    /// Gives it another name than it was begun for.
    pub fn rename(&mut self, name: String) {
        self.name = name;
    }

    /// Syncs the file, gives it its name, and syncs the directories.
    pub fn publish(self) -> Saved {
        self.flushed()?.named()?.settled(&mut Flushed::default())
    }

    /// Syncs the file's bytes.
    fn flushed(mut self) -> Result<Pending> {
        let Some(temporary) = &mut self.file else { return Err(finished()) };
        if self.disk.durability == Durability::Full {
            sync::flush(temporary.file()).map_err(|errno| write_fault("the file cannot be synced", errno))?;
        }
        Ok(self)
    }

    /// Gives the file its name; from here on it is there, and nothing is taken back.
    fn named(mut self) -> Result<Named> {
        let mut temporary = self.file.take().ok_or_else(finished)?;
        for () in walk::attempts() {
            let outcome = match temporary.publish(self.dirs.last()?.0, &self.name)? {
                Published::Created => Outcome::Created,
                Published::Exists => Outcome::Exists,
                Published::Gone => {
                    self.dirs = walk::make_dirs(&self.disk.root, &self.parent)?;
                    self.made |= self.dirs.first_made.is_some();
                    continue;
                }
            };
            self.made = false;
            self.disk.way.fetch_max(temporary.way as u8, Ordering::Relaxed);
            return Ok(Named { file: self, outcome });
        }
        Err(walk::given_up())
    }
}

/// A file that has its name, or found it taken.
struct Named {
    file: Pending,
    outcome: Outcome,
}

impl Named {
    /// Makes the name durable. What `flushed` holds is not flushed again.
    fn settled(self, flushed: &mut Flushed) -> Saved {
        let Named { file, outcome } = self;
        if file.disk.durability == Durability::Full {
            if matches!(outcome, Outcome::Exists) {
                sync_existing(file.dirs.last()?.0, &file.name)?;
            }
            file.disk.known.sync(&file.dirs, flushed)?;
        }
        Ok((outcome, file.bytes))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // First, because a directory with a temporary file in it stays.
        self.file = None;
        if self.made
            && let (Ok((_, Some(above))), Some((_, own))) = (self.dirs.last(), self.parent.rsplit_once('/'))
        {
            // Fails when the file was published; a writer that uses the same directory makes it anew.
            let _ = rustix::fs::unlinkat(above, own, AtFlags::REMOVEDIR);
        }
    }
}

/// Another writer's file may be published and not be durable yet; "the same bytes" must mean durable, too.
fn sync_existing(directory: &OwnedFd, name: &str) -> Result<()> {
    match open_file(directory, name) {
        Ok(file) => sync::flush(file).map_err(|errno| write_fault("the file cannot be synced", errno)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn finished() -> Error {
    Error::new(ErrorKind::Unexpected, "the file is finished already")
}
