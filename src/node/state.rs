//! An agent's life as JavaScript sees it: new, loading, loaded, closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::outcome::hold;
use crate::agent::Agent;
use crate::error::{Code, Error, Result};

type Load = watch::Receiver<Option<Result<Arc<Agent>>>>;

enum Phase {
    New,
    Loading(Load),
    Loaded(Arc<Agent>),
    Closed,
}

pub struct State {
    phase: Mutex<Phase>,
    /// Calls under way.
    calls: watch::Sender<usize>,
}

/// A call under way: closing waits until it is dropped and its result is on its way.
pub struct Call {
    agent: Awaited,
    under_way: Option<UnderWay>,
}

/// One of the calls that are counted.
struct UnderWay(Arc<State>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.calls.send_modify(|calls| *calls -= 1);
    }
}

enum Awaited {
    Ready(Arc<Agent>),
    Loading(Load),
}

impl State {
    pub fn new() -> Arc<State> {
        Arc::new(State { phase: Mutex::new(Phase::New), calls: watch::Sender::new(0) })
    }

    /// Begins a call in the order in which JavaScript makes calls: what it meets then decides, not what the agent
    /// is by the time that a thread takes it up. Errors: `JACS_CONFIG`.
    pub fn begin(self: &Arc<Self>) -> Result<Call> {
        let agent = match &*self.phase() {
            Phase::New => return Err(Error::new(Code::Config, "the agent is not loaded: call load first")),
            Phase::Closed => return Err(Error::new(Code::Config, "the agent is closed")),
            Phase::Loading(load) => Awaited::Loading(load.clone()),
            Phase::Loaded(agent) => Awaited::Ready(agent.clone()),
        };
        Ok(Call { agent, under_way: Some(self.count()) })
    }

    fn count(self: &Arc<Self>) -> UnderWay {
        self.calls.send_modify(|calls| *calls += 1);
        UnderWay(self.clone())
    }

    /// The loaded agent, for calls that cannot wait. Errors: `JACS_CONFIG`.
    pub fn loaded(&self) -> Result<Arc<Agent>> {
        match &*self.phase() {
            Phase::New => Err(Error::new(Code::Config, "the agent is not loaded: call load first")),
            Phase::Loading(_) => Err(Error::new(Code::Config, "the agent is still being loaded")),
            Phase::Closed => Err(Error::new(Code::Config, "the agent is closed")),
            Phase::Loaded(agent) => Ok(agent.clone()),
        }
    }

    /// Begins to load; calls made from now on wait for it. Errors: `JACS_CONFIG` for a second load.
    pub fn begin_load(self: &Arc<Self>) -> Result<Loading> {
        let mut phase = self.phase();
        match &*phase {
            Phase::New => {
                let (done, load) = watch::channel(None);
                *phase = Phase::Loading(load);
                Ok(Loading { state: self.clone(), done, under_way: Some(self.count()) })
            }
            Phase::Closed => Err(Error::new(Code::Config, "the agent is closed")),
            Phase::Loading(_) | Phase::Loaded(_) => {
                Err(Error::new(Code::Config, "the agent is loaded already: one instance loads once"))
            }
        }
    }

    /// The same agent with another key or document, for calls from now on.
    pub fn replace(&self, agent: Arc<Agent>) {
        let mut phase = self.phase();
        if matches!(&*phase, Phase::Loaded(_)) {
            *phase = Phase::Loaded(agent);
        }
    }

    /// Refuses calls from now on and waits for those under way. The key is forgotten with the last of them.
    pub async fn close(self: Arc<Self>) -> Result<()> {
        let mut calls = self.calls.subscribe();
        // A channel that its own state holds is never closed.
        let _ = calls.wait_for(|calls| *calls == 0).await;
        Ok(())
    }

    pub fn begin_close(&self) {
        *self.phase() = Phase::Closed;
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// The agent, when it is loaded by now.
    pub fn loaded(&self) -> Option<&Arc<Agent>> {
        match &self.agent {
            Awaited::Ready(agent) => Some(agent),
            Awaited::Loading(_) => None,
        }
    }

    /// The agent, once it is loaded. Errors: those of the load.
    pub async fn agent(&self) -> Result<Arc<Agent>> {
        match &self.agent {
            Awaited::Ready(agent) => Ok(agent.clone()),
            Awaited::Loading(load) => {
                let mut load = load.clone();
                let done = load.wait_for(Option::is_some).await;
                let cut_off = || Err(Error::new(Code::Internal, "loading the agent was cut off"));
                done.map_or_else(|_| cut_off(), |done| done.clone().unwrap_or_else(cut_off))
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.under_way.take().into_iter().for_each(hold);
    }
}

/// A load under way. Dropped before it is finished, the agent is as new.
pub struct Loading {
    state: Arc<State>,
    done: watch::Sender<Option<Result<Arc<Agent>>>>,
    under_way: Option<UnderWay>,
}

impl Loading {
    /// Ends the load; the agent document's text.
    pub fn finish(self, loaded: Result<Agent>) -> Result<String> {
        let loaded = loaded.map(Arc::new);
        let mut phase = self.state.phase();
        if let (Phase::Loading(_), Ok(agent)) = (&*phase, &loaded) {
            *phase = Phase::Loaded(agent.clone());
        }
        drop(phase);
        self.done.send_replace(Some(loaded.clone()));
        loaded.map(|agent| agent.document.clone())
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        let mut phase = self.state.phase();
        if matches!(&*phase, Phase::Loading(_)) {
            *phase = Phase::New;
        }
        drop(phase);
        self.under_way.take().into_iter().for_each(hold);
    }
}
