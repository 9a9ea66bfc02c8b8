//! From JSON to the schema types.

use super::{
    document::{Document, SchemaError, SchemaRule},
    json::Json,
    schema::{
        ArraySchema, BlobSchema, BodySchema, BooleanSchema, BytesSchema, Definition,
        ErrorDefinition, IntegerSchema, ObjectSchema, Permission, PermissionSet,
        ProcedureDefinition, Property, QueryDefinition, RecordDefinition, RecordKeyRule, Reference,
        Schema, StringFormat, StringSchema, SubscriptionDefinition, TokenDefinition, UnionSchema,
        ValueDefinition,
    },
};
use crate::syntax::{Nsid, RecordKey};

type Result<T, E = SchemaError> = std::result::Result<T, E>;

pub(super) fn document(source: Json) -> Result<Document> {
    let entries = object(&source)?;
    let version = required(entries, "lexicon", integer)?;
    if version != 1 {
        return Err(SchemaError::new(SchemaRule::Version(version)).at("lexicon"));
    }
    let id = required(entries, "id", nsid)?;
    let revision = optional(entries, "revision", integer)?;
    let description = optional(entries, "description", string)?;
    let defs = required(entries, "defs", |defs| definitions(&id, object(defs)?))?;
    Ok(Document::assemble(id, revision, description, defs, source))
}

fn definitions(id: &Nsid, entries: &[(String, Json)]) -> Result<Vec<(String, Definition)>> {
    if entries.is_empty() {
        return Err(SchemaError::new(SchemaRule::NoDefinitions));
    }
    let mut defs = Vec::with_capacity(entries.len());
    for (name, json) in entries {
        check_name(name).map_err(|error| error.at(name))?;
        let definition = definition(id, json).map_err(|error| error.at(name))?;
        if definition.is_primary() && name != "main" {
            let kind = primary_kind(&definition);
            return Err(SchemaError::new(SchemaRule::NotMain(kind)).at(name));
        }
        defs.push((name.clone(), definition));
    }
    Ok(defs)
}

fn check_name(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        Ok(())
    } else {
        Err(SchemaError::new(SchemaRule::DefinitionName(name.to_owned())))
    }
}

fn primary_kind(definition: &Definition) -> &'static str {
    match definition {
        Definition::Record(_) => "record",
        Definition::Query(_) => "query",
        Definition::Procedure(_) => "procedure",
        Definition::Subscription(_) => "subscription",
        _ => "permission-set",
    }
}

fn definition(id: &Nsid, json: &Json) -> Result<Definition> {
    let entries = object(json)?;
    let description = optional(entries, "description", string)?;
    Ok(match required(entries, "type", string)?.as_str() {
        "record" => Definition::Record(RecordDefinition {
            description,
            key: required(entries, "key", record_key_rule)?,
            record: required(entries, "record", |json| match schema(id, json)? {
                Schema::Object(object) => Ok(object),
                other => Err(SchemaError::new(SchemaRule::NotHere(other.kind()))),
            })?,
        }),
        "query" => Definition::Query(QueryDefinition {
            description,
            parameters: optional(entries, "parameters", |json| parameters(id, json))?,
            output: optional(entries, "output", |json| body(id, json))?,
            errors: errors(entries)?,
        }),
        "procedure" => Definition::Procedure(Box::new(ProcedureDefinition {
            description,
            parameters: optional(entries, "parameters", |json| parameters(id, json))?,
            input: optional(entries, "input", |json| body(id, json))?,
            output: optional(entries, "output", |json| body(id, json))?,
            errors: errors(entries)?,
        })),
        "subscription" => Definition::Subscription(SubscriptionDefinition {
            description,
            parameters: optional(entries, "parameters", |json| parameters(id, json))?,
            message: optional(entries, "message", |json| message(id, json))?,
            errors: errors(entries)?,
        }),
        "permission-set" => Definition::PermissionSet(PermissionSet {
            description,
            title: optional(entries, "title", string)?,
            detail: optional(entries, "detail", string)?,
            permissions: required(entries, "permissions", |json| list(json, permission))?,
        }),
        "token" => Definition::Token(TokenDefinition { description }),
        _ => {
            let schema = schema(id, json)?;
            if matches!(schema, Schema::Ref(_) | Schema::Union(_) | Schema::Unknown) {
                return Err(SchemaError::new(SchemaRule::NotHere(schema.kind())));
            }
            Definition::Value(ValueDefinition { description, schema })
        }
    })
}

fn record_key_rule(json: &Json) -> Result<RecordKeyRule> {
    let text = string(json)?;
    match text.as_str() {
        "tid" => Ok(RecordKeyRule::Tid),
        "nsid" => Ok(RecordKeyRule::Nsid),
        "any" => Ok(RecordKeyRule::Any),
        other => match other.strip_prefix("literal:") {
            Some(key) if RecordKey::new(key).is_ok() => Ok(RecordKeyRule::Literal(key.to_owned())),
            _ => Err(SchemaError::new(SchemaRule::RecordKey(text))),
        },
    }
}

/// Parameters are booleans, integers, strings, and arrays of these.
fn parameters(id: &Nsid, json: &Json) -> Result<ObjectSchema> {
    let entries = object(json)?;
    expect_type(entries, "params")?;
    let object = object_schema(id, entries)?;
    for property in &object.properties {
        let simple = |schema: &Schema| {
            matches!(schema, Schema::Boolean(_) | Schema::Integer(_) | Schema::String(_))
        };
        let admitted = match &property.schema {
            Schema::Array(array) => simple(&array.items),
            other => simple(other),
        };
        if !admitted {
            let error = SchemaError::new(SchemaRule::NotHere(property.schema.kind()));
            return Err(error.at(&property.name).at("properties"));
        }
    }
    Ok(object)
}

fn body(id: &Nsid, json: &Json) -> Result<BodySchema> {
    let entries = object(json)?;
    Ok(BodySchema {
        description: optional(entries, "description", string)?,
        encoding: required(entries, "encoding", string)?,
        schema: optional(entries, "schema", |json| match schema(id, json)? {
            found @ (Schema::Object(_) | Schema::Ref(_) | Schema::Union(_)) => Ok(found),
            other => Err(SchemaError::new(SchemaRule::NotHere(other.kind()))),
        })?,
    })
}

fn message(id: &Nsid, json: &Json) -> Result<UnionSchema> {
    required(object(json)?, "schema", |json| match schema(id, json)? {
        Schema::Union(union) => Ok(union),
        other => Err(SchemaError::new(SchemaRule::NotHere(other.kind()))),
    })
}

fn errors(entries: &[(String, Json)]) -> Result<Vec<ErrorDefinition>> {
    let found = optional(entries, "errors", |json| {
        list(json, |json| {
            let entries = object(json)?;
            Ok(ErrorDefinition {
                name: required(entries, "name", string)?,
                description: optional(entries, "description", string)?,
            })
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// A permission that is not wholly understood is ignored, never narrowed or widened.
fn permission(json: &Json) -> Result<Permission> {
    let entries = object(json)?;
    expect_type(entries, "permission")?;
    let known = |names: &[&str]| {
        entries.iter().all(|(key, _)| {
            names.contains(&key.as_str())
                || ["type", "resource", "description"].contains(&key.as_str())
        })
    };
    let understood = match required(entries, "resource", string)?.as_str() {
        "repo" if known(&["collection", "action"]) => {
            let collection = required(entries, "collection", |json| list(json, nsid));
            let action = optional(entries, "action", |json| list(json, string));
            match (collection, action) {
                (Ok(collection), Ok(action)) if !collection.is_empty() => {
                    Some(Permission::Repo { collection, action: action.unwrap_or_default() })
                }
                _ => None,
            }
        }
        "rpc" if known(&["lxm", "aud", "inheritAud"]) => {
            let lxm = required(entries, "lxm", |json| list(json, nsid));
            let aud = optional(entries, "aud", string)?;
            let inherit_aud = optional(entries, "inheritAud", boolean)?.unwrap_or(false);
            match lxm {
                Ok(lxm) if !lxm.is_empty() && aud.is_some() != inherit_aud => {
                    Some(Permission::Rpc { lxm, aud, inherit_aud })
                }
                _ => None,
            }
        }
        _ => None,
    };
    Ok(understood.unwrap_or_else(|| Permission::Ignored(json.clone())))
}

fn schema(id: &Nsid, json: &Json) -> Result<Schema> {
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
            accept: optional(entries, "accept", |json| list(json, string))?.unwrap_or_default(),
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
    let enumeration = optional(entries, "enum", |json| list(json, integer))?;
    let constant = optional(entries, "const", integer)?;
    let default = optional(entries, "default", integer)?;
    exclusive(constant.is_some(), default.is_some())?;
    if let Some(default) = default {
        let admitted = minimum.is_none_or(|least| default >= least)
            && maximum.is_none_or(|most| default <= most)
            && enumeration.as_ref().is_none_or(|values| values.contains(&default));
        inside(admitted)?;
    }
    Ok(IntegerSchema { minimum, maximum, enumeration, constant, default })
}

fn string_schema(entries: &[(String, Json)]) -> Result<StringSchema> {
    let (min_length, max_length) = bounds(entries, "minLength", "maxLength", length)?;
    let (min_graphemes, max_graphemes) = bounds(entries, "minGraphemes", "maxGraphemes", length)?;
    let enumeration = optional(entries, "enum", |json| list(json, string))?;
    let constant = optional(entries, "const", string)?;
    let default = optional(entries, "default", string)?;
    exclusive(constant.is_some(), default.is_some())?;
    if let (Some(default), Some(values)) = (&default, &enumeration) {
        inside(values.contains(default))?;
    }
    Ok(StringSchema {
        format: optional(entries, "format", |json| {
            let name = string(json)?;
            StringFormat::from_name(&name)
                .ok_or_else(|| SchemaError::new(SchemaRule::UnknownFormat(name)))
        })?,
        min_length,
        max_length,
        min_graphemes,
        max_graphemes,
        known_values: optional(entries, "knownValues", |json| list(json, string))?
            .unwrap_or_default(),
        enumeration,
        constant,
        default,
    })
}

fn object_schema(id: &Nsid, entries: &[(String, Json)]) -> Result<ObjectSchema> {
    let required = optional(entries, "required", |json| list(json, string))?.unwrap_or_default();
    let nullable = optional(entries, "nullable", |json| list(json, string))?.unwrap_or_default();
    let mut properties = Vec::new();
    if let Some((_, json)) = entries.iter().find(|(key, _)| key == "properties") {
        for (name, json) in object(json).map_err(|error| error.at("properties"))? {
            let place = |error: SchemaError| error.at(name).at("properties");
            properties.push(Property {
                description: optional(object(json).map_err(place)?, "description", string)
                    .map_err(place)?,
                schema: schema(id, json).map_err(place)?,
                required: required.contains(name),
                nullable: nullable.contains(name),
                name: name.clone(),
            });
        }
    }
    if let Some(missing) =
        required.iter().find(|name| !properties.iter().any(|property| property.name == **name))
    {
        let rule = SchemaRule::RequiredUndefined(missing.clone());
        return Err(SchemaError::new(rule).at("required"));
    }
    let description = optional(entries, "description", string)?;
    Ok(ObjectSchema { description, properties, required })
}

fn reference(id: &Nsid, json: &Json) -> Result<Reference> {
    let text = string(json)?;
    let (document, name) = text.split_once('#').unwrap_or((&text, "main"));
    let nsid = if document.is_empty() { Ok(id.clone()) } else { Nsid::new(document) };
    match nsid {
        Ok(nsid) if !text.is_empty() && check_name(name).is_ok() => Ok(Reference::new(nsid, name)),
        _ => Err(SchemaError::new(SchemaRule::Reference(text))),
    }
}

fn exclusive(constant: bool, default: bool) -> Result<()> {
    if constant && default { Err(SchemaError::new(SchemaRule::ConstAndDefault)) } else { Ok(()) }
}

fn inside(admitted: bool) -> Result<()> {
    if admitted { Ok(()) } else { Err(SchemaError::new(SchemaRule::DefaultOutside)) }
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

fn expect_type(entries: &[(String, Json)], expected: &'static str) -> Result<()> {
    let kind = required(entries, "type", string)?;
    if kind == expected {
        Ok(())
    } else {
        Err(SchemaError::new(SchemaRule::UnknownType(kind)).at("type"))
    }
}

fn required<T>(
    entries: &[(String, Json)],
    name: &'static str,
    read: impl Fn(&Json) -> Result<T>,
) -> Result<T> {
    optional(entries, name, read)?.ok_or_else(|| SchemaError::new(SchemaRule::Missing(name)))
}

fn optional<T>(
    entries: &[(String, Json)],
    name: &'static str,
    read: impl Fn(&Json) -> Result<T>,
) -> Result<Option<T>> {
    match entries.iter().find(|(key, _)| key == name) {
        Some((_, json)) => read(json).map(Some).map_err(|error| error.at(name)),
        None => Ok(None),
    }
}

fn list<T>(json: &Json, read: impl Fn(&Json) -> Result<T>) -> Result<Vec<T>> {
    let Json::Array(items) = json else { return Err(wrong("an array", json)) };
    items
        .iter()
        .enumerate()
        .map(|(index, item)| read(item).map_err(|error| error.at(index.to_string())))
        .collect()
}

fn object(json: &Json) -> Result<&[(String, Json)]> {
    json.as_object().ok_or_else(|| wrong("an object", json))
}

fn string(json: &Json) -> Result<String> {
    json.as_str().map(str::to_owned).ok_or_else(|| wrong("a string", json))
}

fn nsid(json: &Json) -> Result<Nsid> {
    Nsid::new(string(json)?).map_err(|error| SchemaError::new(SchemaRule::Syntax(error)))
}

fn boolean(json: &Json) -> Result<bool> {
    match json {
        Json::Bool(value) => Ok(*value),
        _ => Err(wrong("a boolean", json)),
    }
}

fn integer(json: &Json) -> Result<i64> {
    match json {
        Json::Integer(value) => Ok(*value),
        _ => Err(wrong("an integer", json)),
    }
}

fn length(json: &Json) -> Result<usize> {
    usize::try_from(integer(json)?).map_err(|_| wrong("a length", json))
}

fn wrong(expected: &'static str, found: &Json) -> SchemaError {
    SchemaError::new(SchemaRule::WrongKind { expected, found: found.kind() })
}
