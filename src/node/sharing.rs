//! What others need who have no credentials, or only the name of a domain.

use napi::bindgen_prelude::{Env, Unknown};
use napi_derive::napi;

use super::agent::{NativeAgent, Promise, reference};
use super::options;
use super::outcome::{Outcome, outcome, promise};
use super::text::Text;

#[napi]
impl NativeAgent {
    /// A URL.
    #[napi(ts_return_type = "Promise<string | Failure>", ts_args_type = "key: unknown, options?: string")]
    pub fn presign<'env>(&self, env: &'env Env, key: Unknown, options: Option<String>) -> Promise<'env, Text> {
        let begun = self.begin(None, || Ok((reference(&key)?, options::presign(options.as_deref())?)));
        promise(env, async move {
            let (call, _, (key, options)) = begun?;
            call.agent().await?.presign(key, &options).await
        })
    }

    /// The record, in one of its forms.
    #[napi(ts_return_type = "string | Failure")]
    pub fn dns_record(&self, options: Option<String>) -> Outcome<Text> {
        outcome(|| {
            let agent = self.state.loaded()?;
            let (domain, form) = options::dns_record(options.as_deref())?;
            let record = agent.publication(domain.as_deref())?;
            Ok(match form {
                options::RecordForm::Zone => record.zone_line().trim_end().to_owned(),
                options::RecordForm::Route53 => format!("{:#}", record.route53()),
            })
        })
    }
}
