//! Where credentials come from: the standard chain of the AWS tools, over the environment that was handed in.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use opendal::HttpTransporter;
use reqsign_aws_v4::{
    AssumeRoleCredentialProvider, AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider,
    EnvCredentialProvider, IMDSv2CredentialProvider, ProcessCredentialProvider, ProfileCredentialProvider,
    RequestSigner, SSOCredentialProvider, StaticCredentialProvider,
};
use reqsign_command_execute_tokio::TokioCommandExecute;
use reqsign_core::time::Timestamp;
use reqsign_core::{Context, Env, ErrorKind, ProvideCredential, ProvideCredentialChain, ProvideCredentialDyn, Signer};

use super::endpoint::Place;
use super::profile::{Profile, home};
use crate::environment::Environment;
use crate::store::remote::Access;
use crate::store::remote::transport::Transport;

/// Credentials that name no end are looked up again after this: the file they came from may have been written anew.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);

/// A source by its name.
type Source = (&'static str, Box<dyn ProvideCredentialDyn<Credential = Credential>>);

/// The chain for a bucket: credentials of the options, then those of a role, then the standard chain.
pub(super) fn chain(
    access: &Access,
    profile: &Profile,
    place: &Place,
    transport: &Transport,
) -> ProvideCredentialChain<Credential> {
    let option = |name| access.options.get(name).map(String::as_str);
    let role = option("role_arn").or_else(|| profile.get("role_arn"));
    let named = role.and_then(|_| profile.get("source_profile")).or_else(|| option("profile"));
    let mut sources = fixed(access);
    sources.extend(standard(named));
    let base = Chain { environment: access.environment.clone(), sources };
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
    let sources: Vec<Source> = vec![("role", Box::new(assume))];
    ProvideCredentialChain::new().push(Chain { environment: access.environment.clone(), sources })
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

/// The sources of the AWS tools in their order;
/// <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>.
fn standard(profile: Option<&str>) -> Vec<Source> {
    let (mut files, mut sso, mut process) =
        (ProfileCredentialProvider::new(), SSOCredentialProvider::new(), ProcessCredentialProvider::new());
    if let Some(profile) = profile {
        (files, sso, process) = (files.with_profile(profile), sso.with_profile(profile), process.with_profile(profile));
    }
    vec![
        ("environment", Box::new(EnvCredentialProvider::new())),
        ("profile", Box::new(files)),
        ("SSO", Box::new(sso)),
        ("web identity", Box::new(AssumeRoleWithWebIdentityCredentialProvider::new())),
        ("credential_process", Box::new(process)),
        ("container", Box::new(ECSCredentialProvider::new())),
        (INSTANCE, Box::new(IMDSv2CredentialProvider::new())),
    ]
}

/// Asked last, on every machine; that nothing answers there is the usual case elsewhere.
const INSTANCE: &str = "instance metadata";

/// A chain that sees the environment that was handed in, runs `credential_process`, and says what it tried.
struct Chain {
    environment: Environment,
    sources: Vec<Source>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|(name, _)| name)).finish()
    }
}

impl Chain {
    fn context(&self, context: Context) -> Context {
        context.with_env(Variables(self.environment.clone())).with_command_execute(TokioCommandExecute)
    }
}

impl ProvideCredential for Chain {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> reqsign_core::Result<Option<Credential>> {
        let context = self.context(context.clone());
        let mut failed = Vec::new();
        let mut may_pass = false;
        for (name, source) in &self.sources {
            match source.provide_credential_dyn(&context).await {
                Ok(Some(mut credential)) => {
                    if credential.expires_in.is_none() && *name != "environment" {
                        credential.expires_in = Some(Timestamp::now() + LOOK_AGAIN);
                    }
                    return Ok(Some(credential));
                }
                Ok(None) => {}
                Err(_) if *name == INSTANCE => {}
                Err(error) => {
                    may_pass |= error.is_retryable();
                    // Its text may repeat what a command or a server said; its kind says what to look for.
                    failed.push(format!("{name}: {}", error.kind()));
                }
            }
        }
        let tried = self.sources.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let text = match failed.is_empty() {
            true => format!("tried: {tried}"),
            false => format!("failed: {}", failed.join("; ")),
        };
        Err(reqsign_core::Error::new(ErrorKind::CredentialInvalid, text).set_retryable(may_pass))
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
        self.0.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        home(&self.0)
    }
}
