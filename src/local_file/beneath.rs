//! Ways below a folder that lead nowhere else, whatever the names and the links on the way say.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};

/// The longest path, and the longest of its parts, in bytes (`PATH_MAX` and `NAME_MAX` of Linux).
const LONGEST_PATH: usize = 4095;
const LONGEST_PART: usize = 255;

/// The parts of a `/`-separated, relative path that stays below where it begins and can be that of a file; `None` for any
/// other text.
pub fn parts(path: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = path.split('/').filter(|part| *part != ".").collect();
    let plain = |part: &&str| {
        let is_one_name = matches!(Path::new(part).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
        is_one_name
            && part.len() <= LONGEST_PART
            && !part.contains('\0')
            && !(cfg!(windows) && part.contains([':', '\\']))
    };
    (path.len() <= LONGEST_PATH && !parts.is_empty() && parts.iter().all(plain)).then_some(parts)
}

/// Opens the regular file at `path` below `root` for reading. Links are followed as long as they stay below `root`.
///
/// Errors: the system's; `PermissionDenied` for a way that leads out of `root`.
pub fn open(root: &Path, path: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    if let Some(opened) = open_by_kernel(root, path) {
        return opened;
    }
    let root = root.canonicalize()?;
    let target = root.join(path).canonicalize()?;
    if !target.starts_with(&root) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    open_plain(&target)
}

/// In one step, so that nobody can put a link in between; `None` where the system cannot.
#[cfg(target_os = "linux")]
fn open_by_kernel(root: &Path, path: &Path) -> Option<io::Result<File>> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
    use rustix::io::Errno;
    let directory =
        match rustix::fs::openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(directory) => directory,
            Err(errno) => return Some(Err(errno.into())),
        };
    // Not blocking, because opening a FIFO waits for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    // It gives up when something on the way is moved at the same moment.
    for _ in 0..16 {
        match rustix::fs::openat2(&directory, path, flags, Mode::empty(), resolve) {
            Ok(file) => return Some(Ok(file.into())),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS | Errno::PERM) => return None,
            Err(Errno::XDEV) => return Some(Err(io::ErrorKind::PermissionDenied.into())),
            Err(errno) => return Some(Err(errno.into())),
        }
    }
    Some(Err(io::ErrorKind::ResourceBusy.into()))
}

/// Opens a file that is no link.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_parts() {
        assert_eq!(parts("a/b.txt"), Some(vec!["a", "b.txt"]));
        assert_eq!(parts("./a/./b"), Some(vec!["a", "b"]));
        for path in ["", ".", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", "a\0"] {
            assert_eq!(parts(path), None, "{path:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_below_the_root_alone() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir_all(root.join("a")).unwrap();
        fs::write(place.path().join("secret"), "s").unwrap();
        fs::write(root.join("a/file"), "f").unwrap();
        std::os::unix::fs::symlink("a/file", root.join("inside")).unwrap();
        std::os::unix::fs::symlink("../secret", root.join("outside")).unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();
        for path in ["a/file", "inside", "a/../a/file"] {
            assert!(open(&root, Path::new(path)).is_ok(), "{path}");
        }
        for path in ["outside", "up/secret", "../secret", "a/../../secret", "none", "/etc/passwd"] {
            assert!(open(&root, Path::new(path)).is_err(), "{path}");
        }
    }
}
