//! Amazon S3 and what speaks its language, through OpenDAL's S3 service.

pub(super) mod credentials;
mod endpoint;
mod listing;
mod profile;

use std::sync::Arc;

use http::header::ETAG;
use http::{HeaderMap, StatusCode};
use opendal::services::{S3, S3Config};
use opendal::{Configurator, Operator};

use self::credentials::Told;
use self::endpoint::Place;
use self::profile::Profile;
use super::CreateOnce;
use super::remote::transport::{Dialect, Transport};
use super::remote::{Access, Remote, dress, known_options};
use crate::error::{Code, Error, Result};

/// A bucket, and how objects are written there.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    pub bucket: String,
    /// Without leading or trailing slash; may be empty.
    pub prefix: String,
    /// `AES256` or `aws:kms`; `None` leaves it to the bucket.
    pub encryption: Option<&'static str>,
    pub kms_key_id: Option<String>,
    pub storage_class: Option<String>,
    pub access: Access,
}

/// Buckets of S3 Express One Zone list in no order and need a session of their own.
const EXPRESS: &str = "--x-s3";

/// Missing, conflicting and conditional ones are told apart by OpenDAL's service.
fn judged(status: u16) -> bool {
    matches!(status, 404 | 409 | 412 | 416)
}

/// Every object has an entity tag.
fn is_stored(_: StatusCode, headers: &HeaderMap) -> bool {
    headers.contains_key(ETAG)
}

/// Errors: `JACS_CONFIG` for a missing region, a malformed endpoint, an option that is unknown.
pub(super) fn open(settings: &Aws) -> Result<(Operator, Remote)> {
    let access = &settings.access;
    access.check_options(&known_options(&S3Config::default()))?;
    if access.options.contains_key("access_key_id") != access.options.contains_key("secret_access_key") {
        let message = "the options `access_key_id` and `secret_access_key` go together";
        return Err(Error::new(Code::Config, message));
    }
    let profile = Profile::read(&access.environment, access.options.get("profile"))?;
    let place = Place::find(access, &profile, &settings.bucket)?;
    // The style of the URLs is decided above, from the same option.
    let options = access.options.iter().filter(|(name, _)| *name != "enable_virtual_host_style");
    let config = S3Config::from_iter(options.map(|(name, value)| (name.clone(), value.clone()))).map_err(invalid)?;
    let mut builder: S3 = config
        .into_builder()
        .bucket(&settings.bucket)
        .root(&format!("/{}", settings.prefix))
        .region(&place.region)
        .endpoint(&place.endpoint);
    if place.virtual_host {
        builder = builder.enable_virtual_host_style();
    }
    // Without TLS nothing else would notice a byte that changed on its way.
    if !place.endpoint.starts_with("https:") && !access.options.contains_key("checksum_algorithm") {
        builder = builder.checksum_algorithm("md5");
    }
    let client = access.client()?;
    let hosts = if settings.bucket.ends_with(EXPRESS) { Arc::default() } else { place.hosts(&settings.bucket) };
    let dialect = Dialect { judged, is_listing: listing::is_sound, is_stored, hosts };
    let mut remote = Remote::new(
        access,
        place.endpoint.clone(),
        &settings.bucket,
        !settings.bucket.ends_with(EXPRESS),
        true,
        // Others may take the condition and ignore it; they have to show it.
        place.is_amazon().then_some(CreateOnce::Atomic),
    );
    let transport = Transport::new(client, remote.watch.clone(), dialect);
    let told = Told::default();
    builder = builder.credential_provider_chain(credentials::chain(access, &profile, &place, &transport, &told));
    remote.told = Some(told);
    // Set last: the configuration's own keys win over options of the same meaning.
    builder = match (settings.encryption, &settings.kms_key_id) {
        (Some("aws:kms"), Some(key)) => builder.server_side_encryption_with_customer_managed_kms_key(key),
        (Some("aws:kms"), None) => builder.server_side_encryption_with_aws_managed_kms_key(),
        (Some(_), _) => builder.server_side_encryption_with_s3_key(),
        (None, _) => builder,
    };
    if let Some(class) = &settings.storage_class {
        builder = builder.default_storage_class(class);
    }
    let operator = Operator::new(builder).map_err(invalid)?;
    Ok((dress(operator, access, transport), remote))
}

fn invalid(error: opendal::Error) -> Error {
    // OpenDAL repeats the value in some of its messages; its kind and our names are enough.
    Error::new(Code::Config, "the storage on S3 cannot be set up").with("kind", error.kind())
}
