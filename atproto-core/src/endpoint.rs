//! Endpoints as types.
//!
//! A lexicon of kind `query`, `procedure` or `subscription` becomes a Rust type that
//! implements the trait of the same name. The client calls it, the server routes it,
//! and both know its parameters, its bodies and its declared errors without anything
//! else being written down twice. Generated code depends on this crate alone.
//!
//! See the [HTTP API specification](https://atproto.com/specs/xrpc).

use std::fmt;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// The media type of lexicon-typed bodies.
pub const JSON: &str = "application/json";

/// A lexicon `query`: an HTTP GET without side effects. The value is its parameters.
pub trait Query: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The method's name, for example `com.atproto.repo.getRecord`.
    const NSID: &'static str;
    /// What the server answers.
    type Output: Body;
    /// The errors that the lexicon declares.
    type Error: ErrorSet;
}

/// A lexicon `procedure`: an HTTP POST. The value is its input.
pub trait Procedure: Send + Sync + Sized + 'static {
    /// The method's name, for example `com.atproto.repo.createRecord`.
    const NSID: &'static str;
    /// Query parameters beside the body; [`NoParams`] for nearly every procedure.
    type Params: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The request body.
    type Input: Body;
    /// What the server answers.
    type Output: Body;
    /// The errors that the lexicon declares.
    type Error: ErrorSet;

    /// Takes the request apart into its parameters and its body.
    fn into_parts(self) -> (Self::Params, Self::Input);
    /// Puts a received request together.
    fn from_parts(params: Self::Params, input: Self::Input) -> Self;
}

/// A lexicon `subscription`: a WebSocket of event-stream frames. The value is its parameters.
pub trait Subscription: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The method's name, for example `com.atproto.sync.subscribeRepos`.
    const NSID: &'static str;
    /// The union of messages.
    type Message: Send + 'static;
    /// The errors that the lexicon declares.
    type Error: ErrorSet;
}

/// A request or response body.
pub trait Body: Sized + Send + Sync + 'static {
    /// The media type that the lexicon names: one type, a pattern such as `*/*`, or
    /// `None` where there is no body.
    const ENCODING: Option<&'static str>;

    /// Reads a body of the given media type.
    fn from_bytes(content_type: &str, bytes: Bytes) -> Result<Self, BodyError>;
    /// The media type of this value and its bytes.
    fn to_bytes(&self) -> Result<(String, Bytes), BodyError>;
}

/// A body that does not have the form its endpoint declares.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The JSON could not be read or written as the declared type.
    #[error("body is not the declared JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A body arrived where the lexicon declares none.
    #[error("a body of {0} bytes arrived where none is declared")]
    Unexpected(usize),
}

/// The absence of parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct NoParams {}

/// The absence of a body. A body that arrives nevertheless must be empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoBody;

impl Body for NoBody {
    const ENCODING: Option<&'static str> = None;

    fn from_bytes(_content_type: &str, bytes: Bytes) -> Result<Self, BodyError> {
        if bytes.is_empty() { Ok(Self) } else { Err(BodyError::Unexpected(bytes.len())) }
    }

    fn to_bytes(&self) -> Result<(String, Bytes), BodyError> {
        Ok((String::new(), Bytes::new()))
    }
}

/// A body that is not JSON: a CAR, a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBody {
    /// The media type as sent.
    pub content_type: String,
    /// The bytes as sent.
    pub bytes: Bytes,
}

impl Body for RawBody {
    const ENCODING: Option<&'static str> = Some("*/*");

    fn from_bytes(content_type: &str, bytes: Bytes) -> Result<Self, BodyError> {
        Ok(Self { content_type: content_type.to_owned(), bytes })
    }

    fn to_bytes(&self) -> Result<(String, Bytes), BodyError> {
        Ok((self.content_type.clone(), self.bytes.clone()))
    }
}

/// Implements [`Body`] as JSON for serde types; generated code calls it.
#[macro_export]
macro_rules! json_body {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::endpoint::Body for $type {
            const ENCODING: Option<&'static str> = Some($crate::endpoint::JSON);

            fn from_bytes(_content_type: &str, bytes: $crate::__private::Bytes) -> Result<Self, $crate::endpoint::BodyError> {
                Ok($crate::data::json::from_slice(&bytes)?)
            }

            fn to_bytes(&self) -> Result<(String, $crate::__private::Bytes), $crate::endpoint::BodyError> {
                let json = $crate::__private::serde_json::to_vec(self)?;
                Ok((String::from($crate::endpoint::JSON), json.into()))
            }
        }
    )+};
}

/// The errors that an endpoint's lexicon declares, by name.
pub trait ErrorSet: Sized + fmt::Debug + Send + Sync + 'static {
    /// The declared error of that name, if there is one.
    fn from_name(name: &str, message: Option<String>) -> Option<Self>;
    /// The name as it goes over the wire.
    fn name(&self) -> &'static str;
    /// The explanation for people, if one came along.
    fn message(&self) -> Option<&str>;
}

/// The error set of an endpoint that declares none: it has no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoErrors {}

impl ErrorSet for NoErrors {
    fn from_name(_name: &str, _message: Option<String>) -> Option<Self> {
        None
    }

    fn name(&self) -> &'static str {
        match *self {}
    }

    fn message(&self) -> Option<&str> {
        match *self {}
    }
}

/// A lexicon `record`: a value that lives in a collection of a repository.
pub trait Record:
    Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static
{
    /// The collection, which is also the record's `$type`.
    const NSID: &'static str;
    /// How its record keys are made.
    const KEY: KeyKind;
}

/// The `key` of a record definition: which record keys its collection admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// Timestamp identifiers.
    Tid,
    /// Namespaced identifiers.
    Nsid,
    /// Exactly this key, such as `self`.
    Literal(&'static str),
    /// Any record key.
    Any,
}
