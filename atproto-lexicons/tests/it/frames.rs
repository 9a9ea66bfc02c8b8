//! Recorded event streams go through the message types unchanged.

use std::fs;

use atproto_core::{
    data::cbor,
    endpoint::Subscription,
    frame::{self, Frame},
    object::Message,
    syntax::Nsid,
};
use atproto_lexicons::{
    catalog,
    com::atproto::sync::{SubscribeRepos, SubscribeReposMessage},
};

use crate::support::shared;

/// Messages, each after its length as a little-endian `u32`.
pub(crate) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (message, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some(message)
    })
}

#[test]
fn recorded_frames() {
    let Some(shared) = shared() else { return };
    let catalog = catalog();
    let nsid = Nsid::new(SubscribeRepos::NSID).unwrap();
    let mut count = 0;
    for name in ["firehose-live", "firehose-replay", "firehose-pds2"] {
        let path = shared.join("ts-capture").join(name).with_extension("frames.bin");
        for message in messages(&fs::read(path).unwrap()) {
            let Ok(Frame::Message { kind, body }) = frame::decode(message) else {
                panic!("{name}: no message");
            };
            let typed = SubscribeReposMessage::decode(kind, body)
                .unwrap_or_else(|error| panic!("{name}: {kind}: {error}"));
            assert!(!matches!(typed, SubscribeReposMessage::Other { .. }), "{kind}");
            assert_eq!(typed.kind(), kind);
            assert_eq!(typed.encode_body().unwrap(), body);
            assert_eq!(typed.to_frame().unwrap(), message);
            let value = cbor::decode(body).unwrap();
            assert_eq!(catalog.validate_message(&nsid, kind, &value), Ok(()));
            count += 1;
        }
    }
    assert!(count > 3464, "{count}");
}
