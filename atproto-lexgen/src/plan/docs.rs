//! Doc comments: a document's own words, or what its constraints say.

use atproto_core::lexicon::{Property, Schema, StringFormat, StringSchema};

/// Known values listed at most; the rest can be looked up in the schema.
const MAX_VALUES: usize = 12;

/// The comment of a type.
pub(super) fn item(title: &str, description: Option<&str>, descriptions: bool) -> Vec<String> {
    let mut lines = vec![title.to_owned()];
    if let Some(description) = description.filter(|_| descriptions) {
        lines.push(String::new());
        lines.extend(prose(description));
    }
    lines
}

/// The comment of a field.
pub(super) fn field(property: &Property, descriptions: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let description = property.description.as_deref();
    match description.filter(|_| descriptions) {
        Some(description) => lines.extend(prose(description)),
        None if is_deprecated(description) => lines.push("Deprecated.".to_owned()),
        None => {}
    }
    let facts = facts(&property.schema);
    if !lines.is_empty() && !facts.is_empty() {
        lines.push(String::new());
    }
    lines.extend(facts);
    lines
}

/// Whether a description begins with the word.
pub(super) fn is_deprecated(description: Option<&str>) -> bool {
    description
        .and_then(|text| text.get(.."deprecated".len()))
        .is_some_and(|word| word.eq_ignore_ascii_case("deprecated"))
}

/// What a schema's constraints say, at most a few sentences.
pub(super) fn facts(schema: &Schema) -> Vec<String> {
    let mut facts = Vec::new();
    match schema {
        Schema::Boolean(boolean) => {
            constant(&mut facts, boolean.constant.as_ref(), boolean.default.as_ref());
        }
        Schema::Integer(integer) => {
            range(&mut facts, "", integer.minimum, integer.maximum);
            values(&mut facts, "One of", integer.enumeration.as_deref().unwrap_or_default());
            constant(&mut facts, integer.constant.as_ref(), integer.default.as_ref());
        }
        Schema::String(string) => string_facts(&mut facts, string),
        Schema::Bytes(bytes) => range(&mut facts, " bytes", bytes.min_length, bytes.max_length),
        Schema::Array(array) => {
            range(&mut facts, " elements", array.min_length, array.max_length);
            let inner = self::facts(&array.items);
            if let Some(inner) = inner.first() {
                facts.push(format!("Each: {inner}"));
            }
        }
        Schema::Blob(blob) => {
            values(&mut facts, "Accepts", &blob.accept);
            range(&mut facts, " bytes", None, blob.max_size);
        }
        _ => {}
    }
    if facts.is_empty() { facts } else { vec![facts.join(" ")] }
}

fn string_facts(facts: &mut Vec<String>, string: &StringSchema) {
    if matches!(string.format, Some(StringFormat::Uri)) {
        facts.push("A URI.".to_owned());
    }
    range(facts, " bytes", string.min_length, string.max_length);
    range(facts, " graphemes", string.min_graphemes, string.max_graphemes);
    values(facts, "One of", string.enumeration.as_deref().unwrap_or_default());
    values(facts, "Known values:", &string.known_values);
    constant(facts, string.constant.as_ref(), string.default.as_ref());
}

fn range<T: ToString>(facts: &mut Vec<String>, unit: &str, least: Option<T>, most: Option<T>) {
    let (least, most) = (least.map(|it| it.to_string()), most.map(|it| it.to_string()));
    match (least, most) {
        (Some(least), Some(most)) => facts.push(format!("{least} to {most}{unit}.")),
        (Some(least), None) => facts.push(format!("At least {least}{unit}.")),
        (None, Some(most)) => facts.push(format!("At most {most}{unit}.")),
        (None, None) => {}
    }
}

fn values<T: ToString>(facts: &mut Vec<String>, lead: &str, values: &[T]) {
    if values.is_empty() {
        return;
    }
    let mut list: Vec<String> =
        values.iter().take(MAX_VALUES).map(|value| format!("`{}`", value.to_string())).collect();
    if values.len() > MAX_VALUES {
        list.push(format!("and {} more", values.len() - MAX_VALUES));
    }
    facts.push(format!("{lead} {}.", list.join(", ")));
}

fn constant<T: ToString>(facts: &mut Vec<String>, constant: Option<&T>, default: Option<&T>) {
    if let Some(constant) = constant {
        facts.push(format!("Always `{}`.", constant.to_string()));
    }
    if let Some(default) = default {
        facts.push(format!("Absent means `{}`.", default.to_string()));
    }
}

/// A description as lines of Markdown that cannot turn into code, links or HTML by chance.
fn prose(description: &str) -> Vec<String> {
    description
        .lines()
        .map(|line| {
            let mut text = String::new();
            for character in line.trim().chars() {
                if matches!(character, '[' | ']' | '<' | '>' | '`' | '*' | '_' | '\\') {
                    text.push('\\');
                }
                text.push(character);
            }
            text
        })
        .collect()
}
