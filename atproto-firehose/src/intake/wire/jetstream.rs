//! Events of Jetstream, as JSON.

use atproto_core::{
    data::cbor,
    syntax::{Datetime, Did},
};
use atproto_repo::event::Event as Message;
use serde::Deserialize;

use super::{Changed, Content, Frame, Incoming};
use crate::event::Change;
use crate::jetstream::{
    JetstreamContent, JetstreamError, JetstreamEvent, JetstreamOperation, JetstreamRecord,
};

pub(super) fn read(frame: &[u8]) -> Frame {
    match JetstreamEvent::parse(frame) {
        Ok(event) => Frame::Content(Incoming {
            seq: event.time_us,
            did: event.did.clone(),
            time: Some(Datetime::from_unix_micros(event.time_us).into()),
            content: content(event),
        }),
        Err(JetstreamError::Kind { time_us, .. }) => Frame::Unknown { seq: Some(time_us) },
        Err(error) => match serde_json::from_slice(frame) {
            Ok(Subject { did, time_us }) => {
                let did = did.and_then(|did| Did::new(did).ok());
                Frame::Invalid { seq: Some(time_us), did, reason: error.to_string() }
            }
            Err(_) => Frame::Malformed,
        },
    }
}

/// A record is encoded anew: its CID is what the server says.
fn content(event: JetstreamEvent) -> Content {
    let commit = match event.content {
        JetstreamContent::Commit(commit) => commit,
        JetstreamContent::Identity(identity) => {
            return Content::Message(Box::new(Message::Identity(identity)));
        }
        JetstreamContent::Account(account) => {
            return Content::Message(Box::new(Message::Account(account)));
        }
    };
    let (path, bytes) = (commit.path, |it: &JetstreamRecord| cbor::encode(&it.value));
    let change = match &commit.operation {
        JetstreamOperation::Create(record) => Change::create(path, record.cid, bytes(record)),
        JetstreamOperation::Update(record) => Change::update(path, record.cid, bytes(record)),
        JetstreamOperation::Delete => Change::delete(path),
    };
    Content::Change(Box::new(Changed { did: event.did, rev: commit.rev, change }))
}

/// What can be read of an event that is none of the data model.
#[derive(Deserialize)]
struct Subject {
    did: Option<String>,
    time_us: i64,
}
