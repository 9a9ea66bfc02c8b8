//! What holds for an identifier of any type, and the grammar that several have in common.

#![allow(dead_code, reason = "each target takes its part")]

use std::{
    cmp::Ordering,
    collections::HashSet,
    fmt::{Debug, Display},
    hash::Hash,
    str::FromStr,
};

use serde::{
    Serialize,
    de::{
        DeserializeOwned, IntoDeserializer,
        value::{Error, StrDeserializer},
    },
};

/// Parses a text. What is displayed and what serde writes parse to the same value; serde
/// reads and `check` accepts what `FromStr` reads.
pub(crate) fn parse<T>(text: &str, check: fn(&str) -> Result<(), T::Err>) -> Option<T>
where
    T: FromStr<Err: Debug + PartialEq>
        + Display
        + Debug
        + Ord
        + Hash
        + Serialize
        + DeserializeOwned,
{
    let reader: StrDeserializer<'_, Error> = text.into_deserializer();
    let read = T::deserialize(reader);
    let parsed = text.parse::<T>();
    assert_eq!(check(text).as_ref().err(), parsed.as_ref().err(), "{text:?}");
    let Ok(parsed) = parsed else {
        assert!(read.is_err(), "only serde reads {text:?}");
        return None;
    };
    assert_eq!(read.as_ref(), Ok(&parsed), "serde reads {text:?} differently");
    let shown = parsed.to_string();
    assert_eq!(serde_json::to_value(&parsed).expect("it is a string"), shown.as_str());
    let again: T = shown.parse().expect("what was displayed can be parsed");
    assert_eq!(again, parsed);
    assert_eq!(again.cmp(&parsed), Ordering::Equal);
    assert_eq!(HashSet::from([again, parsed]).len(), 1, "equal values have one hash");
    text.parse().ok()
}

/// Parses a text whose value is displayed as it was written.
pub(crate) fn parse_verbatim<T>(text: &str, check: fn(&str) -> Result<(), T::Err>) -> Option<T>
where
    T: FromStr<Err: Debug + PartialEq>
        + Display
        + Debug
        + Ord
        + Hash
        + Serialize
        + DeserializeOwned,
{
    let parsed = parse::<T>(text, check)?;
    assert_eq!(parsed.to_string(), text);
    Some(parsed)
}

/// Two values have the order of their texts.
pub(crate) fn compare<T: FromStr + Display + Ord>(left: &str, right: &str) {
    let (Ok(left), Ok(right)) = (left.parse::<T>(), right.parse::<T>()) else { return };
    assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
    assert_eq!(right.cmp(&left), left.cmp(&right).reverse());
}

/// Calls `one` with the text, and `two` with its halves if there is a line break in it,
/// which is in no identifier.
pub(crate) fn lines(data: &[u8], one: fn(&str), two: fn(&str, &str)) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    one(text);
    if let Some((left, right)) = text.split_once('\n') {
        one(left);
        one(right);
        two(left, right);
    }
}

/// The grammar of a DID.
pub(crate) fn is_did(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:%-".contains(c);
    text.len() <= 2048
        && text.strip_prefix("did:").and_then(|rest| rest.split_once(':')).is_some_and(
            |(method, identifier)| {
                !method.is_empty()
                    && method.chars().all(|c| c.is_ascii_lowercase())
                    && !identifier.is_empty()
                    && identifier.chars().all(allowed)
                    && !identifier.ends_with([':', '%'])
            },
        )
}

/// The grammar of a handle.
pub(crate) fn is_handle(text: &str) -> bool {
    let labels: Vec<_> = text.split('.').collect();
    text.len() <= 253
        && labels.len() >= 2
        && labels.iter().all(|label| is_label(label))
        && !labels[labels.len() - 1].starts_with(|c: char| c.is_ascii_digit())
}

/// The grammar of an NSID.
pub(crate) fn is_nsid(text: &str) -> bool {
    let mut labels: Vec<_> = text.split('.').collect();
    let name = labels.pop().unwrap_or_default();
    text.len() <= 317
        && labels.len() >= 2
        && labels.iter().all(|label| is_label(label))
        && !labels[0].starts_with(|c: char| c.is_ascii_digit())
        && (1..=63).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The grammar of a record key.
pub(crate) fn is_record_key(text: &str) -> bool {
    (1..=512).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:~-".contains(c))
        && text != "."
        && text != ".."
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
