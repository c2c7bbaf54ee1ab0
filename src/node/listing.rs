//! Listings: entries cross as pages, since one by one they would cost more than finding them.

use std::sync::Arc;

use napi::bindgen_prelude::{Env, PromiseRaw};
use napi_derive::napi;
use tokio::sync::Mutex;

use super::agent::NativeAgent;
use super::outcome::{Outcome, promise};
use super::state::State;
use super::text::Text;
use super::{Cancel, options, report};
use crate::error::Result;
use crate::store::Kind;
use crate::vault::Listing as Pages;

/// A listing under way.
#[napi]
pub struct Listing {
    state: Arc<State>,
    kind: Kind,
    options: Option<String>,
    cancel: crate::cancel::Cancel,
    pages: Arc<Mutex<Progress>>,
}

#[derive(Default)]
enum Progress {
    #[default]
    New,
    Begun(Box<Pages>),
    /// Ended by whoever asked for it.
    Closed,
}

#[napi]
impl Listing {
    /// `kind`: `documents` or `agents`.
    #[napi(constructor)]
    pub fn new(agent: &NativeAgent, kind: String, options: Option<String>, cancel: Option<&Cancel>) -> Listing {
        Listing {
            state: agent.state.clone(),
            kind: if kind == "agents" { Kind::Agent } else { Kind::Document },
            options,
            cancel: cancel.map(|cancel| cancel.0.clone()).unwrap_or_default(),
            pages: Arc::default(),
        }
    }

    /// The next entries as a JSON list; nothing at the end.
    #[napi(ts_return_type = "Promise<string | null | Failure>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<Option<Text>>>> {
        let begun = self.state.begin();
        let (pages, kind, cancel, options) = (self.pages.clone(), self.kind, self.cancel.clone(), self.options.clone());
        promise(env, async move {
            let call = begun?;
            let agent = call.agent().await?;
            let mut pages = pages.lock().await;
            if matches!(&*pages, Progress::New) {
                let listing = agent.list(kind, options::list(kind, options.as_deref())?).await?;
                *pages = Progress::Begun(Box::new(listing));
            }
            let page: Result<Vec<_>> = match &mut *pages {
                Progress::Begun(listing) => agent.next_page(listing, &cancel).await,
                Progress::New | Progress::Closed => Ok(Vec::new()),
            };
            let page = page?;
            Ok((!page.is_empty()).then(|| Text::from(report::entries(&page))))
        })
    }

    /// Gives back what the listing holds, which the garbage collector would do late: it sees nothing of it.
    #[napi]
    pub fn close(&self) {
        // While a page is under way it is held by that; a caller who left is not waiting for one.
        if let Ok(mut pages) = self.pages.try_lock() {
            *pages = Progress::Closed;
        }
    }
}
