//! URLs that give one object to whoever has them, without credentials, for a time.

use std::time::Duration;

use opendal::{ErrorKind, HttpTransporter, OperationContext, Operator};
use reqsign_aws_v4::Credential;
use reqsign_core::{Context, ProvideCredential, ProvideCredentialChain};

use super::credentials::{self, Told};
use super::endpoint::Place;
use super::profile::Profile;
use super::{Aws, configured};
use crate::store::remote::answer::{Again, Verdict};
use crate::store::remote::transport::Transport;

/// Makes such URLs.
///
/// It has credentials of its own for each: for requests they are looked up again before their end, and OpenDAL signs nothing
/// that is to be good for longer than they say. A URL is looked at by the server alone, which ends it with its credentials.
pub(in crate::store) struct Presigner {
    pub(super) settings: Aws,
    pub(super) profile: Profile,
    pub(super) place: Place,
    pub(super) transport: Transport,
    pub(super) told: Told,
}

impl Presigner {
    /// The URL that gives the object at `path`, for whole seconds.
    pub async fn read(&self, path: &str, expires: Duration) -> opendal::Result<String> {
        let chain = credentials::chain(&self.settings.access, &self.profile, &self.place, &self.transport, &self.told);
        let builder = configured(&self.settings, &self.place)?.credential_provider_chain(chain_of(Lasting(chain)));
        let context = OperationContext::new().with_http_transport(HttpTransporter::new(self.transport.clone()));
        let signed = Operator::new(builder)?.with_context(context).presign_read(path, expires).await?;
        // Headers that were signed too would have to go with it: who pays, or the key of an encryption.
        let alone = signed.header().is_empty() && signed.uri().query().is_some_and(|query| query.contains(SIGNATURE));
        match alone {
            true => Ok(signed.uri().to_string()),
            false => Err(Verdict::error(ErrorKind::Unsupported, Again::No, NOT_ALONE)),
        }
    }
}

/// What makes a URL signed.
const SIGNATURE: &str = "X-Amz-Signature=";
const NOT_ALONE: &str =
    "with these settings a URL alone gives nobody an object: nothing is signed, or headers go with it";

fn chain_of(provider: Lasting) -> ProvideCredentialChain<Credential> {
    ProvideCredentialChain::new().push(provider)
}

/// Credentials without their end.
#[derive(Debug)]
struct Lasting(ProvideCredentialChain<Credential>);

impl ProvideCredential for Lasting {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> reqsign_core::Result<Option<Credential>> {
        let found = self.0.provide_credential(context).await?;
        Ok(found.map(|credential| Credential { expires_in: None, ..credential }))
    }
}
