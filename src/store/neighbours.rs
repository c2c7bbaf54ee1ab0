//! Versions read one after the other, in the order of the store, from directories that stay open meanwhile: for whoever
//! reads all of it.

use super::Store;
use super::fs::Row;
use super::layout::{self, EXTENSION, Kind, ObjectKey};
use crate::error::Result;
use crate::id::{DocumentId, DocumentKey, Version};

/// A reader of the versions of one kind on a disk. Everything about it blocks.
pub struct Neighbours {
    store: Store,
    kind: Kind,
    row: Row,
}

impl Store {
    /// `None` where reading one by one costs no more.
    pub fn neighbours(&self, kind: Kind) -> Option<Neighbours> {
        let fs = self.0.fs.as_ref()?;
        let row = fs.row(layout::kind_prefix(kind).trim_end_matches('/'))?;
        Some(Neighbours { store: self.clone(), kind, row })
    }
}

impl Neighbours {
    /// As [`Store::versions`].
    pub fn versions(&mut self, id: DocumentId) -> Result<Vec<Version>> {
        let path = layout::prefix(self.kind, id);
        let names = self.row.names(&id.to_string()).map_err(|error| self.store.fail(error, &id, &path))?;
        let mut versions: Vec<Version> = names.iter().filter_map(|name| layout::parse_name(name)).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// As [`Store::get`].
    pub fn get(&mut self, key: DocumentKey, max_bytes: u64) -> Result<Vec<u8>> {
        let object = ObjectKey::Version { kind: self.kind, key };
        let (directory, name) = (key.id.to_string(), format!("{}{EXTENSION}", key.version));
        match self.row.read(&directory, &name, max_bytes) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(self.store.too_large(&object, max_bytes)),
            Err(error) => Err(self.store.fail(error, &object, &object.path())),
        }
    }
}
