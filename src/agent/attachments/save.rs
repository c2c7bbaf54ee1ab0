//! All attachments of a document into a folder: none gets its name before every one was verified.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::progress::Count;
use super::{Agent, DocumentSource, names};
use crate::cancel::Cancel;
use crate::document::{FileEntry, Origin, Parsed};
use crate::error::{Code, Error, Result};
use crate::local_file::{self, Growing, Tree};
use crate::progress::OnProgress;
use crate::store::blocking;
use crate::vault::{Attachment, VerifyOptions};

/// What a caller asks of saved attachments.
#[derive(Clone, Debug, Default)]
pub struct SaveAttachments {
    /// Absolute.
    pub directory: PathBuf,
    pub overwrite: bool,
    pub checks: VerifyOptions,
    pub on_progress: OnProgress,
}

impl Agent {
    /// Writes the attachments of a verified document below a directory; their paths, in the order of the document.
    ///
    /// Errors: `JACS_CONFLICT` (a file stands there), `JACS_ATTACHMENT` (a path leads outside, two are one, bytes are missing
    /// or altered), `JACS_INPUT` (no such directory), `JACS_PERMISSION`, `JACS_UNAVAILABLE`, `JACS_ABORTED`.
    pub async fn save_attachments(
        &self,
        document: &DocumentSource,
        options: &SaveAttachments,
        cancel: &Cancel,
    ) -> Result<Vec<PathBuf>> {
        cancel.check()?;
        let text = cancel.or(Box::pin(self.verified_text(document, &options.checks))).await?;
        let parsed = Parsed::read(&text, Origin::Caller, self.vault.max_bytes)?;
        let files = parsed.files()?;
        let paths: Vec<String> = files.iter().map(|file| file.path.to_owned()).collect();
        let (directory, overwrite) = (options.directory.clone(), options.overwrite);
        let own = self.own_places();
        let (names, room) = blocking(move || {
            let names = names::check(paths.iter().map(String::as_str))?;
            check_targets(&directory, &names, overwrite)?;
            check_own(&own, &directory, &names)?;
            Ok((names, Room::make(directory)?))
        })
        .await
        .map_err(|error| error.with_key(parsed.header.key))?;
        let total = match options.on_progress.0.is_some() {
            true => cancel.or(Box::pin(self.total(&files, &options.checks))).await?,
            false => None,
        };
        let count = Count::of(options.on_progress.clone(), files.len() as u64, total);
        count.read(0);
        let mut written = Vec::with_capacity(files.len());
        for (file, name) in files.iter().zip(&names) {
            let attachment = cancel.or(Box::pin(self.open_file(&parsed, file, &options.checks))).await?;
            written.push((write(attachment, room.tree.clone(), &count, cancel).await?, name.clone()));
            count.one_done();
        }
        cancel.check()?;
        blocking(move || room.publish(written, overwrite)).await
    }

    /// The bytes of all, for who watches.
    async fn total(&self, files: &[FileEntry<'_>], checks: &VerifyOptions) -> Result<Option<u64>> {
        let mut total = 0_u64;
        for file in files {
            let length = self.vault.attachment_length(file, checks.base.as_deref()).await?;
            total = total.saturating_add(length.unwrap_or_default());
        }
        Ok(Some(total))
    }
}

/// The directory, which goes again when it was made for nothing.
struct Room {
    directory: PathBuf,
    tree: Arc<Tree>,
    made: bool,
}

impl Room {
    fn make(directory: PathBuf) -> Result<Room> {
        if directory.is_dir() {
            return Ok(Room { tree: Tree::open(&directory)?, directory, made: false });
        }
        if !directory.parent().is_some_and(Path::is_dir) || directory.symlink_metadata().is_ok() {
            let message = "there is no such directory, nor one to make it in";
            return Err(Error::new(Code::Input, message).with_path(directory));
        }
        local_file::create_folder(&directory)?;
        Ok(Room { tree: Tree::open(&directory)?, directory, made: true })
    }

    fn publish(mut self, written: Vec<(Growing, String)>, overwrite: bool) -> Result<Vec<PathBuf>> {
        self.made = false;
        // All ways first: what fails should fail before any file has its name.
        written.iter().try_for_each(|(_, name)| self.tree.make_way(name))?;
        written.into_iter().map(|(file, name)| file.publish(&name, overwrite)).collect()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.made {
            // Fails when something is in it by now.
            let _ = fs::remove_dir(&self.directory);
        }
    }
}

/// Errors: `JACS_CONFLICT`, `JACS_ATTACHMENT`.
fn check_targets(directory: &Path, names: &[String], overwrite: bool) -> Result<()> {
    for name in names {
        let target = directory.join(name);
        for above in target.ancestors().skip(1).take_while(|above| *above != directory) {
            match above.symlink_metadata() {
                Ok(found) if found.is_symlink() => {
                    let message = "a symbolic link stands where an attachment needs a folder";
                    return Err(Error::new(Code::Attachment, message).with_path(above));
                }
                Ok(found) if !found.is_dir() => {
                    let message = "something stands where an attachment needs a folder";
                    return Err(Error::new(Code::Conflict, message).with_path(above));
                }
                _ => {}
            }
        }
        match target.symlink_metadata() {
            Ok(found) if !overwrite || found.is_dir() => {
                return Err(Error::new(Code::Conflict, "something stands there already").with_path(target));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes one under a temporary name, to its verified end.
async fn write(mut attachment: Attachment, tree: Arc<Tree>, count: &Count, cancel: &Cancel) -> Result<Growing> {
    let mut file = blocking(move || tree.begin()).await?;
    while let Some(piece) = cancel.or(attachment.next()).await? {
        let length = piece.len() as u64;
        file = blocking(move || file.write(&piece).map(|()| file)).await?;
        count.read(length);
    }
    blocking(move || file.finish().map(|()| file)).await
}

/// A stranger's document must not replace the keys or plant files in the store, whatever directory it is saved into.
///
/// Errors: `JACS_ATTACHMENT`.
fn check_own(own: &[PathBuf], directory: &Path, names: &[String]) -> Result<()> {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let targets = names.iter().map(|name| directory.join(name));
    match targets.into_iter().find(|target| own.iter().any(|own| target.starts_with(own))) {
        Some(target) => {
            let message =
                "an attachment would be written into the data directory, among the keys or over the configuration";
            Err(Error::new(Code::Attachment, message).with_path(target))
        }
        None => Ok(()),
    }
}
