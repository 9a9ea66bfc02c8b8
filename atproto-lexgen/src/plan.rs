//! Decides names, places and boxes, as data. Nothing here prints.

mod docs;
mod documents;
mod endpoint;
mod enumeration;
mod recursion;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use atproto_core::lexicon::{Document, StringFormat};

use crate::{error::Unresolved, names};

/// What is generated besides the types themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Whether doc comments carry the documents' own descriptions.
    pub(crate) descriptions: bool,
    /// Whether each namespace (the first two segments) hides behind a Cargo feature.
    pub(crate) features: bool,
}

/// Everything that will be printed.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) root: Module,
    pub(crate) records: Vec<RecordEntry>,
    pub(crate) schemas: Vec<SchemaEntry>,
    pub(crate) unresolved: BTreeSet<Unresolved>,
}

/// One source file.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The modules from the root to this one.
    pub(crate) path: Vec<String>,
    /// The NSID segments from the root to this one.
    pub(crate) segments: Vec<String>,
    pub(crate) feature: Option<String>,
    pub(crate) items: Vec<Item>,
    /// Names of `items` that the parent module shows as its own.
    pub(crate) exports: Vec<String>,
    pub(crate) children: BTreeMap<String, Module>,
}

#[derive(Debug)]
pub(crate) struct RecordEntry {
    pub(crate) feature: Option<String>,
    pub(crate) path: Path,
}

#[derive(Debug)]
pub(crate) struct SchemaEntry {
    pub(crate) feature: Option<String>,
    pub(crate) nsid: String,
    pub(crate) json: String,
}

#[derive(Debug)]
pub(crate) enum Item {
    Alias(Alias),
    Constant(Constant),
    Enumeration(Enumeration),
    Errors(Errors),
    Messages(Union),
    Procedure(Procedure),
    Query(Endpoint),
    Struct(Struct),
    Subscription(Endpoint),
    Union(Union),
}

#[derive(Debug)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) target: Type,
}

#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) value: String,
}

/// Strings that the lexicon lists.
#[derive(Debug)]
pub(crate) struct Enumeration {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    /// Whether there can be no others.
    pub(crate) closed: bool,
    /// Variant and value.
    pub(crate) variants: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Errors {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    /// Variant, wire name, docs.
    pub(crate) variants: Vec<(String, String, Vec<String>)>,
}

#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    /// NSID and key, if it is a record.
    pub(crate) record: Option<(String, RecordKey)>,
    /// In the document's order.
    pub(crate) fields: Vec<Field>,
    /// The required fields in the order of `new`'s arguments, as places in `fields`.
    pub(crate) arguments: Vec<usize>,
    /// Whether unknown keys are kept: not so for query parameters.
    pub(crate) extra: bool,
}

#[derive(Debug)]
pub(crate) enum RecordKey {
    Tid,
    Nsid,
    Literal(String),
    Any,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    /// Without the `Option` that `presence` implies.
    pub(crate) of: Type,
    pub(crate) presence: Presence,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    Nullable,
    OptionalNullable,
    /// Absent in data means this, so it is always there in Rust.
    Default(Literal),
}

/// A value that a schema gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Bool(bool),
    Integer(i64),
    Text(String),
    /// The variant of an enumeration.
    Variant(String),
}

#[derive(Debug)]
pub(crate) struct Union {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) closed: bool,
    pub(crate) variants: Vec<Variant>,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) of: Path,
    pub(crate) tag: String,
}

/// A query or subscription: its parameters are a `Struct` of the same name.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) nsid: String,
    /// The output of a query, the messages of a subscription.
    pub(crate) output: Body,
    pub(crate) errors: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Procedure {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) nsid: String,
    /// The name of the parameters' struct.
    pub(crate) params: Option<String>,
    pub(crate) input: Input,
    pub(crate) output: Body,
    pub(crate) errors: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Input {
    /// The procedure's own struct is its input.
    Itself,
    /// A body beside the parameters or in place of fields.
    Body(Body),
}

#[derive(Debug)]
pub(crate) enum Body {
    None,
    Raw,
    Typed(Path),
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Blob,
    Bool,
    Boxed(Box<Type>),
    Bytes,
    /// An open enumeration, which any text can become.
    Enumeration(Path),
    Format(StringFormat),
    Integer,
    Link,
    List(Box<Type>),
    Path(Path),
    Text,
    Value,
}

/// A generated type by its module and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    pub(crate) module: Vec<String>,
    pub(crate) name: String,
}

/// Plans the output for a set of documents.
pub(crate) fn plan(documents: &BTreeMap<String, Document>, style: Style) -> Plan {
    documents::Planner::new(documents, style).run()
}

impl Module {
    /// The module of an NSID, made on the way if need be.
    fn descend(&mut self, path: &[String], segments: &[String]) -> &mut Module {
        let mut module = self;
        for depth in 1..=path.len() {
            module = module.children.entry(path[depth - 1].clone()).or_insert_with(|| Module {
                path: path[..depth].to_vec(),
                segments: segments[..depth].to_vec(),
                ..Module::default()
            });
        }
        module
    }
}

/// The feature of a document: the first two segments of its NSID.
fn feature(nsid: &str) -> String {
    nsid.split('.').take(2).collect::<Vec<_>>().join("-")
}

/// The module path of each document; segments that differ only in what the mapping to
/// snake case loses are told apart by a number.
fn module_paths(documents: &BTreeMap<String, Document>) -> BTreeMap<String, Vec<String>> {
    let mut scopes: BTreeMap<Vec<String>, (names::Scope, BTreeMap<String, String>)> =
        BTreeMap::new();
    let mut paths = BTreeMap::new();
    for nsid in documents.keys() {
        let mut path: Vec<String> = Vec::new();
        for segment in nsid.split('.') {
            let (scope, known) = scopes.entry(path.clone()).or_default();
            let name = known
                .entry(segment.to_owned())
                .or_insert_with(|| scope.field_name(&names::module(segment)))
                .clone();
            path.push(name);
        }
        paths.insert(nsid.clone(), path);
    }
    paths
}
