//! The bytes of an attachment on their way to JavaScript.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use napi::bindgen_prelude::{Env, ObjectFinalize, PromiseRaw, ToNapiValue, Uint8Array, Unknown, sys};
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
use crate::vault::{Attachment, VerifyOptions};

/// An attachment that is read.
#[napi(custom_finalize)]
pub struct AttachmentReader {
    state: Arc<State>,
    asked: Result<Asked>,
    cancel: CancelToken,
    /// Of whoever reads: nothing more is wanted.
    stop: CancelToken,
    progress: Arc<Mutex<Progress>>,
    /// Bytes of the piece that JavaScript has, of which its engine was told.
    handed: Arc<AtomicI64>,
}

/// A piece on its way to JavaScript. Its engine collects what it cannot see late: told of the bytes in advance, it does
/// so before they pile up.
pub struct Piece {
    bytes: Vec<u8>,
    handed: Arc<AtomicI64>,
}

impl ToNapiValue for Piece {
    #[allow(unsafe_code)] // The trait's signature; `env` is handed on as it came.
    unsafe fn to_napi_value(env: sys::napi_env, piece: Self) -> napi::Result<sys::napi_value> {
        let length = i64::try_from(piece.bytes.len()).unwrap_or(i64::MAX);
        piece.handed.fetch_add(length, Ordering::Relaxed);
        Env::from_raw(env).adjust_external_memory(length)?;
        unsafe { Uint8Array::to_napi_value(env, Uint8Array::from(piece.bytes)) }
    }
}

impl ObjectFinalize for AttachmentReader {
    fn finalize(self, env: Env) -> napi::Result<()> {
        taken_back(&self.handed, &env)
    }
}

/// The piece that was handed out last counts for itself from now on.
fn taken_back(handed: &AtomicI64, env: &Env) -> napi::Result<()> {
    match handed.swap(0, Ordering::Relaxed) {
        0 => Ok(()),
        bytes => env.adjust_external_memory(-bytes).map(drop),
    }
}

#[derive(Clone)]
struct Asked {
    document: DocumentSource,
    path: String,
    checks: VerifyOptions,
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
        let asked = document_source(&json_or_key).and_then(|document| {
            let mut checks = options::read_attachment(options.as_deref())?;
            // As it is meant when the call is made.
            checks.base = checks.base.or_else(|| std::env::current_dir().ok());
            Ok(Asked { document, path: text(&path, "path")?, checks })
        });
        AttachmentReader {
            state: agent.state.clone(),
            asked,
            cancel: cancel.map(|cancel| cancel.0.clone()).unwrap_or_default(),
            stop: CancelToken::default(),
            progress: Arc::default(),
            handed: Arc::default(),
        }
    }

    /// The next bytes; nothing at the end, when all of them were what they should be.
    #[napi(ts_return_type = "Promise<Uint8Array | null | Failure>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<Option<Piece>>>> {
        taken_back(&self.handed, env)?;
        let handed = self.handed.clone();
        let begun = self.state.begin();
        let (asked, progress) = (self.asked.clone(), self.progress.clone());
        let (cancel, stop) = (self.cancel.clone(), self.stop.clone());
        promise(env, async move {
            let mut progress = progress.lock().await;
            let call = match begun {
                Ok(call) => call,
                Err(error) => {
                    *progress = Progress::Closed;
                    return Err(error);
                }
            };
            let agent = call.agent().await?;
            let piece = stop.or(async {
                if matches!(&*progress, Progress::New) {
                    let Asked { document, path, checks } = asked?;
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
            Ok(piece?.map(|piece| Piece { bytes: Vec::from(piece), handed }))
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
