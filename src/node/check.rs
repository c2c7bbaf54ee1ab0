//! A look at every object of the store.

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use super::agent::{NativeAgent, Promise, working_directory};
use super::listener::Listener;
use super::outcome::promise;
use super::text::Text;
use super::transfers::heard;
use super::{Cancel, options};

#[napi]
impl NativeAgent {
    /// The report as JSON.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn check<'env>(
        &self,
        env: &'env Env,
        options: Option<String>,
        cancel: Option<&Cancel>,
        listener: Option<&Listener>,
    ) -> Promise<'env, Text> {
        let heard = heard(listener);
        let begun = self.begin(cancel, || options::check(options.as_deref()));
        promise(env, async move {
            let (call, cancel, options) = begun?;
            let agent = call.agent().await?;
            Ok(agent.check(options, &working_directory()?, heard, &cancel).await?.to_json().to_string())
        })
    }
}
