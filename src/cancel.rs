//! A caller's wish that a call stops, heard in every layer that may take long.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::error::{Code, Error, Result};

/// A caller's wish that a call stops: looked at between steps, and while a server is asked.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    uttered: AtomicBool,
    heard: Notify,
}

impl Cancel {
    pub fn cancel(&self) {
        self.0.uttered.store(true, Ordering::Release);
        self.0.heard.notify_waiters();
    }

    /// Errors: `JACS_ABORTED`.
    pub fn check(&self) -> Result<()> {
        match self.0.uttered.load(Ordering::Acquire) {
            true => Err(Error::new(Code::Aborted, "the call was aborted by its signal")),
            false => Ok(()),
        }
    }

    /// The work's result, or `JACS_ABORTED` as soon as that is wished; then the work is dropped where it is.
    pub async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut heard = std::pin::pin!(self.0.heard.notified());
        // From here on no wish is missed.
        heard.as_mut().enable();
        self.check()?;
        tokio::select! {
            biased;
            done = work => done,
            () = heard => self.check().and(Err(Error::new(Code::Internal, "a wish was heard that nobody uttered"))),
        }
    }
}
