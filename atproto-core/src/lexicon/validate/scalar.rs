use unicode_segmentation::UnicodeSegmentation;

use super::{
    fault::{Fault, Result},
    format,
};
use crate::lexicon::{
    options::ValidationOptions,
    rule::Rule,
    schema::{IntegerSchema, StringSchema},
};

pub(super) fn fixed<T: PartialEq + ?Sized>(constant: Option<&T>, found: &T) -> Result<()> {
    match constant {
        Some(constant) if constant != found => Err(Fault::new(Rule::Const)),
        _ => Ok(()),
    }
}

pub(in crate::lexicon) fn integer(schema: &IntegerSchema, found: i64) -> Result<()> {
    fixed(schema.constant.as_ref(), &found)?;
    if schema.enumeration.as_ref().is_some_and(|values| values.binary_search(&found).is_err()) {
        return Err(Fault::new(Rule::Enum));
    }
    match (schema.minimum, schema.maximum) {
        (Some(limit), _) if found < limit => Err(Fault::new(Rule::Minimum { limit, found })),
        (_, Some(limit)) if found > limit => Err(Fault::new(Rule::Maximum { limit, found })),
        _ => Ok(()),
    }
}

/// `found` is UTF-8.
pub(in crate::lexicon) fn string(
    schema: &StringSchema,
    found: &[u8],
    options: ValidationOptions,
) -> Result<()> {
    fixed(schema.constant.as_ref().map(String::as_bytes), found)?;
    if let Some(values) = &schema.enumeration
        && values.binary_search_by(|value| value.as_bytes().cmp(found)).is_err()
    {
        return Err(Fault::new(Rule::Enum));
    }
    length(schema.min_length, schema.max_length, found.len())?;
    graphemes(schema, found)?;
    match schema.format {
        Some(format) => format::check(format, text(found), options)
            .map_err(|why| Fault::new(Rule::Format { format, why })),
        None => Ok(()),
    }
}

pub(super) fn length(least: Option<usize>, most: Option<usize>, found: usize) -> Result<()> {
    match (least, most) {
        (Some(limit), _) if found < limit => Err(Fault::new(Rule::MinLength { limit, found })),
        (_, Some(limit)) if found > limit => Err(Fault::new(Rule::MaxLength { limit, found })),
        _ => Ok(()),
    }
}

/// Counts graphemes only if the number of bytes, which is never less, leaves it open.
fn graphemes(schema: &StringSchema, found: &[u8]) -> Result<()> {
    let might_exceed = schema.max_graphemes.is_some_and(|limit| found.len() > limit);
    let might_lack = schema.min_graphemes.is_some_and(|limit| limit > 0);
    if !might_exceed && !might_lack {
        return Ok(());
    }
    let count = text(found).graphemes(true).count();
    match (schema.min_graphemes, schema.max_graphemes) {
        (Some(limit), _) if count < limit => {
            Err(Fault::new(Rule::MinGraphemes { limit, found: count }))
        }
        (_, Some(limit)) if count > limit => {
            Err(Fault::new(Rule::MaxGraphemes { limit, found: count }))
        }
        _ => Ok(()),
    }
}

/// Text as what it is known to be.
pub(super) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}
