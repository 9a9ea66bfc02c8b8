//! What a reader of a Jetstream server says: by parameters and by a message the same.

use atproto_firehose::jetstream::server::Wanted;
use serde_json::json;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _refused = Wanted::of_message(text);
    // Lines are values: of collections, or of accounts where they begin like one.
    let is_did = |line: &&str| line.starts_with("did:");
    let (dids, collections): (Vec<&str>, Vec<&str>) = text.lines().partition(is_did);
    let pairs = collections.iter().map(|value| ("wantedCollections", *value));
    let pairs = pairs.chain(dids.iter().map(|value| ("wantedDids", *value)));
    let asked = Wanted::of_query(pairs);
    let payload = json!({"wantedCollections": collections, "wantedDids": dids});
    let message = json!({"type": "options_update", "payload": payload}).to_string();
    match (asked, Wanted::of_message(&message)) {
        (Ok(asked), Ok(Some(told))) => {
            assert_eq!(asked, told);
            let exact = collections.iter().find(|collection| !collection.ends_with(".*"));
            let did = dids.first().copied().unwrap_or("did:web:alice.example.com");
            assert!(asked.wants(did, exact.copied(), usize::MAX));
            assert!(asked.wants(did, None, 0));
        }
        (Err(_), Err(_)) => {}
        (asked, told) => panic!("{asked:?} and {told:?}"),
    }
}
