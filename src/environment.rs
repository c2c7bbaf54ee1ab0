//! The environment as a value: a worker thread's `process.env` is not the process's own.

use std::collections::HashMap;
use std::fmt;

use zeroize::Zeroize;

/// Where the agent registry is: an address, and no setting of a configuration.
pub const KEYS_BASE_URL: &str = "JACS_KEYS_BASE_URL";

/// Environment variables handed in by the caller; nothing in this crate reads the process's own.
///
/// `Debug` shows names only, and the values are overwritten when it is dropped: passwords and credentials
/// are among them.
///
/// ```
/// use jacs_agent::environment::Environment;
/// let environment = Environment::from_iter([("JACS_DEFAULT_STORAGE", "memory")]);
/// assert_eq!(environment.get("JACS_DEFAULT_STORAGE"), Some("memory"));
/// assert_eq!(Environment::default().get("HOME"), None);
/// ```
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    pub fn new(variables: HashMap<String, String>) -> Self {
        Self(variables)
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Without our own variables, a password among them: for those who keep it. Where the registry is stays: other places of the
    /// same call ask it, too.
    #[must_use]
    pub fn without_ours(&self) -> Self {
        Self::from_iter(self.iter().filter(|(name, _)| !name.starts_with("JACS_") || *name == KEYS_BASE_URL))
    }

    /// Every variable, empty ones included, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.0.keys().collect();
        names.sort();
        f.debug_tuple("Environment").field(&names).finish()
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_names_and_never_values() {
        let environment = Environment::from_iter([("B", "s3cret"), ("A", "")]);
        assert_eq!(format!("{environment:?}"), r#"Environment(["A", "B"])"#);
        assert_eq!(environment.get("A"), None);
    }

    #[test]
    fn those_who_keep_it_know_where_the_registry_is_and_no_password() {
        let names = ["JACS_PRIVATE_KEY_PASSWORD", "JACS_DATA_DIRECTORY", KEYS_BASE_URL, "HOME"];
        let kept = Environment::from_iter(names.map(|name| (name, "x"))).without_ours();
        assert_eq!(names.map(|name| kept.get(name).is_some()), [false, false, true, true]);
    }
}
