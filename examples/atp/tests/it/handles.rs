//! Handles and what they lead to, as a host and a directory have it.

use serde_json::json;

use crate::host::Host;

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

#[test]
fn both_directions_are_reported() {
    let host = Host::start();
    host.put("/.well-known/atproto-did", DID.into());
    let claim = |names: serde_json::Value| {
        let document = json!({ "id": DID, "alsoKnownAs": names });
        host.put(&format!("/{DID}"), document.to_string().into_bytes());
        host.resolve("alice.test")
    };
    let found = claim(json!(["at://alice.test"])).fine().json().remove(0);
    assert_eq!(
        found,
        json!({
            "handle": "alice.test", "did": DID, "claimedHandle": "alice.test", "verified": true,
        })
    );
    for (names, claimed) in
        [(json!([]), json!(null)), (json!(["at://bob.test"]), json!("bob.test"))]
    {
        let run = claim(names).refused();
        let found = run.json().remove(0);
        assert_eq!((&found["did"], &found["claimedHandle"]), (&json!(DID), &claimed));
        assert_eq!(found["verified"], false);
        assert!(run.stderr.contains("does not claim it"), "{}", run.stderr);
    }
}

#[test]
fn one_direction_is_reported_when_the_other_fails() {
    let host = Host::start();
    host.put("/.well-known/atproto-did", DID.into());
    let run = host.resolve("alice.test").refused();
    assert_eq!(run.json(), [json!({ "handle": "alice.test", "did": DID })]);
    Host::start().resolve("alice.test").refused();
}
