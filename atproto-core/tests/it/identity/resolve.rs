//! From handles and DIDs to documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::identity::http::{HandleOrder, LEXICON_AUTHORITY_MAX_AGE, TxtLookup};
use atproto_core::identity::plc::{self, Operation, Tombstone};
use atproto_core::identity::resolver::{displayed_handle, verify_handle};
use atproto_core::identity::safe_client::HostLimits;
use atproto_core::identity::{
    DidDocument, HttpResolver, HttpResolverConfig, PlcClientError, ResolveError, Resolver,
    SafeClientConfig, verified_handle,
};
use atproto_core::syntax::{Did, Handle};
use futures::future::{BoxFuture, join_all};

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

pub(super) fn resolver(server: &Server, records: Vec<(&'static str, Vec<String>)>) -> HttpResolver {
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
}

#[tokio::test]
async fn did_015_and_t15_a_handle_counts_in_both_directions_only() {
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
async fn id_011_and_did_021_without_a_handle_all_else_works() {
    let server = Server::start(world).await;
    let resolver = resolver(&server, vec![]);
    let pretender = resolver.did(&did(OTHER)).await.unwrap();
    let shown = displayed_handle(&resolver, &pretender).await.unwrap();
    assert_eq!(shown, "handle.invalid");
    assert!(shown.is_invalid_handle());

    let key = SecretKey::generate(Curve::K256).public_key();
    let mut document = DidDocument::new(did(OTHER)).with_key("atproto", &key).with_service(
        "atproto_pds",
        "AtprotoPersonalDataServer",
        "https://pds.example.com",
    );
    for claim in [None, Some("at://nobody.test"), Some("at://handle.invalid"), Some("at://-")] {
        document.also_known_as = claim.map(str::to_owned).into_iter().collect();
        assert_eq!(displayed_handle(&resolver, &document).await.unwrap(), "handle.invalid");
        assert_eq!(document.signing_key().unwrap(), key);
        assert_eq!(document.pds_endpoint(), Some("https://pds.example.com"));
    }
    let honest = resolver.did(&did(ALICE)).await.unwrap();
    assert_eq!(displayed_handle(&resolver, &honest).await.unwrap(), "alice.test");
    document.also_known_as = vec!["at://broken.test".to_owned()];
    let unknown = displayed_handle(&resolver, &document).await.unwrap_err();
    assert!(unknown.is_transient(), "a host that is down does not make a handle invalid");
}

/// DNS that says nothing until the host was asked.
struct LateTxt(Arc<AtomicUsize>, String);

impl TxtLookup for LateTxt {
    fn txt<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>> {
        Box::pin(async {
            while self.0.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(vec![self.1.clone()])
        })
    }
}

#[tokio::test]
async fn id_004_dns_is_preferred() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let server = Server::start(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        ok(OTHER)
    })
    .await;
    let resolver = |order, txt| {
        let config = HttpResolverConfig::default().allow_loopback(true);
        let config = config.dev_handle_host(".test", server.url()).handle_order(order);
        HttpResolver::new(config.txt(txt)).unwrap()
    };
    let name = handle("alice.test");
    let alice = format!("did={ALICE}");

    let late = Arc::new(LateTxt(Arc::clone(&asked), alice.clone()));
    let parallel = resolver(HandleOrder::Parallel, late).handle(&name).await.unwrap();
    assert_eq!(parallel, did(ALICE), "the host was asked, and answered first");
    assert_eq!(asked.swap(0, Ordering::SeqCst), 1);

    for (records, expected, requests) in [
        (vec![alice.clone()], Some(ALICE), 0),
        (vec![alice, format!("did={OTHER}")], None, 0),
        (vec!["did=nonsense".to_owned()], None, 0),
        (vec!["v=spf1".to_owned()], Some(OTHER), 1),
    ] {
        let txt = Arc::new(Txt(vec![("_atproto.alice.test", records)]));
        let found = resolver(HandleOrder::DnsFirst, Arc::clone(&txt) as _).handle(&name).await;
        assert_eq!(found.ok(), expected.map(did));
        assert_eq!(asked.swap(0, Ordering::SeqCst), requests);
        let found = resolver(HandleOrder::Parallel, txt).handle(&name).await;
        assert_eq!(found.ok(), expected.map(did));
        asked.store(0, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn id_006_to_008_and_017_what_a_host_may_answer() {
    let server = Server::start(|request| {
        let redirect = |to: &str| answer(302, &format!("location: {to}\r\n"), b"");
        let typed =
            |kind: &str| answer(200, &format!("content-type: {kind}\r\n"), ALICE.as_bytes());
        match (request.host.as_str(), request.path.as_str()) {
            ("text.test", _) => typed("text/plain; charset=utf-8"),
            ("html.test", _) => typed("text/html"),
            ("created.test", _) => answer(201, "", ALICE.as_bytes()),
            ("redirected.test", _) => redirect("/1"),
            ("lost.test", _) => redirect("/loop"),
            ("away.test", _) => redirect("http://elsewhere.example.com/"),
            ("private.test", _) => redirect("https://10.0.0.1/.well-known/atproto-did"),
            ("teapot.test", _) => answer(418, "", ALICE.as_bytes()),
            ("long.test", _) => ok(format!("{}{ALICE}", " ".repeat(2 << 10))),
            ("packed.test", _) => answer(200, "content-encoding: gzip\r\n", ALICE.as_bytes()),
            (_, "/1") => redirect("/2"),
            (_, "/2") => ok(ALICE),
            (_, "/loop") => redirect("/loop"),
            _ => answer(404, "", b""),
        }
    })
    .await;
    let config = HttpResolverConfig::default().allow_loopback(true);
    let resolver = HttpResolver::new(config.dev_handle_host(".test", server.url())).unwrap();
    for good in ["text", "html", "created", "redirected"] {
        let found = resolver.handle(&handle(&format!("{good}.test"))).await;
        assert_eq!(found.unwrap(), did(ALICE), "{good}");
    }
    let label = async |name: &str| {
        resolver.handle(&handle(&format!("{name}.test"))).await.unwrap_err().label()
    };
    for refused in ["lost", "away", "private", "long", "packed"] {
        assert_eq!(label(refused).await, "refused", "{refused}");
    }
    assert_eq!(label("teapot").await, "not_found");

    let big = Server::start(|_| ok(vec![b' '; DidDocument::MAX_SIZE + 1])).await;
    let moved = Server::start(|_| answer(301, "location: /x\r\n", b"")).await;
    for server in [big, moved] {
        let name = did(&format!("did:web:localhost%3A{}", server.port));
        let error = self::resolver(&server, vec![]).did(&name).await.unwrap_err();
        assert!(matches!(error, ResolveError::Refused(_)), "{error:?}");
    }
}

#[tokio::test]
async fn hdl_010_and_t12_names_too_long_for_dns_are_left_to_the_host() {
    let server = Server::start(|_| ok(ALICE)).await;
    let label = "a".repeat(60);
    let long = handle(&format!("{label}.{label}.{label}.{label}.test"));
    let asked = Arc::new(LateTxt(Arc::new(AtomicUsize::new(1)), format!("did={OTHER}")));
    let config = HttpResolverConfig::default().allow_loopback(true).txt(asked);
    let resolver = HttpResolver::new(config.dev_handle_host(".test", server.url())).unwrap();
    assert_eq!(long.as_str().len() + "_atproto.".len(), 257);
    assert_eq!(resolver.handle(&long).await.unwrap(), did(ALICE));
}

/// Counts the questions, and knows nothing.
#[derive(Default)]
struct CountingTxt(std::sync::Mutex<Vec<String>>);

impl TxtLookup for CountingTxt {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>> {
        self.0.lock().unwrap().push(name.to_owned());
        Box::pin(async { Err(ResolveError::NotFound(name.to_owned())) })
    }
}

/// All hosts are on a private network.
struct PrivateDns;

impl reqwest::dns::Resolve for PrivateDns {
    fn resolve(&self, _name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let addresses = vec![std::net::SocketAddr::from(([10, 0, 0, 1], 0))];
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs) })
    }
}

#[tokio::test(start_paused = true)]
async fn id_012_and_t11_a_flood_below_one_domain_is_cut_off() {
    let txt = Arc::new(CountingTxt::default());
    let config = HttpResolverConfig::default()
        .client(SafeClientConfig::default().dns(Arc::new(PrivateDns)))
        .per_domain(HostLimits::new(1000, 10))
        .txt(Arc::clone(&txt) as _);
    let resolver = HttpResolver::new(config).unwrap();
    let start = tokio::time::Instant::now();
    let (mut busy, mut seconds) = (0, 0);
    while start.elapsed() < Duration::from_secs(10) {
        let names = (0..100).map(|number| handle(&format!("u{number}.{seconds}.evil.com")));
        let flood = join_all(names.map(|name| {
            let resolver = resolver.clone();
            async move { resolver.handle(&name).await.unwrap_err() }
        }));
        let (errors, other) = (flood.await, resolver.handle(&handle("a.other.com")).await);
        assert!(matches!(other, Err(ResolveError::Refused(_))), "others go on: {other:?}");
        busy += errors.iter().filter(|error| error.is_transient()).count();
        tokio::time::sleep(Duration::from_millis(500)).await;
        seconds += 1;
    }
    let asked = std::mem::take(&mut *txt.0.lock().unwrap());
    let flooded = asked.iter().filter(|name| name.ends_with(".evil.com")).count();
    let most = 10 + 10 * start.elapsed().as_secs() as usize + 10;
    assert!((50..=most).contains(&flooded), "{flooded} of at most {most}");
    assert!(busy > 0);

    let nsid = "com.evil.a.b".parse().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let errors = join_all((0..50).map(|_| resolver.lexicon_authority(&nsid))).await;
    assert!(errors.iter().any(|error| error.as_ref().is_err_and(ResolveError::is_transient)));
}

#[tokio::test]
async fn id_018_and_019_lexicon_authorities_without_a_walk() {
    let txt = Arc::new(CountingTxt::default());
    let config = HttpResolverConfig::default().txt(Arc::clone(&txt) as _);
    let resolver = HttpResolver::new(config).unwrap();
    for (nsid, name) in [
        (
            "edu.university.dept.lab.blogging.getBlogPost",
            "_lexicon.blogging.lab.dept.university.edu",
        ),
        ("app.toy.record", "_lexicon.toy.app"),
        ("com.Example.post", "_lexicon.example.com"),
    ] {
        for _ in 0..2 {
            let absent = resolver.lexicon_authority(&nsid.parse().unwrap()).await;
            assert!(matches!(absent, Err(ResolveError::NotFound(_))));
            assert_eq!(std::mem::take(&mut *txt.0.lock().unwrap()), [name], "this one, anew");
        }
    }
    assert!(LEXICON_AUTHORITY_MAX_AGE <= Duration::from_secs(600));
    let Some(shared) = shared() else { return };
    let json = std::fs::read(shared.join("identity/lexicon-resolution.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
    for case in cases.iter().filter(|case| case["dns_name"].is_string()) {
        let nsid = case["nsid"].as_str().unwrap().parse().unwrap();
        resolver.lexicon_authority(&nsid).await.unwrap_err();
        let asked = std::mem::take(&mut *txt.0.lock().unwrap());
        assert_eq!(asked, [case["dns_name"].as_str().unwrap()]);
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
        matches!(refused, PlcClientError::Status { status: 400, message, .. } if message.contains("ordered"))
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
