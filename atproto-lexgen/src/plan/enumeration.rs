//! Strings of which the lexicon lists some or all.

use atproto_core::{lexicon::StringSchema, syntax::Nsid};

use super::{
    Enumeration, Item, Literal, Path,
    documents::{Draft, Planner},
};
use crate::names::{Scope, pascal};

impl<'a> Planner<'a> {
    /// The enum of a string whose values are listed, and whether it is closed. A string with
    /// a format keeps the type of the format.
    pub(super) fn enumeration(
        &mut self,
        draft: &mut Draft<'a>,
        string: &'a StringSchema,
        name: impl FnOnce(&mut Draft<'a>) -> String,
        docs: Vec<String>,
    ) -> Option<(Path, bool)> {
        let closed = is_listed(string)?;
        let name = name(draft);
        let variants = variants(values(string));
        draft.items.push(Item::Enumeration(Enumeration {
            name: name.clone(),
            docs,
            closed,
            variants,
        }));
        Some((draft.path(&name), closed))
    }
}

/// Whether the values of a string are listed, and then whether there can be no others.
pub(super) fn is_listed(string: &StringSchema) -> Option<bool> {
    let closed = string.enumeration.as_ref().is_some_and(|values| !values.is_empty());
    (string.format.is_none() && (closed || !string.known_values.is_empty())).then_some(closed)
}

/// The default of a string, if its type can express it.
pub(super) fn default(string: &StringSchema) -> Option<Literal> {
    let text = string.default.as_ref()?;
    if is_listed(string).is_some() {
        let mut variants = variants(values(string)).into_iter();
        return variants.find(|(_, value)| value == text).map(|(name, _)| Literal::Variant(name));
    }
    string.format.is_none().then(|| Literal::Text(text.clone()))
}

fn values(string: &StringSchema) -> &[String] {
    match &string.enumeration {
        Some(values) if !values.is_empty() => values,
        _ => &string.known_values,
    }
}

/// Values with the names of their variants. A token is called as its definition is.
fn variants(values: &[String]) -> Vec<(String, String)> {
    let mut scope = Scope::default();
    scope.reserve("Other");
    let mut variants: Vec<(String, String)> = Vec::new();
    for value in values {
        if variants.iter().any(|(_, known)| known == value) {
            continue;
        }
        let short = pascal(short(value));
        let name = if variants.iter().any(|(name, _)| *name == short) {
            scope.variant_name(value)
        } else {
            scope.variant_name(&short)
        };
        variants.push((name, value.clone()));
    }
    variants
}

fn short(value: &str) -> &str {
    if value.is_empty() {
        return "Empty";
    }
    let nsid = value.split('#').next().unwrap_or(value);
    match (Nsid::new(nsid), value.split_once('#')) {
        (Ok(_), Some((_, fragment))) => fragment,
        (Ok(nsid), None) => &value[value.len() - nsid.name().len()..],
        (Err(_), _) => value,
    }
}
