//! What a call gives back: its value, or a failure as plain data.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use napi::bindgen_prelude::{Env, PromiseRaw, ToNapiValue, block_on, spawn, sys};
use napi_derive::napi;

use super::replies::promised;
use crate::error::{Code, Error, Result};
use crate::store::wait_here;

/// An error's parts. The error itself is made in JavaScript, in the caller's realm and with the caller's stack.
#[napi(object)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub retryable: bool,
    pub key: Option<String>,
    pub path: Option<String>,
    pub document: Option<String>,
    pub current: Option<String>,
    pub heads: Option<Vec<String>>,
    pub documents: Option<Vec<Option<String>>>,
    pub failures: Option<Vec<ItemFailure>>,
    pub causes: Vec<String>,
}

/// One item of a batch that failed.
#[napi(object)]
pub struct ItemFailure {
    pub index: u32,
    pub code: String,
    pub message: String,
    pub key: Option<String>,
    pub document: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let details = error.details().clone();
        let item = |failure: crate::error::Failure| ItemFailure {
            index: u32::try_from(failure.index).unwrap_or(u32::MAX),
            code: failure.code.as_str().to_owned(),
            message: failure.message,
            key: failure.key,
            document: failure.document,
        };
        Failure {
            code: error.code().as_str().to_owned(),
            message: error.to_string(),
            retryable: error.is_retryable(),
            key: details.key,
            path: details.path,
            document: details.document,
            current: details.current,
            heads: details.heads,
            documents: details.documents,
            failures: details.failures.map(|failures| failures.into_iter().map(item).collect()),
            causes: error.causes(),
        }
    }
}

/// A result that crosses as its value or as a [`Failure`]; never as an exception.
pub struct Outcome<T>(Result<T>);

impl<T: ToNapiValue> ToNapiValue for Outcome<T> {
    #[allow(unsafe_code)] // The trait's signature; both branches hand `env` on as it came.
    unsafe fn to_napi_value(env: sys::napi_env, outcome: Self) -> napi::Result<sys::napi_value> {
        match outcome.0 {
            Ok(value) => unsafe { T::to_napi_value(env, value) },
            Err(error) => unsafe { Failure::to_napi_value(env, error.into()) },
        }
    }
}

/// Runs a call now. A panic becomes `JACS_INTERNAL`.
pub fn outcome<T: From<V>, V>(call: impl FnOnce() -> Result<V>) -> Outcome<T> {
    Outcome(catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(defect(&*panic))).map(T::from))
}

/// Waits for a future on JavaScript's thread.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    wait_here(|| block_on(future))
}

tokio::task_local! {
    /// What the call of this task holds until its result is on its way.
    static HELD: RefCell<Vec<Box<dyn Any + Send>>>;
}

/// Drops `guard` once the result of the call under way was handed over: whoever waits for the end of all calls is then
/// told behind them. Outside of a call it is dropped now.
pub fn hold(guard: impl Send + 'static) {
    // The value goes with the closure when there is no call.
    let _ = HELD.try_with(|held| held.borrow_mut().push(Box::new(guard)));
}

/// Runs a call on the runtime's threads; its promise always resolves. A panic becomes `JACS_INTERNAL`.
pub fn promise<'env, T: From<V> + ToNapiValue + Send + 'static, V>(
    env: &'env Env,
    call: impl Future<Output = Result<V>> + Send + 'static,
) -> napi::Result<PromiseRaw<'env, Outcome<T>>> {
    let (promise, reply) = promised(env)?;
    spawn(HELD.scope(RefCell::default(), async move {
        let result = AssertUnwindSafe(call).catch_unwind().await;
        reply.resolve(Outcome::<T>(result.unwrap_or_else(|panic| Err(defect(&*panic))).map(T::from)));
    }));
    Ok(promise)
}

/// A promise that is resolved already.
pub fn resolved<'env, T: From<V> + ToNapiValue, V>(
    env: &'env Env,
    value: V,
) -> napi::Result<PromiseRaw<'env, Outcome<T>>> {
    PromiseRaw::resolve(env, Outcome(Ok(T::from(value))))
}

fn defect(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(Code::Internal, "a defect of this package stopped the call").with("panic", text.unwrap_or("unknown"))
}
