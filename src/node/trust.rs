//! Keys, and whose they are.

use std::sync::Arc;

use napi::bindgen_prelude::{Env, Unknown};
use napi_derive::napi;
use serde_json::json;

use super::agent::{NativeAgent, Promise, read_environment, working_directory};
use super::options;
use super::outcome::promise;
use super::text::{Text, text};
use crate::error::{Code, Error};
use crate::id::DocumentId;
use crate::trust::Pin;

#[napi]
impl NativeAgent {
    #[napi(ts_return_type = "Promise<undefined | Failure>", ts_args_type = "agent: unknown")]
    pub fn trust_agent<'env>(&self, env: &'env Env, agent: Unknown) -> Promise<'env, ()> {
        let begun = self.begin(None, || text(&agent, "agentJson"));
        promise(env, async move {
            let (call, _, text) = begun?;
            call.agent().await?.trust(&text).await
        })
    }

    #[napi(ts_return_type = "Promise<undefined | Failure>", ts_args_type = "id: unknown, options?: string")]
    pub fn untrust_agent<'env>(&self, env: &'env Env, id: Unknown, options: Option<String>) -> Promise<'env, ()> {
        let begun = self.begin(None, || {
            let id = text(&id, "id")?;
            let id: DocumentId = id.parse().map_err(|_| Error::new(Code::Input, "the id of an agent is a UUID"))?;
            Ok((id, options::untrust(options.as_deref())?))
        });
        promise(env, async move {
            let (call, _, (id, forget)) = begun?;
            call.agent().await?.untrust(id, forget).await
        })
    }

    /// A list, as JSON.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn trusted_agents<'env>(&self, env: &'env Env) -> Promise<'env, Text> {
        let begun = self.state.begin();
        promise(env, async move {
            let call = begun?;
            let trusted = call.agent().await?.trusted().await?;
            Ok(trusted.iter().map(|(id, pin)| entry(*id, pin)).collect::<serde_json::Value>().to_string())
        })
    }

    #[napi(ts_return_type = "Promise<undefined | Failure>")]
    pub fn rotate_keys<'env>(&self, env: &'env Env, options: Option<String>, environment: String) -> Promise<'env, ()> {
        let (state, begun) = (self.state.clone(), self.begin(None, || options::rotate(options.as_deref())));
        promise(env, async move {
            let (call, _, options) = begun?;
            let (environment, working_directory) = (read_environment(&environment)?, working_directory()?);
            let agent = call.agent().await?;
            let agent = Arc::new(agent.rotate(options, &environment, &working_directory).await?);
            state.replace(agent.clone());
            agent.publish_own_documents().await
        })
    }

    /// The new agent document.
    #[napi(ts_return_type = "Promise<string | Failure>")]
    pub fn update_agent<'env>(&self, env: &'env Env, changes: Option<String>) -> Promise<'env, Text> {
        let (state, begun) = (self.state.clone(), self.begin(None, || options::agent_changes(changes.as_deref())));
        promise(env, async move {
            let (call, _, changes) = begun?;
            let agent = Arc::new(call.agent().await?.update_agent(changes).await?);
            state.replace(agent.clone());
            agent.publish_own_documents().await?;
            Ok(agent.document.clone())
        })
    }
}

fn entry(id: DocumentId, pin: &Pin) -> serde_json::Value {
    match pin {
        Pin::Trusted { key, since } => json!({
            "agentId": id.to_string(),
            "since": since.to_string(),
            "blocked": false,
            "algorithm": key.algorithm().name(),
            "keySha256": key.sha256(),
        }),
        Pin::Blocked { since } => json!({ "agentId": id.to_string(), "since": since.to_string(), "blocked": true }),
    }
}
