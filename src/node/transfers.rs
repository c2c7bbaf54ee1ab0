//! Whole stores: migrate and mirror.

use napi::bindgen_prelude::{Env, Unknown};
use napi_derive::napi;

use super::agent::{NativeAgent, Promise, read_environment, token, working_directory};
use super::listener::Listener;
use super::outcome::promise;
use super::text::{Text, text};
use super::{Cancel, options};
use crate::agent::{Agent, ConfigSource, Heard};
use crate::error::{Code, Error, Result};

#[napi]
impl NativeAgent {
    /// Copies a whole store into another one; the report as JSON.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn migrate<'env>(
        env: &'env Env,
        options: String,
        environment: String,
        cancel: Option<&Cancel>,
        listener: Option<&Listener>,
    ) -> Promise<'env, Text> {
        let (cancel, heard) = (token(cancel), heard(listener));
        let begun = options::migrate(&options);
        promise(env, async move {
            let (environment, working_directory) = (read_environment(&environment)?, working_directory()?);
            let report = Agent::migrate(begun?, &environment, &working_directory, heard, &cancel).await?;
            Ok(report.to_json().to_string())
        })
    }

    /// The report as JSON. `path` or `object` is the configuration of the target.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn mirror<'env>(
        &self,
        env: &'env Env,
        path: Unknown,
        object: Option<String>,
        options: Option<String>,
        cancel: Option<&Cancel>,
        listener: Option<&Listener>,
    ) -> Promise<'env, Text> {
        let heard = heard(listener);
        let begun = self.begin(cancel, || options::mirror(place(&path, object, "to")?, options.as_deref()));
        promise(env, async move {
            let (call, cancel, options) = begun?;
            let agent = call.agent().await?;
            Ok(agent.mirror(options, &working_directory()?, heard, &cancel).await?.to_json().to_string())
        })
    }
}

/// A configuration, named in a call that has another one.
pub(super) fn place(path: &Unknown, object: Option<String>, argument: &'static str) -> Result<ConfigSource> {
    match object {
        Some(object) if object.starts_with('{') => Ok(ConfigSource::Object(object)),
        Some(_) => Err(Error::new(Code::Input, "the configuration is not an object").with("argument", argument)),
        None => Ok(ConfigSource::Path(options::config_path(&text(path, argument)?, argument)?)),
    }
}

pub(super) fn heard(listener: Option<&Listener>) -> Heard {
    let (progress, findings) = Listener::halves(listener);
    Heard { progress, findings }
}
