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
    for foreign in ["did:web:evil.example#atproto", "atproto", "##atproto", "#atproto#atproto"] {
        document.verification_methods[1].id = foreign.to_owned();
        assert!(matches!(document.signing_key(), Err(DocumentError::NoKey { .. })), "{foreign}");
    }
}

#[test]
fn did_016_the_first_valid_key_counts() {
    let [first, second] =
        [Curve::K256, Curve::P256].map(|curve| SecretKey::generate(curve).public_key());
    let mut document = document().with_key("atproto", &first).with_key("atproto", &second);
    assert_eq!(document.signing_key().unwrap(), first);
    document.verification_methods[0].controller = "did:web:evil.example".to_owned();
    assert_eq!(document.signing_key().unwrap(), second);
    document.verification_methods[0].controller = DID.to_owned();
    document.verification_methods[0].kind = "JsonWebKey2020".to_owned();
    assert_eq!(document.signing_key().unwrap(), second);
    document.verification_methods[1].public_key_multibase = Some("zQ3sh".to_owned());
    let unusable = document.signing_key().unwrap_err();
    assert!(matches!(unusable, DocumentError::UnsupportedKey { .. }), "that of the first");
    document.verification_methods.remove(0);
    assert!(matches!(document.signing_key(), Err(DocumentError::InvalidKey { .. })));
}

#[test]
fn did_017_and_019_the_first_service_of_name_and_type_is_the_host() {
    const KIND: &str = "AtprotoPersonalDataServer";
    let mut document = document()
        .with_service("atproto_pds", "Other", "https://other.example")
        .with_service("atproto_labeler", KIND, "https://labeler.example")
        .with_service("atproto_pds", KIND, "https://one.example")
        .with_service("atproto_pds", KIND, "https://two.example");
    assert_eq!(document.pds_endpoint(), Some("https://one.example"));
    document.services[2].id = format!("{DID}#atproto_pds");
    assert_eq!(document.pds_endpoint(), Some("https://one.example"), "absolute ids are in use too");
    document.services[2].id = "did:web:evil.example#atproto_pds".to_owned();
    assert_eq!(document.pds_endpoint(), Some("https://two.example"));
    document.services[3].endpoint = "https://two.example/path".into();
    assert_eq!(document.pds_endpoint(), None, "a broken first one is not passed over");
    document.services.truncate(2);
    assert_eq!(document.pds_endpoint(), None);
}

#[test]
fn size_and_numbers_are_limited() {
    let sized = |length: usize| {
        let json = format!(r#"{{"id":"{DID}","x":""}}"#);
        json.replace(r#""""#, &format!("\"{}\"", "x".repeat(length - json.len())))
    };
    assert!(DidDocument::from_json(sized(DidDocument::MAX_SIZE).as_bytes()).is_ok());
    let long = DidDocument::from_json(sized(DidDocument::MAX_SIZE + 1).as_bytes());
    assert!(matches!(long, Err(DocumentError::TooLarge { .. })));

    let key = SecretKey::generate(Curve::K256).public_key();
    let filled = |keys: usize, services: usize| {
        let keyed = (0..keys).fold(document(), |document, _| document.with_key("k", &key));
        let full = (0..services).fold(keyed, |document, _| document.with_service("s", "T", ""));
        DidDocument::from_json(&serde_json::to_vec(&full).unwrap())
    };
    assert!(filled(100, 100).is_ok());
    for (keys, services, name) in [(101, 0, "verificationMethod"), (0, 101, "service")] {
        let outcome = filled(keys, services);
        assert!(
            matches!(outcome, Err(DocumentError::TooMany { field, .. }) if field == name),
            "{outcome:?}"
        );
    }
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
    let read = |name: &str| std::fs::read(shared.join(name)).unwrap();
    let document = |name: &str| DidDocument::from_json(&read(name)).unwrap();

    let key = "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";
    for (name, multikey, host, handle) in [
        ("identity/did-docs/did_plc_doc.json", Some(key), "https://bsky.social", "atproto.com"),
        (
            "identity/did-docs/did_plc_doc_legacy.json",
            Some(key),
            "https://bsky.social",
            "atproto.com",
        ),
        (
            "car/greenground.didDoc.json",
            Some(key),
            "https://bsky.social",
            "greenground.bsky.social",
        ),
        ("car/v2-genesis-slice.didDoc.json", None, "http://localhost:2583", "koch5149-c5.test"),
    ] {
        let document = document(name);
        let found = document.signing_key().unwrap().to_multikey();
        assert!(multikey.is_none_or(|multikey| multikey == found), "{name}: {found}");
        assert_eq!(document.pds_endpoint(), Some(host), "{name}");
        assert_eq!(document.handle().unwrap(), handle, "{name}");
    }
    let service = document("identity/did-docs/did_web_doc.json");
    assert!(service.signing_key().is_err() && service.pds_endpoint().is_none());
    let feed = service.service("bsky_fg", "BskyFeedGenerator");
    assert_eq!(feed, Some("https://discover.bsky.social"));
}

/// Every document of the recorded relay and of the recorded reference server, with the fields
/// that were recorded beside it.
#[test]
fn documents_of_the_recordings() {
    let Some(shared) = shared() else { return };
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(shared.join(name)).unwrap()).unwrap()
    };
    let parse = |json: &serde_json::Value| {
        let document = DidDocument::from_json(&serde_json::to_vec(json).unwrap()).unwrap();
        assert_eq!(document.to_json(), *json, "nothing is lost");
        document
    };

    let relayed = json("firehose/relay-frames.did-docs.json");
    for (did, json) in relayed.as_object().unwrap() {
        let document = parse(json);
        assert_eq!(document.id.as_str(), did);
        let multikey = json["verificationMethod"][0]["publicKeyMultibase"].as_str().unwrap();
        assert_eq!(document.signing_key().unwrap().to_multikey(), multikey);
        assert_eq!(document.pds_endpoint(), json["service"][0]["serviceEndpoint"].as_str());
        let claim = document.handle().map(|handle| format!("at://{handle}"));
        assert_eq!(claim.as_deref(), json["alsoKnownAs"][0].as_str());
    }
    assert_eq!(relayed.as_object().unwrap().len(), 75);

    let recorded = json("ts-capture/repos.json");
    let mut keys = 0;
    for account in recorded.as_array().unwrap() {
        let document = parse(&account["doc"]);
        assert_eq!(document.id.as_str(), account["did"]);
        let host = account["doc"]["service"][0]["serviceEndpoint"].as_str();
        assert_eq!(document.pds_endpoint(), host);
        let key = document.signing_key().unwrap();
        let hex = account["testOnlyPrivateKeyHex"].as_str().unwrap();
        let private = SecretKey::from_hex(Curve::K256, hex).unwrap();
        keys += usize::from(private.public_key() == key);
        assert_eq!(format!("at://{}", document.handle().unwrap()), account["handle"]);
    }
    // One account has moved: its old host has a key that the document no longer names.
    assert_eq!((recorded.as_array().unwrap().len(), keys), (48, 47));
}
