//! From handles and DIDs to documents.

use std::sync::Arc;

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::identity::http::TxtLookup;
use atproto_core::identity::plc::{self, Operation, Tombstone};
use atproto_core::identity::resolver::verify_handle;
use atproto_core::identity::{
    HttpResolver, HttpResolverConfig, PlcClientError, ResolveError, Resolver, verified_handle,
};
use atproto_core::syntax::{Did, Handle};
use futures::future::BoxFuture;

use super::server::{Request, Server, answer, ok};
use crate::support::shared;

const ALICE: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";

fn did(text: &str) -> Did {
    Did::new(text).unwrap()
}

fn handle(text: &str) -> Handle {
    Handle::new(text).unwrap()
}

/// TXT records from a list of names.
struct Txt(Vec<(&'static str, Vec<String>)>);

impl TxtLookup for Txt {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>> {
        let records = match self.0.iter().find(|(known, _)| *known == name) {
            Some((_, records)) => Ok(records.clone()),
            None => Err(ResolveError::NotFound(name.to_owned())),
        };
        Box::pin(async move { records })
    }
}

fn resolver(server: &Server, records: Vec<(&'static str, Vec<String>)>) -> HttpResolver {
    let config = HttpResolverConfig::default()
        .plc_url(server.url())
        .allow_loopback(true)
        .dev_handle_host(".test", server.url())
        .txt(Arc::new(Txt(records)));
    HttpResolver::new(config).unwrap()
}

/// A directory and a host in one.
fn world(request: &Request) -> Vec<u8> {
    let document =
        |id: &str, name: &str| ok(format!(r#"{{"id":"{id}","alsoKnownAs":["at://{name}"]}}"#));
    match (request.host.as_str(), request.path.as_str()) {
        ("alice.test", "/.well-known/atproto-did") => ok(format!("{ALICE}\n")),
        ("thief.test", "/.well-known/atproto-did") => ok(OTHER),
        ("html.test", "/.well-known/atproto-did") => ok("<html>"),
        ("broken.test", _) => answer(500, "", b""),
        ("web.test", "/.well-known/did.json") => document("did:web:web.test", "web.test"),
        (_, "/did:plc:aaaaaaaaaaaaaaaaaaaaaaaa") => document(ALICE, "alice.test"),
        (_, "/did:plc:bbbbbbbbbbbbbbbbbbbbbbbb") => document(OTHER, "alice.test"),
        (_, "/did:plc:cccccccccccccccccccccccc") => document(ALICE, "alice.test"),
        (_, "/did:plc:dddddddddddddddddddddddd") => ok("[]"),
        (_, "/did:plc:eeeeeeeeeeeeeeeeeeeeeeee") => {
            answer(404, "", br#"{"message":"DID not available: did:plc:e"}"#)
        }
        (_, "/did:plc:ffffffffffffffffffffffff") => answer(503, "", b""),
        (_, "/.well-known/did.json") => document("did:web:localhost", "l.test"),
        _ => answer(404, "", br#"{"message":"DID not registered: x"}"#),
    }
}

#[tokio::test]
async fn did_008_and_013_dids_resolve_or_say_why_not() {
    let server = Server::start(world).await;
    let resolver = resolver(&server, vec![]);
    let error = async |text: &str| resolver.did(&did(text)).await.unwrap_err();

    assert_eq!(resolver.did(&did(ALICE)).await.unwrap().id, did(ALICE));
    assert_eq!(resolver.did(&did("did:web:web.test")).await.unwrap().id, did("did:web:web.test"));
    let local = did(&format!("did:web:localhost%3A{}", server.port));
    assert!(matches!(
        resolver.did(&local).await.unwrap_err(),
        ResolveError::IdMismatch { expected, .. } if expected == local
    ));
    assert!(matches!(
        error("did:plc:cccccccccccccccccccccccc").await,
        ResolveError::IdMismatch { found, .. } if found == did(ALICE)
    ));
    assert!(matches!(
        error("did:plc:dddddddddddddddddddddddd").await,
        ResolveError::Document { .. }
    ));
    assert!(matches!(error("did:plc:eeeeeeeeeeeeeeeeeeeeeeee").await, ResolveError::Tombstoned(_)));
    assert!(error("did:plc:ffffffffffffffffffffffff").await.is_transient());
    assert!(matches!(error("did:plc:gggggggggggggggggggggggg").await, ResolveError::NotFound(_)));
    assert!(matches!(error("did:plc:short").await, ResolveError::InvalidDid { .. }));
    assert!(matches!(error("did:key:zabc").await, ResolveError::UnsupportedMethod(_)));
    for bad in [
        "did:web:example.com:user",
        "did:web:example.com%3A8080",
        "did:web:10.0.0.1",
        "did:web:host.local",
        "did:web:example.com%2Fpath",
    ] {
        assert!(matches!(error(bad).await, ResolveError::InvalidDid { .. }), "{bad}");
    }
}

#[tokio::test]
async fn outside_development_nothing_local_is_asked() {
    let server = Server::start(world).await;
    let config = HttpResolverConfig::default()
        .plc_url(server.url())
        .dev_handle_host(".test", server.url())
        .txt(Arc::new(Txt(vec![])));
    let resolver = HttpResolver::new(config).unwrap();
    assert!(resolver.did(&did(ALICE)).await.is_ok(), "the operator's directory is trusted");
    for local in ["did:web:localhost", "did:web:web.test"] {
        let error = resolver.did(&did(local)).await.unwrap_err();
        assert!(matches!(error, ResolveError::InvalidDid { .. }), "{local}: {error:?}");
    }
    for reserved in ["alice.test", "alice.local", "alice.localhost", "a.onion", "handle.invalid"] {
        let error = resolver.handle(&handle(reserved)).await.unwrap_err();
        assert!(matches!(error, ResolveError::ReservedDomain(_)), "{reserved}: {error:?}");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn id_001_handles_by_host_and_by_dns() {
    let server = Server::start(world).await;
    let good = format!("did={ALICE}");
    let resolver = resolver(
        &server,
        vec![
            ("_atproto.alice.example.com", vec!["v=spf1".to_owned(), good.clone()]),
            ("_atproto.two.example.com", vec![good.clone(), format!("did={OTHER}")]),
            ("_lexicon.feed.example.com", vec![good]),
        ],
    );
    assert_eq!(resolver.handle(&handle("alice.test")).await.unwrap(), did(ALICE));
    assert_eq!(resolver.handle(&handle("alice.example.com")).await.unwrap(), did(ALICE));
    let ambiguous = resolver.handle(&handle("two.example.com")).await.unwrap_err();
    assert!(matches!(ambiguous, ResolveError::AmbiguousAnswer { .. }));
    let error = async |name: &str| resolver.handle(&handle(name)).await.unwrap_err();
    assert!(matches!(error("html.test").await, ResolveError::InvalidAnswer { .. }));
    assert!(matches!(error("nobody.test").await, ResolveError::NotFound(_)));
    assert!(error("broken.test").await.is_transient());

    let nsid = "com.example.feed.post".parse().unwrap();
    assert_eq!(resolver.lexicon_authority(&nsid).await.unwrap(), did(ALICE));
    let deeper = "com.example.feed.sub.post".parse().unwrap();
    assert!(resolver.lexicon_authority(&deeper).await.is_err(), "no walk through the tree");
}

#[tokio::test]
async fn did_015_a_handle_counts_in_both_directions_only() {
    let server = Server::start(world).await;
    let resolver = resolver(&server, vec![]);
    let document = resolver.did(&did(ALICE)).await.unwrap();
    assert_eq!(verified_handle(&resolver, &document).await, Some(handle("alice.test")));
    let pretender = resolver.did(&did(OTHER)).await.unwrap();
    assert_eq!(pretender.handle(), Some(handle("alice.test")));
    assert_eq!(verified_handle(&resolver, &pretender).await, None);

    let mut unknown = document.as_ref().clone();
    unknown.also_known_as = vec!["at://broken.test".to_owned()];
    assert!(verify_handle(&resolver, &unknown).await.unwrap_err().is_transient());
    unknown.also_known_as = vec!["at://nobody.test".to_owned()];
    assert!(verify_handle(&resolver, &unknown).await.unwrap().is_none());
}

#[tokio::test]
async fn answers_made_to_break_readers() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("bad-input/identity");
    for entry in std::fs::read_dir(folder.join("well-known")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let body = std::fs::read(&path).unwrap();
        let server = Server::start(move |_| ok(&body)).await;
        let outcome = resolver(&server, vec![]).handle(&handle("alice.test")).await;
        let good = ["control-ok", "newline"].contains(&&*name);
        assert_eq!(outcome.is_ok(), good, "{name}: {outcome:?}");
        assert!(!outcome.is_err_and(|error| error.is_transient()), "{name}");
    }
    let json = std::fs::read(folder.join("control-dns-txt.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for case in cases.as_array().unwrap() {
        let records = serde_json::from_value(case["records"].clone()).unwrap();
        let server = Server::start(world).await;
        let resolver = resolver(&server, vec![("_lexicon.b.example.com", records)]);
        let found = resolver.lexicon_authority(&"com.example.b.x".parse().unwrap()).await;
        let expected = case["expect"].as_str().unwrap();
        let good = expected.starts_with("did:") || case["name"] == "same-did-twice";
        assert_eq!(found.is_ok(), good, "{case}: {found:?}");
    }
}

#[tokio::test]
async fn the_directory_client_speaks_the_directorys_language() {
    let key = SecretKey::generate(Curve::K256);
    let operation = Operation::account(
        &[key.public_key()],
        &key.public_key(),
        &handle("alice.test"),
        "https://pds.example.com",
    );
    let (alice, genesis) = plc::create(operation, &key).unwrap();
    let json = serde_json::to_string(&genesis).unwrap();
    let entry = format!(
        r#"{{"did":"{alice}","operation":{json},"cid":"{}","nullified":false,"createdAt":"2026-01-01T00:00:00.000Z","seq":7,"type":"sequenced_op"}}"#,
        genesis.cid()
    );
    let (path, posted) = (format!("/{alice}"), json.clone());
    let server = Server::start(move |request| match request.path.strip_prefix(&*path) {
        Some("") if request.body == posted => ok("OK"),
        Some("") if !request.body.is_empty() => {
            answer(400, "", br#"{"message":"Operations not correctly ordered"}"#)
        }
        Some("/log") => ok(format!("[{json}]")),
        Some("/log/last") => ok(&json),
        Some("/log/audit") => ok(format!("[{entry}]")),
        _ if request.path == "/export?after=3&count=2" => ok(format!("{entry}\n{entry}\n")),
        _ => answer(404, "", b"no json"),
    })
    .await;
    let resolver = resolver(&server, vec![]);
    let client = resolver.plc();
    client.submit(&alice, &genesis).await.unwrap();
    let end = Tombstone { prev: genesis.cid() }.sign(&key).unwrap();
    let refused = client.submit(&alice, &end).await.unwrap_err();
    assert!(
        matches!(refused, PlcClientError::Status { status: 400, message } if message.contains("ordered"))
    );
    assert_eq!(client.log(&alice).await.unwrap(), std::slice::from_ref(&genesis));
    assert_eq!(client.last_operation(&alice).await.unwrap(), genesis);
    let log = client.audit_log(&alice).await.unwrap();
    assert!(plc::verify_log(&alice, &log).unwrap().state.is_some());
    let page = client.export(3, 2).await.unwrap();
    assert_eq!((page.len(), page[0].seq), (2, 7));
    assert!(client.data(&alice).await.unwrap_err().is_not_found());
    let web = client.document(&did("did:web:example.com")).await.unwrap_err();
    assert!(matches!(web, PlcClientError::NotPlc(_)));
}

#[tokio::test]
async fn t14_a_directory_that_lies() {
    let key = SecretKey::generate(Curve::K256);
    let public = key.public_key();
    let keys = std::slice::from_ref(&public);
    let operation = Operation::account(keys, &public, &handle("alice.test"), "https://a.example");
    let (alice, genesis) = plc::create(operation, &key).unwrap();
    let thief = SecretKey::generate(Curve::K256);
    let mut update = genesis.successor().unwrap();
    update.set_signing_key(&thief.public_key());
    let end = Tombstone { prev: genesis.cid() };

    let resolve = async |second: Option<plc::SignedOperation>| {
        let log: Vec<_> = std::iter::once(&genesis)
            .chain(&second)
            .map(|operation| {
                serde_json::json!({
                    "did": alice, "operation": operation, "cid": operation.cid(),
                    "nullified": false, "createdAt": "2026-01-01T00:00:00.000Z",
                })
            })
            .collect();
        let log = serde_json::to_vec(&log).unwrap();
        let server = Server::start(move |_| ok(&log)).await;
        let config = HttpResolverConfig::default().plc_url(server.url()).verify_logs(true);
        HttpResolver::new(config).unwrap().did(&alice).await
    };
    assert_eq!(resolve(None).await.unwrap().signing_key().unwrap(), public);
    let rotated = resolve(Some(update.clone().sign(&key).unwrap())).await.unwrap();
    assert_eq!(rotated.signing_key().unwrap(), thief.public_key(), "the owner's own change");
    let forged = resolve(Some(update.sign(&thief).unwrap())).await.unwrap_err();
    assert!(matches!(forged, ResolveError::Log { .. }), "{forged:?}");
    let ended = resolve(Some(end.sign(&key).unwrap())).await.unwrap_err();
    assert!(matches!(ended, ResolveError::Tombstoned(_)), "{ended:?}");
}
