//! Options from JavaScript, as JSON text: their names known, their types checked.

mod bundles;
mod sharing;
mod transfers;
mod trust;

pub use bundles::{export_bundle, verify_bundle};
pub use sharing::{RecordForm, dns_record, presign};
pub use transfers::{check, config_path, export, import, migrate, mirror};
pub use trust::{agent_changes, rotate, untrust};

use std::path::PathBuf;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::sources::Taken;
use crate::agent::{
    AttachmentInput, Attachments, BatchOptions, CreateAgent, CreateOptions, Embed, LoadOptions, SaveAttachments,
    SchemaChoice, UpdateOptions, is_media_type,
};
use crate::canonical::{Object, Value, parse_object, to_string};
use crate::config::KeySource;
use crate::document::Form;
use crate::document::schema::SchemaInput;
use crate::error::{Code, Error, Result, nearest};
use crate::id::{DocumentId, DocumentKey};
use crate::local_file::Contents;
use crate::progress::OnProgress;
use crate::store::Kind;
use crate::vault::{Files, ListFilter, OnFork, ReadOptions, Reading, Verify, VerifyOptions};

const CREATE: &[&str] =
    &["schema", "filename", "overwrite", "noSave", "attachments", "embed", "attachmentForm", "resign", "onProgress"];
const UPDATE: &[&str] =
    &["schema", "filename", "overwrite", "noSave", "attachments", "embed", "attachmentForm", "merges", "onProgress"];
const BATCH: &[&str] = &["schema", "noSave", "concurrency"];
const VERIFY: &[&str] = &["signedBy", "minimumTrust", "allowUnsigned", "contents", "baseDirectory"];
const READ_ATTACHMENT: &[&str] = &["signedBy", "minimumTrust", "allowUnsigned", "baseDirectory"];
const SAVE_ATTACHMENTS: &[&str] =
    &["signedBy", "minimumTrust", "allowUnsigned", "baseDirectory", "overwrite", "onProgress"];
/// Parts of a file, whose hash nothing says.
const RANGES: [&str; 5] = ["range", "start", "end", "offset", "length"];
const GET: &[&str] = &["signedBy", "minimumTrust", "allowUnsigned", "verify", "onFork", "cache"];
const LIST: &[&str] = &["allVersions", "after", "limit", "since", "type", "agentId"];
const DOCTOR: &[&str] = &["probe"];
const LOAD: &[&str] = &["password", "readOnly", "offline"];
const CREATE_AGENT: &[&str] = &[
    "configPath",
    "dataDirectory",
    "keyDirectory",
    "storage",
    "algorithm",
    "password",
    "name",
    "description",
    "agentType",
    "domain",
];
const MAX_CONCURRENCY: u64 = 4096;

/// The members of an options object; `null` means not given.
struct Options<'a>(Object<'a>);

impl<'a> Options<'a> {
    /// Errors: `JACS_INPUT` for an unknown name, with the nearest known one.
    fn read(text: Option<&'a str>, known: &[&'static str]) -> Result<Options<'a>> {
        let object = text.map(parse_object).transpose()?.unwrap_or_default();
        let unknown = object.iter().find(|(name, value)| **value != Value::Null && !known.contains(name));
        if let Some((name, _)) = unknown {
            let error = Error::new(Code::Input, "an option is not known").with("option", name);
            return Err(match nearest(name, known.iter().copied()) {
                Some(near) => error.with("nearest", near),
                None => error,
            });
        }
        Ok(Options(object))
    }

    fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.get(name).filter(|value| **value != Value::Null)
    }

    fn typed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        // The value itself may be a secret.
        let wrong =
            || Error::new(Code::Input, "an option is not of its type").with("option", name).with("expected", expected);
        self.get(name).map(|value| read(value).ok_or_else(wrong)).transpose()
    }

    fn text(&self, name: &'static str) -> Result<Option<String>> {
        self.typed(name, "text", |value| value.as_str().map(str::to_owned))
    }

    fn flag(&self, name: &'static str) -> Result<bool> {
        self.flag_or(name, false)
    }

    fn flag_or(&self, name: &'static str, default: bool) -> Result<bool> {
        let flag = self.typed(name, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })?;
        Ok(flag.unwrap_or(default))
    }

    fn given_flag(&self, name: &'static str) -> Result<Option<bool>> {
        self.get(name).map(|_| self.flag(name)).transpose()
    }

    fn count(&self, name: &'static str, least: u64) -> Result<Option<u64>> {
        self.typed(name, "a whole number that is large enough", |value| {
            u64::try_from(value.as_integer()?).ok().filter(|count| *count >= least)
        })
    }

    fn one_of<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        self.typed(name, expected, |value| read(value.as_str()?))
    }

    /// A text, or a list of texts.
    fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>> {
        self.typed(name, "text or a list of texts", |value| match value {
            Value::String(text) => Some(vec![text.to_string()]),
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => None,
        })
    }

    /// `sources` are the bytes that attachments name by number.
    fn attachments(&self, sources: &Taken, on_progress: OnProgress) -> Result<Option<Attachments>> {
        let form = self.one_of("attachmentForm", "plain or jacs", |name| match name {
            "plain" => Some(Form::Plain),
            "jacs" => Some(Form::Jacs),
            _ => None,
        })?;
        let embed = match (self.given_flag("embed")?, form) {
            (Some(true), form) => Embed::Document(form.unwrap_or_default()),
            (_, Some(Form::Jacs)) => {
                return Err(Error::new(Code::Input, "the form of `jacs` is for embedded attachments: `embed: true`"));
            }
            (Some(false), _) => Embed::Reference,
            (None, _) => Embed::Store,
        };
        let Some(inputs) = self.attachment_inputs(&sources.list)? else {
            return match ["embed", "attachmentForm"].into_iter().find(|name| self.get(name).is_some()) {
                Some(name) => {
                    Err(Error::new(Code::Input, "the option says how to attach, and nothing is").with("option", name))
                }
                None => Ok(None),
            };
        };
        if embed == Embed::Reference && inputs.iter().any(|input| input.contents.is_some()) {
            return Err(Error::new(
                Code::Input,
                "given contents are in no file that could be referenced: embed or store them",
            ));
        }
        let working_directory = sources.working_directory.clone();
        Ok((!inputs.is_empty()).then_some(Attachments { inputs, embed, working_directory, on_progress }))
    }

    fn attachment_inputs(&self, sources: &[Contents]) -> Result<Option<Vec<AttachmentInput>>> {
        self.typed("attachments", "a path, or objects with `path`", |value| {
            let input = |value: &Value| {
                let input = value.as_object()?;
                let is_known = |name: &str| matches!(name, "path" | "contents" | "mimetype");
                let mimetype = match input.get("mimetype").filter(|value| **value != Value::Null) {
                    Some(given) => Some(given.as_str().filter(|text| is_media_type(text))?.to_owned()),
                    None => None,
                };
                let contents = match input.get("contents") {
                    Some(number) => Some(sources.get(usize::try_from(number.as_integer()?).ok()?)?.clone()),
                    None => None,
                };
                let path = input.text("path")?.to_owned();
                input.names().all(is_known).then_some(AttachmentInput { path, contents, mimetype })
            };
            value.as_array()?.iter().map(input).collect()
        })
    }

    fn create(&self) -> Result<CreateOptions> {
        let schema = self.typed("schema", "text or an object", |value| match value {
            Value::String(text) => match SchemaInput::classify(text) {
                SchemaInput::Path(_) => {
                    absolute(text).map(|path| SchemaChoice::Named(path.to_string_lossy().into_owned()))
                }
                _ => Some(SchemaChoice::Named(text.to_string())),
            },
            Value::Object(_) => Some(SchemaChoice::Text(to_string(value))),
            _ => None,
        })?;
        let filename = self.typed("filename", "a path", |value| absolute(value.as_str()?))?;
        Ok(CreateOptions {
            schema,
            filename,
            overwrite: self.flag("overwrite")?,
            no_save: self.flag("noSave")?,
            attachments: None,
            resign: self.flag("resign")?,
        })
    }

    fn time(&self, name: &'static str) -> Result<Option<Timestamp>> {
        self.one_of(name, "an RFC 3339 time", |time| time.parse::<Timestamp>().ok())
    }

    fn concurrency(&self) -> Result<Option<usize>> {
        Ok(self.count("concurrency", 1)?.map(|count| count.min(MAX_CONCURRENCY) as usize))
    }

    fn verify(&self) -> Result<VerifyOptions> {
        Ok(VerifyOptions {
            signed_by: match self.texts("signedBy")? {
                Some(ids) => Some(ids.iter().map(|id| id.parse()).collect::<Result<_>>()?),
                None => None,
            },
            minimum_trust: self.one_of(
                "minimumTrust",
                "self, pinned, dns, registry or storage",
                KeySource::from_name,
            )?,
            allow_unsigned: self.flag("allowUnsigned")?,
            introduces: false,
            vouches: false,
            files: if self.flag("contents")? { Files::Contents } else { Files::Embedded },
            base: self.typed("baseDirectory", "a path", |value| absolute(value.as_str()?))?,
            held: None,
        })
    }
}

/// A path as it is meant when the call is made: the working directory may change before it is used.
fn absolute(path: &str) -> Option<PathBuf> {
    let plain = !path.is_empty() && !path.contains('\0');
    plain.then(|| std::path::absolute(path).ok()).flatten()
}

pub fn create(text: Option<&str>, sources: &Taken, on_progress: OnProgress) -> Result<CreateOptions> {
    let options = Options::read(text, CREATE)?;
    Ok(CreateOptions { attachments: options.attachments(sources, on_progress)?, ..options.create()? })
}

pub fn update(text: Option<&str>, sources: &Taken, on_progress: OnProgress) -> Result<UpdateOptions> {
    let options = Options::read(text, UPDATE)?;
    let merges = options
        .texts("merges")?
        .unwrap_or_default()
        .iter()
        .map(|key| key.parse())
        .collect::<Result<Vec<DocumentKey>>>()?;
    let create = CreateOptions { attachments: options.attachments(sources, on_progress)?, ..options.create()? };
    Ok(UpdateOptions { create, merges })
}

pub fn batch(text: Option<&str>) -> Result<BatchOptions> {
    let options = Options::read(text, BATCH)?;
    Ok(BatchOptions { create: options.create()?, concurrency: options.concurrency()? })
}

/// Whether the doctor may write a probe object; `None` leaves it to the agent.
pub fn probe(text: Option<&str>) -> Result<Option<bool>> {
    Options::read(text, DOCTOR)?.given_flag("probe")
}

pub fn verify(text: Option<&str>) -> Result<VerifyOptions> {
    let options = history(text)?;
    let files = if options.files == Files::Contents { Files::Contents } else { Files::Present };
    Ok(VerifyOptions { files, ..options })
}

/// Of each version, attachments that are elsewhere are looked at only when that is asked for.
pub fn history(text: Option<&str>) -> Result<VerifyOptions> {
    Options::read(text, VERIFY)?.verify()
}

pub fn read_attachment(text: Option<&str>) -> Result<VerifyOptions> {
    let ranged = Options(text.map(parse_object).transpose()?.unwrap_or_default());
    if let Some(name) = RANGES.into_iter().find(|name| ranged.get(name).is_some()) {
        let message = "there is no reading of a part of an attachment: it could not be verified";
        return Err(Error::new(Code::Unsupported, message).with("option", name));
    }
    Options::read(text, READ_ATTACHMENT)?.verify()
}

pub fn save_attachments(text: Option<&str>, directory: &str, on_progress: OnProgress) -> Result<SaveAttachments> {
    let options = Options::read(text, SAVE_ATTACHMENTS)?;
    let directory = absolute(directory)
        .ok_or_else(|| Error::new(Code::Input, "the directory is not a path").with("argument", "directory"))?;
    Ok(SaveAttachments { directory, overwrite: options.flag("overwrite")?, checks: options.verify()?, on_progress })
}

pub fn get(text: Option<&str>) -> Result<ReadOptions> {
    let options = Options::read(text, GET)?;
    let verify = options.one_of("verify", "full or hash", |name| match name {
        "full" => Some(Verify::Full),
        "hash" => Some(Verify::Hash),
        _ => None,
    })?;
    if verify == Some(Verify::Hash) {
        // Nothing is known of the signer then, so nothing can be demanded of it.
        let demand = ["signedBy", "minimumTrust", "allowUnsigned", "onFork"]
            .into_iter()
            .find(|name| options.get(name).is_some());
        if let Some(name) = demand {
            return Err(Error::new(Code::Input, "the option needs full verification").with("option", name));
        }
    }
    let on_fork = options.one_of("onFork", "winner or error", |name| match name {
        "winner" => Some(OnFork::Winner),
        "error" => Some(OnFork::Error),
        _ => None,
    })?;
    Ok(ReadOptions {
        verify: verify.unwrap_or_default(),
        on_fork: on_fork.unwrap_or_default(),
        checks: options.verify()?,
        reading: if options.flag_or("cache", true)? { Reading::Cached } else { Reading::Fresh },
    })
}

pub fn list(kind: Kind, text: Option<&str>) -> Result<ListFilter> {
    let known = match kind {
        Kind::Document => LIST,
        Kind::Agent => &[],
    };
    let options = Options::read(text, known)?;
    let id = |name: &'static str| options.text(name)?.map(|id| id.parse::<DocumentId>()).transpose();
    Ok(ListFilter {
        all_versions: options.flag("allVersions")?,
        after: id("after")?,
        limit: options.count("limit", 0)?,
        since: options.time("since")?,
        document_type: options.text("type")?,
        agent: id("agentId")?,
    })
}

pub fn remove(text: Option<&str>) -> Result<bool> {
    Options::read(text, &["allVersions"])?.flag("allVersions")
}

pub fn load(text: Option<&str>) -> Result<LoadOptions> {
    let options = Options::read(text, LOAD)?;
    Ok(LoadOptions {
        password: options.text("password")?.map(Zeroizing::new),
        read_only: options.flag("readOnly")?,
        offline: options.flag("offline")?,
    })
}

pub fn create_agent(text: Option<&str>) -> Result<CreateAgent> {
    let options = Options::read(text, CREATE_AGENT)?;
    Ok(CreateAgent {
        config_path: options.text("configPath")?,
        data_directory: options.text("dataDirectory")?,
        key_directory: options.text("keyDirectory")?,
        storage: options.text("storage")?,
        algorithm: options.text("algorithm")?,
        password: options.text("password")?.map(Zeroizing::new),
        name: options.text("name")?,
        description: options.text("description")?,
        agent_type: options.text("agentType")?,
        domain: options.text("domain")?,
    })
}

/// Old and new password. Errors: `JACS_PASSWORD` when one is missing.
pub fn change_password(text: Option<&str>) -> Result<[Zeroizing<String>; 2]> {
    let options = Options::read(text, &["password", "newPassword"])?;
    let password = |name: &'static str| {
        let missing = || Error::new(Code::Password, "a password is missing").with("option", name);
        options.text(name)?.map(Zeroizing::new).ok_or_else(missing)
    };
    Ok([password("password")?, password("newPassword")?])
}
