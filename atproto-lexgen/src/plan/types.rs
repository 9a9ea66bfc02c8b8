//! From schemas to types.

use atproto_core::lexicon::{ObjectSchema, Property, Reference, Schema, StringSchema, UnionSchema};

use super::{
    Field, Item, Literal, Path, Presence, Struct, Type, Union, Variant, docs,
    documents::{Draft, Planner, Target},
    enumeration,
};
use crate::{
    error::Unresolved,
    names::{Scope, pascal, singular},
};

impl<'a> Planner<'a> {
    /// The struct of an object. Types that occur only inside it become items of the draft.
    pub(super) fn object(
        &mut self,
        draft: &mut Draft<'a>,
        object: &'a ObjectSchema,
        name: String,
        docs: Vec<String>,
        extra: bool,
    ) -> Struct {
        let mut scope = Scope::default();
        if extra {
            scope.reserve("extra");
        }
        let mut fields = Vec::new();
        for property in object.properties.iter().filter(|property| is_representable(property)) {
            let hint = format!("{name}{}", pascal(&property.name));
            draft.about =
                format!("The field `{}` of `{}`.", property.name, draft.title(draft.definition));
            let presence = presence(property, !extra);
            let deprecated = docs::is_deprecated(property.description.as_deref());
            fields.push(Field {
                name: scope.field_name(&property.name),
                key: property.name.clone(),
                docs: docs::field(property, &presence, self.style.descriptions),
                deprecated: deprecated && presence != Presence::Required,
                of: self.type_of(draft, &property.schema, &hint, true),
                presence,
            });
        }
        let arguments = object
            .required
            .iter()
            .filter_map(|key| fields.iter().position(|field| field.key == *key))
            .collect();
        Struct { name, docs, deprecated: false, record: None, fields, arguments, extra }
    }

    /// Like [`object`](Self::object), and puts the struct before the types that occur inside.
    pub(super) fn add_object(
        &mut self,
        draft: &mut Draft<'a>,
        object: &'a ObjectSchema,
        name: String,
        docs: Vec<String>,
        finish: impl FnOnce(&mut Struct),
    ) {
        let place = draft.items.len();
        let mut made = self.object(draft, object, name, docs, true);
        finish(&mut made);
        draft.items.insert(place, Item::Struct(made));
    }

    /// The type of a value. `hint` names what has no name of its own; `direct` says that
    /// nothing between the definition and the value allocates.
    pub(super) fn type_of(
        &mut self,
        draft: &mut Draft<'a>,
        schema: &'a Schema,
        hint: &str,
        direct: bool,
    ) -> Type {
        match schema {
            Schema::Boolean(_) => Type::Bool,
            Schema::Integer(_) => Type::Integer,
            Schema::String(string) => self.string(draft, string, hint),
            Schema::Bytes(_) => Type::Bytes,
            Schema::CidLink => Type::Link,
            Schema::Blob(_) => Type::Blob,
            Schema::Array(array) => {
                let hint = singular(hint);
                if let Some(field) = draft.about.strip_prefix("The field") {
                    draft.about = format!("An element of the field{field}");
                }
                Type::List(Box::new(self.type_of(draft, &array.items, &hint, false)))
            }
            Schema::Object(object) => {
                let name = draft.scope.type_name(hint, "Object");
                let docs = vec![draft.about.clone()];
                self.add_object(draft, object, name.clone(), docs, |_| {});
                Type::Path(draft.path(&name))
            }
            Schema::Ref(reference) => self.reference(draft, reference, direct),
            Schema::Union(union) => {
                let docs = vec![draft.about.clone()];
                self.union(draft, union, hint, docs).map_or(Type::Value, Type::Path)
            }
            _ => Type::Value,
        }
    }

    fn string(&mut self, draft: &mut Draft<'a>, string: &'a StringSchema, hint: &str) -> Type {
        let docs = vec![draft.about.clone()];
        let name = |draft: &mut Draft<'a>| draft.scope.type_name(hint, "Value");
        match (self.enumeration(draft, string, name, docs), string.format) {
            (Some((path, false)), _) => Type::Enumeration(path),
            (Some((path, true)), _) => Type::Path(path),
            (None, Some(format)) => Type::Format(format),
            (None, None) => Type::Text,
        }
    }

    fn reference(&mut self, draft: &Draft<'a>, reference: &Reference, direct: bool) -> Type {
        let holder = draft.title(draft.definition);
        let target = reference.to_string();
        match self.targets.get(&target) {
            Some(Target::Object(path)) if direct && self.recursion.needs_box(&holder, &target) => {
                Type::Boxed(Box::new(Type::Path(path.clone())))
            }
            Some(Target::Object(path)) => Type::Path(path.clone()),
            Some(Target::Enumeration(path)) => Type::Enumeration(path.clone()),
            Some(Target::Alias(path)) if !self.recursion.is_endless(&holder, &target) => {
                Type::Path(path.clone())
            }
            Some(Target::Alias(_)) => Type::Value,
            None => {
                self.unresolved.insert(Unresolved { holder, target });
                Type::Value
            }
        }
    }

    /// The enum of a union, or nothing if no member is known: any value then.
    pub(super) fn union(
        &mut self,
        draft: &mut Draft<'a>,
        union: &'a UnionSchema,
        hint: &str,
        docs: Vec<String>,
    ) -> Option<Path> {
        let variants = self.variants(draft, union);
        if variants.is_empty() {
            return None;
        }
        let name = draft.scope.type_name(hint, "Union");
        let closed = union.closed;
        draft.items.push(Item::Union(Union { name: name.clone(), docs, closed, variants }));
        Some(draft.path(&name))
    }

    /// The members whose types are known, with names that tell them apart.
    pub(super) fn variants(&mut self, draft: &Draft<'a>, union: &'a UnionSchema) -> Vec<Variant> {
        let mut members: Vec<(&Reference, Path)> = Vec::new();
        for reference in &union.refs {
            let target = reference.to_string();
            match self.targets.get(&target) {
                Some(Target::Object(path)) => {
                    if !members.iter().any(|(known, _)| *known == reference) {
                        members.push((reference, path.clone()));
                    }
                }
                _ => {
                    let holder = draft.title(draft.definition);
                    self.unresolved.insert(Unresolved { holder, target });
                }
            }
        }
        let names = variant_names(draft.nsid, &members);
        members
            .into_iter()
            .zip(names)
            .map(|((reference, of), name)| Variant { name, of, tag: reference.to_string() })
            .collect()
    }
}

/// A property without a name cannot occur in data, and `$type` is not the schema's to give.
fn is_representable(property: &Property) -> bool {
    !property.name.is_empty() && property.name != "$type"
}

/// In parameters an absent value is its default; elsewhere it has to stay absent.
fn presence(property: &Property, is_parameter: bool) -> Presence {
    match (property.required, property.nullable) {
        (true, false) => Presence::Required,
        (false, false) => match default(&property.schema).filter(|_| is_parameter) {
            Some(default) => Presence::Default(default),
            None => Presence::Optional,
        },
        (true, true) => Presence::Nullable,
        (false, true) => Presence::OptionalNullable,
    }
}

fn default(schema: &Schema) -> Option<Literal> {
    match schema {
        Schema::Boolean(boolean) => boolean.default.map(Literal::Bool),
        Schema::Integer(integer) => integer.default.map(Literal::Integer),
        Schema::String(string) => enumeration::default(string),
        _ => None,
    }
}

/// A member is called as its definition is. One from another document that is no
/// collection of definitions takes the document's name too: `ImagesView`. So do members
/// that would be called the same otherwise.
fn variant_names(nsid: &str, members: &[(&Reference, Path)]) -> Vec<String> {
    let short: Vec<String> = members.iter().map(|(to, _)| short_name(nsid, to)).collect();
    let mut scope = Scope::default();
    scope.reserve("Other");
    members
        .iter()
        .zip(&short)
        .map(|((reference, _), name)| {
            let clashes = short.iter().filter(|other| *other == name).count() > 1;
            let long = pascal(&format!("{}-{}", reference.nsid.name(), reference.name));
            scope.type_name(if clashes && !reference.is_main() { &long } else { name }, "Member")
        })
        .collect()
}

fn short_name(nsid: &str, reference: &Reference) -> String {
    let document = reference.nsid.name();
    if reference.is_main() {
        pascal(document)
    } else if reference.nsid.as_str() == nsid || document == "defs" {
        pascal(&reference.name)
    } else {
        pascal(&format!("{document}-{}", reference.name))
    }
}
