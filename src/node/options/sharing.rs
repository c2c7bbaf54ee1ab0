//! Options of the calls that hand something to others.

use std::time::Duration;

use super::Options;
use crate::agent::Presign;
use crate::error::{Code, Error, Result};

/// What AWS takes: seven days.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html> (`X-Amz-Expires`)
const LONGEST_SECONDS: u64 = 604_800;

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordForm {
    /// A line of a zone file.
    Zone,
    /// What `aws route53 change-resource-record-sets` takes.
    Route53,
}

pub fn presign(text: Option<&str>) -> Result<Presign> {
    let options = Options::read(text, &["expiresInSeconds", "path"])?;
    let seconds = options.count("expiresInSeconds", 1)?.filter(|seconds| *seconds <= LONGEST_SECONDS);
    let seconds = seconds.ok_or_else(|| {
        let message = "a URL is signed for 1 to 604800 whole seconds, which are seven days";
        Error::new(Code::Input, message).with("option", "expiresInSeconds")
    })?;
    Ok(Presign { expires: Duration::from_secs(seconds), path: options.text("path")? })
}

pub fn dns_record(text: Option<&str>) -> Result<(Option<String>, RecordForm)> {
    let options = Options::read(text, &["domain", "format"])?;
    let form = options.one_of("format", "zone or route53", |name| match name {
        "zone" => Some(RecordForm::Zone),
        "route53" => Some(RecordForm::Route53),
        _ => None,
    })?;
    Ok((options.text("domain")?, form.unwrap_or(RecordForm::Zone)))
}
