//! Reports as JSON text, in the shapes of `index.d.ts`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::agent::{Agent, BundledReport, Diagnosis};
use crate::progress::Progress;
use crate::store::{Abilities, Entry};
use crate::transfer::bundle::Signer;
use crate::vault::{AttachmentReport, Chain, History, Lineage, Place, Report, VersionState};

pub fn identity(agent: &Agent) -> String {
    let key = agent.public_key();
    json!({
        "id": agent.key.id.to_string(),
        "version": agent.key.version.to_string(),
        "algorithm": key.algorithm().name(),
        "publicKey": STANDARD.encode(key.raw()),
        "agentDocument": &*agent.document,
    })
    .to_string()
}

pub fn progress(progress: Progress) -> String {
    let Progress { done, total, bytes, total_bytes, failed } = progress;
    object([
        ("done", json!(done)),
        ("total", json!(total)),
        ("bytes", json!(bytes)),
        ("totalBytes", json!(total_bytes)),
        ("failed", json!(failed)),
    ])
    .to_string()
}

pub fn entries(entries: &[Entry]) -> String {
    let entry = |entry: &Entry| {
        let modified = entry.modified.and_then(|time| Timestamp::try_from(time).ok());
        object([
            ("key", json!(entry.key.to_string())),
            ("id", json!(entry.key.id.to_string())),
            ("version", json!(entry.key.version.to_string())),
            ("bytes", json!(entry.bytes)),
            ("modified", json!(modified.map(|time| time.to_string()))),
        ])
    };
    Value::Array(entries.iter().map(entry).collect()).to_string()
}

pub fn versions(lineage: &Lineage) -> String {
    Value::Array(lineage.versions.iter().map(|state| Value::Object(version(state))).collect()).to_string()
}

fn version(state: &VersionState) -> Map<String, Value> {
    let header = state.header.as_ref();
    members([
        ("key", json!(state.key.to_string())),
        ("version", json!(state.key.version.to_string())),
        ("previous", json!(header.and_then(|header| header.previous_version).map(|previous| previous.to_string()))),
        ("date", json!(header.map_or_else(String::new, |header| header.version_date.to_string()))),
        ("agentId", json!(state.agent.map_or_else(String::new, |agent| agent.id.to_string()))),
        ("head", json!(state.head)),
        ("accepted", json!(state.refused.is_none())),
        ("why", json!(state.refused.as_ref().map(ToString::to_string))),
        ("future", json!(state.future.then_some(true))),
    ])
}

pub fn history(history: &History) -> String {
    let entry = |entry: &crate::vault::HistoryEntry| {
        let mut members = version(&entry.state);
        members.extend(self::members([
            ("valid", json!(entry.state.error.is_none())),
            ("code", json!(entry.state.error.as_ref().map(|error| error.code().as_str()))),
            ("keySource", json!(entry.state.key_source.map(|source| source.name()))),
            ("chain", json!(chain(entry.chain))),
        ]));
        Value::Object(members)
    };
    let versions: Vec<Value> = history.versions.iter().map(entry).collect();
    object([
        ("id", json!(history.id.to_string())),
        ("valid", json!(history.valid)),
        ("owner", json!(history.owner.map(|owner| owner.to_string()))),
        ("versions", json!(versions)),
        ("heads", json!(history.heads.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("gaps", json!(history.gaps.iter().map(ToString::to_string).collect::<Vec<_>>())),
    ])
    .to_string()
}

fn chain(chain: Chain) -> &'static str {
    match chain {
        Chain::First => "first",
        Chain::Linked => "linked",
        Chain::Named => "named",
        Chain::Missing => "missing",
        Chain::Broken => "broken",
    }
}

pub fn verification(report: &Report) -> String {
    Value::Object(verified(report)).to_string()
}

/// A list.
pub fn bundle(reports: &[BundledReport]) -> String {
    let one = |bundled: &BundledReport| {
        let mut members = verified(&bundled.report);
        members.extend(self::members([
            ("bundledBy", json!(bundled.bundled_by.to_string())),
            ("evidence", bundled.evidence.as_ref().map_or(Value::Null, evidence)),
        ]));
        Value::Object(members)
    };
    Value::Array(reports.iter().map(one).collect()).to_string()
}

fn evidence(signer: &Signer) -> Value {
    object([
        ("source", json!(signer.source)),
        ("keySha256", json!(signer.key_sha256)),
        ("algorithm", json!(signer.algorithm)),
        ("resolvedAt", json!(signer.resolved_at)),
        ("tried", json!(signer.tried)),
        ("publicKey", json!(signer.public_key)),
    ])
}

fn verified(report: &Report) -> Map<String, Value> {
    let checks: Vec<Value> = report
        .checks
        .iter()
        .map(|check| object([("name", json!(check.name)), ("ok", json!(check.ok)), ("detail", json!(check.detail))]))
        .collect();
    let tried: Vec<Value> =
        report.tried.iter().map(|tried| json!({ "source": tried.source.name(), "result": tried.result })).collect();
    members([
        ("valid", json!(report.is_valid())),
        ("code", json!(report.error.as_ref().map(|error| error.code().as_str()))),
        ("checks", json!(checks)),
        ("key", json!(report.key.map(|key| key.to_string()))),
        ("agentId", json!(report.agent.map(|agent| agent.id.to_string()))),
        ("agentVersion", json!(report.agent.map(|agent| agent.version.to_string()))),
        ("algorithm", json!(report.algorithm.map(|algorithm| algorithm.name()))),
        ("keySource", json!(report.key_source.map(|source| source.name()))),
        ("keySha256", json!(report.key_sha256)),
        ("domain", json!(report.domain)),
        ("tried", json!(tried)),
        ("unsigned", json!(report.unsigned)),
        ("signedAt", json!(report.signed_at)),
        ("heads", json!(report.heads.as_ref().map(|heads| heads.iter().map(ToString::to_string).collect::<Vec<_>>()))),
        ("attachments", Value::Array(report.attachments.iter().map(attachment).collect())),
    ])
}

fn attachment(attachment: &AttachmentReport) -> Value {
    let place = match attachment.place {
        Place::Document => "document",
        Place::Store => "store",
        Place::Reference => "reference",
    };
    object([
        ("path", json!(attachment.path)),
        ("sha256", json!(attachment.sha256)),
        ("where", json!(place)),
        ("present", json!(attachment.present)),
        ("ok", json!(attachment.ok)),
    ])
}

pub fn diagnosis(agent: &Agent, diagnosis: &Diagnosis) -> String {
    let settings: Vec<Value> = diagnosis
        .settings
        .iter()
        .map(|setting| json!({ "key": setting.key, "value": setting.value, "source": setting.source.name() }))
        .collect();
    let (key, keys) = (agent.public_key(), &diagnosis.keys);
    let directory = diagnosis.store.directory.as_ref();
    let server = diagnosis.server.as_ref();
    let create_once = server.map_or(diagnosis.store.create_once, |server| server.create_once);
    json!({
        "ok": diagnosis.warnings.is_empty(),
        "settings": settings,
        "agent": {
            "id": agent.key.id.to_string(), "version": agent.key.version.to_string(), "algorithm": key.algorithm().name(),
            "keySha256": key.sha256(), "readOnly": agent.is_read_only(),
        },
        "keys": object([
            ("resolution", json!(keys.resolution.iter().map(|source| source.name()).collect::<Vec<_>>())),
            ("registry", json!(keys.registry)),
            ("dns", json!(keys.dns)),
            ("offline", json!(keys.offline)),
        ]),
        "storage": object([
            ("scheme", json!(diagnosis.store.scheme)),
            ("createOnce", json!(create_once.name())),
            ("root", json!(directory.map(|directory| directory.root.to_string_lossy()))),
            ("durability", json!(directory.map(|directory| directory.durability.name()))),
            ("writable", json!(directory.map(|directory| directory.writable))),
            ("unnamedFiles", json!(directory.map(|directory| directory.unnamed_files))),
            ("locks", json!(directory.map(|directory| directory.locks))),
            ("endpoint", json!(server.map(|server| &server.endpoint))),
            ("permissions", json!(server.map(|server| permissions(server.may)))),
            ("versioning", json!(server.and_then(|server| server.versioning))),
            ("encryption", json!(server.and_then(|server| server.encryption.as_ref()))),
            ("listingSorted", json!(server.map(|server| server.listing_sorted))),
            ("clockSkewSeconds", json!(server.and_then(|server| server.clock_skew_seconds))),
            ("partialUploads", json!(server.and_then(|server| server.partial_uploads))),
        ]),
        "cache": {
            "hits": diagnosis.cache.hits, "misses": diagnosis.cache.misses, "entries": diagnosis.cache.entries,
            "bytes": diagnosis.cache.bytes, "maxBytes": diagnosis.cache.max_bytes,
        },
        "warnings": diagnosis.warnings,
        "advice": diagnosis.advice,
    })
    .to_string()
}

fn permissions(may: Abilities) -> Value {
    object([
        ("list", json!(may.list)),
        ("write", json!(may.write)),
        ("read", json!(may.read)),
        ("remove", json!(may.remove)),
    ])
}

/// An object without the members that have no value.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(self::members(members))
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}
