use atproto_repo::event::{Event, EventError};

use crate::support::{bad_input, frames, shared_bytes, text};

/// Every frame of the recorded network decodes, and encodes to the same bytes.
#[test]
fn recorded_frames_survive_a_round_trip() {
    let mut count = 0;
    for file in ["live", "replay", "pds2"] {
        let Some(bytes) = shared_bytes(&format!("ts-capture/firehose-{file}.frames.bin")) else {
            return;
        };
        for frame in frames(&bytes) {
            let event = Event::decode(frame.to_vec()).unwrap();
            assert!(event.seq().is_some() && event.did().is_some());
            assert!(event.encode() == frame, "{event:?}");
            count += usize::from(file == "live");
        }
    }
    assert_eq!(count, 3_464);
}

#[test]
fn frames_of_the_public_relay_survive_a_round_trip() {
    let Some(bytes) = shared_bytes("firehose/relay-frames.bin") else { return };
    for frame in frames(&bytes) {
        let event = Event::decode(frame.to_vec()).unwrap();
        assert!(event.encode() == frame, "{event:?}");
    }
}

/// What an expectation of the malformed frames means for decoding alone, where the
/// message is told from its form: `None` if that is not for the decoder to say.
fn expected(file: &str, expect: &str) -> Option<&'static str> {
    const BY_NAME: [(&str, &str); 11] = [
        ("header-t-nohash", "unknown"),
        ("header-t-fullnsid", "unknown"),
        ("account-active-and-status", "event"),
        ("error-no-name", "frame"),
        ("error-with-t", "upstream"),
        ("op-path-not-in-tree", "event"),
        ("op-path", "invalid"),
        ("op-action", "invalid"),
        ("frame-over-5mb", "frame"),
        ("commit-repo-not-did", "invalid"),
        ("stream-state", "none"),
    ];
    if let Some((_, outcome)) = BY_NAME.iter().find(|(name, _)| file.contains(name)) {
        return (*outcome != "none").then_some(outcome);
    }
    match expect {
        "reject: malformed frame" => Some("frame"),
        "reject: schema" => Some("invalid"),
        expect if expect.starts_with("accept") => Some("event"),
        expect if expect.starts_with("skip") => Some("unknown"),
        expect if expect.starts_with("error") => Some("upstream"),
        _ => None,
    }
}

#[test]
fn malformed_frames_are_told_apart() {
    let Some(cases) = bad_input("frame/") else { return };
    let mut checked = 0;
    for case in cases {
        let (file, expect) = (text(&case, "file"), text(&case, "expect"));
        let Some(expected) = expected(file, expect) else { continue };
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        let decoded = Event::decode(bytes);
        let found = match &decoded {
            Ok(_) => "event",
            Err(EventError::Frame(_)) => "frame",
            Err(EventError::Invalid { .. }) => "invalid",
            Err(EventError::Unknown { .. }) => "unknown",
            Err(EventError::Upstream { .. }) => "upstream",
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, expected, "{file}: {expect}: {:?}", decoded.err());
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn ev_003_an_unknown_kind_moves_the_cursor() {
    let Some(bytes) = shared_bytes("bad-input/frame/header-t-unknown.bin") else { return };
    let error = Event::decode(bytes).unwrap_err();
    assert!(matches!(error, EventError::Unknown { kind: Some(_), seq: Some(_) }), "{error:?}");
}

#[test]
fn a_message_without_form_still_has_a_place() {
    let Some(bytes) = shared_bytes("bad-input/frame/op-path-empty.bin") else { return };
    let error = Event::decode(bytes).unwrap_err();
    assert!(
        matches!(error, EventError::Invalid { kind: "#commit", seq: Some(_), did: Some(_), .. }),
        "{error:?}"
    );
}
