//! Query parameters as values of the types that their lexicon declares.

use std::collections::HashSet;

use atproto_core::{
    data::{Map, Value},
    lexicon::{ObjectSchema, Property, Schema},
};

use crate::query_string::Pairs;

/// The parameters that the schema knows. The error is a sentence for the caller.
pub(super) fn map(schema: &ObjectSchema, pairs: &Pairs) -> Result<Map, String> {
    let mut map = Map::default();
    for property in &schema.properties {
        let name = &property.name;
        let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        let value = match &property.schema {
            Schema::Array(array) => {
                let items: Result<Vec<_>, _> =
                    values.map(|value| scalar(name, &array.items, value)).collect();
                Some(items?).filter(|items| !items.is_empty()).map(Value::List)
            }
            schema => {
                let value = values.next().map(|value| scalar(name, schema, value)).transpose()?;
                if values.next().is_some() {
                    return Err(format!("Params/{name} must be given once"));
                }
                value
            }
        };
        if let Some(value) = value {
            map.insert(name.as_str(), value);
        }
    }
    Ok(map)
}

/// The pairs of known parameters, and one for every default of those that are absent.
pub(super) fn with_defaults(schema: &ObjectSchema, mut pairs: Pairs) -> Pairs {
    let known: HashSet<&str> = schema.properties.iter().map(|it| it.name.as_str()).collect();
    pairs.retain(|(name, _)| known.contains(name.as_str()));
    for property in &schema.properties {
        let is_absent = !pairs.iter().any(|(name, _)| *name == property.name);
        if let Some(default) = default(property).filter(|_| is_absent) {
            pairs.push((property.name.clone(), default));
        }
    }
    pairs
}

fn scalar(name: &str, schema: &Schema, text: &str) -> Result<Value, String> {
    let must_be = |kind: &str| format!("Params/{name} must be {kind}");
    match schema {
        Schema::Integer(_) => text.parse().map(Value::Integer).map_err(|_| must_be("an integer")),
        Schema::Boolean(_) => text.parse().map(Value::Bool).map_err(|_| must_be("a boolean")),
        _ => Ok(Value::from(text.to_owned())),
    }
}

fn default(property: &Property) -> Option<String> {
    match &property.schema {
        Schema::Integer(integer) => integer.default.map(|value| value.to_string()),
        Schema::Boolean(boolean) => boolean.default.map(|value| value.to_string()),
        Schema::String(string) => string.default.clone(),
        _ => None,
    }
}
