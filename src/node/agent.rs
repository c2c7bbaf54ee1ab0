//! The class behind `Agent`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Env, Function, PromiseRaw, Unknown};
use napi::threadsafe_function::{ThreadsafeFunctionCallMode, UnknownReturnValue};
use napi_derive::napi;

use super::outcome::{Outcome, outcome, promise, resolved, wait};
use super::sources::Sources;
use super::state::{Call, State};
use super::text::{Text, document, item, text};
use super::{Cancel, options, report};
use crate::agent::{Agent, DocumentSource};
use crate::cancel::Cancel as CancelToken;
use crate::config::Config;
use crate::environment::Environment;
use crate::error::{Code, Error, Result};
use crate::id::Reference;
use crate::progress::{OnProgress, Progress};
use crate::vault::Report;

/// A function of JavaScript that hears of progress, as JSON.
type Told<'env> = Function<'env, String, UnknownReturnValue>;
pub(super) type Promise<'env, T> = napi::Result<PromiseRaw<'env, Outcome<T>>>;

/// How often progress is told, at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// An agent's handle; `index.js` has the documentation's class.
#[napi]
pub struct NativeAgent {
    pub(super) state: Arc<State>,
}

/// Where a configuration stands: one of the two.
enum ConfigSource {
    Path(String),
    Object(String),
}

#[napi]
impl NativeAgent {
    #[napi(constructor)]
    #[allow(clippy::new_without_default)] // JavaScript alone makes one.
    pub fn new() -> NativeAgent {
        NativeAgent { state: State::new() }
    }

    #[napi(ts_return_type = "Promise<undefined | Failure>")]
    pub fn create<'env>(&self, env: &'env Env, options: Option<String>, environment: String) -> Promise<'env, ()> {
        let begun = self.state.begin_load();
        promise(env, async move {
            let loading = begun?;
            let options = options::create_agent(options.as_deref())?;
            let agent = Agent::create(options, read_environment(&environment)?, working_directory()?).await;
            loading.finish(agent).map(drop)
        })
    }

    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn load<'env>(
        &self,
        env: &'env Env,
        path: Unknown,
        object: Option<String>,
        options: Option<String>,
        environment: String,
    ) -> Promise<'env, Text> {
        let source = config_source(&path, object);
        let begun = source.and_then(|source| Ok((self.state.begin_load()?, source)));
        promise(env, async move {
            let (loading, source) = begun?;
            loading.finish(load(source, options.as_deref(), &environment).await)
        })
    }

    #[napi(ts_return_type = "string | Failure")]
    pub fn load_sync(
        &self,
        path: Unknown,
        object: Option<String>,
        options: Option<String>,
        environment: String,
    ) -> Outcome<Text> {
        outcome(|| {
            let source = config_source(&path, object)?;
            let loading = self.state.begin_load()?;
            loading.finish(wait(load(source, options.as_deref(), &environment)))
        })
    }

    #[napi(ts_return_type = "Promise<undefined | Failure>")]
    pub fn close<'env>(&self, env: &'env Env) -> Promise<'env, ()> {
        self.state.begin_close();
        promise(env, self.state.clone().close())
    }

    /// Id, version, algorithm, public key and document of the loaded agent, as JSON.
    #[napi(ts_return_type = "string | Failure")]
    pub fn identity(&self) -> Outcome<Text> {
        outcome(|| Ok(report::identity(&*self.state.loaded()?)))
    }

    #[napi(
        ts_return_type = "Promise<string | Failure>",
        ts_args_type = "json: unknown, options?: string, cancel?: Cancel, sources?: Sources, progress?: (progress: string) => void"
    )]
    pub fn create_document<'env>(
        &self,
        env: &'env Env,
        json: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
        sources: Option<&Sources>,
        progress: Option<Told<'_>>,
    ) -> Promise<'env, Text> {
        let (sources, progress) = (Sources::take(sources), on_progress(progress)?);
        let arguments = || Ok((text(&json, "json")?, options::create(options.as_deref(), &sources, progress)?));
        let begun = self.begin(cancel, arguments);
        promise(env, async move {
            let (call, cancel, (json, options)) = begun?;
            call.agent().await?.create_document(&json, &options, &cancel).await
        })
    }

    #[napi(ts_return_type = "string | Failure")]
    pub fn create_document_sync(
        &self,
        json: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
        sources: Option<&Sources>,
    ) -> Outcome<Text> {
        outcome(|| {
            let (agent, json) = (self.state.loaded()?, text(&json, "json")?);
            let options = options::create(options.as_deref(), &Sources::take(sources), OnProgress::default())?;
            wait(agent.create_document(&json, &options, &token(cancel)))
        })
    }

    #[napi(
        ts_return_type = "Promise<string[] | Failure>",
        ts_args_type = "all: unknown[], options?: string, progress?: (progress: string) => void, cancel?: Cancel"
    )]
    pub fn create_documents<'env>(
        &self,
        env: &'env Env,
        all: Vec<Unknown>,
        options: Option<String>,
        progress: Option<Told<'_>>,
        cancel: Option<&Cancel>,
    ) -> Promise<'env, Vec<Text>> {
        let arguments = || Ok((all.iter().map(item).collect::<Vec<_>>(), options::batch(options.as_deref())?));
        let begun = self.begin(cancel, arguments);
        let progress = on_progress(progress)?;
        promise(env, async move {
            let (call, cancel, (texts, options)) = begun?;
            let tell = |now| progress.tell(now);
            let documents = call.agent().await?.create_documents(texts, options, &cancel, tell).await?;
            Ok(documents.into_iter().map(Text::from).collect::<Vec<_>>())
        })
    }

    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn get_document<'env>(
        &self,
        env: &'env Env,
        key: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
    ) -> Promise<'env, Text> {
        let begun = self.begin(cancel, || reference(&key));
        // To hand it to another thread and back would take ten times as long as to find it here.
        if let (Ok((call, _, key)), None, None) = (&begun, &options, cancel)
            && let Some(text) = call.loaded().and_then(|agent| agent.recall(*key))
        {
            return resolved(env, text);
        }
        promise(env, async move {
            let (call, cancel, key) = begun?;
            let options = options::get(options.as_deref())?;
            call.agent().await?.get(key, &options, &cancel).await
        })
    }

    #[napi(ts_return_type = "string | Failure")]
    pub fn get_document_sync(&self, key: Unknown, options: Option<String>, cancel: Option<&Cancel>) -> Outcome<Text> {
        outcome(|| {
            let (agent, key) = (self.state.loaded()?, reference(&key)?);
            let options = options::get(options.as_deref())?;
            wait(agent.get(key, &options, &token(cancel)))
        })
    }

    #[napi(
        ts_return_type = "Promise<string | Failure>",
        ts_args_type = "key: unknown, json: unknown, options?: string, cancel?: Cancel, sources?: Sources, progress?: (progress: string) => void"
    )]
    #[allow(clippy::too_many_arguments)] // JavaScript's, one a kind of value.
    pub fn update_document<'env>(
        &self,
        env: &'env Env,
        key: Unknown,
        json: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
        sources: Option<&Sources>,
        progress: Option<Told<'_>>,
    ) -> Promise<'env, Text> {
        let (sources, progress) = (Sources::take(sources), on_progress(progress)?);
        let arguments =
            || Ok((reference(&key)?, text(&json, "json")?, options::update(options.as_deref(), &sources, progress)?));
        let begun = self.begin(cancel, arguments);
        promise(env, async move {
            let (call, cancel, (key, json, options)) = begun?;
            call.agent().await?.update_document(key, &json, &options, &cancel).await
        })
    }

    #[napi(ts_return_type = "string | Failure")]
    pub fn update_document_sync(
        &self,
        key: Unknown,
        json: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
        sources: Option<&Sources>,
    ) -> Outcome<Text> {
        outcome(|| {
            let (agent, key, json) = (self.state.loaded()?, reference(&key)?, text(&json, "json")?);
            let options = options::update(options.as_deref(), &Sources::take(sources), OnProgress::default())?;
            wait(agent.update_document(key, &json, &options, &token(cancel)))
        })
    }

    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn save_document<'env>(&self, env: &'env Env, signed: Unknown) -> Promise<'env, Text> {
        let begun = self.begin(None, || text(&signed, "signed"));
        promise(env, async move {
            let (call, _, signed) = begun?;
            call.agent().await?.save(&signed).await
        })
    }

    #[napi(ts_return_type = "Promise<undefined | Failure>")]
    pub fn remove_document<'env>(&self, env: &'env Env, key: Unknown, options: Option<String>) -> Promise<'env, ()> {
        let begun = self.begin(None, || reference(&key));
        promise(env, async move {
            let (call, _, key) = begun?;
            call.agent().await?.remove(key, options::remove(options.as_deref())?).await
        })
    }

    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn versions<'env>(&self, env: &'env Env, id: Unknown) -> Promise<'env, Text> {
        let begun = self.begin(None, || text(&id, "id")?.parse());
        promise(env, async move {
            let (call, _, id) = begun?;
            Ok(report::versions(&call.agent().await?.versions(id).await?))
        })
    }

    #[napi(ts_return_type = "Promise<boolean | Failure>")]
    pub fn verify_document<'env>(
        &self,
        env: &'env Env,
        json: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
    ) -> Promise<'env, bool> {
        let begun = self.begin(cancel, || document(&json, "json"));
        promise(env, async move { Ok(verify(begun, options).await?.is_valid()) })
    }

    #[napi(ts_return_type = "boolean | Failure")]
    pub fn verify_document_sync(
        &self,
        json: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
    ) -> Outcome<bool> {
        outcome(|| {
            let (agent, json) = (self.state.loaded()?, document(&json, "json")?);
            let options = options::verify(options.as_deref())?;
            let Ok(json) = json else { return Ok(false) };
            Ok(wait(agent.verify(&json, &options, &token(cancel)))?.is_valid())
        })
    }

    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn assert_document<'env>(
        &self,
        env: &'env Env,
        json: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
    ) -> Promise<'env, Text> {
        let begun = self.begin(cancel, || document(&json, "json"));
        promise(env, async move {
            let found = verify(begun, options).await?;
            match &found.error {
                Some(error) => Err(error.clone()),
                None => Ok(report::verification(&found)),
            }
        })
    }

    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn inspect_document<'env>(
        &self,
        env: &'env Env,
        json_or_key: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
    ) -> Promise<'env, Text> {
        let begun = self.begin(cancel, || text(&json_or_key, "jsonOrKey"));
        promise(env, async move {
            let (call, cancel, json_or_key) = begun?;
            let options = options::verify(options.as_deref())?;
            let agent = call.agent().await?;
            let found = match is_document(&json_or_key) {
                true => agent.verify(&json_or_key, &options, &cancel).await?,
                false => agent.inspect(json_or_key.parse()?, &options, &cancel).await?,
            };
            Ok(report::verification(&found))
        })
    }

    #[napi(
        ts_return_type = "Promise<string[] | Failure>",
        ts_args_type = "jsonOrKey: unknown, directory: unknown, options?: string, cancel?: Cancel, progress?: (progress: string) => void"
    )]
    pub fn save_attachments<'env>(
        &self,
        env: &'env Env,
        json_or_key: Unknown,
        directory: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
        progress: Option<Told<'_>>,
    ) -> Promise<'env, Vec<Text>> {
        let progress = on_progress(progress)?;
        let begun = self.begin(cancel, || {
            let directory = text(&directory, "directory")?;
            let options = options::save_attachments(options.as_deref(), &directory, progress)?;
            Ok((document_source(&json_or_key)?, options))
        });
        promise(env, async move {
            let (call, cancel, (document, options)) = begun?;
            let saved = call.agent().await?.save_attachments(&document, &options, &cancel).await?;
            Ok(saved.into_iter().map(|path| Text::from(path.to_string_lossy().into_owned())).collect::<Vec<_>>())
        })
    }

    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn verify_history<'env>(
        &self,
        env: &'env Env,
        id: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
    ) -> Promise<'env, Text> {
        let begun = self.begin(cancel, || text(&id, "id")?.parse());
        promise(env, async move {
            let (call, cancel, id) = begun?;
            let options = options::history(options.as_deref())?;
            Ok(report::history(&call.agent().await?.history(id, &options, &cancel).await?))
        })
    }

    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn doctor<'env>(&self, env: &'env Env, options: Option<String>) -> Promise<'env, Text> {
        let begun = self.state.begin();
        promise(env, async move {
            let call = begun?;
            let probe = options::probe(options.as_deref())?;
            let agent = call.agent().await?;
            Ok(report::diagnosis(&agent, &agent.doctor(probe.unwrap_or(!agent.is_read_only())).await?))
        })
    }

    #[napi(ts_return_type = "Promise<undefined | Failure>")]
    pub fn change_password<'env>(&self, env: &'env Env, options: Option<String>) -> Promise<'env, ()> {
        let begun = self.state.begin();
        promise(env, async move {
            let call = begun?;
            let [old, new] = options::change_password(options.as_deref())?;
            call.agent().await?.change_password(old, new).await
        })
    }

    /// Begins a call and reads its arguments, which only the JavaScript thread can.
    pub(super) fn begin<T>(
        &self,
        cancel: Option<&Cancel>,
        arguments: impl FnOnce() -> Result<T>,
    ) -> Result<(Call, CancelToken, T)> {
        let call = self.state.begin()?;
        Ok((call, token(cancel), arguments()?))
    }
}

pub(super) fn token(cancel: Option<&Cancel>) -> CancelToken {
    cancel.map(|cancel| cancel.0.clone()).unwrap_or_default()
}

async fn verify(begun: Result<(Call, CancelToken, Result<String>)>, options: Option<String>) -> Result<Report> {
    let (call, cancel, json) = begun?;
    let options = options::verify(options.as_deref())?;
    let agent = call.agent().await?;
    match json {
        Ok(json) => agent.verify(&json, &options, &cancel).await,
        Err(error) => Ok(Report { error: Some(error), ..Report::default() }),
    }
}

async fn load(source: ConfigSource, options: Option<&str>, environment: &str) -> Result<Agent> {
    let (options, environment, cwd) = (options::load(options)?, read_environment(environment)?, working_directory()?);
    let config = match source {
        ConfigSource::Path(path) => Config::from_file(path.as_ref(), &environment, &cwd)?,
        ConfigSource::Object(object) => Config::from_object(&object, &environment, &cwd)?,
    };
    Agent::load(config, &options, &environment, &cwd).await
}

fn config_source(path: &Unknown, object: Option<String>) -> Result<ConfigSource> {
    match object {
        Some(object) => Ok(ConfigSource::Object(object)),
        None => Ok(ConfigSource::Path(text(path, "config")?)),
    }
}

/// Told of progress, not more often than every [`PROGRESS_INTERVAL`].
fn on_progress(progress: Option<Told<'_>>) -> napi::Result<OnProgress> {
    let Some(progress) = progress else { return Ok(OnProgress::default()) };
    let progress = progress.build_threadsafe_function().weak::<true>().build()?;
    let told = std::sync::Mutex::new(Instant::now());
    Ok(OnProgress(Some(Arc::new(move |now: Progress| {
        let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if Some(now.done) == now.total || told.elapsed() >= PROGRESS_INTERVAL {
            *told = Instant::now();
            progress.call(report::progress(now), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }))))
}

/// A document by its text, or else by its key.
pub(super) fn document_source(json_or_key: &Unknown) -> Result<DocumentSource> {
    let text = text(json_or_key, "jsonOrKey")?;
    match is_document(&text) {
        true => Ok(DocumentSource::Text(Arc::new(text))),
        false => Ok(DocumentSource::Stored(text.parse()?)),
    }
}

fn is_document(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

pub(super) fn reference(key: &Unknown) -> Result<Reference> {
    text(key, "key")?.parse()
}

pub(super) fn read_environment(text: &str) -> Result<Environment> {
    let malformed = |_| Error::new(Code::Input, "an environment holds texts").with("option", "env");
    let variables: HashMap<String, Option<String>> = serde_json::from_str(text).map_err(malformed)?;
    Ok(variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

pub(super) fn working_directory() -> Result<PathBuf> {
    std::env::current_dir()
        .map_err(|error| Error::new(Code::Config, "there is no working directory").with_source(error))
}
