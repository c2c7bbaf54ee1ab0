//! A document as the schema crate sees it, with a bound on how often it may look.
//!
//! Validation is fast where it only has to say yes or no. Collecting the reasons is not: with a recursive
//! schema such as `{"e": {"oneOf": [{"l": {"$ref": "e"}}, {"l": {"$ref": "e"}}]}}` its work doubles with every
//! level of the document, so that a text of a kilobyte keeps a processor busy for years. The crate cannot be
//! interrupted, but it learns everything through its nodes: a node whose meter has run out has no children,
//! and the work ends.

use std::borrow::Cow;
use std::cell::Cell;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, cmp, unique};
use serde_json::{Map, Number, Value, map};

/// The representation under which schemas are compiled.
pub(super) struct Metered;

/// How many looks are left.
pub(super) struct Meter(Cell<u64>);

impl Meter {
    pub fn new(looks: u64) -> Self {
        Self(Cell::new(looks))
    }

    /// Whether the work was cut short, so that its result means nothing.
    pub fn ran_out(&self) -> bool {
        self.0.get() == 0
    }

    /// Takes one look, unless none is left.
    fn go_on(meter: Option<&Self>) -> Option<()> {
        let Some(Self(left)) = meter else { return Some(()) };
        left.set(left.get().saturating_sub(1));
        (left.get() > 0).then_some(())
    }
}

/// A value with its meter; a property's name, checked as a value of its own, has none.
#[derive(Clone)]
pub(super) struct MeteredNode<'a> {
    value: &'a Value,
    meter: Option<&'a Meter>,
}

impl<'a> MeteredNode<'a> {
    pub fn new(value: &'a Value, meter: &'a Meter) -> Self {
        Self { value, meter: Some(meter) }
    }

    fn look(&self) -> &'a Value {
        match Meter::go_on(self.meter) {
            Some(()) => self.value,
            None => &Value::Null,
        }
    }

    fn cut_short(&self) -> bool {
        self.meter.is_some_and(Meter::ran_out)
    }
}

/// What an error holds in place of the instance, so that a large one is never copied into it.
const LEFT_OUT: Value = Value::Null;

/// The same, for an error that says nothing because the meter had run out.
const MEANINGLESS: Value = Value::Bool(true);

/// Whether an error was made after the meter ran out.
pub(super) fn is_meaningless(error: &jsonschema::ValidationError<'_>) -> bool {
    **error.instance() == MEANINGLESS
}

impl Json for Metered {
    type Node<'a> = MeteredNode<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    const KEYS_PER_LOOKUP: usize = 2;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(MeteredNode<'_>) -> T) -> T {
        *buffer = Value::String(string.to_owned());
        f(MeteredNode { value: buffer, meter: None })
    }
}

impl<'a> Node<'a, Metered> for MeteredNode<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        self.look().as_object().map(|map| Members { map, meter: self.meter })
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        self.look().as_array().map(|items| Elements { items, meter: self.meter })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.look().as_str().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        self.look().as_number()
    }

    fn as_boolean(&self) -> Option<bool> {
        self.look().as_bool()
    }

    fn is_null(&self) -> bool {
        self.look().is_null()
    }

    fn json_type(&self) -> JsonType {
        match self.look() {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        cmp::equal(self.look(), expected)
    }

    /// Only asked for by errors; comparisons are answered above and below.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(if self.cut_short() { MEANINGLESS } else { LEFT_OUT })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.value).addr()))
    }
}

/// An object's members.
pub(super) struct Members<'a> {
    map: &'a Map<String, Value>,
    meter: Option<&'a Meter>,
}

impl<'a> Object<'a, Metered> for Members<'a> {
    type Node = MeteredNode<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.map.len()
    }

    fn get(&self, key: &String) -> Option<MeteredNode<'a>> {
        self.map.get(key.as_str()).map(|value| MeteredNode { value, meter: self.meter })
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter { members: self.map.iter(), meter: self.meter }
    }
}

/// Goes through an object's members.
pub(super) struct MembersIter<'a> {
    members: map::Iter<'a>,
    meter: Option<&'a Meter>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, MeteredNode<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Meter::go_on(self.meter)?;
        let (name, value) = self.members.next()?;
        Some((name, MeteredNode { value, meter: self.meter }))
    }
}

/// An array's elements.
pub(super) struct Elements<'a> {
    items: &'a [Value],
    meter: Option<&'a Meter>,
}

impl<'a> Array<'a, Metered> for Elements<'a> {
    type Node = MeteredNode<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter { items: self.items.iter(), meter: self.meter }
    }

    fn is_unique(&self) -> bool {
        unique::is_unique(self.items)
    }
}

/// Goes through an array's elements.
pub(super) struct ElementsIter<'a> {
    items: std::slice::Iter<'a, Value>,
    meter: Option<&'a Meter>,
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = MeteredNode<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        Meter::go_on(self.meter)?;
        self.items.next().map(|value| MeteredNode { value, meter: self.meter })
    }
}
