//! Query strings: the parsed pairs can be written and read again.

use std::collections::BTreeMap;

use atproto_core::syntax::{AtIdentifier, Cid, Datetime};
use atproto_xrpc::query_string;
use serde::{Deserialize, Serialize};

const MAX_PARAMS: usize = 100;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Params {
    actor: AtIdentifier,
    #[serde(default)]
    limit: Option<i64>,
    #[serde(default)]
    flag: Option<bool>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    cids: Vec<Cid>,
    #[serde(default)]
    since: Option<Datetime>,
}

pub(crate) fn check(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let Ok(pairs) = query_string::parse(query, MAX_PARAMS) else { return };
    assert!(pairs.len() <= MAX_PARAMS);

    let mut values = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in &pairs {
        values.entry(name).or_default().push(value);
    }
    let written = query_string::to_string(&values).expect("text can be written");
    let mut sorted = pairs.clone();
    sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
    assert_eq!(query_string::parse(&written, MAX_PARAMS), Ok(sorted));

    if let Ok(params) = query_string::from_pairs::<Params>(&pairs) {
        let written = query_string::to_string(&params).expect("parameters can be written");
        assert_eq!(query_string::from_str::<Params>(&written, MAX_PARAMS), Ok(params));
    }
}
