//! What `doctor` wants to know of the server's answers, which OpenDAL does not pass on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use http::{HeaderMap, Method, StatusCode};

/// Sees answers while somebody looks; otherwise it costs one load of a flag.
#[derive(Default)]
pub(in crate::store) struct Watch {
    on: AtomicBool,
    seen: Mutex<Vec<Seen>>,
}

/// One answer, without its body.
#[derive(Clone, Debug)]
pub(in crate::store) struct Seen {
    pub method: Method,
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// When it came.
    pub at: SystemTime,
}

impl Watch {
    pub fn see(&self, method: &Method, status: StatusCode, headers: &HeaderMap) {
        if self.on.load(Ordering::Relaxed) {
            let seen = Seen { method: method.clone(), status, headers: headers.clone(), at: SystemTime::now() };
            self.list().push(seen);
        }
    }

    /// From now on; answers of others that use the store meanwhile are among them.
    pub fn begin(&self) {
        self.list().clear();
        self.on.store(true, Ordering::Relaxed);
    }

    /// Those since [`begin`](Self::begin).
    pub fn end(&self) -> Vec<Seen> {
        self.on.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.list())
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
