//! `atp relay collections`

use serde_json::json;

use crate::{host::Host, support::atp};

/// A page, and what it asks to be continued with.
fn put(host: &Host, collection: &str, cursor: Option<&str>, dids: &[&str], next: Option<&str>) {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    let repos: Vec<_> = dids.iter().map(|did| json!({ "did": did })).collect();
    let mut page = json!({ "repos": repos });
    if let Some(next) = next {
        page["cursor"] = json!(next);
    }
    host.put(
        &format!(
            "/xrpc/com.atproto.sync.listReposByCollection?collection={collection}&limit=2000{cursor}"
        ),
        page.to_string().into_bytes(),
    );
}

const NOTE: &str = "com.example.note";
const LIKE: &str = "com.example.like";

#[test]
fn all_pages_of_all_relays_and_collections_come_once_and_in_order() {
    let (one, two) = (Host::start(), Host::start());
    put(&one, NOTE, None, &["did:web:d.example", "did:web:a.example"], Some("2"));
    put(&one, NOTE, Some("2"), &["did:web:c.example"], None);
    put(&one, LIKE, None, &["did:web:a.example"], None);
    put(&two, NOTE, None, &["did:web:b.example", "did:web:d.example"], None);
    put(&two, LIKE, None, &[], None);
    let args = ["relay", "collections", one.url(), two.url(), "--collection", NOTE];
    let args = [&args[..], &["--collection", LIKE]].concat();
    let names = ["a", "b", "c", "d"].map(|name| format!("did:web:{name}.example"));
    assert_eq!(atp(&args).fine().text(), format!("{}\n", names.join("\n")));
    let json = atp(&[&["--json"][..], &args].concat()).fine().json();
    assert_eq!(json, names.map(|did| json!({ "did": did })));
}

#[test]
fn a_relay_that_does_not_answer_is_named() {
    let (one, two) = (Host::start(), Host::start());
    put(&one, NOTE, None, &["did:web:a.example"], None);
    let run = atp(&["relay", "collections", one.url(), two.url(), "--collection", NOTE]).refused();
    assert!(run.stderr.contains(two.url()), "{}", run.stderr);
    // A list that is not whole is no list.
    assert_eq!(run.text(), "");
}
