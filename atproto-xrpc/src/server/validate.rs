//! Checking requests and answers against their lexicons.

use atproto_core::syntax::Nsid;
use serde::de::DeserializeOwned;

use super::RouterConfig;
use crate::{XrpcError, query_string};

/// Reads the parameters of a method.
pub(super) fn params<T: DeserializeOwned>(
    config: &RouterConfig,
    nsid: &Nsid,
    query: &str,
) -> Result<T, XrpcError> {
    let invalid = |error| XrpcError::invalid_request(format!("Error: {error}"));
    let pairs = query_string::parse(query, config.limits.params).map_err(invalid)?;
    let _ = nsid;
    query_string::from_pairs(&pairs).map_err(invalid)
}

/// Checks a JSON input.
pub(super) fn input(
    _config: &RouterConfig,
    _nsid: &Nsid,
    _content_type: &str,
    _bytes: &[u8],
) -> Result<(), XrpcError> {
    Ok(())
}

/// Checks a JSON output.
pub(super) fn output(
    _config: &RouterConfig,
    _nsid: &Nsid,
    _content_type: &str,
    _bytes: &[u8],
) -> Result<(), XrpcError> {
    Ok(())
}
