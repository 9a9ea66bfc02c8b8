//! Holds values against schemas.
//!
//! What the data model asks for by itself (the shapes of links, bytes and blobs) has been
//! checked when the value was decoded. Unknown properties are allowed; a reference to a
//! document that the catalog does not have constrains nothing. Success allocates nothing
//! but what parsing long identifiers takes; the path of an error is put together on the
//! way out.

use std::fmt;

use unicode_segmentation::UnicodeSegmentation;

use super::{
    catalog::Catalog,
    rule::{Rule, ValidationError},
    schema::{
        ArraySchema, BlobSchema, BodySchema, Definition, IntegerSchema, ObjectSchema, Reference,
        Schema, StringFormat, StringSchema, UnionSchema,
    },
};
use crate::{
    data::{Map, Value, limits},
    syntax,
    syntax::{Nsid, SyntaxError},
};

impl Catalog {
    /// Checks a record against the main definition of its collection's document. Its
    /// `$type` has to be the collection.
    pub fn validate_record(&self, nsid: &Nsid, record: &Value) -> Result<(), ValidationError> {
        let Some(Definition::Record(definition)) = self.main(nsid) else {
            return Err(Fault::new(Rule::NoSchema(nsid.clone())).into());
        };
        let validator = Validator { catalog: self };
        if let Value::Map(map) = record
            && map.type_name() != Some(nsid.as_str())
        {
            return Err(Fault::new(Rule::Type(nsid.clone())).at("$type").into());
        }
        validator.object(&definition.record, record, 0).map_err(ValidationError::from)
    }

    /// Checks the query parameters of an endpoint, given as a map. Parameters that the
    /// lexicon does not know are allowed.
    pub fn validate_params(&self, nsid: &Nsid, params: &Value) -> Result<(), ValidationError> {
        let parameters = match self.main(nsid) {
            Some(Definition::Query(query)) => &query.parameters,
            Some(Definition::Procedure(procedure)) => &procedure.parameters,
            Some(Definition::Subscription(subscription)) => &subscription.parameters,
            _ => return Err(Fault::new(Rule::NoSchema(nsid.clone())).into()),
        };
        let Some(parameters) = parameters else { return Ok(()) };
        Validator { catalog: self }.object(parameters, params, 0).map_err(ValidationError::from)
    }

    /// Checks the JSON input of a procedure. An input without a schema constrains nothing.
    pub fn validate_input(&self, nsid: &Nsid, input: &Value) -> Result<(), ValidationError> {
        match self.main(nsid) {
            Some(Definition::Procedure(procedure)) => self.body(procedure.input.as_ref(), input),
            _ => Err(Fault::new(Rule::NoSchema(nsid.clone())).into()),
        }
    }

    /// Checks the JSON output of a query or procedure. An output without a schema
    /// constrains nothing.
    pub fn validate_output(&self, nsid: &Nsid, output: &Value) -> Result<(), ValidationError> {
        match self.main(nsid) {
            Some(Definition::Query(query)) => self.body(query.output.as_ref(), output),
            Some(Definition::Procedure(procedure)) => self.body(procedure.output.as_ref(), output),
            _ => Err(Fault::new(Rule::NoSchema(nsid.clone())).into()),
        }
    }

    /// Checks the body of a subscription's message. `kind` is what the frame's header says,
    /// for example `#commit`. Kinds that an open union does not list are allowed.
    pub fn validate_message(
        &self,
        nsid: &Nsid,
        kind: &str,
        body: &Value,
    ) -> Result<(), ValidationError> {
        let Some(Definition::Subscription(subscription)) = self.main(nsid) else {
            return Err(Fault::new(Rule::NoSchema(nsid.clone())).into());
        };
        let Some(union) = &subscription.message else { return Ok(()) };
        let named = |member: &&Reference| match kind.strip_prefix('#') {
            Some(fragment) => member.nsid == *nsid && member.name == fragment,
            None => member.matches_type(kind),
        };
        match union.refs.iter().find(named) {
            Some(member) => {
                let validator = Validator { catalog: self };
                validator.reference(member, body, 0).map_err(ValidationError::from)
            }
            None if union.closed => Err(Fault::new(Rule::UnionMember(kind.to_owned())).into()),
            None => Ok(()),
        }
    }

    /// Checks a value against any definition that describes values.
    pub fn validate(&self, target: &Reference, value: &Value) -> Result<(), ValidationError> {
        Validator { catalog: self }.reference(target, value, 0).map_err(ValidationError::from)
    }

    fn main(&self, nsid: &Nsid) -> Option<&Definition> {
        self.get(nsid)?.main()
    }

    fn body(&self, body: Option<&BodySchema>, value: &Value) -> Result<(), ValidationError> {
        let Some(schema) = body.and_then(|body| body.schema.as_ref()) else { return Ok(()) };
        Validator { catalog: self }.schema(schema, value, 0).map_err(ValidationError::from)
    }
}

/// An error on its way out: the innermost segment of the path comes first.
struct Fault {
    segments: Vec<String>,
    rule: Rule,
}

impl Fault {
    fn new(rule: Rule) -> Box<Self> {
        Box::new(Self { segments: Vec::new(), rule })
    }

    fn kind(expected: &'static str, found: &Value) -> Box<Self> {
        Self::new(Rule::Kind { expected, found: found.kind() })
    }

    fn at(mut self: Box<Self>, segment: impl fmt::Display) -> Box<Self> {
        self.segments.push(segment.to_string());
        self
    }
}

impl From<Box<Fault>> for ValidationError {
    fn from(fault: Box<Fault>) -> Self {
        let path = fault.segments.iter().rev().map(String::as_str).collect::<Vec<_>>().join("/");
        Self { path, rule: fault.rule }
    }
}

type Result<T, E = Box<Fault>> = std::result::Result<T, E>;

#[derive(Clone, Copy)]
struct Validator<'a> {
    catalog: &'a Catalog,
}

impl Validator<'_> {
    fn schema(self, schema: &Schema, value: &Value, depth: usize) -> Result<()> {
        match schema {
            Schema::Boolean(boolean) => match value {
                Value::Bool(found) => fixed(boolean.constant.as_ref(), found),
                other => Err(Fault::kind("boolean", other)),
            },
            Schema::Integer(integer) => match value {
                Value::Integer(found) => check_integer(integer, *found),
                other => Err(Fault::kind("integer", other)),
            },
            Schema::String(string) => match value {
                Value::String(found) => check_string(string, found),
                other => Err(Fault::kind("string", other)),
            },
            Schema::Bytes(bytes) => match value {
                Value::Bytes(found) => {
                    check_length(bytes.min_length, bytes.max_length, found.len())
                }
                other => Err(Fault::kind("bytes", other)),
            },
            Schema::CidLink => match value {
                Value::Link(_) => Ok(()),
                other => Err(Fault::kind("cid-link", other)),
            },
            Schema::Blob(blob) => check_blob(blob, value),
            Schema::Array(array) => self.array(array, value, depth),
            Schema::Object(object) => self.object(object, value, depth),
            Schema::Ref(reference) => self.reference(reference, value, depth),
            Schema::Union(union) => self.union(union, value, depth),
            Schema::Unknown => match value {
                // A blob is a compound value, not an object with fields of its own.
                Value::Map(map) if map.type_name() != Some("blob") => Ok(()),
                other => Err(Fault::kind("unknown object", other)),
            },
        }
    }

    fn array(self, array: &ArraySchema, value: &Value, depth: usize) -> Result<()> {
        let Value::List(items) = value else { return Err(Fault::kind("array", value)) };
        check_length(array.min_length, array.max_length, items.len())?;
        let depth = deeper(depth)?;
        for (index, item) in items.iter().enumerate() {
            self.schema(&array.items, item, depth).map_err(|fault| fault.at(index))?;
        }
        Ok(())
    }

    fn object(self, object: &ObjectSchema, value: &Value, depth: usize) -> Result<()> {
        let Value::Map(map) = value else { return Err(Fault::kind("object", value)) };
        self.fields(object, map, deeper(depth)?)
    }

    fn fields(self, object: &ObjectSchema, map: &Map, depth: usize) -> Result<()> {
        for property in &object.properties {
            match map.get(&property.name) {
                None if property.required => {
                    return Err(Fault::new(Rule::Missing(property.name.clone())));
                }
                None => {}
                Some(Value::Null) if property.nullable => {}
                Some(value) => self
                    .schema(&property.schema, value, depth)
                    .map_err(|fault| fault.at(&property.name))?,
            }
        }
        Ok(())
    }

    fn reference(self, reference: &Reference, value: &Value, depth: usize) -> Result<()> {
        match self.catalog.resolve(reference) {
            Some(Definition::Record(record)) => self.object(&record.record, value, depth),
            Some(Definition::Value(definition)) => self.schema(&definition.schema, value, depth),
            Some(Definition::Token(_)) => match value {
                Value::String(text) if text.as_str() == reference.to_string() => Ok(()),
                _ => Err(Fault::new(Rule::Token(reference.clone()))),
            },
            _ => Ok(()),
        }
    }

    fn union(self, union: &UnionSchema, value: &Value, depth: usize) -> Result<()> {
        let Value::Map(map) = value else { return Err(Fault::kind("object", value)) };
        let type_name = map.type_name().filter(|name| is_type_name(name));
        let Some(type_name) = type_name else { return Err(Fault::new(Rule::UnionType)) };
        match union.refs.iter().find(|member| member.matches_type(type_name)) {
            Some(member) => self.reference(member, value, depth),
            None if union.closed => Err(Fault::new(Rule::UnionMember(type_name.to_owned()))),
            None => Ok(()),
        }
    }
}

/// An NSID, possibly with a fragment; never a fragment alone.
fn is_type_name(name: &str) -> bool {
    let (nsid, fragment) = name.split_once('#').unwrap_or((name, "main"));
    !fragment.is_empty() && Nsid::new(nsid).is_ok()
}

/// Schemas may be endless, values are not; those made by hand have to be kept in bounds.
fn deeper(depth: usize) -> Result<usize> {
    if depth >= limits::MAX_DEPTH { Err(Fault::new(Rule::Depth)) } else { Ok(depth + 1) }
}

fn fixed<T: PartialEq + ?Sized>(constant: Option<&T>, found: &T) -> Result<()> {
    match constant {
        Some(constant) if constant != found => Err(Fault::new(Rule::Const)),
        _ => Ok(()),
    }
}

fn check_integer(schema: &IntegerSchema, found: i64) -> Result<()> {
    fixed(schema.constant.as_ref(), &found)?;
    if schema.enumeration.as_ref().is_some_and(|values| !values.contains(&found)) {
        return Err(Fault::new(Rule::Enum));
    }
    match (schema.minimum, schema.maximum) {
        (Some(limit), _) if found < limit => Err(Fault::new(Rule::Minimum { limit, found })),
        (_, Some(limit)) if found > limit => Err(Fault::new(Rule::Maximum { limit, found })),
        _ => Ok(()),
    }
}

fn check_string(schema: &StringSchema, found: &str) -> Result<()> {
    fixed(schema.constant.as_deref(), found)?;
    if let Some(values) = &schema.enumeration
        && !values.iter().any(|value| value == found)
    {
        return Err(Fault::new(Rule::Enum));
    }
    check_length(schema.min_length, schema.max_length, found.len())?;
    check_graphemes(schema, found)?;
    match schema.format {
        Some(format) => {
            check_format(format, found).map_err(|why| Fault::new(Rule::Format { format, why }))
        }
        None => Ok(()),
    }
}

fn check_length(least: Option<usize>, most: Option<usize>, found: usize) -> Result<()> {
    match (least, most) {
        (Some(limit), _) if found < limit => Err(Fault::new(Rule::MinLength { limit, found })),
        (_, Some(limit)) if found > limit => Err(Fault::new(Rule::MaxLength { limit, found })),
        _ => Ok(()),
    }
}

/// Counts graphemes only if the number of bytes, which is never less, leaves it open.
fn check_graphemes(schema: &StringSchema, found: &str) -> Result<()> {
    let might_exceed = schema.max_graphemes.is_some_and(|limit| found.len() > limit);
    if !might_exceed && schema.min_graphemes.is_none() {
        return Ok(());
    }
    let count = found.graphemes(true).count();
    match (schema.min_graphemes, schema.max_graphemes) {
        (Some(limit), _) if count < limit => {
            Err(Fault::new(Rule::MinGraphemes { limit, found: count }))
        }
        (_, Some(limit)) if count > limit => {
            Err(Fault::new(Rule::MaxGraphemes { limit, found: count }))
        }
        _ => Ok(()),
    }
}

fn check_format(format: StringFormat, text: &str) -> Result<(), SyntaxError> {
    match format {
        StringFormat::AtIdentifier => syntax::AtIdentifier::check(text),
        StringFormat::AtUri => syntax::AtUri::check(text),
        StringFormat::Cid => text.parse::<syntax::Cid>().map(drop),
        StringFormat::Datetime => syntax::Datetime::check(text),
        StringFormat::Did => syntax::Did::check(text),
        StringFormat::Handle => syntax::Handle::check(text),
        StringFormat::Language => syntax::Language::check(text),
        StringFormat::Nsid => Nsid::check(text),
        StringFormat::RecordKey => syntax::RecordKey::check(text),
        StringFormat::Tid => syntax::Tid::new(text).map(drop),
        StringFormat::Uri => syntax::Uri::check(text),
    }
}

fn check_blob(schema: &BlobSchema, value: &Value) -> Result<()> {
    let Some(blob) = value.as_blob() else { return Err(Fault::kind("blob", value)) };
    let mime = blob.mime_type();
    if !schema.accept.is_empty() && !schema.accept.iter().any(|pattern| accepts(pattern, mime)) {
        return Err(Fault::new(Rule::BlobAccept(mime.to_owned())));
    }
    match (schema.max_size, blob.size()) {
        (Some(limit), Some(found)) if found > limit => {
            Err(Fault::new(Rule::BlobSize { limit, found }))
        }
        _ => Ok(()),
    }
}

/// An exact media type, `type/*` or `*/*`; no other pattern exists.
fn accepts(pattern: &str, mime: &str) -> bool {
    match pattern.strip_suffix("/*") {
        Some("*") => true,
        Some(kind) => mime.split_once('/').is_some_and(|(found, _)| found == kind),
        None => pattern == mime,
    }
}
