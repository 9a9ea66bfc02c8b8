//! Event-stream framing.

use std::fs;

use atproto_core::data::cbor::{CborFault, Kind, Writer};
use atproto_core::data::limits;
use atproto_core::frame::{self, Frame, FrameError};
use proptest::prelude::*;
use serde::Deserialize;

use crate::support::shared;

fn frame_of(write: impl FnOnce(&mut Writer) -> &mut Writer) -> Vec<u8> {
    let mut writer = Writer::new();
    write(&mut writer);
    writer.into_bytes()
}

/// The body `{"a": 1}`.
const BODY: &[u8] = b"\xa1\x61a\x01";

#[test]
fn ev_001_a_frame_is_a_header_and_a_body() {
    let bytes = frame::encode_message("#commit", BODY);
    assert_eq!(bytes, b"\xa2\x61t\x67#commit\x62op\x01\xa1\x61a\x01");
    assert_eq!(frame::decode(&bytes), Ok(Frame::Message { kind: "#commit", body: BODY }));
}

#[test]
fn ev_002_the_header_has_an_op_and_a_message_has_a_kind() {
    let without_op = frame_of(|writer| writer.map(1).text("t").text("#commit").raw(BODY));
    assert_eq!(frame::decode(&without_op), Err(FrameError::MissingOp));
    let without_kind = frame_of(|writer| writer.map(1).text("op").int(1).raw(BODY));
    assert_eq!(frame::decode(&without_kind), Err(FrameError::MessageWithoutKind));
}

#[test]
fn ev_003_unknown_ops_and_kinds_are_no_errors() {
    let unknown = frame_of(|writer| writer.map(1).text("op").int(7).raw(b"\xff"));
    assert_eq!(frame::decode(&unknown), Ok(Frame::Unknown));
    let unknown = frame::encode_message("#future", BODY);
    assert_eq!(frame::decode(&unknown), Ok(Frame::Message { kind: "#future", body: BODY }));
}

#[test]
fn ev_004_unknown_header_fields_are_ignored() {
    let frame = frame_of(|writer| {
        writer.map(3).text("t").text("#info").text("op").int(1).text("new").array(0).raw(BODY)
    });
    assert_eq!(frame::decode(&frame), Ok(Frame::Message { kind: "#info", body: BODY }));
}

#[test]
fn ev_005_invalid_frames_are_errors() {
    let whole = frame::encode_message("#commit", BODY);
    for len in 0..whole.len() {
        assert!(frame::decode(&whole[..len]).is_err(), "cut after {len}");
    }
    let body = |body: &[u8]| match frame::decode(&frame::encode_message("#commit", body)) {
        Err(FrameError::Body(error)) => error.fault().clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(body(b"\xa1\x61a\x01\x00"), CborFault::Trailing);
    assert_eq!(body(b"\xa1\x61a\x18\x01"), CborFault::NonMinimal);
    assert_eq!(body(b"\x80"), CborFault::Unexpected { expected: Kind::Map, found: Kind::Array });
    assert_eq!(body(b""), CborFault::Truncated);
    assert!(matches!(frame::decode(br#"{"op":1}"#), Err(FrameError::Header(_))));
    let unsorted = b"\xa2\x62op\x01\x61t\x65#info\xa0";
    assert!(matches!(frame::decode(unsorted), Err(FrameError::Header(_))));
}

#[test]
fn ev_007_errors_have_a_name_and_perhaps_a_message() {
    for message in [None, Some("too slow by far")] {
        let bytes = frame::encode_error("ConsumerTooSlow", message);
        assert_eq!(frame::decode(&bytes), Ok(Frame::Error { name: "ConsumerTooSlow", message }));
    }
    let with_kind = frame_of(|writer| {
        writer.map(2).text("t").text("#x").text("op").int(-1);
        writer.map(2).text("error").text("Name").text("message").null()
    });
    assert_eq!(frame::decode(&with_kind), Ok(Frame::Error { name: "Name", message: None }));
    let nameless = frame_of(|writer| writer.map(1).text("op").int(-1).map(0));
    assert_eq!(frame::decode(&nameless), Err(FrameError::ErrorWithoutName));
    let bodyless = frame_of(|writer| writer.map(1).text("op").int(-1));
    assert!(matches!(frame::decode(&bodyless), Err(FrameError::Body(_))));
}

#[test]
fn ev_009_frames_have_a_size_limit() {
    let len = limits::MAX_FRAME + 1;
    assert_eq!(frame::decode(&vec![0; len]), Err(FrameError::TooLarge { len }));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_judged_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
        at in 0usize..24,
        byte: u8,
    ) {
        let _ = frame::decode(&bytes);
        let mut frame = frame::encode_message("#commit", BODY);
        let at = at % frame.len();
        frame[at] = byte;
        let _ = frame::decode(&frame);
    }
}

#[derive(Deserialize)]
struct Manifest {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    expect: String,
}

/// Cases about the frame itself. The others are sound frames with something wrong inside.
const MALFORMED: [&str; 10] = [
    "header-not-map",
    "header-op-text",
    "empty",
    "header-only",
    "trailing-bytes",
    "truncated",
    "body-first",
    "body-is-array",
    "json-text",
    "error-no-body",
];

#[test]
fn bad_input_frames() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("bad-input");
    let manifest = fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
    for case in manifest.cases {
        let Some(name) =
            case.file.strip_prefix("frame/").and_then(|file| file.strip_suffix(".bin"))
        else {
            continue;
        };
        let bytes = fs::read(folder.join(&case.file)).unwrap();
        let result = frame::decode(&bytes);
        match name {
            "header-op-0" | "header-op-2" => assert_eq!(result, Ok(Frame::Unknown), "{name}"),
            "error-no-name" => assert_eq!(result, Err(FrameError::ErrorWithoutName)),
            "error-ConsumerTooSlow" | "error-with-t" => {
                assert!(matches!(result, Ok(Frame::Error { .. })), "{name}: {result:?}");
            }
            "frame-over-5mb" => assert_eq!(result, Err(FrameError::TooLarge { len: bytes.len() })),
            _ if MALFORMED.contains(&name) => {
                assert!(case.expect.starts_with("reject: malformed"), "{name}");
                assert!(result.is_err(), "{name}: {result:?}");
            }
            _ => {
                assert!(!case.expect.starts_with("reject: malformed"), "{name}");
                let Ok(Frame::Message { kind, body }) = result else {
                    panic!("{name}: {result:?}");
                };
                if name != "header-extra" {
                    assert_eq!(frame::encode_message(kind, body), bytes, "{name}");
                }
            }
        }
    }
}

#[test]
fn recorded_streams_decode_and_encode_to_themselves() {
    let Some(shared) = shared() else { return };
    for file in [
        "firehose/relay-frames.bin",
        "ts-capture/firehose-live.frames.bin",
        "ts-capture/firehose-pds2.frames.bin",
        "ts-capture/firehose-replay.frames.bin",
    ] {
        let recording = fs::read(shared.join(file)).unwrap();
        let mut rest = &recording[..];
        while let Some((len, after)) = rest.split_first_chunk() {
            let (bytes, after) = after.split_at(u32::from_le_bytes(*len) as usize);
            rest = after;
            match frame::decode(bytes) {
                Ok(Frame::Message { kind, body }) => {
                    assert_eq!(frame::encode_message(kind, body), bytes, "{file}");
                }
                other => panic!("{file}: {other:?}"),
            }
        }
    }
}
