//! Parameters as query strings.
//!
//! Booleans are `true` and `false`, integers decimal, strings unquoted, and an array is
//! its name repeated ([specification](https://atproto.com/specs/xrpc#lexicon-http-endpoints)).
//! The receiving type decides what a value is: `?limit=5` is an integer where the struct
//! has one and text where it has text.

mod de;
mod parse;
mod ser;

pub use parse::{Pairs, QueryError, parse};
pub use ser::to_string;
#[cfg(feature = "client")]
pub(crate) use ser::with_value;

use serde::de::DeserializeOwned;

/// Reads a query string into a struct of parameters. Unknown names are ignored.
pub fn from_str<T: DeserializeOwned>(query: &str, max_params: usize) -> Result<T, QueryError> {
    from_pairs(&parse(query, max_params)?)
}

/// Reads parsed pairs into a struct of parameters.
pub fn from_pairs<T: DeserializeOwned>(pairs: &Pairs) -> Result<T, QueryError> {
    T::deserialize(de::PairsDeserializer::new(pairs))
}
