//! What was asked within one call. Whose key it is is decided anew for every call; but a history of a hundred versions
//! by one agent asks once, not a hundred times.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::stored::Stored;
use crate::error::Result;
use crate::id::DocumentKey;

/// What the store says about an agent version.
pub(super) type Answer = Arc<Stored>;

type Answers = Arc<Mutex<HashMap<DocumentKey, Arc<OnceCell<Answer>>>>>;

tokio::task_local! {
    static ANSWERS: Answers;
}

/// One call that is made in many tasks.
#[derive(Clone, Default)]
pub struct OneCall(Answers);

impl OneCall {
    /// Runs a part of it.
    pub async fn part<T>(&self, part: impl Future<Output = T>) -> T {
        ANSWERS.scope(self.0.clone(), part).await
    }
}

/// Runs a call within which each agent version is asked for once.
pub async fn in_one_call<T>(call: impl Future<Output = T>) -> T {
    // A call within a call shares its answers.
    match ANSWERS.try_with(|_| ()) {
        Ok(()) => call.await,
        Err(_) => ANSWERS.scope(Answers::default(), call).await,
    }
}

/// The answer about an agent version: one that was given within this call, or that of `ask`.
pub(super) async fn once(agent: DocumentKey, ask: impl Future<Output = Result<Answer>>) -> Result<Answer> {
    let cell = ANSWERS
        .try_with(|answers| answers.lock().unwrap_or_else(PoisonError::into_inner).entry(agent).or_default().clone());
    match cell {
        // What failed is asked again.
        Ok(cell) => cell.get_or_try_init(|| ask).await.cloned(),
        Err(_) => ask.await,
    }
}
