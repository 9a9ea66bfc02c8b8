//! From documents to modules.

use std::collections::{BTreeMap, BTreeSet};

use atproto_core::lexicon::{
    Definition, Document, RecordDefinition, RecordKeyRule, Reference, Schema,
};

use super::{
    Alias, Constant, Item, Module, Path, Plan, RecordEntry, RecordKey, SchemaEntry, Style, docs,
    enumeration, feature, module_paths, recursion::Recursion,
};
use crate::{error::Unresolved, names::Scope};

/// What other definitions may know of a definition.
#[derive(Debug)]
pub(super) enum Target {
    /// A struct.
    Object(Path),
    /// A name for another type.
    Alias(Path),
    /// An open enumeration.
    Enumeration(Path),
}

/// The names that an endpoint brings along beside its own.
#[derive(Debug, Default, Clone)]
pub(super) struct Derived {
    pub(super) params: Option<String>,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
    pub(super) message: Option<String>,
    pub(super) error: Option<String>,
}

/// The planner: names first, so that references can be resolved, then types.
pub(super) struct Planner<'a> {
    documents: &'a BTreeMap<String, Document>,
    pub(super) style: Style,
    paths: BTreeMap<String, Vec<String>>,
    pub(super) targets: BTreeMap<String, Target>,
    pub(super) recursion: Recursion,
    pub(super) unresolved: BTreeSet<Unresolved>,
}

/// One document on its way to a module.
pub(super) struct Draft<'a> {
    pub(super) nsid: &'a str,
    pub(super) path: Vec<String>,
    pub(super) scope: Scope,
    pub(super) derived: Derived,
    /// Rust names of the definitions.
    names: BTreeMap<&'a str, String>,
    /// The definition whose types are being made.
    pub(super) definition: &'a str,
    /// What a type without a name of its own is a part of.
    pub(super) about: String,
    pub(super) items: Vec<Item>,
    /// How many of `items` come from the main definition.
    main_items: usize,
}

impl<'a> Planner<'a> {
    pub(super) fn new(documents: &'a BTreeMap<String, Document>, style: Style) -> Self {
        Self {
            documents,
            style,
            paths: module_paths(documents),
            targets: BTreeMap::new(),
            recursion: Recursion::of(documents),
            unresolved: BTreeSet::new(),
        }
    }

    pub(super) fn run(mut self) -> Plan {
        let mut drafts: Vec<Draft<'a>> =
            self.documents.iter().map(|(nsid, document)| self.name(nsid, document)).collect();
        let mut records = Vec::new();
        for draft in &mut drafts {
            let Some(document) = self.documents.get(draft.nsid) else { continue };
            self.fill(draft, document);
            if let (Some(Definition::Record(_)), Some(name)) =
                (document.main(), draft.names.get("main"))
            {
                let path = Path { module: draft.path.clone(), name: name.clone() };
                records.push(RecordEntry { feature: self.feature(draft.nsid), path });
            }
        }
        let mut root = Module::default();
        for draft in drafts {
            self.place(&mut root, draft);
        }
        export(&mut root);
        let schemas = self.schemas();
        Plan { root, records, schemas, unresolved: self.unresolved }
    }

    fn schemas(&self) -> Vec<SchemaEntry> {
        self.documents
            .iter()
            .map(|(nsid, document)| SchemaEntry {
                feature: self.feature(nsid),
                nsid: nsid.clone(),
                json: document.to_compact_json(),
            })
            .collect()
    }

    fn feature(&self, nsid: &str) -> Option<String> {
        self.style.features.then(|| feature(nsid))
    }

    /// Gives every definition its name: the main one first, then what comes along with it.
    fn name(&mut self, nsid: &'a str, document: &'a Document) -> Draft<'a> {
        let mut scope = Scope::default();
        let mut derived = Derived::default();
        let mut names = BTreeMap::new();
        let path = self.paths.get(nsid).cloned().unwrap_or_default();
        let last = document.id.name();
        if let Some(main) = document.main() {
            names.insert("main", name_of(&mut scope, main, last));
            derived = Derived::claim(&mut scope, main, last);
        }
        for (name, definition) in &document.defs {
            if name != "main" {
                names.insert(name.as_str(), name_of(&mut scope, definition, name));
            }
        }
        for (name, definition) in &document.defs {
            let path = Path { module: path.clone(), name: names[name.as_str()].clone() };
            let target = match definition {
                definition if definition.as_object().is_some() => Target::Object(path),
                Definition::Value(value) => match &value.schema {
                    Schema::String(string) if enumeration::is_listed(string) == Some(false) => {
                        Target::Enumeration(path)
                    }
                    _ => Target::Alias(path),
                },
                _ => continue,
            };
            let reference = Reference::new(document.id.clone(), name.as_str());
            self.targets.insert(reference.to_string(), target);
        }
        Draft {
            nsid,
            path,
            scope,
            derived,
            names,
            definition: "main",
            about: String::new(),
            items: Vec::new(),
            main_items: 0,
        }
    }

    fn fill(&mut self, draft: &mut Draft<'a>, document: &'a Document) {
        if let Some(main) = document.main() {
            self.define(draft, "main", main, document.description.as_deref());
            draft.main_items = draft.items.len();
        }
        for (name, definition) in &document.defs {
            if name != "main" {
                self.define(draft, name, definition, None);
            }
        }
    }

    fn define(
        &mut self,
        draft: &mut Draft<'a>,
        def: &'a str,
        definition: &'a Definition,
        about: Option<&str>,
    ) {
        draft.definition = def;
        draft.about = format!("Part of `{}`.", draft.title(def));
        let name = draft.names[def].clone();
        let title = draft.title(def);
        let described = definition.description().or(about);
        let docs = |kind: &str| {
            docs::item(&format!("The {kind} `{title}`."), described, self.style.descriptions)
        };
        let deprecated = docs::is_deprecated(described);
        match definition {
            Definition::Record(record) => {
                let docs = docs("record");
                let key = record_key(record);
                let nsid = draft.nsid.to_owned();
                self.add_object(draft, &record.record, name, docs, |made| {
                    made.record = Some((nsid, key));
                    made.deprecated = deprecated;
                });
            }
            Definition::Query(query) => {
                let docs = docs("query");
                self.query(draft, query, name, docs, deprecated);
            }
            Definition::Procedure(procedure) => {
                let docs = docs("procedure");
                self.procedure(draft, procedure, name, docs, deprecated);
            }
            Definition::Subscription(subscription) => {
                let docs = docs("subscription");
                self.subscription(draft, subscription, name, docs, deprecated);
            }
            Definition::PermissionSet(_) => {
                let docs = docs("permission set");
                draft.items.push(Item::Constant(Constant { name, docs, value: title }));
            }
            Definition::Token(_) => {
                let docs = docs("token");
                draft.items.push(Item::Constant(Constant { name, docs, value: title }));
            }
            Definition::Value(value) => match &value.schema {
                Schema::Object(object) => {
                    let docs = docs("object");
                    self.add_object(draft, object, name, docs, |made| {
                        made.deprecated = deprecated;
                    });
                }
                Schema::String(string) if enumeration::is_listed(string).is_some() => {
                    self.enumeration(draft, string, |_| name, docs("string"));
                }
                schema => {
                    let mut docs = docs(schema.kind());
                    docs.extend(docs::facts(schema));
                    let place = draft.items.len();
                    let target = self.type_of(draft, schema, &name, true);
                    draft.items.insert(place, Item::Alias(Alias { name, docs, target }));
                }
            },
            _ => {}
        }
    }

    fn place(&self, root: &mut Module, draft: Draft<'_>) {
        let segments: Vec<String> = draft.nsid.split('.').map(str::to_owned).collect();
        let feature = self.feature(draft.nsid);
        if let Some(namespace) = draft.path.get(..2) {
            root.descend(namespace, &segments).feature = feature;
        }
        let module = root.descend(&draft.path, &segments);
        module.exports = draft.items[..draft.main_items].iter().map(Item::name).collect();
        module.exports.sort_unstable();
        module.exports.dedup();
        module.items = draft.items;
    }
}

impl Draft<'_> {
    /// The `$type` of a definition of this document.
    pub(super) fn title(&self, def: &str) -> String {
        if def == "main" { self.nsid.to_owned() } else { format!("{}#{def}", self.nsid) }
    }

    /// The path of a type of this document.
    pub(super) fn path(&self, name: &str) -> Path {
        Path { module: self.path.clone(), name: name.to_owned() }
    }
}

impl Derived {
    fn claim(scope: &mut Scope, main: &Definition, last: &str) -> Self {
        let mut name = |wanted: bool, suffix: &str| {
            wanted.then(|| scope.type_name(&format!("{last}-{suffix}"), "Type"))
        };
        match main {
            Definition::Query(query) => Self {
                output: name(query.output.is_some(), "output"),
                error: name(!query.errors.is_empty(), "error"),
                ..Self::default()
            },
            Definition::Procedure(procedure) => Self {
                params: name(procedure.parameters.is_some(), "params"),
                input: name(procedure.input.is_some(), "input"),
                output: name(procedure.output.is_some(), "output"),
                error: name(!procedure.errors.is_empty(), "error"),
                ..Self::default()
            },
            Definition::Subscription(subscription) => Self {
                message: name(true, "message"),
                error: name(!subscription.errors.is_empty(), "error"),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }
}

impl Item {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Alias(it) => it.name.clone(),
            Self::Constant(it) => it.name.clone(),
            Self::Enumeration(it) => it.name.clone(),
            Self::Errors(it) => it.name.clone(),
            Self::Messages(it) | Self::Union(it) => it.name.clone(),
            Self::Procedure(it) => it.name.clone(),
            Self::Query(it) | Self::Subscription(it) => it.name.clone(),
            Self::Struct(it) => it.name.clone(),
        }
    }
}

fn name_of(scope: &mut Scope, definition: &Definition, name: &str) -> String {
    match definition {
        Definition::Token(_) | Definition::PermissionSet(_) => scope.constant_name(name),
        _ => scope.type_name(name, "Def"),
    }
}

fn record_key(record: &RecordDefinition) -> RecordKey {
    match &record.key {
        RecordKeyRule::Tid => RecordKey::Tid,
        RecordKeyRule::Nsid => RecordKey::Nsid,
        RecordKeyRule::Literal(key) => RecordKey::Literal(key.clone()),
        _ => RecordKey::Any,
    }
}

/// Lets each module show its documents' main types. Where two documents would show the
/// same name, the main type that comes first has it; the other stays in its own module.
fn export(module: &mut Module) {
    let mut scope = Scope::default();
    for item in &module.items {
        scope.reserve(&item.name());
    }
    let mut shown: BTreeSet<(String, String)> = BTreeSet::new();
    for main_only in [true, false] {
        for (child_name, child) in &module.children {
            let main = child.segments.last().map(|segment| crate::names::pascal(segment));
            for name in &child.exports {
                if (main.as_ref() == Some(name)) == main_only && scope.reserve(name) {
                    shown.insert((child_name.clone(), name.clone()));
                }
            }
        }
    }
    for (child_name, child) in &mut module.children {
        child.exports.retain(|name| shown.contains(&(child_name.clone(), name.clone())));
        export(child);
    }
}
