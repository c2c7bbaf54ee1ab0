//! Which certificate authorities are believed: Mozilla's, which come with this package, the system's, and those of
//! `NODE_EXTRA_CA_CERTS`. A machine without a store of its own, such as a slim container, lacks nothing.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use crate::environment::Environment;
use crate::error::{Code, Error, Result};

/// TLS 1.2 and 1.3 with these roots.
pub(super) fn tls(environment: &Environment) -> Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Code::Internal, "TLS cannot be set up").with_source(error))?;
    Ok(config.with_root_certificates(roots(environment)).with_no_client_auth())
}

/// What cannot be read or parsed is passed over: one broken file must not take the network away.
fn roots(environment: &Environment) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    let named = |name| environment.get(name).map(Path::new);
    let system = match (named("SSL_CERT_FILE"), named("SSL_CERT_DIR")) {
        (None, None) => rustls_native_certs::load_native_certs(),
        (file, directory) => rustls_native_certs::load_certs_from_paths(file, directory),
    };
    store.add_parsable_certificates(system.certs);
    if let Some(file) = named("NODE_EXTRA_CA_CERTS") {
        store.add_parsable_certificates(rustls_native_certs::load_certs_from_paths(Some(file), None).certs);
    }
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_store_at_all_leaves_the_bundled_roots() {
        let nowhere = Environment::from_iter([
            ("SSL_CERT_FILE", "/nowhere/file"),
            ("SSL_CERT_DIR", "/nowhere/directory"),
            ("NODE_EXTRA_CA_CERTS", "/nowhere/extra"),
        ]);
        assert_eq!(roots(&nowhere).len(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert!(tls(&nowhere).is_ok());
    }
}
