//! Checking requests and answers against their lexicons.

use atproto_core::{
    data::{Value, json},
    endpoint::JSON,
    lexicon::{Catalog, Definition, ObjectSchema, Rule, ValidationError},
    syntax::Nsid,
};
use serde::de::DeserializeOwned;

use super::RouterConfig;
use crate::{
    XrpcError, media_type,
    query_string::{self, Pairs},
};

mod message;
mod typed;

/// Reads the parameters of a method. A parameter without a value counts as absent, as at the
/// reference implementation: forms and careless clients send `cursor=`.
pub(super) fn params<T: DeserializeOwned>(
    config: &RouterConfig,
    nsid: &Nsid,
    query: &str,
) -> Result<T, XrpcError> {
    let invalid = |error| XrpcError::invalid_request(format!("Error: {error}"));
    let mut pairs = query_string::parse(query, config.limits.params).map_err(invalid)?;
    pairs.retain(|(_, value)| !value.is_empty());
    if let Some((catalog, schema)) = schema(config, nsid) {
        pairs = checked(catalog, schema, nsid, pairs)?;
    }
    query_string::from_pairs(&pairs).map_err(invalid)
}

/// Checks a JSON input.
pub(super) fn input(
    config: &RouterConfig,
    nsid: &Nsid,
    content_type: &str,
    bytes: &[u8],
) -> Result<(), XrpcError> {
    let Some(catalog) = config.catalog.as_ref().filter(|_| is_json(content_type)) else {
        return Ok(());
    };
    let value = json::decode(bytes)
        .map_err(|error| XrpcError::invalid_request(format!("Input: {error}")))?;
    known(catalog.validate_input(nsid, &value))
        .map_err(|error| XrpcError::invalid_request(message::of("Input", &value, &error)))
}

/// Checks a JSON output, if that is asked for.
pub(super) fn output(
    config: &RouterConfig,
    nsid: &Nsid,
    content_type: &str,
    bytes: &[u8],
) -> Result<(), XrpcError> {
    let checks = config.validate_output && is_json(content_type);
    let Some(catalog) = config.catalog.as_ref().filter(|_| checks) else { return Ok(()) };
    let value = json::decode(bytes).map_err(XrpcError::internal)?;
    known(catalog.validate_output(nsid, &value))
        .map_err(|error| XrpcError::internal(message::of("Output", &value, &error)))
}

/// The parameters as their lexicon has them: known names only, each of its type and within
/// its bounds, defaults written out.
fn checked(
    catalog: &Catalog,
    schema: &ObjectSchema,
    nsid: &Nsid,
    pairs: Pairs,
) -> Result<Pairs, XrpcError> {
    let invalid = |text: String| XrpcError::invalid_request(format!("Error: {text}"));
    let value = Value::Map(typed::map(schema, &pairs).map_err(invalid)?);
    known(catalog.validate_params(nsid, &value))
        .map_err(|error| invalid(message::of("Params", &value, &error)))?;
    Ok(typed::with_defaults(schema, pairs))
}

fn schema<'c>(config: &'c RouterConfig, nsid: &Nsid) -> Option<(&'c Catalog, &'c ObjectSchema)> {
    let catalog = config.catalog.as_deref()?;
    let parameters = match catalog.get(nsid)?.main()? {
        Definition::Query(query) => &query.parameters,
        Definition::Procedure(procedure) => &procedure.parameters,
        Definition::Subscription(subscription) => &subscription.parameters,
        _ => return None,
    };
    Some((catalog, parameters.as_ref()?))
}

/// A method that the catalog does not have is checked by its Rust type alone.
fn known(checked: Result<(), ValidationError>) -> Result<(), ValidationError> {
    match checked {
        Err(ValidationError { rule: Rule::NoSchema(_), .. }) => Ok(()),
        other => other,
    }
}

fn is_json(content_type: &str) -> bool {
    media_type::essence(content_type).eq_ignore_ascii_case(JSON)
}
