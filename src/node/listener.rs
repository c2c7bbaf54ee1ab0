//! Who hears of findings and progress while a long call is under way. They wait in a queue that JavaScript empties: when it
//! is woken, and once more before the call's promise is settled, so that nothing is told after the end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunctionCallMode, UnknownReturnValue};
use napi_derive::napi;
use serde_json::json;

use super::report;
use crate::progress::{OnProgress, Progress};
use crate::transfer::OnFinding;

/// How often progress is told, at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// Told of findings and progress, as JSON texts.
#[napi]
pub struct Listener {
    queue: Arc<Queue>,
    hears_progress: bool,
    hears_findings: bool,
}

struct Queue {
    waiting: Mutex<Waiting>,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Waiting {
    findings: VecDeque<String>,
    progress: Option<Progress>,
    told: Option<Instant>,
    woken: bool,
}

#[napi]
impl Listener {
    /// `wake` is called, on JavaScript's thread, when there is something to take.
    #[napi(constructor, ts_args_type = "wake: () => void, hearsProgress: boolean, hearsFindings: boolean")]
    pub fn new(
        wake: Function<'_, (), UnknownReturnValue>,
        hears_progress: bool,
        hears_findings: bool,
    ) -> napi::Result<Listener> {
        let wake = wake.build_threadsafe_function().weak::<true>().build()?;
        let wake = Box::new(move || {
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        let queue = Arc::new(Queue { waiting: Mutex::default(), wake });
        Ok(Listener { queue, hears_progress, hears_findings })
    }

    /// What has come since: findings, then how far the call is.
    #[napi]
    pub fn take(&self) -> Vec<String> {
        let mut waiting = self.queue.waiting();
        waiting.woken = false;
        let mut taken: Vec<String> = waiting.findings.drain(..).collect();
        let progress = waiting.progress.take();
        taken.extend(progress.map(|progress| format!("{{\"progress\":{}}}", report::progress(progress))));
        taken
    }
}

impl Listener {
    /// The two halves of whoever listens; nobody does where there is no listener.
    pub(super) fn halves(listener: Option<&Listener>) -> (OnProgress, OnFinding) {
        let Some(listener) = listener else { return Default::default() };
        let (progress, findings) = (listener.queue.clone(), listener.queue.clone());
        let on_progress = move |now: Progress| progress.tell_progress(now);
        let on_finding = move |finding: &crate::transfer::Finding| {
            let text = json!({ "finding": finding.to_json() }).to_string();
            findings.tell(|waiting| waiting.findings.push_back(text));
        };
        (
            OnProgress(listener.hears_progress.then(|| Arc::new(on_progress) as _)),
            OnFinding(listener.hears_findings.then(|| Arc::new(on_finding) as _)),
        )
    }
}

impl Queue {
    fn tell_progress(&self, now: Progress) {
        let is_due = {
            let mut waiting = self.waiting();
            waiting.progress = Some(now);
            let is_due = waiting.told.is_none_or(|told| told.elapsed() >= PROGRESS_INTERVAL);
            if is_due {
                waiting.told = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            self.tell(|_| ());
        }
    }

    fn tell(&self, change: impl FnOnce(&mut Waiting)) {
        let was_woken = {
            let mut waiting = self.waiting();
            change(&mut waiting);
            std::mem::replace(&mut waiting.woken, true)
        };
        if !was_woken {
            (self.wake)();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
