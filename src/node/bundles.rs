//! Bundles: made by an agent, verified by anybody.

use napi::bindgen_prelude::{Env, Unknown};
use napi_derive::napi;

use super::agent::{NativeAgent, Promise, read_environment, token, working_directory};
use super::listener::Listener;
use super::outcome::promise;
use super::text::{Text, text};
use super::transfers::{heard, place};
use super::{Cancel, options, report};
use crate::agent::Agent;

#[napi]
impl NativeAgent {
    /// The report as JSON.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn export_bundle<'env>(
        &self,
        env: &'env Env,
        file: Unknown,
        options: Option<String>,
        cancel: Option<&Cancel>,
        listener: Option<&Listener>,
    ) -> Promise<'env, Text> {
        let heard = heard(listener);
        let begun = self.begin(cancel, || options::export_bundle(&text(&file, "file")?, options.as_deref()));
        promise(env, async move {
            let (call, cancel, options) = begun?;
            Ok(call.agent().await?.export_bundle(options, heard, &cancel).await?.to_json().to_string())
        })
    }

    /// The reports as a JSON list. `path` or `object` is the recipient's configuration; neither: there is none.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn verify_bundle<'env>(
        env: &'env Env,
        file: Unknown,
        path: Unknown,
        object: Option<String>,
        options: Option<String>,
        environment: String,
        cancel: Option<&Cancel>,
    ) -> Promise<'env, Text> {
        let cancel = token(cancel);
        let read = || {
            let has_config = object.is_some() || path.get_type().is_ok_and(|kind| kind != napi::ValueType::Undefined);
            let config = has_config.then(|| place(&path, object.clone(), "config")).transpose()?;
            options::verify_bundle(&text(&file, "file")?, config, options.as_deref())
        };
        let begun = read();
        promise(env, async move {
            let (environment, working_directory) = (read_environment(&environment)?, working_directory()?);
            let reports = Agent::verify_bundle(begun?, &environment, &working_directory, &cancel).await?;
            Ok(report::bundle(&reports))
        })
    }
}
