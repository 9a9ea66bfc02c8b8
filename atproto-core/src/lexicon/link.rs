//! References among definitions.

use std::fmt;

use super::{
    catalog::Catalog,
    document::Document,
    schema::{BodySchema, Definition, ObjectSchema, Reference, Schema},
};

/// A reference that leads nowhere, or to something that cannot be referred to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{holder} refers to {target}, which is {fault}")]
#[non_exhaustive]
pub struct LinkError {
    /// The definition that holds the reference.
    pub holder: Reference,
    /// Where it points.
    pub target: Reference,
    /// What is wrong with that.
    pub fault: LinkFault,
}

/// Why a reference cannot be followed. Source: <https://atproto.com/specs/lexicon#ref>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum LinkFault {
    /// The catalog has no such definition.
    #[error("not defined")]
    Undefined,
    /// An endpoint or a permission set.
    #[error("no value type")]
    NotValue,
    /// A token, which has no data.
    #[error("a token")]
    Token,
    /// A member of a union other than an object or a record.
    #[error("no object and thus no member of a union")]
    NotMember,
}

/// Every reference that a catalog cannot follow; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkErrors(Vec<LinkError>);

impl LinkErrors {
    /// The references, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &LinkError> {
        self.0.iter()
    }
}

/// The first one, and how many there are beside it.
impl fmt::Display for LinkErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => Ok(()),
            [only] => only.fmt(f),
            [first, rest @ ..] => write!(f, "{first}, and {} more", rest.len()),
        }
    }
}

impl std::error::Error for LinkErrors {}

impl Catalog {
    /// Every reference that has no usable target, sorted. The catalog serves all the same:
    /// such a reference constrains nothing.
    pub fn link(&self) -> Vec<LinkError> {
        let mut errors: Vec<LinkError> =
            self.documents().flat_map(|document| faults(self, document)).collect();
        errors.sort();
        errors.dedup();
        errors
    }

    /// Fails if a reference has no usable target: for those who would rather have no catalog
    /// than one with holes.
    pub fn require_links(&self) -> Result<(), LinkErrors> {
        match self.link() {
            errors if errors.is_empty() => Ok(()),
            errors => Err(LinkErrors(errors)),
        }
    }
}

fn faults<'c>(
    catalog: &'c Catalog,
    document: &'c Document,
) -> impl Iterator<Item = LinkError> + 'c {
    let mut faults = Vec::new();
    for (name, definition) in &document.defs {
        each_reference(definition, &mut |target, position| {
            if let Some(fault) = fault(catalog.resolve(target), position) {
                let holder = Reference::new(document.id.clone(), name.as_str());
                faults.push(LinkError { holder, target: target.clone(), fault });
            }
        });
    }
    faults.into_iter()
}

fn fault(target: Option<&Definition>, position: Position) -> Option<LinkFault> {
    match (target, position) {
        (None, _) => Some(LinkFault::Undefined),
        (Some(Definition::Token(_)), _) => Some(LinkFault::Token),
        (Some(target), Position::Union) if target.as_object().is_some() => None,
        (Some(Definition::Record(_) | Definition::Value(_)), Position::Ref) => None,
        (Some(Definition::Value(_)), Position::Union) => Some(LinkFault::NotMember),
        (Some(_), _) => Some(LinkFault::NotValue),
    }
}

/// What a reference is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Ref,
    Union,
}

/// Calls a function with every reference in a definition, in the document's order.
///
/// A definition is never a reference or a union itself, so that following one always comes to
/// something that takes part of the value: no cycle of references stands still.
pub(super) fn each_reference<'a>(
    definition: &'a Definition,
    visit: &mut impl FnMut(&'a Reference, Position),
) {
    match definition {
        Definition::Record(record) => in_object(&record.record, visit),
        Definition::Query(query) => in_body(query.output.as_ref(), visit),
        Definition::Procedure(procedure) => {
            in_body(procedure.input.as_ref(), visit);
            in_body(procedure.output.as_ref(), visit);
        }
        Definition::Subscription(subscription) => {
            let members = subscription.message.refs.iter();
            members.for_each(|member| visit(member, Position::Union));
        }
        Definition::Value(value) => in_schema(&value.schema, visit),
        Definition::PermissionSet(_) | Definition::Token(_) => {}
    }
}

fn in_body<'a>(body: Option<&'a BodySchema>, visit: &mut impl FnMut(&'a Reference, Position)) {
    if let Some(schema) = body.and_then(|body| body.schema.as_ref()) {
        in_schema(schema, visit);
    }
}

fn in_object<'a>(object: &'a ObjectSchema, visit: &mut impl FnMut(&'a Reference, Position)) {
    for property in &object.properties {
        in_schema(&property.schema, visit);
    }
}

/// Nesting is bounded because that of documents is.
fn in_schema<'a>(schema: &'a Schema, visit: &mut impl FnMut(&'a Reference, Position)) {
    match schema {
        Schema::Array(array) => in_schema(&array.items, visit),
        Schema::Object(object) => in_object(object, visit),
        Schema::Ref(reference) => visit(reference, Position::Ref),
        Schema::Union(union) => {
            union.refs.iter().for_each(|member| visit(member, Position::Union));
        }
        _ => {}
    }
}
