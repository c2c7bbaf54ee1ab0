//! Whole stores as archives: export and import.

use napi::bindgen_prelude::{Env, Unknown};
use napi_derive::napi;

use super::agent::{NativeAgent, Promise, read_environment, token, working_directory};
use super::listener::Listener;
use super::outcome::promise;
use super::text::{Text, text};
use super::transfers::{heard, place};
use super::{Cancel, options};
use crate::agent::Agent;

#[napi]
impl NativeAgent {
    /// The report as JSON.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn export_archive<'env>(
        &self,
        env: &'env Env,
        file: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
        listener: Option<&Listener>,
    ) -> Promise<'env, Text> {
        let heard = heard(listener);
        let begun = self.begin(cancel, || options::export(&text(&file, "file")?, options.as_deref()));
        promise(env, async move {
            let (call, cancel, options) = begun?;
            Ok(call.agent().await?.export_archive(options, heard, &cancel).await?.to_json().to_string())
        })
    }

    /// The report as JSON.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn import_archive<'env>(
        &self,
        env: &'env Env,
        file: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
        listener: Option<&Listener>,
    ) -> Promise<'env, Text> {
        let heard = heard(listener);
        let begun = self.begin(cancel, || options::import(&text(&file, "file")?, options.as_deref(), false));
        promise(env, async move {
            let (call, cancel, options) = begun?;
            Ok(call.agent().await?.import_archive(options, heard, &cancel).await?.to_json().to_string())
        })
    }

    /// Restores an archive into the storage of a configuration, `path` or `object`; the report as JSON.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    #[allow(clippy::too_many_arguments)] // JavaScript's, one a kind of value.
    pub fn import_into<'env>(
        env: &'env Env,
        path: Unknown,
        object: Option<String>,
        file: Unknown,
        options: Option<String>,
        environment: String,
        cancel: Option<&Cancel>,
        listener: Option<&Listener>,
    ) -> Promise<'env, Text> {
        let (cancel, heard) = (token(cancel), heard(listener));
        let read =
            || Ok((place(&path, object, "config")?, options::import(&text(&file, "file")?, options.as_deref(), true)?));
        let begun = read();
        promise(env, async move {
            let (place, options) = begun?;
            let (environment, working_directory) = (read_environment(&environment)?, working_directory()?);
            let report = Agent::import_into(&place, options, &environment, &working_directory, heard, &cancel).await?;
            Ok(report.to_json().to_string())
        })
    }
}
