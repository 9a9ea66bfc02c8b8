use crate::{
    data,
    lexicon::{
        document::{SchemaError, SchemaRule},
        json::Json,
        limits,
    },
    syntax::Nsid,
};

pub(super) type Result<T, E = SchemaError> = std::result::Result<T, E>;

pub(super) fn expect_type(entries: &[(String, Json)], expected: &'static str) -> Result<()> {
    let kind = required(entries, "type", string)?;
    if kind == expected {
        Ok(())
    } else {
        Err(SchemaError::new(SchemaRule::UnknownType(kind)).at("type"))
    }
}

pub(super) fn required<T>(
    entries: &[(String, Json)],
    name: &'static str,
    read: impl Fn(&Json) -> Result<T>,
) -> Result<T> {
    optional(entries, name, read)?.ok_or_else(|| SchemaError::new(SchemaRule::Missing(name)))
}

pub(super) fn optional<T>(
    entries: &[(String, Json)],
    name: &'static str,
    read: impl Fn(&Json) -> Result<T>,
) -> Result<Option<T>> {
    match entries.iter().find(|(key, _)| key == name) {
        Some((_, json)) => read(json).map(Some).map_err(|error| error.at(name)),
        None => Ok(None),
    }
}

pub(super) fn list<T>(json: &Json, read: impl Fn(&Json) -> Result<T>) -> Result<Vec<T>> {
    let Json::Array(items) = json else { return Err(wrong("an array", json)) };
    few(items.len(), limits::MAX_LIST)?;
    items
        .iter()
        .enumerate()
        .map(|(index, item)| read(item).map_err(|error| error.at(index.to_string())))
        .collect()
}

pub(super) fn object(json: &Json) -> Result<&[(String, Json)]> {
    json.as_object().ok_or_else(|| wrong("an object", json))
}

/// The entries of an object whose keys are names: of definitions or of properties.
pub(super) fn named(json: &Json, limit: usize) -> Result<&[(String, Json)]> {
    let entries = object(json)?;
    few(entries.len(), limit)?;
    // No value could have a longer key.
    entries.iter().try_for_each(|(name, _)| short(name, data::limits::MAX_KEY))?;
    Ok(entries)
}

pub(super) fn string(json: &Json) -> Result<String> {
    let text = json.as_str().ok_or_else(|| wrong("a string", json))?;
    short(text, limits::MAX_TEXT)?;
    Ok(text.to_owned())
}

/// A list may not be longer than that.
pub(super) fn few(len: usize, limit: usize) -> Result<()> {
    if len > limit { Err(SchemaError::new(SchemaRule::TooMany { limit })) } else { Ok(()) }
}

fn short(text: &str, limit: usize) -> Result<()> {
    if text.len() > limit { Err(SchemaError::new(SchemaRule::TooLong { limit })) } else { Ok(()) }
}

pub(super) fn nsid(json: &Json) -> Result<Nsid> {
    Nsid::new(string(json)?).map_err(|error| SchemaError::new(SchemaRule::Syntax(error)))
}

pub(super) fn boolean(json: &Json) -> Result<bool> {
    match json {
        Json::Bool(value) => Ok(*value),
        _ => Err(wrong("a boolean", json)),
    }
}

pub(super) fn integer(json: &Json) -> Result<i64> {
    match json {
        Json::Integer(value) => Ok(*value),
        _ => Err(wrong("an integer", json)),
    }
}

pub(super) fn length(json: &Json) -> Result<usize> {
    usize::try_from(integer(json)?).map_err(|_| wrong("a length", json))
}

fn wrong(expected: &'static str, found: &Json) -> SchemaError {
    SchemaError::new(SchemaRule::WrongKind { expected, found: found.kind() })
}
