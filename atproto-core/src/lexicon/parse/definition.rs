use super::{
    field::{Result, expect_type, list, object, optional, required, string},
    permission::permission_set,
    schema::{object_schema, schema},
};
use crate::{
    lexicon::{
        document::{SchemaError, SchemaRule},
        json::Json,
        schema::{
            BodySchema, Definition, ErrorDefinition, ObjectSchema, ProcedureDefinition,
            QueryDefinition, RecordDefinition, RecordKeyRule, Schema, SubscriptionDefinition,
            TokenDefinition, UnionSchema, ValueDefinition,
        },
    },
    syntax::{Nsid, RecordKey},
};

/// One of a document's `defs`.
pub(super) fn definition(id: &Nsid, json: &Json) -> Result<Definition> {
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
            message: required(entries, "message", |json| message(id, json))?,
            errors: errors(entries)?,
        }),
        "permission-set" => Definition::PermissionSet(permission_set(entries)?),
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
    let mut object = object_schema(id, entries)?;
    for property in &mut object.properties {
        // Parameters have no `nullable`.
        property.nullable = false;
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
        encoding: required(entries, "encoding", media_type)?,
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
                name: required(entries, "name", error_name)?,
                description: optional(entries, "description", string)?,
            })
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// One media type, or a pattern of them, without parameters.
fn media_type(json: &Json) -> Result<String> {
    let text = string(json)?;
    let foreign = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
    if text.is_empty() || text.contains(foreign) {
        return Err(SchemaError::new(SchemaRule::MediaType(text)));
    }
    Ok(text)
}

/// Not empty, and without white space.
fn error_name(json: &Json) -> Result<String> {
    let text = string(json)?;
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(SchemaError::new(SchemaRule::ErrorName(text)));
    }
    Ok(text)
}
