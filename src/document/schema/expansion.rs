//! How much a schema asks of one value. Thirty definitions that each name the next one twice ask for a
//! billion checks of the same value; the meter of the document does not see them, so they are counted here,
//! before the schema is compiled.
//!
//! Where it is not plain what a reference names, everything that it could name counts.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::built_in;
use crate::error::{Code, Error, Result};

/// The most subschemas that may apply to one and the same value.
const MAX_EXPANSION: u64 = 10_000;

/// The most schemas through which a value is handed on before one looks deeper into the document: together
/// with the document's depth it bounds the stack.
const MAX_CHAIN: usize = 64;

/// The most schemas with an address of their own, and with the same anchor.
const MAX_NAMES: usize = 256;

/// Keywords whose schema, or list of schemas, applies to the same value.
const IN_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

/// Keywords whose members apply to the same value.
const IN_PLACE_NAMED: [&str; 2] = ["dependencies", "dependentSchemas"];

/// Keywords whose schema, or list of schemas, applies to a part of the value.
const DEEPER: [&str; 9] = [
    "items",
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "contentSchema",
];

/// Keywords whose members apply to a part of the value, or where they are referred to.
const DEEPER_NAMED: [&str; 4] = ["properties", "patternProperties", "definitions", "$defs"];

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Keywords that name a schema, and whether the name is an address.
const NAMES: [(&str, bool); 4] = [("$id", true), ("id", true), ("$anchor", false), ("$dynamicAnchor", false)];

/// Refuses a schema that asks too much of one value, or that leads back to itself without going deeper into
/// the document. Returns the longest chain of schemas that apply one another to the same value.
pub(super) fn check(schema: &Value) -> Result<usize> {
    let mut survey = Survey::new(schema)?;
    let mut longest = 1;
    while let Some(next) = survey.todo.pop() {
        longest = longest.max(survey.weigh(next, 0)?.chain);
    }
    Ok(longest)
}

/// What a schema asks of one value.
#[derive(Clone, Copy)]
struct Weight {
    /// Schemas that apply.
    count: u64,
    /// The longest chain among them, each applied by the one before.
    chain: usize,
}

impl Weight {
    const ONE: Weight = Weight { count: 1, chain: 1 };

    fn add(&mut self, part: Weight) {
        self.count = self.count.saturating_add(part.count);
        self.chain = self.chain.max(part.chain + 1);
    }
}

/// A schema that references may be relative to.
struct Scope<'a> {
    root: &'a Value,
    outer: Option<usize>,
}

struct Survey<'a> {
    /// Whether `id` may be an address; in later drafts it is nobody's but the author's.
    draft_4: bool,
    /// The schema, the built-in ones, and every part with an address of its own.
    scopes: Vec<Scope<'a>>,
    /// The innermost scope of every object, by place.
    scope_of: HashMap<*const Value, usize>,
    /// The parts with an address, by the address's last segment.
    addressed: HashMap<&'a str, Vec<&'a Value>>,
    anchors: HashMap<&'a str, Vec<&'a Value>>,
    /// Schemas that are still to be weighed: each may stand where a value is checked.
    todo: Vec<&'a Value>,
    seen: HashSet<*const Value>,
    /// By place; `None` while the schema is being weighed.
    weights: HashMap<*const Value, Option<Weight>>,
}

impl<'a> Survey<'a> {
    fn new(schema: &'a Value) -> Result<Self> {
        let mut survey = Self {
            draft_4: names_draft_4(schema),
            scopes: Vec::new(),
            scope_of: HashMap::new(),
            addressed: HashMap::new(),
            anchors: HashMap::new(),
            todo: Vec::new(),
            seen: HashSet::new(),
            weights: HashMap::new(),
        };
        for root in std::iter::once(schema).chain(built_in::parsed().map(|(_, schema)| schema)) {
            survey.scopes.push(Scope { root, outer: None });
            survey.find_names(root, survey.scopes.len() - 1);
        }
        if survey.scopes.len() > MAX_NAMES || survey.anchors.values().any(|named| named.len() > MAX_NAMES) {
            return Err(refused("too many schemas have an address or anchor of their own").with("limit", MAX_NAMES));
        }
        survey.collect(schema);
        Ok(survey)
    }

    /// Finds addresses and anchors wherever they stand: a place that is no schema may still be referred to.
    fn find_names(&mut self, value: &'a Value, outer: usize) {
        match value {
            Value::Object(members) => {
                let mut scope = outer;
                for (name, is_address) in NAMES {
                    if name == "id" && !self.draft_4 {
                        continue;
                    }
                    let Some(text) = members.get(name).and_then(Value::as_str) else { continue };
                    match text.strip_prefix('#') {
                        None if is_address => {
                            self.addressed.entry(last_segment(text)).or_default().push(value);
                            scope = self.scopes.len();
                            self.scopes.push(Scope { root: value, outer: Some(outer) });
                        }
                        anchor => self.anchors.entry(anchor.unwrap_or(text)).or_default().push(value),
                    }
                }
                self.scope_of.insert(value, scope);
                members.values().for_each(|member| self.find_names(member, scope));
            }
            Value::Array(items) => items.iter().for_each(|item| self.find_names(item, outer)),
            _ => {}
        }
    }

    /// Puts a schema and the schemas in it on the list.
    fn collect(&mut self, schema: &'a Value) {
        let Some(members) = schema.as_object() else { return };
        if !self.seen.insert(schema) {
            return;
        }
        self.todo.push(schema);
        for keyword in IN_PLACE.iter().chain(&DEEPER) {
            members.get(*keyword).into_iter().flat_map(schemas).for_each(|schema| self.collect(schema));
        }
        for keyword in IN_PLACE_NAMED.iter().chain(&DEEPER_NAMED) {
            members.get(*keyword).into_iter().flat_map(named_schemas).for_each(|schema| self.collect(schema));
        }
    }

    /// What a schema asks of one value; `depth` of them led here.
    fn weigh(&mut self, schema: &'a Value, depth: usize) -> Result<Weight> {
        let Some(members) = schema.as_object() else { return Ok(Weight::ONE) };
        match self.weights.get(&std::ptr::from_ref(schema)) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => {
                return Err(refused("the schema leads back to itself without going deeper into the document"));
            }
            None => _ = self.weights.insert(schema, None),
        }
        let mut weight = Weight::ONE;
        let in_place = IN_PLACE.iter().filter_map(|keyword| members.get(*keyword)).flat_map(schemas);
        let named = IN_PLACE_NAMED.iter().filter_map(|keyword| members.get(*keyword)).flat_map(named_schemas);
        let mut parts: Vec<_> = in_place.chain(named).collect();
        for reference in REFERENCES.iter().filter_map(|keyword| members.get(*keyword)?.as_str()) {
            parts.extend(self.referred(schema, reference)?);
        }
        // Also before going on: a chain of references may be longer than the stack.
        if depth > MAX_CHAIN {
            return Err(too_long());
        }
        for part in parts {
            weight.add(self.weigh(part, depth + 1)?);
        }
        if weight.count > MAX_EXPANSION {
            return Err(refused("the schema applies too many schemas to one value").with("limit", MAX_EXPANSION));
        }
        if weight.chain > MAX_CHAIN {
            return Err(too_long());
        }
        self.weights.insert(schema, Some(weight));
        Ok(weight)
    }

    /// The schemas that a reference in `schema` could name.
    fn referred(&mut self, schema: &Value, reference: &str) -> Result<Vec<&'a Value>> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let roots = match address {
            "" => self.enclosing(schema),
            address => self.addressed_as(address),
        };
        let targets = match fragment {
            "" => roots,
            pointer if pointer.starts_with('/') => {
                let pointer = percent_decoded(pointer);
                roots.into_iter().filter_map(|root| root.pointer(&pointer)).collect()
            }
            anchor => self.anchors.get(anchor).cloned().unwrap_or_default(),
        };
        if targets.is_empty() {
            return Err(refused("a reference of the schema leads nowhere, and nothing is fetched")
                .with("reference", reference.chars().take(200).collect::<String>()));
        }
        targets.iter().for_each(|target| self.collect(target));
        Ok(targets)
    }

    /// All the schemas around one that a relative reference could be relative to: an address that stands
    /// where no schema is does not count for the schema crate, and for this one it need not.
    fn enclosing(&self, schema: &Value) -> Vec<&'a Value> {
        let scope = |index: &usize| self.scopes.get(*index);
        let innermost = self.scope_of.get(&std::ptr::from_ref(schema)).and_then(scope);
        std::iter::successors(innermost, |inner| inner.outer.as_ref().and_then(scope)).map(|scope| scope.root).collect()
    }

    fn addressed_as(&self, address: &str) -> Vec<&'a Value> {
        match last_segment(address) {
            "." | ".." => Vec::new(),
            _ if address.contains('%') => Vec::new(),
            name => self.addressed.get(name).cloned().unwrap_or_default(),
        }
    }
}

fn names_draft_4(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.get("$schema").and_then(Value::as_str).is_some_and(|draft| draft.contains("draft-04"))
                || members.values().any(names_draft_4)
        }
        Value::Array(items) => items.iter().any(names_draft_4),
        _ => false,
    }
}

/// One schema or a list of them.
fn schemas(value: &Value) -> &[Value] {
    match value {
        Value::Array(schemas) => schemas,
        schema => std::slice::from_ref(schema),
    }
}

/// Schemas under names.
fn named_schemas(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_object().into_iter().flat_map(|members| members.values())
}

fn last_segment(address: &str) -> &str {
    let address = address.trim_end_matches('#');
    address.rsplit('/').next().unwrap_or(address)
}

fn percent_decoded(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((first, tail)) = rest.split_first() {
        match (first, digit(tail.first()), digit(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn too_long() -> Error {
    refused("too many schemas apply one another to the same value").with("limit", MAX_CHAIN)
}

fn refused(message: &'static str) -> Error {
    Error::new(Code::Schema, message)
}
