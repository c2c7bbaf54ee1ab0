//! Amazon S3 and what speaks its language, through OpenDAL's S3 service.

pub(super) mod credentials;
mod endpoint;
mod listing;
pub(super) mod presign;
mod profile;
mod upload;

use std::sync::Arc;

use http::HeaderMap;
use http::header::ETAG;
use opendal::services::{S3, S3Config};
use opendal::{Configurator, Operator};

use self::credentials::Told;
use self::endpoint::Place;
use self::presign::Presigner;
use self::profile::Profile;
use super::CreateOnce;
use super::remote::transport::{Dialect, Transport};
use super::remote::{Access, Remote, dress, invalid, known_options};
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

/// The option that names how bodies are checked.
const CHECKSUM: &str = "checksum_algorithm";

/// Buckets of S3 Express One Zone list in no order and need a session of their own.
const EXPRESS: &str = "--x-s3";

/// Every object, and every part of one, has an entity tag.
fn is_stored(headers: &HeaderMap) -> bool {
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
    let builder = configured(settings, &place).map_err(invalid)?;
    let client = access.client()?;
    let hosts = if settings.bucket.ends_with(EXPRESS) { Arc::default() } else { place.hosts(&settings.bucket) };
    let dialect = Dialect {
        is_listing: listing::is_sound,
        is_stored,
        is_upload: Some(upload::is_step),
        checksums: by_md5(access, &place),
        hosts,
        ..Dialect::default()
    };
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
    let builder = builder.credential_provider_chain(credentials::chain(access, &profile, &place, &transport, &told));
    remote.told = Some(told.clone());
    let operator = Operator::new(builder).map_err(invalid)?;
    remote.presigner =
        Some(Box::new(Presigner { settings: settings.clone(), profile, place, transport: transport.clone(), told }));
    Ok(dress(operator, access, transport, remote))
}

/// Whether bodies go with their MD5. OpenDAL does not send it with uploads in parts. Without TLS nothing else would notice a
/// byte that changed on its way.
fn by_md5(access: &Access, place: &Place) -> bool {
    match access.options.get(CHECKSUM) {
        Some(algorithm) => algorithm == "md5",
        None => !place.endpoint.starts_with("https:"),
    }
}

/// OpenDAL's service with all settings but its credentials.
fn configured(settings: &Aws, place: &Place) -> opendal::Result<S3> {
    let access = &settings.access;
    let by_md5 = by_md5(access, place);
    // The style of the URLs is decided elsewhere, from the same option.
    let ours = |name: &String| name == "enable_virtual_host_style" || (name == CHECKSUM && by_md5);
    let options = access.options.iter().filter(|(name, _)| !ours(name));
    let config = S3Config::from_iter(options.map(|(name, value)| (name.clone(), value.clone())))?;
    let mut builder: S3 = config
        .into_builder()
        .bucket(&settings.bucket)
        .root(&format!("/{}", settings.prefix))
        .region(&place.region)
        .endpoint(&place.endpoint);
    if place.virtual_host {
        builder = builder.enable_virtual_host_style();
    }
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
    Ok(builder)
}
