//! The methods of `network.bsky.jetstream` by which an archive is read.

use atproto_core::endpoint::{NoErrors, NoParams, Procedure, Query, RawBody};
use serde::{Deserialize, Serialize};

/// `planSnapshot`: which files may have what is wanted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PlanSnapshot {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) collections: Vec<String>,
    pub(crate) after_seq: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before_seq: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    pub(crate) planned_through_seq: i64,
    pub(crate) sealed_tip_seq: i64,
    pub(crate) segments: Vec<PlannedSegment>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlannedSegment {
    pub(crate) name: String,
    /// `segment`, or `blocks`.
    pub(crate) mode: String,
    /// The blocks that may match, by that mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) blocks: Vec<BlockRange>,
}

/// Both ends belong to it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct BlockRange {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

atproto_core::json_body!(PlanSnapshot, Plan);

impl Procedure for PlanSnapshot {
    const NSID: &'static str = "network.bsky.jetstream.planSnapshot";
    type Params = NoParams;
    type Input = Self;
    type Output = Plan;
    type Error = NoErrors;

    fn into_parts(self) -> (NoParams, Self) {
        (NoParams {}, self)
    }

    fn from_parts(_params: NoParams, input: Self) -> Self {
        input
    }
}

/// `getSegment`: a whole file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GetSegment {
    pub(crate) name: String,
}

impl Query for GetSegment {
    const NSID: &'static str = "network.bsky.jetstream.getSegment";
    type Output = RawBody;
    type Error = NoErrors;
}

/// `getBlock`: the zstd frame of one block.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetBlock {
    pub(crate) segment: String,
    pub(crate) block_index: u32,
}

impl Query for GetBlock {
    const NSID: &'static str = "network.bsky.jetstream.getBlock";
    type Output = RawBody;
    type Error = NoErrors;
}

/// The parameters of `subscribeEvents`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SubscribeEvents {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) collections: Vec<String>,
}

pub(crate) const SUBSCRIBE_EVENTS: &str = "network.bsky.jetstream.subscribeEvents";
