//! Doc comments: a document's own words, or what its constraints say.

use atproto_core::lexicon::{Property, Schema};

use super::Presence;

/// Values listed at most; the rest can be looked up in the schema.
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
pub(super) fn field(property: &Property, presence: &Presence, descriptions: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let description = property.description.as_deref();
    match description.filter(|_| descriptions) {
        Some(description) => lines.extend(prose(description)),
        None if is_deprecated(description) && property.required => {
            lines.push("Deprecated.".to_owned());
        }
        None => {}
    }
    let mut facts = facts(&property.schema);
    if let Some(default) = default(&property.schema) {
        let text = match presence {
            Presence::Default(_) => format!("`{default}` unless set otherwise."),
            _ => format!("Absent means `{default}`."),
        };
        facts = vec![facts.into_iter().chain([text]).collect::<Vec<_>>().join(" ")];
    }
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

/// What a schema's constraints say, in a sentence.
pub(super) fn facts(schema: &Schema) -> Vec<String> {
    limits(schema).map(|text| sentence(&text)).into_iter().collect()
}

fn default(schema: &Schema) -> Option<String> {
    match schema {
        Schema::Boolean(boolean) => boolean.default.as_ref().map(ToString::to_string),
        Schema::Integer(integer) => integer.default.as_ref().map(ToString::to_string),
        Schema::String(string) => string.default.clone(),
        _ => None,
    }
}

/// What a value has to be, as part of a sentence.
fn limits(schema: &Schema) -> Option<String> {
    let mut parts = Vec::new();
    match schema {
        Schema::Boolean(boolean) => parts.extend(constant(boolean.constant.as_ref())),
        Schema::Integer(integer) => {
            parts.extend(range(integer.minimum, integer.maximum));
            parts.extend(values(integer.enumeration.as_deref().unwrap_or_default()));
            parts.extend(constant(integer.constant.as_ref()));
        }
        Schema::String(string) => {
            let bytes = range(string.min_length, string.max_length);
            let graphemes = range(string.min_graphemes, string.max_graphemes);
            parts.extend(measure([(bytes, "byte"), (graphemes, "grapheme")]));
            parts.extend(constant(string.constant.as_ref()));
        }
        Schema::Bytes(bytes) => {
            let bytes = range(bytes.min_length, bytes.max_length);
            parts.extend(measure([(bytes, "byte")]));
        }
        Schema::Array(array) => {
            let elements = range(array.min_length, array.max_length);
            parts.extend(measure([(elements, "element")]));
            parts.extend(limits(&array.items).map(|each| format!("each {each}")));
        }
        Schema::Blob(blob) => {
            parts.extend(values(blob.accept.as_deref().unwrap_or_default()));
            parts.extend(measure([(range(None, blob.max_size), "byte")]));
        }
        _ => {}
    }
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

/// `at most 5`, `at least 1`, `1 to 5`, `exactly 5`.
fn range<T: Copy + ToString>(least: Option<T>, most: Option<T>) -> Option<String> {
    match (least.map(number), most.map(number)) {
        (Some(least), Some(most)) if least == most => Some(format!("exactly {most}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    }
}

/// Ranges with their units; what they begin with alike is said once.
fn measure<const N: usize>(ranges: [(Option<String>, &str); N]) -> Option<String> {
    const LEADS: [&str; 2] = ["at most ", "at least "];
    let mut text = String::new();
    let mut said = None;
    for (range, unit) in ranges {
        let Some(range) = range else { continue };
        let plural = if range == "exactly 1" || range.ends_with(" most 1") { "" } else { "s" };
        let lead = LEADS.into_iter().find(|lead| range.starts_with(lead));
        let shown = match lead {
            Some(lead) if said == Some(lead) => &range[lead.len()..],
            _ => range.as_str(),
        };
        if !text.is_empty() {
            text.push_str(" and ");
        }
        text.push_str(&format!("{shown} {unit}{plural}"));
        said = lead;
    }
    if text.is_empty() { None } else { Some(text) }
}

/// A whole number with its thousands apart.
fn number<T: Copy + ToString>(value: T) -> String {
    let text = value.to_string();
    let (sign, digits) = text.split_at(usize::from(text.starts_with('-')));
    let mut number = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            number.push(',');
        }
        number.push(digit);
    }
    number
}

/// `` `a`, `b` or `c` ``.
fn values<T: ToString>(values: &[T]) -> Option<String> {
    let mut list: Vec<String> =
        values.iter().take(MAX_VALUES).map(|value| format!("`{}`", value.to_string())).collect();
    if values.len() > MAX_VALUES {
        list.push(format!("{} more", values.len() - MAX_VALUES));
    }
    let last = list.pop()?;
    Some(if list.is_empty() { last } else { format!("{} or {last}", list.join(", ")) })
}

fn constant<T: ToString>(constant: Option<&T>) -> Option<String> {
    constant.map(|constant| format!("always `{}`", constant.to_string()))
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(characters)
        .chain(['.'])
        .collect()
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
