//! The bytes of an attachment on their way to JavaScript.

use std::sync::Arc;

use napi::bindgen_prelude::{Env, PromiseRaw, Uint8Array, Unknown};
use napi_derive::napi;
use tokio::sync::Mutex;

use super::agent::{NativeAgent, document_source};
use super::outcome::{Outcome, promise};
use super::state::State;
use super::text::text;
use super::{Cancel, options};
use crate::agent::DocumentSource;
use crate::cancel::Cancel as CancelToken;
use crate::error::Result;
use crate::vault::Attachment;

/// An attachment that is read.
#[napi]
pub struct AttachmentReader {
    state: Arc<State>,
    asked: Result<Asked>,
    cancel: CancelToken,
    /// Of whoever reads: nothing more is wanted.
    stop: CancelToken,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Clone)]
struct Asked {
    document: DocumentSource,
    path: String,
    options: Option<String>,
}

#[derive(Default)]
enum Progress {
    #[default]
    New,
    Open(Box<Attachment>),
    Closed,
}

#[napi]
impl AttachmentReader {
    #[napi(
        constructor,
        ts_args_type = "agent: NativeAgent, jsonOrKey: unknown, path: unknown, options?: string, cancel?: Cancel"
    )]
    pub fn new(
        agent: &NativeAgent,
        json_or_key: Unknown,
        path: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
    ) -> AttachmentReader {
        let asked = document_source(&json_or_key)
            .and_then(|document| Ok(Asked { document, path: text(&path, "path")?, options }));
        AttachmentReader {
            state: agent.state.clone(),
            asked,
            cancel: cancel.map(|cancel| cancel.0.clone()).unwrap_or_default(),
            stop: CancelToken::default(),
            progress: Arc::default(),
        }
    }

    /// The next bytes; nothing at the end, when all of them were what they should be.
    #[napi(ts_return_type = "Promise<Uint8Array | null | Failure>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<Option<Uint8Array>>>> {
        let begun = self.state.begin();
        let (asked, progress) = (self.asked.clone(), self.progress.clone());
        let (cancel, stop) = (self.cancel.clone(), self.stop.clone());
        promise(env, async move {
            let call = begun?;
            let agent = call.agent().await?;
            let mut progress = progress.lock().await;
            let piece = stop.or(async {
                if matches!(&*progress, Progress::New) {
                    let Asked { document, path, options } = asked?;
                    let checks = options::read_attachment(options.as_deref())?;
                    let opened = Box::pin(agent.open_attachment(&document, &path, &checks, &cancel)).await;
                    *progress = Progress::Open(Box::new(opened?));
                }
                match &mut *progress {
                    Progress::Open(attachment) => cancel.or(attachment.next()).await,
                    Progress::New | Progress::Closed => Ok(None),
                }
            });
            let piece = piece.await;
            if !matches!(&piece, Ok(Some(_))) {
                // Connections and files are given back now, not when the garbage collector comes.
                *progress = Progress::Closed;
            }
            Ok(piece?.map(|piece| Uint8Array::from(Vec::from(piece))))
        })
    }

    /// Ends what is under way, and gives back what is held.
    #[napi]
    pub fn close(&self) {
        self.stop.cancel();
        if let Ok(mut progress) = self.progress.try_lock() {
            *progress = Progress::Closed;
        }
    }
}
