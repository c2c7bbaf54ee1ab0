//! Results on their way to JavaScript: one queue an environment (main thread, worker), which its own thread empties.
//!
//! napi makes a threadsafe function for each future, which takes longer than many a call. Here an environment has two for
//! as long as it lives, its bells: whoever puts a result into a queue of which nobody was told rings one. Two, because
//! node answers a bell that is rung while it is being answered at once, a thousand times, before timers and sockets get
//! their turn; so while one is answered, the other is rung, and a turn of the event loop has two batches at most.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Env, JsValue, PromiseRaw, ToNapiValue, sys};
use napi::check_status;

use super::outcome::Failure;
use crate::error::{Code, Error};

/// So many results are handed out at a time, then what they set off in JavaScript runs.
const BATCH: usize = 128;

/// Makes the value in JavaScript.
type Make = Box<dyn FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send>;

/// An environment's side of it, for its own thread alone.
struct Desk {
    replies: Arc<Replies>,
    /// The bell that keeps the process alive while calls are under way.
    keeper: Bell,
    under_way: Cell<usize>,
}

/// The side of every thread that finishes a call.
#[derive(Default)]
struct Replies {
    queue: Mutex<Queue>,
    /// Held while one is rung, so that it cannot go away meanwhile; none once the environment goes away.
    bells: Mutex<Option<[Bell; 2]>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Deferred, Make)>,
    /// The bell that is not being answered.
    turn: usize,
    /// Rung, and not answered yet.
    rung: bool,
    /// The environment went away: what comes now is dropped.
    closed: bool,
}

#[derive(Clone, Copy)]
struct Bell(sys::napi_threadsafe_function);

// To be called from every thread is what it is for; that it still is there, the lock around it takes care of.
#[allow(unsafe_code)]
unsafe impl Send for Bell {}

/// Passed through other threads, used by its environment's.
struct Deferred(sys::napi_deferred);

#[allow(unsafe_code)] // As above: elsewhere it is only carried.
unsafe impl Send for Deferred {}

/// What a call owes its promise. Dropped without a value, it says that the call was cut off: no promise waits for ever.
pub struct Reply {
    replies: Arc<Replies>,
    deferred: Option<Deferred>,
}

/// A promise, and the reply that resolves it. Until then the process stays alive.
pub fn promised<T>(env: &Env) -> napi::Result<(PromiseRaw<'_, T>, Reply)> {
    let desk = Desk::of(env)?;
    let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
    #[allow(unsafe_code)] // `env` is the calling one, both pointers are to be written to.
    check_status!(unsafe { sys::napi_create_promise(env.raw(), &mut deferred, &mut promise) })?;
    desk.begin(env)?;
    let reply = Reply { replies: desk.replies.clone(), deferred: Some(Deferred(deferred)) };
    Ok((PromiseRaw::new(env.raw(), promise), reply))
}

impl Reply {
    /// Resolves the promise, from any thread.
    pub fn resolve<T: ToNapiValue + Send + 'static>(mut self, value: T) {
        #[allow(unsafe_code)] // The queue hands in the living environment, on its own thread.
        self.send(Box::new(move |env| unsafe { T::to_napi_value(env, value) }));
    }

    fn send(&mut self, make: Make) {
        if let Some(deferred) = self.deferred.take() {
            self.replies.put(deferred, make);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.deferred.is_some() {
            self.send(Box::new(|env| defect(env, "the call was cut off")));
        }
    }
}

impl Replies {
    fn put(&self, deferred: Deferred, make: Make) {
        let mut queue = lock(&self.queue);
        if queue.closed {
            // Dropping it may take long.
            return drop(queue);
        }
        queue.waiting.push_back((deferred, make));
        let turn = queue.turn;
        let rung = std::mem::replace(&mut queue.rung, true);
        // Who is woken by the bell wants the queue.
        drop(queue);
        if !rung {
            self.ring(turn);
        }
    }

    fn ring(&self, turn: usize) {
        if let Some(bells) = &*lock(&self.bells) {
            bells[turn].ring();
        }
    }

    /// The next results, in the order in which they came.
    fn take(&self) -> Vec<(Deferred, Make)> {
        let mut queue = lock(&self.queue);
        let length = queue.waiting.len().min(BATCH);
        let batch = queue.waiting.drain(..length).collect();
        queue.turn = 1 - queue.turn;
        queue.rung = !queue.waiting.is_empty();
        let (turn, more) = (queue.turn, queue.rung);
        drop(queue);
        if more {
            self.ring(turn);
        }
        batch
    }

    fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        let dropped = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(dropped);
        for bell in lock(&self.bells).take().into_iter().flatten() {
            bell.abort();
        }
    }
}

impl Desk {
    /// The desk of this environment, which is set up by its first call.
    fn of(env: &Env) -> napi::Result<&Desk> {
        if let Some(desk) = env.get_instance_data::<Desk>()? {
            return Ok(desk);
        }
        let bells = [Bell::new(env)?, Bell::new(env)?];
        let replies = Arc::new(Replies { bells: Mutex::new(Some(bells)), ..Replies::default() });
        // Hooks run last come, first served: this one before those by which node takes the bells away.
        env.add_env_cleanup_hook(replies.clone(), |replies| replies.close())?;
        env.set_instance_data(Desk { replies, keeper: bells[0], under_way: Cell::new(0) }, (), |_| ())?;
        let missing = || napi::Error::from_reason("an environment keeps no instance data");
        env.get_instance_data::<Desk>()?.map(|desk| &*desk).ok_or_else(missing)
    }

    fn begin(&self, env: &Env) -> napi::Result<()> {
        if self.under_way.get() == 0 {
            #[allow(unsafe_code)] // JavaScript runs, so the bells are there.
            check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.keeper.0) })?;
        }
        self.under_way.set(self.under_way.get() + 1);
        Ok(())
    }

    fn answer(&self, env: &Env) {
        let batch = self.replies.take();
        self.under_way.set(self.under_way.get() - batch.len());
        if self.under_way.get() == 0 {
            self.keeper.let_exit(env);
        }
        for (deferred, make) in batch {
            settle(env, deferred, make);
        }
    }
}

impl Bell {
    fn new(env: &Env) -> napi::Result<Bell> {
        let name = env.create_string("jacs-agent")?;
        let mut bell = ptr::null_mut();
        #[allow(unsafe_code)] // It has no function, no context and no finalizer: nothing that could go away before it.
        check_status!(unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                ptr::null_mut(),
                ptr::null_mut(),
                name.raw(),
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                Some(answer),
                &mut bell,
            )
        })?;
        Bell(bell).let_exit(env);
        Ok(Bell(bell))
    }

    /// The process may end though this bell hangs.
    fn let_exit(self, env: &Env) {
        #[allow(unsafe_code)] // Called with a living environment's own bell only.
        let _ = unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.0) };
    }

    /// Fails only while the environment goes away, when nobody is there to answer.
    fn ring(self) {
        let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
        #[allow(unsafe_code)] // The lock around the bells is held.
        let _ = unsafe { sys::napi_call_threadsafe_function(self.0, ptr::null_mut(), mode) };
    }

    fn abort(self) {
        let mode = sys::ThreadsafeFunctionReleaseMode::abort;
        #[allow(unsafe_code)] // The lock around the bells is held, and nobody finds this one there again.
        let _ = unsafe { sys::napi_release_threadsafe_function(self.0, mode) };
    }
}

/// Called by node on the environment's thread; with no environment for what was rung when it went away.
#[allow(unsafe_code)] // The type of a threadsafe function's callback.
unsafe extern "C" fn answer(
    env: sys::napi_env,
    _: sys::napi_value,
    _: *mut std::ffi::c_void,
    _: *mut std::ffi::c_void,
) {
    if env.is_null() {
        return;
    }
    let env = Env::from_raw(env);
    if let Ok(Some(desk)) = env.get_instance_data::<Desk>() {
        desk.answer(&env);
    }
}

/// Nothing can be done about a failure of the second kind: JavaScript is being stopped.
fn settle(env: &Env, Deferred(deferred): Deferred, make: Make) {
    // A panic must not cross node's frames.
    let made = catch_unwind(AssertUnwindSafe(|| make(env.raw())));
    let made = made.unwrap_or_else(|_| Err(napi::Error::from_reason("a panic")));
    if let Ok(value) = made.or_else(|_| defect(env.raw(), "the result could not be made in JavaScript")) {
        #[allow(unsafe_code)] // Of this environment, on its thread, and used this once.
        let _ = unsafe { sys::napi_resolve_deferred(env.raw(), deferred, value) };
    }
}

fn defect(env: sys::napi_env, message: &'static str) -> napi::Result<sys::napi_value> {
    #[allow(unsafe_code)] // Handed on as it came.
    unsafe {
        Failure::to_napi_value(env, Error::new(Code::Internal, message).into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(replies: &Replies, number: usize, held: &Arc<()>) {
        let held = held.clone();
        replies.put(
            Deferred(ptr::without_provenance_mut(number)),
            Box::new(move |_| {
                drop(held);
                Ok(ptr::null_mut())
            }),
        );
    }

    fn taken(replies: &Replies) -> Vec<usize> {
        replies.take().iter().map(|(deferred, _)| deferred.0.addr()).collect()
    }

    #[test]
    fn hands_out_batches_in_the_order_of_completion() {
        let (replies, held) = (Replies::default(), Arc::new(()));
        let total = 2 * BATCH + 1;
        (0..total).for_each(|number| put(&replies, number, &held));
        let batches: Vec<Vec<usize>> = (0..4).map(|_| taken(&replies)).collect();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [BATCH, BATCH, 1, 0]);
        assert_eq!(batches.concat(), (0..total).collect::<Vec<_>>());
    }

    #[test]
    fn rings_one_bell_at_a_time_and_never_the_one_that_is_answered() {
        let (replies, held) = (Replies::default(), Arc::new(()));
        let state = || {
            let queue = lock(&replies.queue);
            (queue.turn, queue.rung)
        };
        assert_eq!(state(), (0, false));
        (0..BATCH + 1).for_each(|number| put(&replies, number, &held));
        assert_eq!(state(), (0, true));
        taken(&replies);
        assert_eq!(state(), (1, true), "the rest is announced by the other bell");
        taken(&replies);
        assert_eq!(state(), (0, false));
    }

    #[test]
    fn drops_what_waits_and_what_comes_once_the_environment_is_gone() {
        let (replies, held) = (Replies::default(), Arc::new(()));
        put(&replies, 0, &held);
        assert_eq!(Arc::strong_count(&held), 2);
        replies.close();
        assert_eq!(Arc::strong_count(&held), 1);
        put(&replies, 1, &held);
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(taken(&replies), [0; 0]);
    }

    #[test]
    fn takes_results_of_many_threads_each_once() {
        let (replies, held) = (Replies::default(), Arc::new(()));
        let mut all = Vec::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (replies, held) = (&replies, &held);
                scope.spawn(move || (0..1000).for_each(|n| put(replies, thread * 1000 + n, held)));
            }
            while all.len() < 4000 {
                all.extend(taken(&replies));
            }
        });
        let of = |thread| all.iter().copied().filter(move |n| n / 1000 == thread).collect::<Vec<usize>>();
        for thread in 0..4 {
            assert_eq!(of(thread), (thread * 1000..(thread + 1) * 1000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_dropped_reply_is_one_too() {
        let replies = Arc::new(Replies::default());
        drop(Reply { replies: replies.clone(), deferred: Some(Deferred(ptr::without_provenance_mut(7))) });
        assert_eq!(taken(&replies), [7]);
    }
}
