//! The password of the private key.

use std::fs::Metadata;
use std::path::Path;

use zeroize::Zeroizing;

use super::layers::absolute;
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::local_file::{ReadFailure, read_bounded};

const VARIABLE: &str = "JACS_PRIVATE_KEY_PASSWORD";
const FILE_VARIABLE: &str = "JACS_PASSWORD_FILE";

/// The longest password file that is read, in bytes (64 KiB).
const MAX_BYTES: u64 = 64 * 1024;

/// A password and where it came from. It has no `Debug`, and its text is overwritten when dropped.
pub struct Password {
    pub text: Zeroizing<String>,
    pub source: PasswordSource,
    /// What `doctor` should say about the password file.
    pub warning: Option<String>,
}

/// Where a password came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// The call's option `password`.
    Option,
    /// `JACS_PRIVATE_KEY_PASSWORD`.
    Environment,
    /// The file that `JACS_PASSWORD_FILE` names.
    File,
}

/// Looks for the private key's password: the call's option, then `JACS_PRIVATE_KEY_PASSWORD`, then the file
/// that `JACS_PASSWORD_FILE` names (relative to `cwd`, links followed, one line end at its end removed, at
/// most 64 KiB of UTF-8). An empty password counts as not given; `None` when there is none.
///
/// # Errors
/// `JACS_PASSWORD`: the file is missing, empty, too long or not UTF-8. `JACS_PERMISSION`: it cannot be read,
/// or group or others may write it. That they may read it is only a warning: mounted secrets often are so.
/// `JACS_UNAVAILABLE`: the disk could not be read.
///
/// ```
/// use jacs_agent::config::find_password;
/// use jacs_agent::environment::Environment;
/// let environment = Environment::from_iter([("JACS_PRIVATE_KEY_PASSWORD", "from the environment")]);
/// let password = find_password(None, &environment, std::path::Path::new("/"))?;
/// assert_eq!(password.map(|found| found.text.len()), Some(20));
/// # Ok::<(), jacs_agent::error::Error>(())
/// ```
pub fn find_password(option: Option<&str>, environment: &Environment, cwd: &Path) -> Result<Option<Password>> {
    let given = |text: &str, source| Password { text: Zeroizing::new(text.to_owned()), source, warning: None };
    if let Some(text) = option.filter(|text| !text.is_empty()) {
        return Ok(Some(given(text, PasswordSource::Option)));
    }
    if let Some(text) = environment.get(VARIABLE) {
        return Ok(Some(given(text, PasswordSource::Environment)));
    }
    environment.get(FILE_VARIABLE).map(|file| from_file(&absolute(cwd, file))).transpose()
}

fn from_file(path: &Path) -> Result<Password> {
    let (bytes, metadata) = read_bounded(path, MAX_BYTES).map_err(|failure| explain(failure).with_path(path))?;
    let warning = check_mode(&metadata, path)?;
    let malformed = |message: &'static str| Error::new(Code::Password, message).with_path(path);
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed("the password file is not UTF-8"))?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err(malformed("the password file is empty"));
    }
    Ok(Password { text: Zeroizing::new(text.to_owned()), source: PasswordSource::File, warning })
}

fn explain(failure: ReadFailure) -> Error {
    match failure {
        ReadFailure::Missing(error) => {
            Error::new(Code::Password, "the file that JACS_PASSWORD_FILE names is missing").with_source(error)
        }
        ReadFailure::Forbidden(error) => {
            Error::new(Code::Permission, "the password file may not be read").with_source(error)
        }
        ReadFailure::TooLong => {
            Error::new(Code::Password, "the password file is too long").with("limit in bytes", MAX_BYTES)
        }
        ReadFailure::Unavailable(error) => {
            Error::new(Code::Unavailable, "the password file could not be read").with_source(error).retryable()
        }
    }
}

#[cfg(unix)]
fn check_mode(metadata: &Metadata, path: &Path) -> Result<Option<String>> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(Error::new(Code::Permission, "group or others may write the password file")
            .with("mode", format_args!("{mode:04o}"))
            .with_path(path));
    }
    Ok((mode & 0o044 != 0)
        .then(|| format!("group or others may read the password file {} (mode {mode:04o})", path.display())))
}

#[cfg(not(unix))]
fn check_mode(_: &Metadata, _: &Path) -> Result<Option<String>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn find(option: Option<&str>, variables: &[(&str, &str)], cwd: &Path) -> Result<Option<Password>> {
        find_password(option, &variables.iter().copied().collect(), cwd)
    }

    #[cfg(unix)]
    fn write(path: &Path, contents: impl AsRef<[u8]>, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::write(path, contents).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(unix)]
    fn code(result: Result<Option<Password>>) -> Code {
        result.err().unwrap().code()
    }

    #[cfg(unix)]
    #[test]
    fn the_option_wins_then_the_variable_then_the_file() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("secret"), "filed\n", 0o600);
        let all = [(VARIABLE, "set"), (FILE_VARIABLE, "secret")];
        for (option, variables, text, source) in [
            (Some("given"), &all[..], "given", PasswordSource::Option),
            (None, &all[..], "set", PasswordSource::Environment),
            (Some(""), &all[1..], "filed", PasswordSource::File),
        ] {
            let found = find(option, variables, folder.path()).unwrap().unwrap();
            assert_eq!((found.text.as_str(), found.source, found.warning), (text, source, None));
        }
        assert!(find(None, &[(VARIABLE, "")], folder.path()).unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn removes_one_line_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (contents, expected) in
            [("a b ", "a b "), ("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("x\r", "x\r"), ("\nx", "\nx")]
        {
            write(&path, contents, 0o600);
            let found = find(None, &[(FILE_VARIABLE, path.to_str().unwrap())], Path::new("/")).unwrap().unwrap();
            assert_eq!(found.text.as_str(), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_of_the_file_counts_and_not_the_links() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("secret", &link).unwrap();
        for (mode, warns) in [(0o600, false), (0o400, false), (0o640, true), (0o444, true)] {
            write(&path, "x", 0o600);
            write_mode(&path, mode);
            let found = find(None, &[(FILE_VARIABLE, "link")], folder.path()).unwrap().unwrap();
            assert_eq!(found.warning.is_some(), warns, "{mode:o}");
            write_mode(&path, 0o600);
        }
        for mode in [0o620, 0o602, 0o666] {
            write_mode(&path, mode);
            assert_eq!(code(find(None, &[(FILE_VARIABLE, "link")], folder.path())), Code::Permission, "{mode:o}");
        }
    }

    #[cfg(unix)]
    fn write_mode(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_holds_no_password_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let find = || find(None, &[(FILE_VARIABLE, "secret")], folder.path());
        assert_eq!(code(find()), Code::Password);
        for contents in [&b""[..], b"\n", b"\r\n", b"\xff\xfe", &[b'x'; 64 * 1024 + 1]] {
            write(&path, contents, 0o600);
            assert_eq!(code(find()), Code::Password);
        }
        write(&path, [b'x'; 64 * 1024], 0o600);
        assert_eq!(find().unwrap().unwrap().text.len(), 64 * 1024);
    }
}
