use super::{
    blob,
    fault::{Fault, Result},
    scalar,
};
use crate::{
    data::{key_order, limits},
    lexicon::{
        cursor::{Cursor, Item, TYPE},
        linked::{Field, Linked, Object, Type, TypeId, TypeName, Union},
        options::ValidationOptions,
        rule::Rule,
    },
    syntax::Nsid,
};

/// The walk over a value along its schema.
#[derive(Clone, Copy)]
pub(super) struct Validator<'c> {
    pub(super) linked: &'c Linked,
    pub(super) options: ValidationOptions,
}

impl Validator<'_> {
    /// Checks an item that has been read, around which `depth` containers are open.
    pub(super) fn item<'a, C: Cursor<'a>>(
        self,
        id: TypeId,
        item: Item<'a, C::List, C::Map>,
        cursor: &mut C,
        depth: usize,
    ) -> Result<()> {
        match (self.linked.get(id), item) {
            (Type::Any, item) => {
                cursor.leave(item);
                Ok(())
            }
            (Type::Boolean(schema), Item::Bool(found)) => {
                scalar::fixed(schema.constant.as_ref(), &found)
            }
            (Type::Integer(schema), Item::Integer(found)) => scalar::integer(schema, found),
            (Type::String(schema), Item::Text(found)) => {
                scalar::string(schema, found, self.options)
            }
            (Type::Bytes(schema), Item::Bytes { len }) => {
                scalar::length(schema.min_length, schema.max_length, len)
            }
            (Type::CidLink, Item::Link(_)) => Ok(()),
            (Type::Blob(schema), Item::Map(map)) => blob::check(schema, map, cursor, self.options),
            (Type::Array { items, min_length, max_length }, Item::List { items: list, len }) => {
                scalar::length(*min_length, *max_length, len)?;
                self.elements(*items, list, cursor, deeper(depth)?)
            }
            (Type::Object(object), Item::Map(map)) => self.object(object, map, cursor, depth),
            (Type::Union(union), Item::Map(map)) => self.union(union, map, cursor, depth),
            // A blob is a compound value, not an object with fields of its own.
            (Type::Unknown, Item::Map(map)) if cursor.type_name(&map) != Some(b"blob") => {
                cursor.leave(Item::Map(map));
                Ok(())
            }
            (Type::Token(token), item) => match item.text() {
                Some(text) if text == token.to_string().as_bytes() => Ok(()),
                _ => Err(Fault::new(Rule::Token(token.clone()))),
            },
            (expected, item) => {
                let (expected, found) = (kind(expected), item.kind());
                Err(Fault::new(Rule::Kind { expected, found }))
            }
        }
    }

    fn elements<'a, C: Cursor<'a>>(
        self,
        id: TypeId,
        mut list: C::List,
        cursor: &mut C,
        depth: usize,
    ) -> Result<()> {
        let mut index = 0usize;
        while cursor.next_element(&mut list) {
            let item = cursor.read();
            self.item(id, item, cursor, depth).map_err(|fault| fault.at(index))?;
            index += 1;
        }
        Ok(())
    }

    /// Properties and keys have one order, so that one pass over both is enough.
    fn object<'a, C: Cursor<'a>>(
        self,
        object: &Object,
        mut map: C::Map,
        cursor: &mut C,
        depth: usize,
    ) -> Result<()> {
        let depth = deeper(depth)?;
        if let TypeName::Required(name) = &object.name
            && cursor.type_name(&map) != Some(name.as_bytes())
        {
            return Err(wrong_type(name));
        }
        let mut fields = object.fields.iter();
        let mut field = fields.next();
        while let Some(key) = cursor.next_key(&mut map) {
            while let Some(before) = field.filter(|field| order(field, key).is_lt()) {
                absent(before)?;
                field = fields.next();
            }
            if key == TYPE
                && let TypeName::Optional(name) = &object.name
                && cursor.clone().read().text() != Some(name.as_bytes())
            {
                return Err(wrong_type(name));
            }
            match field.filter(|field| order(field, key).is_eq()) {
                Some(this) => {
                    self.property(this, cursor, depth)?;
                    field = fields.next();
                }
                None => cursor.skip(),
            }
        }
        field.into_iter().chain(fields).try_for_each(absent)
    }

    fn property<'a, C: Cursor<'a>>(
        self,
        field: &Field,
        cursor: &mut C,
        depth: usize,
    ) -> Result<()> {
        match cursor.read() {
            Item::Null if field.nullable => Ok(()),
            item => self.item(field.id, item, cursor, depth).map_err(|fault| fault.at(&field.name)),
        }
    }

    fn union<'a, C: Cursor<'a>>(
        self,
        union: &Union,
        map: C::Map,
        cursor: &mut C,
        depth: usize,
    ) -> Result<()> {
        let name = cursor.type_name(&map).filter(|name| !name.is_empty());
        let Some(name) = name else { return Err(Fault::new(Rule::UnionType)) };
        match union.member(name) {
            Some(member) => self.item(member, Item::Map(map), cursor, depth),
            None if union.closed => Err(Fault::new(Rule::UnionMember(scalar::text(name).into()))),
            None if self.options.strict_types && !is_type_name(scalar::text(name)) => {
                Err(Fault::new(Rule::TypeName(scalar::text(name).into())).at("$type"))
            }
            None => {
                cursor.leave(Item::Map(map));
                Ok(())
            }
        }
    }
}

fn order(field: &Field, key: &[u8]) -> std::cmp::Ordering {
    key_order(field.name.as_bytes(), key)
}

fn absent(field: &Field) -> Result<()> {
    match field.required {
        true => Err(Fault::new(Rule::Missing(field.name.to_string()))),
        false => Ok(()),
    }
}

fn wrong_type(name: &str) -> Box<Fault> {
    Fault::new(Rule::Type(name.to_owned())).at("$type")
}

/// An NSID, possibly with a fragment; never a fragment alone, and `#main` is left out.
fn is_type_name(name: &str) -> bool {
    let (nsid, fragment) = name.split_once('#').unwrap_or((name, "-"));
    !matches!(fragment, "" | "main") && Nsid::check(nsid).is_ok()
}

/// Schemas may be endless, values are not; those made by hand have to be kept in bounds.
fn deeper(depth: usize) -> Result<usize> {
    if depth >= limits::MAX_DEPTH { Err(Fault::new(Rule::Depth)) } else { Ok(depth + 1) }
}

fn kind(expected: &Type) -> &'static str {
    match expected {
        Type::Any | Type::Unknown => "unknown object",
        Type::Boolean(_) => "boolean",
        Type::Integer(_) => "integer",
        Type::String(_) | Type::Token(_) => "string",
        Type::Bytes(_) => "bytes",
        Type::CidLink => "cid-link",
        Type::Blob(_) => "blob",
        Type::Array { .. } => "array",
        Type::Object(_) | Type::Union(_) => "object",
    }
}
