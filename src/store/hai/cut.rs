//! A switch for the doctor: the upload of one object is broken off in the middle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by the doctor, who sets it, and the transport, which obeys once.
#[derive(Clone, Default)]
pub(in crate::store) struct Cut(Arc<Armed>);

#[derive(Default)]
struct Armed {
    on: AtomicBool,
    name: Mutex<String>,
}

impl Cut {
    /// For the object of this name; others are written as ever.
    pub fn arm(&self, name: &str) {
        name.clone_into(&mut self.0.name.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.on.store(true, Ordering::Release);
    }

    /// Whether the upload to `path` is the one.
    pub fn takes(&self, path: &str) -> bool {
        self.0.on.load(Ordering::Acquire)
            && path.ends_with(&*self.0.name.lock().unwrap_or_else(PoisonError::into_inner))
            && self.0.on.swap(false, Ordering::AcqRel)
    }
}
