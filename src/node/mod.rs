//! The `#[napi]` classes, thin: convert in, call, convert out. `index.js` alone uses them.
//!
//! Arguments come as unknown values and as JSON text of options, results go out as text: a wrong one is then a
//! failure of ours, with our code, and strings cross the border at a tenth of the cost of objects. A call never
//! throws: it gives its value or a [`outcome::Failure`], of which `index.js` makes the error.

mod agent;
mod archives;
mod attachment;
mod bundles;
mod check;
mod listener;
mod listing;
mod options;
mod outcome;
mod replies;
mod report;
mod sharing;
mod sources;
mod state;
mod text;
mod transfers;
mod trust;

use napi_derive::napi;

/// Every error code, in the order of the documentation.
#[napi]
pub fn error_codes() -> Vec<String> {
    crate::error::Code::ALL.iter().map(|code| code.as_str().to_owned()).collect()
}

/// A signal's wish that calls stop.
#[napi]
#[derive(Default)]
pub struct Cancel(crate::cancel::Cancel);

#[napi]
impl Cancel {
    #[napi(constructor)]
    pub fn new() -> Cancel {
        Cancel::default()
    }

    #[napi]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
