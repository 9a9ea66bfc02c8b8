//! What is read from a DID document, and what is not.

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::identity::{DidDocument, DocumentError};
use atproto_core::syntax::{Did, Handle};

use crate::support::shared;

const DID: &str = "did:plc:o3ipyaxnvjh3ce5euv54wrk3";

fn document() -> DidDocument {
    DidDocument::new(Did::new(DID).unwrap())
}

#[test]
fn did_014_the_first_valid_handle_is_the_claim() {
    let mut document = document();
    assert_eq!(document.handle(), None);
    document.also_known_as =
        ["https://alice.example", "at://-bad-", "at://Alice.example.com", "at://b.example.com"]
            .map(str::to_owned)
            .to_vec();
    assert_eq!(document.handle(), Some(Handle::new("alice.example.com").unwrap()));
    document.also_known_as.insert(0, "at://handle.invalid".to_owned());
    assert_eq!(document.handle(), None, "it stands first, and is never real");
}

#[test]
fn did_016_and_019_keys_by_name() {
    let key = SecretKey::generate(Curve::P256).public_key();
    let other = SecretKey::generate(Curve::K256).public_key();
    let mut document = document().with_key("other", &other).with_key("atproto", &key);
    assert_eq!(document.signing_key().unwrap(), key);
    assert_eq!(document.key("other").unwrap(), other);
    assert!(matches!(document.key("none"), Err(DocumentError::NoKey { .. })));

    document.verification_methods[1].id = "#atproto".to_owned();
    assert_eq!(document.signing_key().unwrap(), key, "relative ids are in use too");
    document.verification_methods[1].controller = "did:web:evil.example".to_owned();
    assert!(matches!(document.signing_key(), Err(DocumentError::ForeignController { .. })));
    document.verification_methods[1].id = "did:web:evil.example#atproto".to_owned();
    assert!(matches!(document.signing_key(), Err(DocumentError::NoKey { .. })));
}

#[test]
fn json_keeps_what_is_not_known() {
    let json = format!(
        r##"{{"id":"{DID}","x":[1],"@context":["c"],"service":[{{"id":"#s","type":"T","serviceEndpoint":{{"a":1}},"y":2}}, 5]}}"##
    );
    let document = DidDocument::from_json(json.as_bytes()).unwrap();
    assert_eq!(document.services.len(), 1, "an entry that is no service is left out");
    assert_eq!(document.service("s", "T"), None, "an endpoint that is no text is of no use");
    let out = document.to_json();
    assert_eq!((&out["x"][0], &out["service"][0]["y"]), (&1.into(), &2.into()));
    assert_eq!(out["@context"][0], "c");
    let again = DidDocument::from_json(&serde_json::to_vec(&document).unwrap()).unwrap();
    assert_eq!(again, document);
}

#[test]
fn documents_of_the_network() {
    let Some(shared) = shared() else { return };
    let read = |name: &str| {
        let json = std::fs::read(shared.join(format!("identity/did-docs/{name}.json"))).unwrap();
        DidDocument::from_json(&json).unwrap()
    };
    for name in ["did_plc_doc", "did_plc_doc_legacy"] {
        let document = read(name);
        assert!(document.signing_key().is_ok(), "{name}: {:?}", document.signing_key());
        assert!(document.pds_endpoint().is_some(), "{name}");
        assert!(document.handle().is_some(), "{name}");
    }
    let service = read("did_web_doc");
    assert!(service.signing_key().is_err() && service.pds_endpoint().is_none());
    assert_eq!(
        service.service("bsky_fg", "BskyFeedGenerator"),
        Some("https://discover.bsky.social")
    );
}

#[test]
fn documents_made_to_break_readers() {
    let Some(shared) = shared() else { return };
    for entry in std::fs::read_dir(shared.join("bad-input/identity/did-doc")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        match DidDocument::from_json(&std::fs::read(&path).unwrap()) {
            Ok(document) => check(name, &document),
            Err(_) => assert!(UNREADABLE.contains(&name), "{name}"),
        }
    }
}

const UNREADABLE: &[&str] = &["deep-nesting", "dup-keys", "id-missing", "not-json", "not-object"];
const WITHOUT_KEY: &[&str] =
    &["no-vm", "vm-foreign-id", "vm-jwk", "vm-multikey-base64", "vm-multikey-truncated"];
const WITHOUT_HOST: &[&str] = &[
    "no-service",
    "service-endpoint-file",
    "service-endpoint-metadata",
    "service-endpoint-path",
    "service-endpoint-userinfo",
    "service-missing-field",
    "service-wrong-type",
];
const WITHOUT_HANDLE: &[&str] = &["aka-empty", "aka-missing"];

fn check(name: &str, document: &DidDocument) {
    assert!(!UNREADABLE.contains(&name), "{name}");
    assert_eq!(document.id.as_str() == DID, name != "id-mismatch", "{name}");
    // A point of one curve may happen to lie on the other; another id makes the key foreign.
    if !["vm-curve-prefix-swapped", "id-mismatch"].contains(&name) {
        let key = document.signing_key();
        assert_eq!(key.is_err(), WITHOUT_KEY.contains(&name), "{name}: {key:?}");
    }
    let pds = document.pds_endpoint();
    assert_eq!(pds.is_none(), WITHOUT_HOST.contains(&name), "{name}: {pds:?}");
    if name == "dup-service" {
        assert_eq!(pds, Some("https://pds.example.com"));
    }
    assert_eq!(document.handle().is_none(), WITHOUT_HANDLE.contains(&name), "{name}");
    #[cfg(feature = "resolver")]
    if let Some(pds) = pds {
        let client = atproto_core::identity::SafeClient::new(Default::default()).unwrap();
        let refused = client.check(&pds.parse().unwrap()).is_err();
        assert_eq!(refused, name.starts_with("service-endpoint-"), "{name}: {pds}");
    }
}
