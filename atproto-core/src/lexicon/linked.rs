//! A catalog in the form that validation walks: references are indices, properties stand in
//! the order in which a value has its keys, names are sorted.

mod compile;

use std::collections::HashMap;

use super::schema::{
    BlobSchema, BooleanSchema, BytesSchema, IntegerSchema, Reference, StringSchema,
};
use crate::syntax::Nsid;

/// Made of all documents at once, because they refer to each other.
#[derive(Debug)]
pub(super) struct Linked {
    types: Vec<Type>,
    documents: HashMap<Nsid, Names>,
}

impl Linked {
    /// The type of that number.
    pub(super) fn get(&self, id: TypeId) -> &Type {
        self.types.get(id.0).unwrap_or(&Type::Any)
    }

    /// The main definition of a document.
    pub(super) fn main(&self, nsid: &Nsid) -> Option<&Main> {
        self.documents.get(nsid)?.main.as_ref()
    }

    /// The definition of a value.
    pub(super) fn value(&self, reference: &Reference) -> Option<TypeId> {
        let values = &self.documents.get(&reference.nsid)?.values;
        values.iter().find(|(name, _)| **name == *reference.name).map(|(_, id)| *id)
    }
}

/// The number of a type.
#[derive(Debug, Clone, Copy)]
pub(super) struct TypeId(usize);

/// What a document's names stand for.
#[derive(Debug, Default)]
struct Names {
    main: Option<Main>,
    values: Vec<(Box<str>, TypeId)>,
}

/// A main definition, as far as there are values to check.
#[derive(Debug)]
pub(super) enum Main {
    Record(TypeId),
    Query(Endpoint),
    Procedure(Endpoint),
    Subscription(Endpoint),
}

/// What goes into an endpoint and what comes out of it: a body or a message.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    pub(super) parameters: Option<TypeId>,
    pub(super) input: Option<TypeId>,
    pub(super) output: Option<TypeId>,
}

/// A type, its references resolved.
#[derive(Debug)]
pub(super) enum Type {
    /// What an unresolved reference means.
    Any,
    Boolean(BooleanSchema),
    /// Its `enum` is sorted.
    Integer(IntegerSchema),
    /// Its `enum` is sorted; `knownValues` are gone.
    String(Box<StringSchema>),
    Bytes(BytesSchema),
    CidLink,
    Blob(BlobSchema),
    Array {
        items: TypeId,
        min_length: Option<usize>,
        max_length: Option<usize>,
    },
    Object(Object),
    Union(Union),
    Unknown,
    /// A reference to a token, which the specification does not allow.
    Token(Reference),
}

/// An object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: TypeName,
    /// In the canonical order of keys.
    pub(super) fields: Box<[Field]>,
}

/// What the `$type` of an object may be.
#[derive(Debug)]
pub(super) enum TypeName {
    /// A record always says what it is.
    Required(Box<str>),
    /// A named object may say so.
    Optional(Box<str>),
    /// An object without a name may say anything.
    Free,
}

/// A property of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) id: TypeId,
    pub(super) required: bool,
    pub(super) nullable: bool,
}

/// A union.
#[derive(Debug)]
pub(super) struct Union {
    /// Sorted by `$type`.
    members: Box<[(Box<str>, TypeId)]>,
    pub(super) closed: bool,
}

impl Union {
    /// The member of that `$type`.
    pub(super) fn member(&self, type_name: &[u8]) -> Option<TypeId> {
        let at = self.members.binary_search_by(|(name, _)| name.as_bytes().cmp(type_name)).ok()?;
        Some(self.members[at].1)
    }

    /// The message that the header of a frame means: `#commit`, or a name in full.
    pub(super) fn message(&self, nsid: &Nsid, kind: &str) -> Option<TypeId> {
        let Some(fragment) = kind.strip_prefix('#') else { return self.member(kind.as_bytes()) };
        let local = |name: &str| {
            name.strip_prefix(nsid.as_str()).and_then(|rest| rest.strip_prefix('#'))
                == Some(fragment)
        };
        self.members.iter().find(|(name, _)| local(name)).map(|(_, id)| *id)
    }
}
