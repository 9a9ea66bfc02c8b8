//! What the fields of event stream messages must be, one changed at a time.

use atproto_core::{
    data::{Map, Value, cbor},
    frame::{self, Frame},
    syntax::{Cid, Did, Tid},
};
use atproto_repo::event::{AccountEvent, CommitEvent, Event, EventError, IdentityEvent, SyncEvent};

const TIME: &str = "2026-01-01T00:00:00Z";

fn did() -> Did {
    Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap()
}

fn commit() -> Event {
    let commit = CommitEvent {
        seq: 7,
        repo: did(),
        commit: Cid::dag_cbor(b"the commit"),
        rev: Tid::from_parts(1, 0),
        since: None,
        prev_data: None,
        blocks: vec![1, 2, 3].into(),
        ops: Vec::new(),
        time: TIME.into(),
        too_big: false,
        rebase: false,
    };
    commit.into()
}

fn others() -> [Event; 3] {
    let mut sync = SyncEvent::new(did(), vec![1, 2, 3].into(), Tid::from_parts(1, 0), TIME);
    let mut identity = IdentityEvent::new(did(), None, TIME);
    let mut account = AccountEvent::new(did(), None, TIME);
    (sync.seq, identity.seq, account.seq) = (7, 7, 7);
    [sync.into(), identity.into(), account.into()]
}

fn fields(event: &Event) -> (String, Map) {
    let encoded = event.encode();
    let Ok(Frame::Message { kind, body }) = frame::decode(&encoded) else { panic!() };
    (kind.to_owned(), cbor::decode_map(body).unwrap())
}

/// The event as it comes out after its fields were changed on the way.
fn altered(event: &Event, change: impl FnOnce(&mut Map)) -> Result<Event, EventError> {
    let (kind, mut map) = fields(event);
    change(&mut map);
    Event::decode(frame::encode_message(&kind, &cbor::encode(&Value::Map(map))))
}

#[test]
fn fh_001_each_message_has_an_account_a_number_and_a_time() {
    for (event, account) in others().iter().map(|it| (it, "did")).chain([(&commit(), "repo")]) {
        altered(event, |_| {}).unwrap();
        for name in [account, "seq", "time"] {
            let error = altered(event, |map| drop(map.remove(name).unwrap())).unwrap_err();
            let expected = format!("field {name} is missing");
            assert!(
                matches!(&error, EventError::Invalid { fault, .. } if fault.to_string() == expected)
            );
            assert!(altered(event, |map| drop(map.insert(name, true))).is_err(), "{name}");
        }
        // The time informs people; whatever it says decides nothing.
        altered(event, |map| drop(map.insert("time", "yesterday"))).unwrap();
        for seq in [0, -1] {
            assert!(altered(event, |map| drop(map.insert("seq", seq))).is_err(), "{seq}");
        }
    }
}

#[test]
fn fh_004_blobs_are_written_empty_and_never_read() {
    let (_, map) = fields(&commit());
    assert_eq!(map.get("blobs"), Some(&Value::List(Vec::new())));
    let blob = Value::Link(Cid::raw(b"a blob"));
    let changed = altered(&commit(), |map| drop(map.insert("blobs", vec![blob]))).unwrap();
    assert_eq!(changed.encode(), commit().encode());
    altered(&commit(), |map| drop(map.remove("blobs"))).unwrap();
}

#[test]
fn fh_025_a_status_may_be_any_word() {
    let account = AccountEvent { seq: 7, ..AccountEvent::new(did(), Some("deactivated"), TIME) };
    let event = altered(&account.into(), |map| drop(map.insert("status", "resting"))).unwrap();
    let Event::Account(account) = event else { panic!("{event:?}") };
    assert_eq!((account.active, account.status.as_deref()), (false, Some("resting")));
}
