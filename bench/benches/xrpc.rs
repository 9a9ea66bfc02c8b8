//! A typed call: what our server takes beside bare axum with `serde_json` doing the same.
//!
//! Both read the same JSON into the same type and write the same type as JSON. Those marked
//! *signed* also check a service token: base64, claims, audience, method, expiry, signature
//! with a key at hand, and that the token was not used before. The signature alone is many
//! times the rest, so that a ratio of signed calls says little of the server: read both.

use std::{
    collections::{HashMap, HashSet},
    hint::black_box,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use atproto_bench::CpuTime;
use atproto_core::{
    crypto::{Curve, PublicKey, SecretKey, Signature, Signer},
    endpoint::{NoErrors, NoParams, Procedure},
    identity::{DidDocument, ResolveError, Resolver},
    json_body,
    lexicon::{Catalog, Document},
    syntax::{AtUri, Cid, Datetime, Did, Handle, Language},
};
use atproto_xrpc::{
    XrpcError,
    auth::service::{self, ServiceClaims, ServiceVerifier},
    server::{Context, Policy, Public, Router, RouterConfig, ServeConfig, Service, serve},
};
use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use data_encoding::BASE64URL_NOPAD;
use futures::future::{BoxFuture, FutureExt, ready};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};
use tower::ServiceExt;

/// Without sockets: the request is handed to the router, and the answer's body collected.
fn in_process(c: &mut Criterion<CpuTime>) {
    let world = World::new();
    let mut group = c.benchmark_group("xrpc-call");
    for (name, app, is_signed) in world.servers() {
        group.bench_function(name, |b| {
            b.iter_batched(
                || world.request(is_signed),
                |request| world.runtime.block_on(answer(app.clone(), request)),
                BatchSize::SmallInput,
            );
        });
    }
    let (key, message) = (world.key.public_key(), b"header.claims");
    let signature = world.key.sign(message).expect("the key signs");
    group.bench_function("the signature alone", |b| {
        b.iter(|| key.verify(black_box(message), &signature).unwrap());
    });
    group.finish();
}

async fn answer(app: axum::Router, request: Request) -> usize {
    let answer = app.oneshot(request).await.expect("routers do not fail");
    assert_eq!(answer.status(), StatusCode::OK);
    answer.into_body().collect().await.expect("it is in memory").to_bytes().len()
}

/// Over one connection on this machine; the client's part is in all figures alike.
fn loopback(c: &mut Criterion<CpuTime>) {
    let world = World::new();
    let mut group = c.benchmark_group("xrpc-loopback");
    for (name, app, is_signed) in world.servers() {
        let mut socket = world.runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            let address = listener.local_addr().expect("it is bound");
            match name.starts_with("ours") {
                true => drop(tokio::spawn(serve(
                    listener,
                    app,
                    ServeConfig::default(),
                    std::future::pending(),
                ))),
                false => drop(tokio::spawn(async { axum::serve(listener, app).await })),
            }
            let socket = TcpStream::connect(address).await.expect("it listens");
            socket.set_nodelay(true).expect("it is open");
            socket
        });
        group.bench_function(name, |b| {
            b.iter_batched(
                || world.bytes(is_signed),
                |request| world.runtime.block_on(exchange(&mut socket, &request)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

async fn exchange(socket: &mut TcpStream, request: &[u8]) {
    socket.write_all(request).await.expect("the server reads");
    let (mut buffer, mut filled) = ([0; 8 << 10], 0);
    loop {
        filled += socket.read(&mut buffer[filled..]).await.expect("the server answers");
        let text = &buffer[..filled];
        // The output ends with an object in an object, and nothing else does.
        if text.ends_with(b"}}") {
            assert!(text.starts_with(b"HTTP/1.1 200"));
            return;
        }
    }
}

struct World {
    runtime: Runtime,
    key: SecretKey,
    body: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("it starts");
        let key = SecretKey::from_bytes(Curve::K256, &[7; 32]).expect("a key");
        let body = serde_json::to_vec(&PutThing::sample()).expect("it is JSON");
        Self { runtime, key, body }
    }

    fn servers(&self) -> [(&'static str, axum::Router, bool); 6] {
        let keys = HashMap::from([(caller(), self.key.public_key())]);
        let document = DidDocument::new(caller()).with_key("atproto", &keys[&caller()]);
        let known = Arc::new(Known(Arc::new(document)));
        let verifier = ServiceVerifier::new(known, [AUDIENCE]).replay_capacity(1 << 24);
        let by_hand = Arc::new(ByHand { keys, used: Mutex::default() });
        let catalog = Document::from_json(LEXICON.as_bytes()).expect("a lexicon");
        let catalog = Arc::new(Catalog::from_documents([catalog]));
        let plain = RouterConfig::default().validate_output(false);
        let validating = plain.clone().catalog(catalog);
        [
            ("axum", axum::Router::new().route(PATH, post(bare)), false),
            ("ours, by type alone", ours(plain, Public), false),
            ("ours, by the lexicon", ours(validating.clone(), Public), false),
            (
                "axum, signed",
                axum::Router::new().route(PATH, post(bare_signed)).with_state(by_hand),
                true,
            ),
            (
                "ours, by the lexicon, signed",
                ours(validating.clone(), Service(Arc::new(verifier))),
                true,
            ),
            (
                "ours, by the lexicon, output too",
                ours(validating.validate_output(true), Public),
                false,
            ),
        ]
    }

    fn request(&self, is_signed: bool) -> Request {
        let mut request = Request::post(PATH)
            .header("host", "api.example")
            .header("content-type", "application/json")
            .header("content-length", self.body.len());
        if is_signed {
            request = request.header(AUTHORIZATION, self.authorization());
        }
        request.body(Body::from(self.body.clone())).expect("a request")
    }

    fn bytes(&self, is_signed: bool) -> Vec<u8> {
        let authorization = match is_signed {
            true => format!("authorization: {}\r\n", self.authorization()),
            false => String::new(),
        };
        let mut request = format!(
            "POST {PATH} HTTP/1.1\r\nhost: api.example\r\ncontent-type: application/json\r\n\
            {authorization}content-length: {}\r\n\r\n",
            self.body.len()
        )
        .into_bytes();
        request.extend_from_slice(&self.body);
        request
    }

    fn authorization(&self) -> String {
        let claims = ServiceClaims::new(caller(), AUDIENCE, PutThing::NSID).with_lifetime(3_000);
        format!("Bearer {}", service::mint(&self.key, &claims).expect("the key signs"))
    }
}

fn ours<P: Policy>(config: RouterConfig, policy: P) -> axum::Router {
    Router::new(config)
        .procedure::<PutThing, _>(policy, |_: Context<P::Proof>, input: PutThing| async move {
            Ok::<_, XrpcError>(Put::of(input))
        })
        .into_router()
}

async fn bare(Json(input): Json<PutThing>) -> Json<Put> {
    Json(Put::of(input))
}

async fn bare_signed(
    State(service): State<Arc<ByHand>>,
    headers: HeaderMap,
    Json(input): Json<PutThing>,
) -> Response {
    match service.check(&headers) {
        Some(_caller) => Json(Put::of(input)).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// The least that a service has to check.
struct ByHand {
    keys: HashMap<Did, PublicKey>,
    used: Mutex<HashSet<String>>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Did,
    aud: String,
    lxm: String,
    exp: u64,
    jti: String,
}

impl ByHand {
    fn check(&self, headers: &HeaderMap) -> Option<Did> {
        let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let (signed, signature) = token.rsplit_once('.')?;
        let (_header, claims) = signed.split_once('.')?;
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        if claims.aud != AUDIENCE || claims.lxm != PutThing::NSID || claims.exp < now {
            return None;
        }
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let signature = Signature::from_bytes(&signature).ok()?;
        self.keys.get(&claims.iss)?.verify(signed.as_bytes(), &signature).ok()?;
        self.used.lock().ok()?.insert(claims.jti).then_some(claims.iss)
    }
}

/// A document at hand, as one in a cache is.
struct Known(Arc<DidDocument>);

impl Resolver for Known {
    fn did<'a>(&'a self, _did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        ready(Ok(Arc::clone(&self.0))).boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        ready(Err(ResolveError::NotFound(handle.to_string()))).boxed()
    }

    fn purge(&self, _did: &Did) {}
}

fn caller() -> Did {
    Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").expect("a DID")
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutThing {
    text: String,
    langs: Vec<Language>,
    tags: Vec<String>,
    subject: Subject,
    created_at: Datetime,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Subject {
    uri: AtUri,
    cid: Cid,
}

#[derive(Debug, Serialize, Deserialize)]
struct Put {
    uri: AtUri,
    thing: PutThing,
    subject: Subject,
}

json_body!(PutThing, Put);

impl Procedure for PutThing {
    const NSID: &'static str = "org.example.putThing";
    type Params = NoParams;
    type Input = Self;
    type Output = Put;
    type Error = NoErrors;

    fn into_parts(self) -> (NoParams, Self) {
        (NoParams {}, self)
    }

    fn from_parts(_params: NoParams, input: Self) -> Self {
        input
    }
}

impl PutThing {
    /// About as much as a post with a reply.
    fn sample() -> Self {
        let uri = "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jt5k2e4xab2s";
        Self {
            text: "As long as most posts are, with a letter or two 🦋 from elsewhere. ".repeat(4),
            langs: vec!["en".parse().expect("a language")],
            tags: ["one", "two", "three"].map(String::from).to_vec(),
            subject: Subject {
                uri: uri.parse().expect("a URI"),
                cid: Cid::dag_cbor(b"the subject"),
            },
            created_at: "2026-03-14T15:09:26.535Z".parse().expect("a time"),
        }
    }
}

impl Put {
    fn of(thing: PutThing) -> Self {
        let subject = thing.subject.clone();
        Self { uri: subject.uri.clone(), thing, subject }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = in_process, loopback
}
criterion_main!(benches);

const PATH: &str = "/xrpc/org.example.putThing";
const AUDIENCE: &str = "did:web:api.example#thing";

const LEXICON: &str = r##"{
    "lexicon": 1, "id": "org.example.putThing",
    "defs": {
        "main": { "type": "procedure",
            "input": { "encoding": "application/json", "schema": { "type": "ref", "ref": "#thing" } },
            "output": { "encoding": "application/json", "schema": {
                "type": "object", "required": ["uri", "thing", "subject"], "properties": {
                    "uri": { "type": "string", "format": "at-uri" },
                    "thing": { "type": "ref", "ref": "#thing" },
                    "subject": { "type": "ref", "ref": "#subject" }
                } } } },
        "thing": { "type": "object", "required": ["text", "subject", "createdAt"], "properties": {
            "text": { "type": "string", "maxLength": 3000, "maxGraphemes": 300 },
            "langs": { "type": "array", "maxLength": 3, "items": { "type": "string", "format": "language" } },
            "tags": { "type": "array", "maxLength": 8, "items": { "type": "string", "maxLength": 640, "maxGraphemes": 64 } },
            "subject": { "type": "ref", "ref": "#subject" },
            "createdAt": { "type": "string", "format": "datetime" }
        } },
        "subject": { "type": "object", "required": ["uri", "cid"], "properties": {
            "uri": { "type": "string", "format": "at-uri" },
            "cid": { "type": "string", "format": "cid" }
        } }
    }
}"##;
