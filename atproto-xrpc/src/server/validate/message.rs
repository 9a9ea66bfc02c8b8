//! Validation errors in the words of the reference implementation, which clients and their
//! tests have come to know.

use atproto_core::{
    data::Value,
    lexicon::{Rule, StringFormat, ValidationError},
};

/// The sentence for an error in a value; `root` says what the value is: `Input`, `Params`.
pub(super) fn of(root: &str, value: &Value, error: &ValidationError) -> String {
    let path = match error.path.as_str() {
        "" => root.to_owned(),
        path => format!("{root}/{path}"),
    };
    let rule = match &error.rule {
        Rule::Missing(name) => format!("must have the property \"{name}\""),
        Rule::Kind { expected, .. } => format!("must be {}", with_article(expected)),
        Rule::Minimum { limit, .. } => format!("can not be less than {limit}"),
        Rule::Maximum { limit, .. } => format!("can not be greater than {limit}"),
        Rule::MinLength { limit, .. } => match unit(value, &error.path) {
            "elements" => format!("must not have fewer than {limit} elements"),
            unit => format!("must not be shorter than {limit} {unit}"),
        },
        Rule::MaxLength { limit, .. } => match unit(value, &error.path) {
            "elements" => format!("must not have more than {limit} elements"),
            unit => format!("must not be longer than {limit} {unit}"),
        },
        Rule::MinGraphemes { limit, .. } => format!("must not be shorter than {limit} graphemes"),
        Rule::MaxGraphemes { limit, .. } => format!("must not be longer than {limit} graphemes"),
        Rule::Format { format, .. } => format!("must be {}", format_name(*format)),
        Rule::UnionType => "must be an object which includes the \"$type\" property".to_owned(),
        other => return format!("{path}: {other}"),
    };
    format!("{path} {rule}")
}

fn with_article(kind: &str) -> String {
    match kind {
        "integer" | "array" | "object" => format!("an {kind}"),
        "unknown object" => "an object".to_owned(),
        "bytes" => "a byte array".to_owned(),
        "cid-link" => "a CID".to_owned(),
        "blob" => "a blob ref".to_owned(),
        other => format!("a {other}"),
    }
}

fn format_name(format: StringFormat) -> &'static str {
    match format {
        StringFormat::AtIdentifier => "a valid did or a handle",
        StringFormat::AtUri => "a valid at-uri",
        StringFormat::Cid => "a cid string",
        StringFormat::Datetime => "an valid atproto datetime (both RFC-3339 and ISO-8601)",
        StringFormat::Did => "a valid did",
        StringFormat::Handle => "a valid handle",
        StringFormat::Language => "a well-formed BCP 47 language tag",
        StringFormat::Nsid => "a valid nsid",
        StringFormat::RecordKey => "a valid Record Key",
        StringFormat::Tid => "a valid TID",
        _ => "a uri",
    }
}

/// What the length of the value at a path counts.
fn unit(value: &Value, path: &str) -> &'static str {
    let mut found = Some(value);
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        found = match found {
            Some(Value::Map(map)) => map.get(segment),
            Some(Value::List(items)) => segment.parse().ok().and_then(|at: usize| items.get(at)),
            _ => None,
        };
    }
    match found {
        Some(Value::List(_)) => "elements",
        Some(Value::Bytes(_)) => "bytes",
        _ => "characters",
    }
}
