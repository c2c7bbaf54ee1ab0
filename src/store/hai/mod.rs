//! HAI managed storage, and any other WebDAV server, through OpenDAL's WebDAV service.

mod collections;
mod cut;
mod multistatus;

use http::HeaderValue;
use opendal::services::{Webdav, WebdavConfig};
use opendal::{Configurator, Operator};

use self::collections::Collections;
pub(super) use self::cut::Cut;
use super::CreateOnce;
use super::remote::transport::{Dialect, Transport};
use super::remote::{Access, Remote, dress, invalid, known_options};
use crate::error::{Code, Error, Result};

/// The variable with the server's address.
const URL: &str = "HAI_STORAGE_URL";
/// What a configuration for `hai` takes from variables, and from no option.
const FROM_VARIABLES: [(&str, &str); 4] = [
    ("endpoint", URL),
    ("token", "HAI_STORAGE_TOKEN"),
    ("username", "HAI_STORAGE_USERNAME"),
    ("password", "HAI_STORAGE_PASSWORD"),
];

/// A place on a WebDAV server.
#[derive(Clone, Debug, Default)]
pub struct Hai {
    /// Below the server's URL, without leading or trailing slash; may be empty.
    pub path: String,
    /// The server and its credentials are options (`endpoint`, `token`, `username`, `password`), not variables.
    pub by_options: bool,
    pub access: Access,
}

/// OpenDAL's service tells missing objects and collections by itself.
fn judged(status: u16) -> bool {
    matches!(status, 404 | 416)
}

/// Errors: `JACS_CONFIG` for a missing or malformed address, missing credentials, an option that is unknown.
pub(super) fn open(settings: &Hai) -> Result<(Operator, Remote)> {
    let access = &settings.access;
    access.check_options(&known_options(&WebdavConfig::default()))?;
    let given = |option: &str| access.options.get(option).map(String::as_str);
    if let Some((option, variable)) =
        FROM_VARIABLES.iter().find(|(option, _)| !settings.by_options && given(option).is_some())
    {
        let error = Error::new(Code::Config, "a storage option is refused: it is taken from the environment");
        return Err(error.with("option", option).with("variable", variable));
    }
    let [address, token, user, password] = FROM_VARIABLES
        .map(|(option, variable)| if settings.by_options { given(option) } else { access.environment.get(variable) });
    let source = if settings.by_options { "jacs_storage_options.endpoint" } else { URL };
    let address = address
        .ok_or_else(|| Error::new(Code::Config, "the address of the storage is missing").with("setting", source))?;
    let address = access.check_url(source, address)?;
    if !settings.by_options && token.is_none() && (user.is_none() || password.is_none()) {
        let message = "the credentials of the storage are missing: HAI_STORAGE_TOKEN, or HAI_STORAGE_USERNAME and HAI_STORAGE_PASSWORD";
        return Err(Error::new(Code::Config, message));
    }
    if token.is_some_and(|token| HeaderValue::from_str(token).is_err()) {
        return Err(Error::new(Code::Config, "the token of the storage has characters that no header takes"));
    }
    let config = WebdavConfig::from_iter(access.options.clone()).map_err(invalid)?;
    if user.is_some_and(|user| user.contains(':')) {
        return Err(Error::new(Code::Config, "the user's name has a colon, which basic authentication cannot carry"));
    }
    // Collections are made by our transport, when they are missing.
    let mut builder: Webdav =
        config.into_builder().endpoint(&address).root(&format!("/{}", settings.path)).disable_create_dir(true);
    builder = match (token, user) {
        (Some(token), _) => builder.token(token),
        (None, Some(user)) => builder.username(user).password(password.unwrap_or_default()),
        (None, None) => builder,
    };
    // Whether the condition is kept is shown by the doctor's probe; that it is atomic, by nothing.
    let mut remote = Remote::new(access, address.clone(), &settings.path, false, false, Some(CreateOnce::Checked));
    let dialect = Dialect { judged, ..Dialect::default() };
    let transport = Transport::new(access.client()?, remote.watch.clone(), dialect);
    let collections = Collections::new(transport, &address);
    remote.streams = true;
    remote.cut = Some(collections.cut());
    let operator = Operator::new(builder).map_err(invalid)?;
    Ok(dress(operator, access, collections, remote))
}
