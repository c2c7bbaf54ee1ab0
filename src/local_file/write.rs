//! Writing: aside, synced, then published whole, 0600.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Code, Error, Result};

/// How the names of files begin that are being written.
pub const TEMPORARY: &str = ".jacs-tmp-";

/// A file that is written and synced under a temporary name beside its target. Dropping it removes it.
pub struct Aside {
    temporary: NamedTempFile,
    target: PathBuf,
}

const FAILED: &str = "the file could not be written";

impl Aside {
    /// Writes the bytes beside `target`, whose folder must exist.
    /// Errors: `JACS_INPUT` for a missing folder, `JACS_PERMISSION`, `JACS_UNAVAILABLE` (no space left).
    pub fn write(target: &Path, bytes: &[u8]) -> Result<Aside> {
        let failed = |error: io::Error| io_error(FAILED, target, error);
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY).permissions(owner_only());
        let mut temporary = builder.tempfile_in(folder(target)).map_err(failed)?;
        // The mode given at creation passes through the umask; this one does not.
        temporary.as_file().set_permissions(owner_only()).map_err(failed)?;
        temporary.write_all(bytes).and_then(|()| temporary.as_file().sync_all()).map_err(failed)?;
        Ok(Aside { temporary, target: target.to_owned() })
    }

    /// Gives the file its name, which must be free. Errors: `JACS_CONFLICT` when it is not.
    pub fn publish(self) -> Result<()> {
        let Aside { temporary, target } = self;
        temporary.persist_noclobber(&target).map_err(|failed| match failed.error.kind() {
            ErrorKind::AlreadyExists => Error::new(Code::Conflict, "a file stands there already").with_path(&target),
            _ => io_error("the file could not be published", &target, failed.error),
        })?;
        sync_folder(&target)
    }

    /// Gives the file its name, in place of whatever has it.
    pub fn replace(self) -> Result<()> {
        let Aside { temporary, target } = self;
        temporary
            .persist(&target)
            .map_err(|failed| io_error("the file could not be replaced", &target, failed.error))?;
        sync_folder(&target)
    }
}

/// Creates a file that must not exist. Errors: `JACS_CONFLICT`, and those of [`Aside::write`].
pub fn create(target: &Path, bytes: &[u8]) -> Result<()> {
    Aside::write(target, bytes)?.publish()
}

/// Writes a file whole, in place of whatever stands there.
pub fn replace(target: &Path, bytes: &[u8]) -> Result<()> {
    Aside::write(target, bytes)?.replace()
}

/// Removes a file, durably; a missing one is no error.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("the file could not be removed", path, error)),
    }
}

/// Makes a folder and those above it that are missing, 0700, each synced into the one above.
pub fn create_folder(path: &Path) -> Result<()> {
    let failed = |error| io_error("the folder could not be made", path, error);
    if path.is_dir() {
        return Ok(());
    }
    create_folder(folder(path))?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        made => made.map_err(failed)?,
    }
    // The mode given at creation passes through the umask, which may take away what the owner needs.
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(failed)?;
    sync_folder(path)
}

/// The error for a failed call of the operating system on a local path.
pub fn io_error(message: &'static str, path: &Path, error: io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::Permission,
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => Code::Input,
        _ => Code::Unavailable,
    };
    let passes = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let ours = Error::new(code, message).with_path(path).with_source(error);
    if passes { ours.retryable() } else { ours }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a name durable: a file's own sync does not cover the folder that names it.
pub fn sync_folder(path: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(folder(path))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io_error("the folder could not be synced", path, error))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(unix)]
fn owner_only() -> Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o600)
}
