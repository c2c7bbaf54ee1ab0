//! Listing one directory: names at once, what the filesystem knows about the files page by page.

use std::collections::VecDeque;
use std::sync::Arc;

use opendal::Result;
use opendal::raw::oio;

use super::names::{Name, Names};
use super::service::metadata;
use super::{Directory, Disk, Fs, Stat};

/// Entries of a page.
const PAGE: usize = 256;

/// Nothing more is asked about a directory.
const DIRECTORY: Stat = Stat { directory: true, bytes: 0, modified: None };

/// The entries of one directory, sorted; none for a missing one.
pub(in crate::store) struct Lister {
    fs: Fs,
    /// `""`, or ends with a `/`.
    path: String,
    /// The last name that was taken up.
    after: Option<String>,
    rest: Rest,
    page: VecDeque<oio::Entry>,
}

enum Rest {
    Unread,
    Left(Arc<Directory>, Names),
    Nothing,
}

impl Lister {
    /// `path` without a trailing `/`; `after` is a whole path, as OpenDAL has it.
    pub fn new(fs: Fs, path: &str, after: Option<&str>) -> Self {
        let path = if path.is_empty() { String::new() } else { format!("{path}/") };
        let after = after.and_then(|after| after.strip_prefix(&path)).map(|name| name.trim_end_matches('/').to_owned());
        Self { fs, path, after, rest: Rest::Unread, page: VecDeque::new() }
    }

    /// Reads the names behind the last one.
    async fn read(&mut self) -> Result<()> {
        let (path, after) = (self.path.trim_end_matches('/').to_owned(), self.after.clone());
        self.rest = match self.fs.blocking(move |disk| disk.list(&path, after)).await? {
            Some((directory, names)) => Rest::Left(Arc::new(directory), names),
            None => Rest::Nothing,
        };
        Ok(())
    }

    /// Fills the page; it stays empty at the end.
    async fn turn(&mut self) -> Result<()> {
        while let (true, Rest::Left(directory, names)) = (self.page.is_empty(), &mut self.rest) {
            let more = names.has_more();
            let names: Vec<Name> = names.take(PAGE).collect();
            let Some(last) = names.last() else {
                self.rest = Rest::Nothing;
                if more {
                    self.read().await?;
                }
                continue;
            };
            self.after = Some(last.text.clone());
            let found = match names.iter().all(|name| name.directory) {
                true => names.into_iter().map(|name| (name.text, DIRECTORY)).collect(),
                false => {
                    let directory = directory.clone();
                    self.fs.blocking(move |_| look(&directory, names)).await?
                }
            };
            self.page.extend(found.into_iter().map(|(name, stat)| {
                let end = if stat.directory { "/" } else { "" };
                oio::Entry::with(format!("{}{name}{end}", self.path), metadata(&stat))
            }));
        }
        Ok(())
    }
}

/// Those of `names` that are still there.
fn look(directory: &Directory, names: Vec<Name>) -> Result<Vec<(String, Stat)>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let stat = if name.directory { Some(DIRECTORY) } else { Disk::stat_in(directory, &name.text)? };
        found.extend(stat.map(|stat| (name.text, stat)));
    }
    Ok(found)
}

impl oio::List for Lister {
    async fn next(&mut self) -> Result<Option<oio::Entry>> {
        if matches!(self.rest, Rest::Unread) {
            self.read().await?;
        }
        if self.page.is_empty() {
            self.turn().await?;
        }
        Ok(self.page.pop_front())
    }
}
