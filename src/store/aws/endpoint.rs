//! Which server, which region, and how its URLs are spelled.

use std::sync::Arc;

use super::profile::Profile;
use crate::error::{Code, Error, Result};
use crate::net;
use crate::store::remote::Access;

/// The domains of Amazon itself; <https://docs.aws.amazon.com/general/latest/gr/s3.html>.
const AMAZON: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];

/// Amazon's addresses without a region, which stand for the one that is set.
const GLOBAL: [(&str, &str); 2] = [("https://s3.amazonaws.com", AMAZON[0]), ("https://s3.amazonaws.com.cn", AMAZON[1])];

/// A server of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub region: String,
    pub endpoint: String,
    /// `https://bucket.host/key` in place of `https://host/bucket/key`.
    pub virtual_host: bool,
}

impl Place {
    /// Options win over the environment, which wins over the profile.
    ///
    /// Errors: `JACS_CONFIG`.
    pub fn find(access: &Access, profile: &Profile, bucket: &str) -> Result<Place> {
        let variable = |name| access.environment.get(name);
        let option = |name| access.options.get(name).map(String::as_str);
        let region = option("region")
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .or_else(|| profile.get("region"))
            .ok_or_else(missing_region)?;
        if !is_region(region) {
            return Err(Error::new(Code::Config, "the region is not a name of a region").with("setting", "AWS_REGION"));
        }
        let ignored = access.environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some("true");
        let configured = |value| if ignored { None } else { value };
        let named = [
            ("jacs_storage_options.endpoint", option("endpoint")),
            ("AWS_ENDPOINT_URL_S3", configured(variable("AWS_ENDPOINT_URL_S3"))),
            ("AWS_ENDPOINT_URL", configured(variable("AWS_ENDPOINT_URL"))),
            ("endpoint_url of the AWS profile", configured(profile.get("endpoint_url"))),
        ];
        let endpoint = match named.into_iter().find_map(|(name, url)| Some((name, url?))) {
            Some((name, url)) => access.check_url(name, url)?,
            None => amazon(access, region),
        };
        let endpoint = GLOBAL.iter().find(|(global, _)| *global == endpoint).map_or(endpoint, |(_, domain)| {
            // OpenDAL would do the same.
            format!("https://s3.{region}{domain}")
        });
        let virtual_host = match option("enable_virtual_host_style") {
            Some(chosen) => matches!(chosen.to_ascii_lowercase().as_str(), "true" | "on"),
            // The certificates of VPC endpoints do not cover a further name.
            None => is_amazon(&endpoint) && !endpoint.contains(".vpce.") && is_host_label(bucket),
        };
        if virtual_host && !is_host_label(bucket) {
            let message = "a bucket with this name cannot stand before the host: leave `enable_virtual_host_style` out";
            return Err(Error::new(Code::Config, message).with("bucket", bucket));
        }
        Ok(Place { region: region.to_owned(), endpoint: kept(endpoint, bucket)?, virtual_host })
    }

    /// The hosts that requests go to, with their ports.
    pub fn hosts(&self, bucket: &str) -> Arc<[String]> {
        let authority = self.endpoint.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest));
        let authority = authority.to_ascii_lowercase();
        Arc::new([if self.virtual_host { format!("{bucket}.{authority}") } else { authority }])
    }

    pub fn is_amazon(&self) -> bool {
        is_amazon(&self.endpoint)
    }
}

/// OpenDAL takes a bucket's name at the beginning of a host for the bucket, and drops it: `minio.example.com` with a bucket
/// `minio` would be asked at `example.com`. It compares letters as they are, and hosts have no case.
fn kept(endpoint: String, bucket: &str) -> Result<String> {
    let Some((scheme, rest)) = endpoint.split_once(&format!("//{bucket}.")) else { return Ok(endpoint) };
    if is_amazon(&endpoint) && rest.starts_with("s3") {
        return Err(Error::new(Code::Config, "the server's address names the bucket").with("bucket", bucket));
    }
    let changed = bucket.to_ascii_uppercase();
    if changed == bucket {
        let message = "a bucket with this name cannot be asked at this host: name the host another way";
        return Err(Error::new(Code::Config, message).with("bucket", bucket));
    }
    Ok(format!("{scheme}//{changed}.{rest}"))
}

fn missing_region() -> Error {
    Error::new(Code::Config, "the region of the bucket is missing: set AWS_REGION").with("variable", "AWS_REGION")
}

fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Names with dots break the wildcard in Amazon's certificates.
fn is_host_label(bucket: &str) -> bool {
    (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
}

fn amazon(access: &Access, region: &str) -> String {
    let set = |name| access.environment.get(name) == Some("true");
    let fips = if set("AWS_USE_FIPS_ENDPOINT") { "-fips" } else { "" };
    let dual = if set("AWS_USE_DUALSTACK_ENDPOINT") { ".dualstack" } else { "" };
    let domain = if region.starts_with("cn-") { AMAZON[1] } else { AMAZON[0] };
    format!("https://s3{fips}{dual}.{region}{domain}")
}

fn is_amazon(endpoint: &str) -> bool {
    let host = endpoint.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_ascii_lowercase));
    host.is_some_and(|host| !net::is_loopback(&host) && AMAZON.iter().any(|domain| host.ends_with(domain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    fn access(variables: &[(&str, &str)]) -> Access {
        Access { environment: Environment::from_iter(variables.iter().copied()), ..Access::default() }
    }

    fn find(variables: &[(&str, &str)], profile: &Profile, bucket: &str) -> Result<Place> {
        Place::find(&access(variables), profile, bucket)
    }

    #[test]
    fn a_region_is_needed_and_the_first_wins() {
        let error = find(&[], &Profile::default(), "bucket").unwrap_err();
        assert!(error.code() == Code::Config && error.to_string().contains("AWS_REGION"), "{error}");
        let profile = Profile::from_iter([("region", "eu-west-3")]);
        let region = |variables| find(variables, &profile, "bucket").unwrap().region;
        assert_eq!(region(&[]), "eu-west-3");
        assert_eq!(region(&[("AWS_DEFAULT_REGION", "us-west-1")]), "us-west-1");
        assert_eq!(region(&[("AWS_DEFAULT_REGION", "us-west-1"), ("AWS_REGION", "us-east-1")]), "us-east-1");
        assert_eq!(find(&[("AWS_REGION", "us east")], &profile, "bucket").unwrap_err().code(), Code::Config);
    }

    #[test]
    fn amazon_is_asked_by_virtual_host_where_the_bucket_can_be_one() {
        let at = |bucket| find(&[("AWS_REGION", "eu-central-1")], &Profile::default(), bucket).unwrap();
        let place = at("my-bucket");
        assert_eq!((place.endpoint.as_str(), place.virtual_host), ("https://s3.eu-central-1.amazonaws.com", true));
        assert!(place.is_amazon());
        assert!(!at("my.bucket").virtual_host);
        let place = find(&[("AWS_REGION", "cn-north-1")], &Profile::default(), "bucket").unwrap();
        assert_eq!(place.endpoint, "https://s3.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn a_bucket_named_like_the_host_takes_nothing_of_it() {
        let place =
            |url, bucket| find(&[("AWS_REGION", "x"), ("AWS_ENDPOINT_URL_S3", url)], &Profile::default(), bucket);
        let minio = place("https://minio.example.com:9000", "minio").unwrap();
        assert_eq!(minio.endpoint, "https://MINIO.example.com:9000");
        assert_eq!(*minio.hosts("minio"), ["minio.example.com:9000".to_owned()]);
        assert_eq!(place("http://127.0.0.1:9", "127").unwrap_err().code(), Code::Config);
        assert_eq!(
            *place("https://a.example.com:443", "bucket").unwrap().hosts("bucket"),
            ["a.example.com".to_owned()]
        );
    }

    #[test]
    fn addresses_are_spelled_as_the_client_spells_them() {
        let place =
            |url| find(&[("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL_S3", url)], &Profile::default(), "my-bucket");
        for url in ["https://s3.amazonaws.com", "https://S3.amazonaws.com:443/"] {
            assert_eq!(place(url).unwrap().endpoint, "https://s3.eu-west-1.amazonaws.com", "{url}");
        }
        for (url, host) in [
            ("https://[2001:0db8:0::1]:9000", "[2001:db8::1]:9000"),
            ("https://host:0443", "host"),
            ("https://127.1", "127.0.0.1"),
        ] {
            assert_eq!(*place(url).unwrap().hosts("my-bucket"), [host.to_owned()], "{url}");
        }
        assert_eq!(place("https://my-bucket.s3.amazonaws.com").unwrap_err().code(), Code::Config);
    }

    #[test]
    fn the_endpoint_for_s3_wins_over_the_general_one() {
        let both = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2/"),
        ];
        let place = find(&both, &Profile::default(), "bucket").unwrap();
        assert_eq!((place.endpoint.as_str(), place.virtual_host), ("http://127.0.0.1:2", false));
        assert!(!place.is_amazon());
        let general = [both[0], both[1]];
        assert_eq!(find(&general, &Profile::default(), "bucket").unwrap().endpoint, "http://127.0.0.1:1");
        let profile = Profile::from_iter([("endpoint_url", "http://127.0.0.1:3")]);
        assert_eq!(find(&both[..1], &profile, "bucket").unwrap().endpoint, "http://127.0.0.1:3");
        assert!(!is_amazon("https://s3.amazonaws.com.example.org"));
    }
}
