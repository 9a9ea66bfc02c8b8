use std::collections::HashMap;

use super::{Endpoint, Field, Linked, Main, Names, Object, Type, TypeId, TypeName, Union};
use crate::{
    data::key_order,
    lexicon::{
        document::Document,
        schema::{
            BodySchema, Definition, IntegerSchema, ObjectSchema, Reference, Schema, StringSchema,
            UnionSchema,
        },
    },
    syntax::Nsid,
};

impl Linked {
    /// Links documents. A reference that leads nowhere constrains nothing. Nesting is bounded
    /// because that of documents is, and a reference is a number, so that cycles end here.
    pub(in crate::lexicon) fn of<'d>(documents: impl Iterator<Item = &'d Document>) -> Self {
        let mut compiler = Compiler { types: vec![Type::Any], ids: HashMap::new() };
        let documents: Vec<&Document> = documents.collect();
        for document in &documents {
            compiler.number(document);
        }
        let names = documents
            .into_iter()
            .map(|document| (document.id.clone(), compiler.document(document)))
            .collect();
        Self { types: compiler.types, documents: names }
    }
}

struct Compiler<'d> {
    types: Vec<Type>,
    /// The definitions of values, which may be referred to before they are compiled.
    ids: HashMap<(&'d Nsid, &'d str), TypeId>,
}

impl<'d> Compiler<'d> {
    fn number(&mut self, document: &'d Document) {
        for (name, definition) in &document.defs {
            if matches!(
                definition,
                Definition::Record(_) | Definition::Token(_) | Definition::Value(_)
            ) {
                let id = self.push(Type::Any);
                self.ids.insert((&document.id, name), id);
            }
        }
    }

    fn document(&mut self, document: &'d Document) -> Names {
        let mut names = Names::default();
        for (name, definition) in &document.defs {
            if let Some(id) = self.ids.get(&(&document.id, name.as_str())).copied() {
                let reference = Reference::new(document.id.clone(), name.as_str());
                self.types[id.0] = self.value(definition, reference);
                names.values.push((name.as_str().into(), id));
            }
            if name == "main" {
                names.main = self.main(document, definition);
            }
        }
        names
    }

    fn value(&mut self, definition: &Definition, name: Reference) -> Type {
        match definition {
            Definition::Record(record) => {
                self.object(&record.record, TypeName::Required(name.to_string().into()))
            }
            Definition::Value(value) => match &value.schema {
                Schema::Object(object) => {
                    self.object(object, TypeName::Optional(name.to_string().into()))
                }
                schema => self.plain(schema),
            },
            _ => Type::Token(name),
        }
    }

    fn main(&mut self, document: &Document, definition: &Definition) -> Option<Main> {
        Some(match definition {
            Definition::Record(_) => Main::Record(*self.ids.get(&(&document.id, "main"))?),
            Definition::Query(query) => Main::Query(Endpoint {
                parameters: self.parameters(query.parameters.as_ref()),
                input: None,
                output: self.body(query.output.as_ref()),
            }),
            Definition::Procedure(procedure) => Main::Procedure(Endpoint {
                parameters: self.parameters(procedure.parameters.as_ref()),
                input: self.body(procedure.input.as_ref()),
                output: self.body(procedure.output.as_ref()),
            }),
            Definition::Subscription(subscription) => {
                let message = self.union(&subscription.message);
                Main::Subscription(Endpoint {
                    parameters: self.parameters(subscription.parameters.as_ref()),
                    input: None,
                    output: Some(self.push(message)),
                })
            }
            _ => return None,
        })
    }

    fn parameters(&mut self, parameters: Option<&ObjectSchema>) -> Option<TypeId> {
        let parameters = self.object(parameters?, TypeName::Free);
        Some(self.push(parameters))
    }

    fn body(&mut self, body: Option<&BodySchema>) -> Option<TypeId> {
        Some(self.schema(body?.schema.as_ref()?))
    }

    fn schema(&mut self, schema: &Schema) -> TypeId {
        if let Schema::Ref(reference) = schema {
            return self.reference(reference);
        }
        let plain = self.plain(schema);
        self.push(plain)
    }

    fn reference(&self, reference: &Reference) -> TypeId {
        let id = self.ids.get(&(&reference.nsid, reference.name.as_str()));
        id.copied().unwrap_or(ANY)
    }

    fn plain(&mut self, schema: &Schema) -> Type {
        match schema {
            Schema::Boolean(boolean) => Type::Boolean(boolean.clone()),
            Schema::Integer(integer) => Type::Integer(IntegerSchema {
                enumeration: integer.enumeration.clone().map(sorted),
                ..integer.clone()
            }),
            Schema::String(string) => Type::String(Box::new(StringSchema {
                enumeration: string.enumeration.clone().map(sorted),
                known_values: Vec::new(),
                ..string.clone()
            })),
            Schema::Bytes(bytes) => Type::Bytes(bytes.clone()),
            Schema::CidLink => Type::CidLink,
            Schema::Blob(blob) => Type::Blob(blob.clone()),
            Schema::Array(array) => Type::Array {
                items: self.schema(&array.items),
                min_length: array.min_length,
                max_length: array.max_length,
            },
            Schema::Object(object) => self.object(object, TypeName::Free),
            Schema::Union(union) => self.union(union),
            Schema::Ref(_) | Schema::Unknown => Type::Unknown,
        }
    }

    fn object(&mut self, object: &ObjectSchema, name: TypeName) -> Type {
        let mut fields: Vec<Field> = object
            .properties
            .iter()
            .map(|property| Field {
                name: property.name.as_str().into(),
                id: self.schema(&property.schema),
                required: property.required,
                nullable: property.nullable,
            })
            .collect();
        fields.sort_by(|a, b| key_order(a.name.as_bytes(), b.name.as_bytes()));
        Type::Object(Object { name, fields: fields.into() })
    }

    fn union(&self, union: &UnionSchema) -> Type {
        let mut members: Vec<(Box<str>, TypeId)> = union
            .refs
            .iter()
            .map(|member| (member.to_string().into(), self.reference(member)))
            .collect();
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        Type::Union(Union { members: members.into(), closed: union.closed })
    }

    fn push(&mut self, compiled: Type) -> TypeId {
        self.types.push(compiled);
        TypeId(self.types.len() - 1)
    }
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

/// The type of what cannot be found.
const ANY: TypeId = TypeId(0);
