//! Hand-written endpoint types: one of every shape that generated code has.

use atproto_core::{
    endpoint::{
        ErrorSet, KeyKind, NoBody, NoErrors, NoParams, Procedure, Query, RawBody, Record,
        Subscription,
    },
    json_body,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GetThing {
    pub(crate) actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Thing {
    pub(crate) text: String,
}

#[derive(Debug, PartialEq)]
pub(crate) enum GetThingError {
    ThingNotFound(Option<String>),
}

impl ErrorSet for GetThingError {
    fn from_name(name: &str, message: Option<String>) -> Option<Self> {
        (name == "ThingNotFound").then_some(Self::ThingNotFound(message))
    }

    fn name(&self) -> &'static str {
        "ThingNotFound"
    }

    fn message(&self) -> Option<&str> {
        let Self::ThingNotFound(message) = self;
        message.as_deref()
    }
}

impl Query for GetThing {
    const NSID: &'static str = "org.example.getThing";
    type Output = Thing;
    type Error = GetThingError;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PutThing {
    pub(crate) text: String,
}

impl Procedure for PutThing {
    const NSID: &'static str = "org.example.putThing";
    type Params = NoParams;
    type Input = Self;
    type Output = Thing;
    type Error = NoErrors;

    fn into_parts(self) -> (NoParams, Self) {
        (NoParams {}, self)
    }

    fn from_parts(_params: NoParams, input: Self) -> Self {
        input
    }
}

/// A procedure without input and output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Touch;

impl Procedure for Touch {
    const NSID: &'static str = "org.example.touch";
    type Params = NoParams;
    type Input = NoBody;
    type Output = NoBody;
    type Error = NoErrors;

    fn into_parts(self) -> (NoParams, NoBody) {
        (NoParams {}, NoBody)
    }

    fn from_parts(_params: NoParams, _input: NoBody) -> Self {
        Self
    }
}

/// A procedure whose body is not JSON.
pub(crate) struct Upload(pub(crate) RawBody);

impl Procedure for Upload {
    const NSID: &'static str = "org.example.upload";
    type Params = NoParams;
    type Input = RawBody;
    type Output = Thing;
    type Error = NoErrors;

    fn into_parts(self) -> (NoParams, RawBody) {
        (NoParams {}, self.0)
    }

    fn from_parts(_params: NoParams, input: RawBody) -> Self {
        Self(input)
    }
}

/// A query whose output is not JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Download {
    pub(crate) size: i64,
}

impl Query for Download {
    const NSID: &'static str = "org.example.download";
    type Output = RawBody;
    type Error = NoErrors;
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ListThings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
    pub(crate) limit: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Things {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
    pub(crate) things: Vec<String>,
}

impl Query for ListThings {
    const NSID: &'static str = "org.example.listThings";
    type Output = Things;
    type Error = NoErrors;
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SubscribeThings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<i64>,
}

impl Subscription for SubscribeThings {
    const NSID: &'static str = "org.example.subscribeThings";
    type Message = ();
    type Error = NoErrors;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) status: String,
}

impl Record for Status {
    const NSID: &'static str = "org.example.status";
    const KEY: KeyKind = KeyKind::Tid;
}

json_body!(Thing, PutThing, Things);
