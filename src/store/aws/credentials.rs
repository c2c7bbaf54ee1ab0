//! Where credentials come from: the standard chain of the AWS tools, over the environment that was handed in.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opendal::HttpTransporter;
use reqsign_aws_v4::{
    AssumeRoleCredentialProvider, AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider,
    EnvCredentialProvider, IMDSv2CredentialProvider, ProcessCredentialProvider, ProfileCredentialProvider,
    RequestSigner, SSOCredentialProvider, StaticCredentialProvider,
};
use reqsign_core::time::Timestamp;
use reqsign_core::{
    CommandExecute, CommandOutput, Context, Env, ErrorKind, ProvideCredential, ProvideCredentialChain,
    ProvideCredentialDyn, Signer,
};

use super::endpoint::Place;
use super::profile::{Profile, home};
use crate::environment::Environment;
use crate::error::below;
use crate::net::{Failure, What};
use crate::store::remote::Access;
use crate::store::remote::answer::Verdict;
use crate::store::remote::transport::Transport;

/// Credentials that name no end are looked up again after five minutes: the file they came from may have been written
/// anew. reqsign takes credentials for ended two minutes before their end.
const LOOK_AGAIN: Duration = Duration::from_secs(7 * 60);
/// What ends within this is not used any more; reqsign's signer refuses it.
const MARGIN: Duration = Duration::from_secs(10);

/// A source by its name.
type Source = (&'static str, Box<dyn ProvideCredentialDyn<Credential = Credential>>);

/// What the last look for credentials came to; OpenDAL and reqsign drop it on the way.
pub(in crate::store) type Told = Arc<Mutex<Option<NoCredentials>>>;

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct NoCredentials {
    /// Sources by name, with the kind of their failure.
    text: String,
    pub why: Why,
}

/// What is the matter with the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Why {
    /// None of them has any.
    None,
    /// One might answer later.
    Silent,
    /// What one gives has ended already.
    Expired,
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for NoCredentials {}

/// The chain for a bucket: credentials of the options, then those of a role, then the standard chain.
pub(super) fn chain(
    access: &Access,
    profile: &Profile,
    place: &Place,
    transport: &Transport,
    told: &Told,
) -> ProvideCredentialChain<Credential> {
    let option = |name| access.options.get(name).map(String::as_str);
    let chain = |sources| Chain {
        environment: access.environment.clone(),
        sources,
        told: told.clone(),
        last: Mutex::default(),
    };
    let chosen = option("profile");
    let role = role(access, profile);
    let named = role.and_then(|_| profile.get("source_profile")).or(chosen);
    let mut sources = fixed(access);
    sources.extend(standard(profile, named, named == chosen));
    let base = chain(sources);
    let Some(role) = role else { return ProvideCredentialChain::new().push(base) };
    // The provider of a role asks by itself, outside the operator, so it gets the transport here.
    let context = base.context(
        Context::new()
            .with_file_read(reqsign_file_read_tokio::TokioFileRead)
            .with_http_send(HttpTransporter::new(transport.clone())),
    );
    let signer = Signer::new(context, base, RequestSigner::new("sts", &place.region));
    let mut assume = AssumeRoleCredentialProvider::new(role.to_owned(), signer)
        .with_region(place.region.clone())
        .with_regional_sts_endpoint();
    let setting = |name| option(name).or_else(|| profile.get(name));
    if let Some(id) = setting("external_id") {
        assume = assume.with_external_id(id.to_owned());
    }
    if let Some(name) = setting("role_session_name") {
        assume = assume.with_role_session_name(name.to_owned());
    }
    let seconds = option("assume_role_duration_seconds").or_else(|| profile.get("duration_seconds"));
    if let Some(seconds) = seconds.and_then(|text| text.parse().ok()) {
        assume = assume.with_duration_seconds(seconds);
    }
    ProvideCredentialChain::new().push(chain(vec![("role", Box::new(assume))]))
}

/// The role to assume. As with the AWS tools, keys in the environment are used as they are, whatever a profile says.
fn role<'a>(access: &'a Access, profile: &'a Profile) -> Option<&'a str> {
    let of_profile = || {
        let with_token = profile.get("web_identity_token_file").is_some();
        let keys = access.environment.get("AWS_ACCESS_KEY_ID").is_some();
        profile.get("role_arn").filter(|_| !keys && !with_token)
    };
    access.options.get("role_arn").map(String::as_str).or_else(of_profile)
}

/// Credentials that stand in the options themselves.
fn fixed(access: &Access) -> Vec<Source> {
    let option = |name| access.options.get(name).map(String::as_str);
    let (Some(key), Some(secret)) = (option("access_key_id"), option("secret_access_key")) else { return Vec::new() };
    let provider = StaticCredentialProvider::new(key, secret);
    vec![(
        "options",
        match option("session_token") {
            Some(token) => Box::new(provider.with_session_token(token)),
            None => Box::new(provider),
        },
    )]
}

/// The sources of the AWS tools in their order, without those that the profile does not name;
/// <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>. `own` says that `profile` holds the
/// settings of the profile by that name.
fn standard(profile: &Profile, name: Option<&str>, own: bool) -> Vec<Source> {
    let mut sources: Vec<Source> = vec![("environment", Box::new(EnvCredentialProvider::new()))];
    let files = ProfileCredentialProvider::new();
    sources.push((
        "profile",
        Box::new(match name {
            Some(name) => files.with_profile(name),
            None => files,
        }),
    ));
    let names = |setting| !own || profile.get(setting).is_some();
    if names("sso_session") || names("sso_start_url") {
        let sso = SSOCredentialProvider::new();
        sources.push((
            "SSO",
            Box::new(match name {
                Some(name) => sso.with_profile(name),
                None => sso,
            }),
        ));
    }
    let web = match (own, profile.get("role_arn"), profile.get("web_identity_token_file")) {
        (true, Some(role), Some(file)) => {
            AssumeRoleWithWebIdentityCredentialProvider::with_config(role.to_owned(), file.into())
        }
        _ => AssumeRoleWithWebIdentityCredentialProvider::new(),
    };
    sources.push(("web identity", Box::new(web)));
    if names("credential_process") {
        let process = ProcessCredentialProvider::new();
        sources.push((
            "credential_process",
            Box::new(match (profile.get("credential_process"), name) {
                (Some(command), _) if own => process.with_command(command),
                (_, Some(name)) => process.with_profile(name),
                _ => process,
            }),
        ));
    }
    sources.push(("container", Box::new(ECSCredentialProvider::new())));
    sources.push((INSTANCE, Box::new(IMDSv2CredentialProvider::new())));
    sources
}

/// Asked last, on every machine; that nothing answers there is the usual case elsewhere.
const INSTANCE: &str = "instance metadata";

/// A chain that sees the environment that was handed in, runs `credential_process`, and tells what it tried.
struct Chain {
    environment: Environment,
    sources: Vec<Source>,
    told: Told,
    /// What was given last: asked again before its end, it is good until then.
    last: Mutex<Option<Credential>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|(name, _)| name)).finish()
    }
}

impl Chain {
    fn context(&self, context: Context) -> Context {
        context.with_env(Variables(self.environment.clone())).with_command_execute(Command(self.environment.clone()))
    }

    fn last(&self) -> MutexGuard<'_, Option<Credential>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, failed: &[String], why: Why) -> reqsign_core::Error {
        let tried = self.sources.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let text = match failed.is_empty() {
            true => format!("none in: {tried}"),
            false => failed.join("; "),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Under a role, the chain below has told already what is the matter.
        if told.is_none() {
            *told = Some(NoCredentials { text, why });
        }
        reqsign_core::Error::new(ErrorKind::CredentialInvalid, "no credentials")
    }
}

impl ProvideCredential for Chain {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> reqsign_core::Result<Option<Credential>> {
        let context = self.context(context.clone());
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut failed = Vec::new();
        let mut why = Why::None;
        for (name, source) in &self.sources {
            match source.provide_credential_dyn(&context).await {
                Ok(Some(credential)) if has_ended(&credential) => {
                    why = Why::Expired;
                    failed.push(format!("{name}: expired"));
                }
                Ok(Some(mut credential)) => {
                    if credential.expires_in.is_none() && *name != "environment" {
                        credential.expires_in = Some(Timestamp::now() + LOOK_AGAIN);
                    }
                    *self.last() = Some(credential.clone());
                    return Ok(Some(credential));
                }
                Ok(None) => {}
                Err(error) => {
                    let failure = below::<Failure>(&error);
                    if *name == INSTANCE && failure.is_some_and(is_nobody) {
                        continue;
                    }
                    let verdict = below::<Verdict>(&error);
                    let passes = error.is_retryable() || failure.is_some_and(Failure::may_pass);
                    if why == Why::None && passes && verdict.is_none() {
                        why = Why::Silent;
                    }
                    // Its text may repeat what a command or a server said; its kind says what to look for.
                    failed.push(match (verdict, failure) {
                        (Some(verdict), _) => format!("{name}: {verdict}"),
                        (None, Some(failure)) => format!("{name}: {failure}"),
                        (None, None) => format!("{name}: {}", error.kind()),
                    });
                }
            }
        }
        let last = self.last().clone().filter(|last| why == Why::Silent && !has_ended(last));
        if last.is_some() {
            return Ok(last);
        }
        Err(self.tell(&failed, why))
    }
}

fn has_ended(credential: &Credential) -> bool {
    credential.expires_in.is_some_and(|end| end <= Timestamp::now() + MARGIN)
}

/// Nothing is at an address.
fn is_nobody(failure: &Failure) -> bool {
    matches!(failure.what, What::Late | What::Connect)
}

/// Runs what `credential_process` names, with the environment that was handed in and not for ever.
#[derive(Clone, Debug)]
struct Command(Environment);

/// The AWS tools wait as long as it takes; nobody is there to type something for us.
const COMMAND: Duration = Duration::from_secs(20);

impl CommandExecute for Command {
    async fn command_execute<'a>(
        &'a self,
        program: &'a str,
        arguments: &'a [&'a str],
    ) -> reqsign_core::Result<CommandOutput> {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).env_clear().envs(self.0.iter()).stdin(Stdio::null()).kill_on_drop(true);
        let late = || reqsign_core::Error::unexpected("the command does not end").set_retryable(true);
        let output = tokio::time::timeout(COMMAND, command.output()).await.map_err(|_| late())?;
        let output = output.map_err(|_| reqsign_core::Error::config_invalid("the command cannot be run"))?;
        let status = output.status.code().unwrap_or(-1);
        Ok(CommandOutput { status, stdout: output.stdout, stderr: output.stderr })
    }
}

/// The environment for reqsign; `Debug` shows names only.
#[derive(Clone, Debug)]
struct Variables(Environment);

impl Env for Variables {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).map(str::to_owned)
    }

    fn vars(&self) -> std::collections::HashMap<String, String> {
        // As for the AWS tools, an empty variable is none.
        let set = self.0.iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        home(&self.0)
    }
}
