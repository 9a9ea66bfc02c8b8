//! Jetstream's form of events, against what the public servers send.

use std::collections::BTreeSet;

use atproto_core::data::Value;
use atproto_firehose::{
    event::Event,
    jetstream::{JetstreamContent, JetstreamError, JetstreamEvent, JetstreamOperation},
};
use atproto_repo::event::Event as Message;

use crate::support::{
    network::{Account, TIME},
    shared::{frames, shared_bytes},
};

const IDENTITY: &str = r#"{"did":"did:plc:ewvi7nxzyoun6zhxrhs64oiz","time_us":7,"kind":"identity","identity":{"did":"did:plc:ewvi7nxzyoun6zhxrhs64oiz","handle":"alice.test","seq":5,"time":"2026-01-01T00:00:00Z"}}"#;

const CREATE: &str = r#"{"did":"did:plc:ewvi7nxzyoun6zhxrhs64oiz","time_us":7,"kind":"commit","commit":{"rev":"3jzfcijpj2z2a","operation":"create","collection":"com.example.note","rkey":"1","record":{"$type":"com.example.note","a":"x","bb":[{"aa":1,"b":null}],"link":{"$link":"bafyreidqpc7si3dbimffi64lz3xsx2qt45ip7rpna2qpslcddp23itjjzm"}},"cid":"bafyreidqpc7si3dbimffi64lz3xsx2qt45ip7rpna2qpslcddp23itjjzm"}}"#;

fn lines(bytes: &[u8]) -> Vec<&str> {
    std::str::from_utf8(bytes).unwrap().lines().collect()
}

/// An event without the time at which a server saw it.
fn timeless(line: &str) -> String {
    JetstreamEvent { time_us: 0, ..JetstreamEvent::parse(line.as_bytes()).unwrap() }.to_json()
}

#[test]
fn what_public_servers_send_is_read_and_written_byte_for_byte() {
    for file in ["jetstream/golden_v1.jsonl", "firehose/relay-frames.jetstream-v1.jsonl"] {
        let Some(bytes) = shared_bytes(file) else { return };
        for line in lines(&bytes) {
            assert_eq!(JetstreamEvent::parse(line.as_bytes()).unwrap().to_json(), line);
        }
    }
    for line in [IDENTITY, CREATE] {
        assert_eq!(JetstreamEvent::parse(line.as_bytes()).unwrap().to_json(), line);
    }
}

/// The frames of a relay, and what a Jetstream server made of them.
#[test]
fn frames_become_the_events_of_the_public_server() {
    let Some(recorded) = shared_bytes("firehose/relay-frames.bin") else { return };
    let Some(expected) = shared_bytes("firehose/relay-frames.jetstream-v1.jsonl") else { return };
    let events = |frame: &[u8]| {
        let event = Event::try_from(Message::decode(frame.to_vec()).unwrap()).unwrap();
        JetstreamEvent::of(&event, 0)
    };
    let ours: BTreeSet<String> = frames(&recorded)
        .into_iter()
        .flat_map(events)
        .map(|event| event.unwrap().to_json())
        .collect();
    let theirs: BTreeSet<String> = lines(&expected).into_iter().map(timeless).collect();
    assert!(theirs.len() > 70, "{}", theirs.len());
    assert_eq!(ours.symmetric_difference(&theirs).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn each_record_of_a_commit_is_an_event_and_a_missing_one_an_error() {
    let mut alice = Account::new('a');
    alice.commit();
    let mut commit = alice.commit_of("com.example.note", r#"{"text":"hello"}"#);
    let events = JetstreamEvent::of(&Event::try_from(Message::from(commit.clone())).unwrap(), 3);
    let [Ok(event)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&event.did, event.time_us), (&alice.did, 3));
    let JetstreamContent::Commit(found) = &event.content else { panic!("{event:?}") };
    assert_eq!(found.rev, commit.rev);
    let JetstreamOperation::Create(record) = &found.operation else { panic!("{found:?}") };
    assert_eq!(record.value.get("text").and_then(Value::as_str), Some("hello"));
    assert_eq!(Some(record.cid), commit.ops[0].cid);

    commit.blocks = bytes::Bytes::new();
    let events = JetstreamEvent::of(&Event::try_from(Message::from(commit)).unwrap(), 3);
    assert!(matches!(&events[..], [Err(JetstreamError::MissingRecord(_))]), "{events:?}");
}

#[test]
fn states_have_no_form() {
    let mut alice = Account::new('a');
    let commit = alice.commit();
    let sync = atproto_repo::event::SyncEvent::new(alice.did, commit.blocks, commit.rev, TIME);
    assert!(JetstreamEvent::of(&Event::try_from(Message::from(sync)).unwrap(), 0).is_empty());
}

#[test]
fn what_is_no_event_is_told_apart() {
    let parse = |text: &str| JetstreamEvent::parse(text.as_bytes()).unwrap_err();
    assert!(matches!(parse(""), JetstreamError::Json(_)));
    assert!(matches!(parse("[]"), JetstreamError::Json(_)));
    for name in ["did", "time_us", "kind", "commit", "rev", "operation", "collection", "rkey"] {
        let error = parse(&CREATE.replace(&format!("\"{name}\":"), "\"other\":"));
        assert!(
            matches!(error, JetstreamError::Field(missing) if missing == name),
            "{name}: {error}"
        );
    }
    let error = parse(&CREATE.replace("\"record\":", "\"other\":"));
    assert!(matches!(error, JetstreamError::Field("record")), "{error}");
    let error = parse(&CREATE.replace("\"rkey\":\"1\"", "\"rkey\":\"/\""));
    assert!(matches!(error, JetstreamError::Syntax(_)), "{error}");
    let error = parse(&CREATE.replace("\"kind\":\"commit\"", "\"kind\":\"mood\""));
    assert!(
        matches!(&error, JetstreamError::Kind { kind, time_us: 7 } if kind == "mood"),
        "{error}"
    );
    let error = parse(&CREATE.replace("\"create\"", "\"move\""));
    assert!(
        matches!(&error, JetstreamError::Kind { kind, .. } if kind == "commit/move"),
        "{error}"
    );
    let error = parse(&CREATE.replace("\"aa\":1", "\"aa\":1.5"));
    assert!(matches!(error, JetstreamError::Json(_)), "{error}");
}

#[cfg(feature = "zstd")]
mod compressed {
    use atproto_firehose::jetstream::{Dictionary, DictionaryError};

    use super::*;

    #[test]
    fn events_are_compressed_with_the_servers_dictionary() {
        let Some(dictionary) = shared_bytes("jetstream/dictionaries/legacy_subscribe.zdict") else {
            return;
        };
        let Some(compressed) = shared_bytes("jetstream/golden_v1.zstd-frames.bin") else { return };
        let Some(plain) = shared_bytes("jetstream/golden_v1.jsonl") else { return };
        let dictionary = Dictionary::new(&dictionary);
        let (frames, lines) = (frames(&compressed), lines(&plain));
        assert_eq!(frames.len(), lines.len());
        let (mut ours, mut theirs) = (0, 0);
        for (frame, line) in frames.into_iter().zip(lines) {
            assert_eq!(dictionary.decompress(frame, 1 << 20).unwrap(), line.as_bytes());
            let again = dictionary.compress(line.as_bytes()).unwrap();
            assert_eq!(dictionary.decompress(&again, 1 << 20).unwrap(), line.as_bytes());
            (ours, theirs) = (ours + again.len(), theirs + frame.len());
        }
        assert!(ours < theirs * 11 / 10, "{ours} bytes, not {theirs}");
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let dictionary = Dictionary::new(b"known to both");
        let bomb = dictionary.compress(&vec![0; 10 << 20]).unwrap();
        assert!(bomb.len() < 10_000);
        let error = dictionary.decompress(&bomb, 1_000_000).unwrap_err();
        assert!(matches!(error, DictionaryError::Decompress { limit: 1_000_000, .. }), "{error}");
        assert!(dictionary.decompress(b"no frame", 1_000).is_err());
    }
}
