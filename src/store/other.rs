//! Further services of OpenDAL by their schemes, as far as this build has them (Cargo features). They go through our
//! transport, limits and retries; nothing more is known about them, so a write looks before and after.

use std::collections::BTreeMap;

use opendal::{ErrorKind, Operator, OperatorRegistry};

use super::remote::transport::{Dialect, Transport};
use super::remote::{Access, Remote, dress};
use crate::error::{Code, Error, Result};

/// A place in a service.
#[derive(Clone, Debug, Default)]
pub struct Other {
    /// OpenDAL's name of the service, such as `gcs`.
    pub scheme: String,
    /// `scheme://container/prefix`, or a path.
    pub directory: String,
    pub access: Access,
}

/// What services call the thing that holds objects.
const CONTAINERS: [(&str, &str); 6] = [
    ("gcs", "bucket"),
    ("oss", "bucket"),
    ("cos", "bucket"),
    ("b2", "bucket"),
    ("azblob", "container"),
    ("azdls", "filesystem"),
];

/// The scheme that is spoken by `hai` too.
const WEBDAV: &str = "webdav";

/// Errors: `JACS_UNSUPPORTED` for a scheme that this build lacks, `JACS_CONFIG`.
pub(super) fn open(settings: &Other) -> Result<(Operator, Remote)> {
    opendal::init_default_registry();
    let Other { scheme, directory, access } = settings;
    let mut options: BTreeMap<String, String> = access.options.clone();
    if directory.split('/').any(|segment| segment == "..") {
        return Err(refused("the data directory has no `..`", settings));
    }
    if scheme == WEBDAV {
        let path = directory.trim_start_matches("./").trim_matches('/').to_owned();
        return super::hai::open(&super::Hai { path, by_options: true, access: access.clone() });
    }
    if !OperatorRegistry::get().schemes().iter().any(|known| known == scheme) {
        return Err(Error::new(Code::Unsupported, "this build does not have the backend").with("storage", scheme));
    }
    let root = match directory.split_once("://") {
        None => directory.trim_start_matches("./").to_owned(),
        Some((named, place)) if named == scheme => {
            let (container, prefix) = place.split_once('/').unwrap_or((place, ""));
            let Some((_, name)) = CONTAINERS.iter().find(|(known, _)| known == scheme) else {
                return Err(refused("the service has no containers: the data directory is a path", settings));
            };
            options.insert((*name).to_owned(), container.to_owned());
            prefix.to_owned()
        }
        Some(_) => return Err(refused("the data directory is of another service", settings)),
    };
    if let Some(endpoint) = options.get_mut("endpoint") {
        *endpoint = access.check_url("jacs_storage_options.endpoint", endpoint)?;
    }
    options.insert("root".to_owned(), format!("/{}", root.trim_matches('/')));
    let operator = Operator::via_iter(scheme, options).map_err(|error| match error.kind() {
        ErrorKind::Unsupported => refused("this build does not have the backend", settings),
        kind => refused("the storage cannot be set up", settings).with("kind", kind),
    })?;
    let endpoint = access.options.get("endpoint").unwrap_or(scheme).clone();
    let conditional = operator.info().capability().write_with_if_not_exists;
    let remote = Remote::new(access, endpoint, directory, false, conditional, None);
    let transport = Transport::new(access.client()?, remote.watch.clone(), Dialect::default());
    Ok(dress(operator, access, transport, remote))
}

fn refused(message: &'static str, settings: &Other) -> Error {
    Error::new(Code::Config, message).with("storage", &settings.scheme)
}
