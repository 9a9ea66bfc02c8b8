use std::collections::HashSet;

use super::{
    field::{
        Result, boolean, few, integer, length, list, named, object, optional, required, string,
    },
    reference,
};
use crate::{
    lexicon::{
        document::{SchemaError, SchemaRule},
        json::Json,
        limits,
        options::ValidationOptions,
        schema::{
            ArraySchema, BlobSchema, BooleanSchema, BytesSchema, IntegerSchema, ObjectSchema,
            Property, Schema, StringFormat, StringSchema, UnionSchema,
        },
        validate::scalar,
    },
    syntax::Nsid,
};

/// The type of a value.
pub(super) fn schema(id: &Nsid, json: &Json) -> Result<Schema> {
    let entries = object(json)?;
    optional(entries, "description", string)?;
    let kind = required(entries, "type", string)?;
    Ok(match kind.as_str() {
        "boolean" => Schema::Boolean(boolean_schema(entries)?),
        "integer" => Schema::Integer(integer_schema(entries)?),
        "string" => Schema::String(string_schema(entries)?),
        "bytes" => {
            let (min_length, max_length) = bounds(entries, "minLength", "maxLength", length)?;
            Schema::Bytes(BytesSchema { min_length, max_length })
        }
        "cid-link" => Schema::CidLink,
        "blob" => Schema::Blob(BlobSchema {
            accept: optional(entries, "accept", |json| list(json, string))?,
            max_size: optional(entries, "maxSize", length)?.map(|size| size as u64),
        }),
        "array" => {
            let (min_length, max_length) = bounds(entries, "minLength", "maxLength", length)?;
            let items = Box::new(required(entries, "items", |json| schema(id, json))?);
            Schema::Array(ArraySchema { items, min_length, max_length })
        }
        "object" => Schema::Object(object_schema(id, entries)?),
        "ref" => Schema::Ref(required(entries, "ref", |json| reference(id, json))?),
        "union" => {
            let refs = required(entries, "refs", |json| list(json, |json| reference(id, json)))?;
            few(refs.len(), limits::MAX_MEMBERS).map_err(|error| error.at("refs"))?;
            let closed = optional(entries, "closed", boolean)?.unwrap_or(false);
            if closed && refs.is_empty() {
                return Err(SchemaError::new(SchemaRule::ClosedUnionEmpty));
            }
            Schema::Union(UnionSchema { refs, closed })
        }
        "unknown" => Schema::Unknown,
        "token" => return Err(SchemaError::new(SchemaRule::NotHere("token"))),
        _ => return Err(SchemaError::new(SchemaRule::UnknownType(kind))),
    })
}

fn boolean_schema(entries: &[(String, Json)]) -> Result<BooleanSchema> {
    let constant = optional(entries, "const", boolean)?;
    let default = optional(entries, "default", boolean)?;
    exclusive(constant.is_some(), default.is_some())?;
    Ok(BooleanSchema { constant, default })
}

fn integer_schema(entries: &[(String, Json)]) -> Result<IntegerSchema> {
    let (minimum, maximum) = bounds(entries, "minimum", "maximum", integer)?;
    let schema = IntegerSchema {
        minimum,
        maximum,
        enumeration: optional(entries, "enum", |json| list(json, integer))?,
        constant: optional(entries, "const", integer)?,
        default: optional(entries, "default", integer)?,
    };
    exclusive(schema.constant.is_some(), schema.default.is_some())?;
    let bounds = IntegerSchema { minimum, maximum, ..IntegerSchema::default() };
    let within = |value: &i64| scalar::integer(&bounds, *value).is_ok();
    consistent(&schema.enumeration, &schema.constant, &schema.default, within)?;
    Ok(schema)
}

fn string_schema(entries: &[(String, Json)]) -> Result<StringSchema> {
    let (min_length, max_length) = bounds(entries, "minLength", "maxLength", length)?;
    let (min_graphemes, max_graphemes) = bounds(entries, "minGraphemes", "maxGraphemes", length)?;
    let format = optional(entries, "format", |json| {
        let name = string(json)?;
        StringFormat::from_name(&name)
            .ok_or_else(|| SchemaError::new(SchemaRule::UnknownFormat(name)))
    })?;
    let bounds = StringSchema {
        format,
        min_length,
        max_length,
        min_graphemes,
        max_graphemes,
        ..StringSchema::default()
    };
    let known = optional(entries, "knownValues", |json| list(json, string))?;
    let enumeration = optional(entries, "enum", |json| list(json, string))?;
    let constant = optional(entries, "const", string)?;
    let default = optional(entries, "default", string)?;
    exclusive(constant.is_some(), default.is_some())?;
    let strict = ValidationOptions::STRICT;
    let within = |value: &String| scalar::string(&bounds, value.as_bytes(), strict).is_ok();
    consistent(&enumeration, &constant, &default, within)?;
    let known_values = known.unwrap_or_default();
    Ok(StringSchema { known_values, enumeration, constant, default, ..bounds })
}

/// An object, or parameters.
pub(super) fn object_schema(id: &Nsid, entries: &[(String, Json)]) -> Result<ObjectSchema> {
    let required_names = names(entries, "required")?;
    let nullable_names = names(entries, "nullable")?;
    let is_required: HashSet<&str> = required_names.iter().map(String::as_str).collect();
    let is_nullable: HashSet<&str> = nullable_names.iter().map(String::as_str).collect();
    let properties = required(entries, "properties", |json| {
        let property = |(name, json): &(String, Json)| {
            Ok(Property {
                description: optional(object(json)?, "description", string)?,
                schema: schema(id, json)?,
                required: is_required.contains(name.as_str()),
                nullable: is_nullable.contains(name.as_str()),
                name: name.clone(),
            })
        };
        named(json, limits::MAX_PROPERTIES)?
            .iter()
            .map(|entry| property(entry).map_err(|error: SchemaError| error.at(&entry.0)))
            .collect::<Result<Vec<_>>>()
    })?;
    let defined: HashSet<&str> = properties.iter().map(|property| property.name.as_str()).collect();
    if let Some(missing) = required_names.iter().find(|name| !defined.contains(name.as_str())) {
        let rule = SchemaRule::RequiredUndefined(missing.clone());
        return Err(SchemaError::new(rule).at("required"));
    }
    let description = optional(entries, "description", string)?;
    Ok(ObjectSchema { description, properties, required: required_names })
}

fn names(entries: &[(String, Json)], field: &'static str) -> Result<Vec<String>> {
    Ok(optional(entries, field, |json| list(json, string))?.unwrap_or_default())
}

fn exclusive(constant: bool, default: bool) -> Result<()> {
    if constant && default { Err(SchemaError::new(SchemaRule::ConstAndDefault)) } else { Ok(()) }
}

/// What is listed has to be within the bounds, and what is fixed among what is listed: else
/// nothing could ever be valid.
fn consistent<T: PartialEq>(
    enumeration: &Option<Vec<T>>,
    constant: &Option<T>,
    default: &Option<T>,
    within: impl Fn(&T) -> bool,
) -> Result<()> {
    let listed = enumeration.iter().flatten();
    let admitted = |value: &T| {
        within(value) && enumeration.as_ref().is_none_or(|values| values.contains(value))
    };
    let rule = if !listed.into_iter().all(&within) {
        SchemaRule::EnumOutside
    } else if !constant.iter().all(admitted) {
        SchemaRule::ConstOutside
    } else if !default.iter().all(admitted) {
        SchemaRule::DefaultOutside
    } else {
        return Ok(());
    };
    Err(SchemaError::new(rule))
}

fn bounds<T: PartialOrd + Copy>(
    entries: &[(String, Json)],
    least: &'static str,
    most: &'static str,
    read: fn(&Json) -> Result<T>,
) -> Result<(Option<T>, Option<T>)> {
    let (minimum, maximum) = (optional(entries, least, read)?, optional(entries, most, read)?);
    match (minimum, maximum) {
        (Some(low), Some(high)) if low > high => Err(SchemaError::new(SchemaRule::Range)),
        bounds => Ok(bounds),
    }
}
