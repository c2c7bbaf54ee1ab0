//! What was asked within one call. Whose key it is is decided anew for every call; but a history of a hundred versions
//! by one agent asks once, not a hundred times.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::dns::Confirmation;
use super::stored::Stored;
use crate::crypto::PublicKey;
use crate::error::Result;
use crate::id::DocumentKey;

/// What the store says about an agent version.
pub(super) type Answer = Arc<Stored>;

type Table<K, V> = Mutex<HashMap<K, Arc<OnceCell<V>>>>;

#[derive(Default)]
struct Given {
    stored: Table<DocumentKey, Answer>,
    /// What DNS says about a version's key, named by its SHA-256. Also that it says nothing: who does not answer takes long.
    confirmed: Table<(DocumentKey, String), Result<Confirmation>>,
}

type Answers = Arc<Given>;

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
    match cell(|given| &given.stored, agent) {
        // What failed is asked again.
        Some(cell) => cell.get_or_try_init(|| ask).await.cloned(),
        None => ask.await,
    }
}

/// The same of DNS; within a call also failures are kept.
pub(super) async fn confirmed_once(
    agent: DocumentKey,
    key: &PublicKey,
    ask: impl Future<Output = Result<Confirmation>>,
) -> Result<Confirmation> {
    match cell(|given| &given.confirmed, (agent, key.sha256().to_owned())) {
        Some(cell) => cell.get_or_init(|| ask).await.clone(),
        None => ask.await,
    }
}

/// Where an answer of this call belongs; `None` outside of one.
fn cell<K: Eq + Hash, V>(table: impl FnOnce(&Given) -> &Table<K, V>, name: K) -> Option<Arc<OnceCell<V>>> {
    let cell = |given: &Answers| {
        let mut table = table(given).lock().unwrap_or_else(PoisonError::into_inner);
        table.entry(name).or_default().clone()
    };
    ANSWERS.try_with(cell).ok()
}
