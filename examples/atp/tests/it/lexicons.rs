//! Lexicons by their names.

use atproto_core::data::{cbor, json};
use atproto_repo::repo::Write;
use atproto_testkit::Author;
use serde_json::Value;

use crate::{host::Host, support::atp};

const NOTE: &str = r#"{"$type": "com.atproto.lexicon.schema", "lexicon": 1,
    "id": "com.example.note", "defs": {"main": {"type": "string"}}}"#;

/// Publishes a lexicon, and runs `atp lex resolve`.
fn resolve(record: &str, json: bool) -> crate::support::Run {
    let mut author = Author::new("alice.test", 1);
    let record = cbor::encode(&json::decode(record).unwrap()).into();
    author.write(vec![Write::Create {
        collection: "com.atproto.lexicon.schema".parse().unwrap(),
        rkey: "com.example.note".parse().unwrap(),
        record,
    }]);
    let (host, did) = (Host::start(), author.did().to_string());
    let document = author.document(host.url()).to_json().to_string();
    host.put(&format!("/{did}"), document.into_bytes());
    let query = "collection=com.atproto.lexicon.schema";
    // A whole repository proves what a part of it does.
    host.put(
        &format!("/xrpc/com.atproto.sync.getRecord?{query}&did={did}&rkey=com.example.note"),
        author.export().to_vec(),
    );
    let mut args = vec!["lex", "resolve", "com.example.note", "--did", &did];
    args.extend(["--plc-url", host.url(), "--allow-loopback"]);
    args.extend(json.then_some("--json"));
    atp(&args)
}

#[test]
fn a_lexicon_is_fetched_with_proof() {
    let run = resolve(NOTE, false).fine();
    let printed: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(printed, serde_json::from_str::<Value>(NOTE).unwrap());

    let facts = resolve(NOTE, true).fine().json().remove(0);
    assert!(facts["uri"].as_str().unwrap().ends_with("/com.example.note"), "{facts}");
    let block = cbor::encode(&json::decode(NOTE).unwrap());
    let cid = atproto_core::syntax::Cid::dag_cbor(&block).to_string();
    assert_eq!((&facts["cid"], &facts["document"]), (&Value::from(cid), &printed));
}

#[test]
fn a_record_that_is_not_the_lexicon_is_refused() {
    let run = resolve(&NOTE.replace("com.example.note", "com.example.other"), false).refused();
    assert!(run.stderr.contains("com.example.other"), "{}", run.stderr);
}
