//! The inputs made to break readers of identities, each with its expected outcome.

use std::collections::BTreeMap;
use std::path::Path;

use atproto_core::crypto::PublicKey;
use atproto_core::identity::{DidDocument, ResolveError, Resolver, SafeClient};
use atproto_core::syntax::{Did, Handle};
use serde_json::Value;

use super::resolve::resolver;
use super::server::{Server, ok};
use crate::support::shared;

/// The cases in which the manifest leaves the choice, and what is chosen:
/// - an endpoint with a path is no host;
/// - the claim is the first valid handle, as the specification now says, so that a malformed
///   alias before it is passed over;
/// - the same DID twice in DNS is one answer;
/// - keys are base58btc only.
const CHOICES: usize = 4;

#[tokio::test]
async fn each_malformed_identity_has_its_outcome() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("bad-input");
    let manifest = json(&folder.join("manifest.json"));
    let mut counted = BTreeMap::new();
    let mut choices = 0;
    for case in manifest["cases"].as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        let Some(name) = file.strip_prefix("identity/") else { continue };
        let path = folder.join(file);
        let expect = case["expect"].as_str().unwrap();
        choices += usize::from(expect.starts_with("policy:"));
        let (kind, count) = if name.starts_with("did-doc/") {
            check_document(name, &std::fs::read(path).unwrap(), expect, &case["did"]);
            ("documents", 1)
        } else if name.starts_with("well-known/") {
            check_well_known(name, std::fs::read(path).unwrap(), expect, &case["did"]).await;
            ("well-known", 1)
        } else {
            let list = json(&path);
            let list = list.as_array().unwrap();
            choices +=
                list.iter().filter(|entry| expectation(entry).starts_with("policy:")).count();
            for entry in list {
                check_entry(name, entry).await;
            }
            (name, list.len())
        };
        *counted.entry(kind.to_owned()).or_insert(0) += count;
    }
    println!("{counted:?}");
    let expected = [
        ("control-dids.json", 16),
        ("control-dns-txt.json", 10),
        ("control-handles.json", 30),
        ("control-keys.json", 14),
        ("documents", 36),
        ("well-known", 7),
    ];
    assert_eq!(counted, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert_eq!(choices, CHOICES);
}

fn check_document(name: &str, json: &[u8], expect: &str, did: &Value) {
    let document = DidDocument::from_json(json).ok().filter(|document| document.id.as_str() == did);
    let refusal = expect.starts_with("reject") || expect.starts_with("policy: reject");
    let Some(document) = document else {
        assert!(refusal && !name.contains("service-endpoint"), "{name}: not read");
        return;
    };
    let strict = SafeClient::new(Default::default()).unwrap();
    let host = document.pds_endpoint();
    let host = host.filter(|host| strict.check(&host.parse().unwrap()).is_ok());
    let key = document.signing_key().ok();
    let handle = document.handle().map(|handle| handle.to_string());
    let good_host = Some("https://pds.example.com");
    let good_handle = Some(if name.contains("aka-10000") { "h0.test" } else { "alice.test" });
    let good_key = Some(PublicKey::from_multikey(KEY).unwrap());

    let without = |what: &str| expect.contains(what);
    if refusal || without("no PDS") {
        assert_eq!(host, None, "{name}");
    } else {
        assert_eq!(host, good_host, "{name}");
    }
    if without("no signing key") || expect == "no usable signing key" {
        assert_eq!(key, None, "{name}");
    } else if without("verifies nothing") {
        assert_ne!(key, good_key, "{name}");
    } else if name.contains("legacy-p256") {
        assert!(key.is_some(), "{name}");
    } else {
        assert_eq!(key, good_key, "{name}");
    }
    if expect == "accept; handle invalid" {
        assert_eq!(handle, None, "{name}");
    } else {
        assert_eq!(handle.as_deref(), good_handle, "{name}");
    }
}

async fn check_well_known(name: &str, body: Vec<u8>, expect: &str, did: &Value) {
    let server = Server::start(move |_| ok(&body)).await;
    let outcome = resolver(&server, vec![]).handle(&handle("alice.test")).await;
    match outcome {
        Ok(found) => assert!(expect.starts_with("accept") && found.as_str() == did, "{name}"),
        Err(error) => {
            assert!(expect.starts_with("reject") && !error.is_transient(), "{name}: {error}");
        }
    }
}

async fn check_entry(list: &str, entry: &Value) {
    let expect = expectation(entry);
    let text = entry["value"].as_str().unwrap_or_default();
    match list {
        "control-dids.json" => match Did::new(text) {
            Err(_) => assert_eq!(expect, "reject", "{entry}"),
            Ok(did) => {
                assert!(expect.starts_with("accept"), "{entry}");
                // Whether a host in capitals is one is not said.
                let open = expect == "accept-syntax";
                assert!(open || did.supported().is_ok() == (expect == "accept"), "{entry}");
            }
        },
        "control-handles.json" => match Handle::new(text) {
            Err(_) => assert_eq!(expect, "reject", "{entry}"),
            Ok(handle) => {
                if expect == "reject-resolution" {
                    assert!(handle.has_disallowed_tld(), "{entry}");
                    let server = Server::start(|_| ok("did:web:a.example.com")).await;
                    let outcome = resolver(&server, vec![]).handle(&handle).await;
                    assert!(matches!(outcome, Err(ResolveError::ReservedDomain(_))), "{entry}");
                } else {
                    assert_eq!(expect, "accept", "{entry}");
                }
            }
        },
        "control-keys.json" => {
            let key = PublicKey::from_did_key(text);
            if expect.starts_with("accept k256") || expect.starts_with("accept p256") {
                assert_eq!(key.unwrap().to_did_key(), text, "{entry}");
            } else if expect.starts_with("accept as multikey") {
                assert!(key.is_err() && PublicKey::from_multikey(text).is_ok(), "{entry}");
            } else if !expect.contains("curve equation") {
                assert!(key.is_err(), "{entry}");
            }
        }
        "control-dns-txt.json" => {
            let records = serde_json::from_value(entry["records"].clone()).unwrap();
            let name = "_atproto.alice.test";
            let server = Server::start(|_| super::server::answer(404, "", b"")).await;
            let resolver = resolver(&server, vec![(name, records)]);
            match (resolver.handle(&handle("alice.test")).await, expect) {
                (Ok(did), "policy: accept or reject") => {
                    assert_eq!(format!("did={did}"), entry["records"][0]);
                }
                (Ok(did), expect) => assert_eq!(did.as_str(), expect, "{entry}"),
                (Err(ResolveError::NotFound(_)), "no record") => {}
                (Err(error), expect) => {
                    assert!(expect.starts_with("reject") && !error.is_transient(), "{entry}");
                }
            }
        }
        unknown => panic!("a list without a check: {unknown}"),
    }
}

fn expectation(entry: &Value) -> &str {
    entry["expect"].as_str().unwrap()
}

fn handle(text: &str) -> Handle {
    Handle::new(text).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The signing key of the documents.
const KEY: &str = "zQ3shw51hHPoYB5qACoueModTN2FCcSuq64E8Ps4u9dmf9m3k";
