//! The system's errors as OpenDAL's. All are permanent: OpenDAL itself would take a full disk for a passing trouble.

use std::io;

use opendal::{Error, ErrorKind};

/// OpenDAL's error of a system call's; `what` is one sentence without values.
pub(super) fn fault(what: &'static str, cause: impl Into<io::Error>) -> Error {
    let cause = cause.into();
    Error::new(kind(&cause), what).set_source(cause)
}

/// As [`fault`], for a write: there, that something is missing does not mean that the key is.
pub(super) fn write_fault(what: &'static str, cause: impl Into<io::Error>) -> Error {
    let cause = cause.into();
    let kind = match kind(&cause) {
        ErrorKind::NotFound => ErrorKind::Unexpected,
        kind => kind,
    };
    Error::new(kind, what).set_source(cause)
}

/// What stands there is not what the layout says; it is left alone.
pub(super) fn refuse(what: &'static str) -> Error {
    Error::new(ErrorKind::PermissionDenied, what)
}

/// A part of a path that could lead elsewhere. The layout makes none; this is the second line.
pub(super) fn check_parts(path: &str) -> Result<(), Error> {
    let sound = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0', ':']);
    match path.is_empty() || path.split('/').all(sound) {
        true => Ok(()),
        false => Err(refuse("the path leads out of the data directory")),
    }
}

fn kind(cause: &io::Error) -> ErrorKind {
    match cause.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        io::ErrorKind::InvalidFilename => ErrorKind::ConfigInvalid,
        io::ErrorKind::Unsupported => ErrorKind::Unsupported,
        _ if is_link_loop(cause) => ErrorKind::PermissionDenied,
        _ => ErrorKind::Unexpected,
    }
}

/// Whether the same call may succeed later without anything being repaired: space, quota, descriptors, memory, others in
/// the way. A disk that cannot read or write (EIO) is not among them.
pub(in crate::store) fn may_pass(cause: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, QuotaExceeded, StorageFull, WouldBlock};
    matches!(cause.kind(), StorageFull | QuotaExceeded | OutOfMemory | WouldBlock) || is_out_of_descriptors(cause)
}

/// Whether the filesystem or the system does not have the call. Two of the numbers are one on most systems.
#[cfg(unix)]
pub(super) fn not_supported(errno: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    errno == Errno::OPNOTSUPP || errno == Errno::NOTSUP || errno == Errno::NOSYS
}

#[cfg(unix)]
fn is_link_loop(cause: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(cause) == Some(rustix::io::Errno::LOOP)
}

#[cfg(unix)]
fn is_out_of_descriptors(cause: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(cause), Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(not(unix))]
fn is_link_loop(_: &io::Error) -> bool {
    false
}

#[cfg(not(unix))]
fn is_out_of_descriptors(cause: &io::Error) -> bool {
    // ERROR_TOO_MANY_OPEN_FILES
    cause.raw_os_error() == Some(4)
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn every_errno_is_permanent_and_has_its_kind() {
        for (errno, kind, passes) in [
            (Errno::NOENT, ErrorKind::NotFound, false),
            (Errno::ACCESS, ErrorKind::PermissionDenied, false),
            (Errno::PERM, ErrorKind::PermissionDenied, false),
            (Errno::ROFS, ErrorKind::PermissionDenied, false),
            (Errno::LOOP, ErrorKind::PermissionDenied, false),
            (Errno::NOSPC, ErrorKind::Unexpected, true),
            (Errno::DQUOT, ErrorKind::Unexpected, true),
            (Errno::MFILE, ErrorKind::Unexpected, true),
            (Errno::NFILE, ErrorKind::Unexpected, true),
            (Errno::NOMEM, ErrorKind::Unexpected, true),
            (Errno::AGAIN, ErrorKind::Unexpected, true),
            (Errno::IO, ErrorKind::Unexpected, false),
            (Errno::NAMETOOLONG, ErrorKind::ConfigInvalid, false),
        ] {
            let error = fault("it failed", errno);
            assert_eq!((error.kind(), error.is_permanent()), (kind, true), "{errno}");
            assert_eq!(may_pass(&errno.into()), passes, "{errno}");
        }
        assert_eq!(write_fault("it failed", Errno::NOENT).kind(), ErrorKind::Unexpected);
    }

    #[test]
    fn no_part_of_a_path_leads_elsewhere() {
        assert!(check_parts("").is_ok() && check_parts("documents/x").is_ok());
        for path in ["..", "documents/../x", "./x", "/etc", "documents//x", "documents/", "a\\b", "c:x", "a\0b"] {
            assert_eq!(check_parts(path).unwrap_err().kind(), ErrorKind::PermissionDenied, "{path:?}");
        }
    }
}
