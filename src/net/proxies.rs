//! Proxies from the environment that was handed in.

use reqwest::{NoProxy, Proxy};

use crate::environment::Environment;
use crate::error::{Code, Error, Result};

/// This machine, and what tells it its credentials, are never asked through a proxy: plain http to them must not leave it.
const NEVER: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fd00:ec2::/32";

/// The variables of a kind of proxy, and how it is made of a URL.
type Kind = ([&'static str; 2], fn(&str) -> reqwest::Result<Proxy>);

/// The proxies to use, most special first.
///
/// Errors: `JACS_CONFIG` for one that is not a URL; its text is not shown, for it may hold a password.
pub(super) fn of(environment: &Environment) -> Result<Vec<Proxy>> {
    let listed = variable(environment, ["no_proxy", "NO_PROXY"]).map_or("", |(_, hosts)| hosts);
    let none = NoProxy::from_string(&format!("{NEVER},{listed}"));
    let kinds: [Kind; 3] = [
        (["http_proxy", "HTTP_PROXY"], |url| Proxy::http(url)),
        (["https_proxy", "HTTPS_PROXY"], |url| Proxy::https(url)),
        (["all_proxy", "ALL_PROXY"], |url| Proxy::all(url)),
    ];
    let mut proxies = Vec::new();
    for (names, proxy) in kinds {
        let Some((name, url)) = variable(environment, names) else { continue };
        if proxies.len() == 2 {
            // Nothing would be left for it; it is often one of a kind that is not spoken here.
            break;
        }
        let refused =
            || Error::new(Code::Config, "a proxy is not a URL with http:// or https://").with("variable", name);
        if let Some((scheme, _)) = url.split_once("://")
            && !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Err(refused());
        }
        let proxy = proxy(url).map_err(|_| refused())?;
        proxies.push(proxy.no_proxy(none.clone()));
    }
    Ok(proxies)
}

fn variable<'a>(environment: &'a Environment, names: [&'static str; 2]) -> Option<(&'static str, &'a str)> {
    names.into_iter().find_map(|name| Some((name, environment.get(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_is_no_url_is_named_but_not_shown() {
        let environment = Environment::from_iter([("HTTPS_PROXY", "http://user:s3cret@")]);
        let error = of(&environment).unwrap_err();
        assert_eq!(error.code(), Code::Config);
        assert!(error.to_string().contains("HTTPS_PROXY") && !format!("{error:?}").contains("s3cret"), "{error}");
    }

    #[test]
    fn small_letters_win_and_none_is_none() {
        assert!(of(&Environment::default()).unwrap().is_empty());
        let environment = Environment::from_iter([("http_proxy", "http://127.0.0.1:1"), ("HTTP_PROXY", "::")]);
        assert_eq!(of(&environment).unwrap().len(), 1);
    }

    #[test]
    fn a_proxy_for_the_rest_matters_where_something_is_left() {
        let usual = [("http_proxy", "HTTP://127.0.0.1:1"), ("https_proxy", "http://127.0.0.1:1")];
        let socks = ("all_proxy", "socks5://127.0.0.1:1");
        assert_eq!(of(&Environment::from_iter(usual.into_iter().chain([socks]))).unwrap().len(), 2);
        assert!(of(&Environment::from_iter([usual[0], socks])).is_err());
    }
}
