//! Events as JSON and as a line of text.

use atproto_core::data::{cbor, json as data_json};
use atproto_repo::{
    BlockMap, car,
    event::{CommitEvent, Event, RepoOp},
};
use serde_json::{Value, json};

/// The kind of an event as it stands on the wire.
pub(crate) fn kind(event: &Event) -> &'static str {
    match event {
        Event::Commit(_) => "#commit",
        Event::Sync(_) => "#sync",
        Event::Identity(_) => "#identity",
        Event::Account(_) => "#account",
        Event::Info(_) => "#info",
    }
}

/// The fields of an event, blocks as their number of bytes; on request with the records that
/// a commit brought.
pub(crate) fn fields(event: &Event, records: bool) -> Vec<(&'static str, Value)> {
    let mut fields = vec![("kind", json!(kind(event)))];
    fields.extend(event.seq().map(|seq| ("seq", json!(seq))));
    fields.extend(event.did().map(|did| ("did", json!(did))));
    fields.extend(match event {
        Event::Commit(commit) => commit_fields(commit, records),
        Event::Sync(sync) => vec![
            ("rev", json!(sync.rev)),
            ("blocks", json!(sync.blocks.len())),
            ("time", json!(sync.time)),
        ],
        Event::Identity(identity) => {
            vec![("handle", json!(identity.handle)), ("time", json!(identity.time))]
        }
        Event::Account(account) => vec![
            ("active", json!(account.active)),
            ("status", json!(account.status)),
            ("time", json!(account.time)),
        ],
        Event::Info(info) => vec![("name", json!(info.name)), ("message", json!(info.message))],
    });
    fields
}

/// What an event says, for people.
pub(crate) fn text(event: &Event) -> String {
    match event {
        Event::Commit(commit) => {
            let op = |op: &RepoOp| format!("{} {}", op.action, op.path);
            let ops: Vec<_> = commit.ops.iter().map(op).collect();
            format!("{} {}", commit.rev, ops.join(", "))
        }
        Event::Sync(sync) => sync.rev.to_string(),
        Event::Identity(identity) => {
            identity.handle.as_ref().map(ToString::to_string).unwrap_or_default()
        }
        Event::Account(account) => match &account.status {
            Some(status) => status.clone(),
            None if account.active => "active".to_owned(),
            None => "inactive".to_owned(),
        },
        Event::Info(info) => {
            format!("{} {}", info.name, info.message.as_deref().unwrap_or_default())
        }
    }
}

fn commit_fields(commit: &CommitEvent, records: bool) -> Vec<(&'static str, Value)> {
    let blocks = records
        .then(|| car::read_all(commit.blocks.clone(), &car::Limits::default()).ok())
        .flatten()
        .map(|(_, blocks)| blocks);
    let ops = commit.ops.iter().map(|op| op_value(op, blocks.as_ref())).collect::<Vec<_>>();
    let mut fields = vec![
        ("rev", json!(commit.rev)),
        ("since", json!(commit.since)),
        ("commit", json!(commit.commit)),
        ("prevData", json!(commit.prev_data)),
        ("ops", json!(ops)),
        ("blocks", json!(commit.blocks.len())),
        ("time", json!(commit.time)),
    ];
    fields.extend(commit.too_big.then_some(("tooBig", json!(true))));
    fields.extend(commit.rebase.then_some(("rebase", json!(true))));
    fields
}

fn op_value(op: &RepoOp, blocks: Option<&BlockMap>) -> Value {
    let mut value = json!({
        "action": op.action.as_str(),
        "path": op.path.to_string(),
        "cid": op.cid,
        "prev": op.prev,
    });
    let block = op.cid.and_then(|cid| blocks?.get(&cid));
    if let Some(record) = block.and_then(|block| cbor::decode(block).ok()) {
        value["record"] = data_json::to_json(&record);
    }
    value
}
