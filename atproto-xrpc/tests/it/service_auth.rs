//! Service tokens: minted, verified, abused.

use std::sync::Arc;

use atproto_core::{
    crypto::{Curve, PublicKey, SecretKey, Signer},
    identity::DidDocument,
};
use atproto_xrpc::{
    XrpcError,
    auth::{
        jwt::{self, JwtError},
        service::{self, ServiceAuthError, ServiceClaims, ServiceVerifier},
        session::{Scope, SessionTokens},
    },
    server::{ServeConfig, did_web},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::{
    directory::{Directory, account, alice, did},
    net::Server,
    shared,
};

const AUDIENCE: &str = "did:web:api.example";
const METHOD: &str = "org.example.getThing";

struct World {
    key: SecretKey,
    directory: Arc<Directory>,
    verifier: ServiceVerifier,
}

impl World {
    fn new() -> Self {
        let key = SecretKey::generate(Curve::K256);
        let directory = Directory::with([account(&alice(), &key)]);
        let verifier = ServiceVerifier::new(directory.clone(), [AUDIENCE]);
        Self { key, directory, verifier }
    }

    fn claims(&self) -> ServiceClaims {
        ServiceClaims::new(alice(), AUDIENCE, METHOD)
    }

    async fn verify(&self, claims: &ServiceClaims) -> Result<(), ServiceAuthError> {
        let token = service::mint(&self.key, claims).unwrap();
        self.verifier.verify(&token, METHOD).await.map(drop)
    }
}

#[tokio::test]
async fn sa_001_a_token_proves_its_issuer() {
    for curve in [Curve::K256, Curve::P256] {
        let key = SecretKey::generate(curve);
        let directory = Directory::with([account(&alice(), &key)]);
        let verifier = ServiceVerifier::new(directory, [AUDIENCE]);
        let token = service::mint(&key, &ServiceClaims::new(alice(), AUDIENCE, METHOD)).unwrap();
        let proof = verifier.verify(&token, METHOD).await.unwrap();
        assert_eq!(
            (proof.iss, proof.aud.as_str(), proof.lxm.as_str()),
            (alice(), AUDIENCE, METHOD)
        );
    }
}

#[tokio::test]
async fn sa_010_and_t60_a_token_passes_once() {
    let world = World::new();
    let claims = world.claims();
    world.verify(&claims).await.unwrap();
    assert!(matches!(world.verify(&claims).await, Err(ServiceAuthError::Replayed)));
    world.verify(&world.claims()).await.unwrap();
    let wire = XrpcError::from(ServiceAuthError::Replayed);
    assert_eq!(wire.status.as_u16(), 401);
    assert!(wire.headers().unwrap().contains_key("www-authenticate"));
}

#[tokio::test]
async fn sa_007_and_008_times() {
    let world = World::new();
    let token = |iat: u64, exp: u64| {
        let mut claims = world.claims();
        (claims.iat, claims.exp) = (iat, exp);
        service::mint(&world.key, &claims).unwrap()
    };
    let now = 1_790_000_000;
    let at = async |iat, exp| world.verifier.verify_at(&token(iat, exp), METHOD, now).await;
    assert!(at(now, now + 60).await.is_ok());
    assert!(at(now - 60, now - 20).await.is_ok(), "clocks differ");
    assert!(matches!(at(now - 120, now - 60).await, Err(ServiceAuthError::Expired)));
    assert!(matches!(at(now + 120, now + 180).await, Err(ServiceAuthError::NotYetValid)));
    assert!(matches!(at(now, now + 3_601).await, Err(ServiceAuthError::Lifetime)));
    assert!(matches!(at(now, u64::MAX).await, Err(ServiceAuthError::Lifetime)));
}

#[tokio::test]
async fn sa_005_and_006_the_audience_is_compared_whole() {
    let (bare, full) = ("did:web:api.example", "did:web:api.example#bsky_appview");
    let key = SecretKey::generate(Curve::K256);
    let directory = Directory::with([account(&alice(), &key)]);
    for own in [vec![bare], vec![full], vec![bare, full]] {
        let verifier = ServiceVerifier::new(directory.clone(), own.clone());
        for aud in [bare, full, "did:web:other.example", "*"] {
            let token = service::mint(&key, &ServiceClaims::new(alice(), aud, METHOD)).unwrap();
            let accepted = verifier.verify(&token, METHOD).await;
            assert_eq!(accepted.is_ok(), own.contains(&aud), "{own:?} {aud}");
        }
    }
}

#[tokio::test]
async fn sa_009_the_method_is_the_one_called() {
    let world = World::new();
    let other = ServiceClaims::new(alice(), AUDIENCE, "org.example.putThing");
    assert!(matches!(world.verify(&other).await, Err(ServiceAuthError::Method)));
    let any = world.claims().for_any_method();
    assert!(matches!(world.verify(&any).await, Err(ServiceAuthError::Method)));
}

#[tokio::test]
async fn sa_004_only_configured_keys_sign() {
    let (key, labeler) = (SecretKey::generate(Curve::K256), SecretKey::generate(Curve::K256));
    let document = account(&alice(), &key).with_key("atproto_label", &labeler.public_key());
    let directory = Directory::with([document]);
    let token = || {
        let claims = ServiceClaims::new(alice(), AUDIENCE, METHOD);
        service::mint_with_key_id(&labeler, "#atproto_label", &claims).unwrap()
    };
    let strict = ServiceVerifier::new(directory.clone(), [AUDIENCE]);
    let refusal = strict.verify(&token(), METHOD).await;
    assert!(matches!(refusal, Err(ServiceAuthError::KeyId)));
    let open = ServiceVerifier::new(directory, [AUDIENCE]).accept_key("#atproto_label");
    open.verify(&token(), METHOD).await.unwrap();
}

#[tokio::test]
async fn sa_011_a_rotated_key_is_found_with_one_refresh() {
    let world = World::new();
    world.verify(&world.claims()).await.unwrap();
    let rotated = SecretKey::generate(Curve::P256);
    world.directory.publish(account(&alice(), &rotated));
    let token = service::mint(&rotated, &world.claims()).unwrap();
    world.verifier.verify(&token, METHOD).await.unwrap();
    assert_eq!(*world.directory.purges.lock().unwrap(), [alice()]);
    // The old key is good no longer, and saying so costs no further request.
    let old = world.verify(&world.claims()).await;
    assert!(matches!(old, Err(ServiceAuthError::Malformed(_))), "{old:?}");
    assert_eq!(world.directory.purges.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn sa_002_and_t63_tokens_of_other_kinds_are_refused() {
    let world = World::new();
    for typ in ["at+jwt", "refresh+jwt", "dpop+jwt", "jwt", ""] {
        let token = jwt::sign(&world.key, typ, None, &world.claims()).unwrap();
        let refusal = world.verifier.verify(&token, METHOD).await;
        assert!(matches!(refusal, Err(ServiceAuthError::Type)), "{typ}");
    }
    let untyped = signed(&world.key, &json!({"alg": "ES256K"}), &json!(world.claims()));
    let refusal = world.verifier.verify(&untyped, METHOD).await;
    assert!(matches!(refusal, Err(ServiceAuthError::Type)));
    let sessions = SessionTokens::new(*b"0123456789abcdef", &did(AUDIENCE)).unwrap();
    let pair = sessions.mint(&alice(), Scope::Access);
    assert!(world.verifier.verify(&pair.access_jwt, METHOD).await.is_err());
    let service = service::mint(&world.key, &world.claims()).unwrap();
    assert!(sessions.verify_access(&service).is_err());
}

#[tokio::test]
async fn sa_003_the_issuer_is_a_bare_did() {
    let world = World::new();
    for iss in
        [json!("did:web:alice.example#atproto"), json!("alice.example"), json!(5), Value::Null]
    {
        let mut claims = json!(world.claims());
        claims["iss"] = iss.clone();
        let token = signed(&world.key, &json!({"alg": "ES256K", "typ": "JWT"}), &claims);
        let refusal = world.verifier.verify(&token, METHOD).await;
        assert!(matches!(refusal, Err(ServiceAuthError::Malformed(JwtError::Claims))), "{iss}");
    }
}

#[tokio::test]
async fn sa_007_and_010_times_and_a_nonce_are_required() {
    let world = World::new();
    let header = json!({"alg": "ES256K", "typ": "JWT"});
    for (name, value) in [
        ("exp", Value::Null),
        ("exp", json!("1790000000")),
        ("exp", json!(1790000000.5)),
        ("iat", Value::Null),
        ("iat", json!("1790000000")),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!("x".repeat(300))),
        ("aud", Value::Null),
        ("aud", json!([AUDIENCE])),
    ] {
        let mut claims = json!(world.claims());
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            ref other => claims[name] = other.clone(),
        }
        let token = signed(&world.key, &header, &claims);
        let refusal = world.verifier.verify(&token, METHOD).await;
        assert!(
            matches!(refusal, Err(ServiceAuthError::Malformed(JwtError::Claims))),
            "{name} {value}: {refusal:?}"
        );
    }
    let sound = signed(&world.key, &header, &json!(world.claims()));
    world.verifier.verify(&sound, METHOD).await.unwrap();
}

/// Audience by method by key: only one of all combinations passes.
#[tokio::test]
async fn t61_audience_method_and_key_are_all_held_to() {
    let (key, labeler) = (SecretKey::generate(Curve::K256), SecretKey::generate(Curve::P256));
    let document = account(&alice(), &key).with_key("atproto_label", &labeler.public_key());
    let directory = Directory::with([document]);
    let full = "did:web:api.example#bsky_appview";
    let verifier = ServiceVerifier::new(directory, [full]);
    let mut accepted = Vec::new();
    for aud in [full, AUDIENCE, "did:web:api.example#other", "*"] {
        for lxm in [METHOD, "org.example.getthing", "org.example.*", "*"] {
            for (signer, kid) in [
                (&key, None),
                (&key, Some("#atproto")),
                (&labeler, Some("#atproto_label")),
                (&labeler, None),
                (&key, Some("atproto")),
            ] {
                let claims = ServiceClaims::new(alice(), aud, lxm);
                let token = jwt::sign(signer, "JWT", kid, &claims).unwrap();
                if verifier.verify(&token, METHOD).await.is_ok() {
                    accepted.push((aud, lxm, kid));
                }
            }
        }
    }
    assert_eq!(accepted, [(full, METHOD, None), (full, METHOD, Some("#atproto"))]);
}

#[tokio::test]
async fn a_service_makes_its_own_document_known() {
    let key = SecretKey::generate(Curve::K256);
    let document = account(&did(AUDIENCE), &key).with_service(
        "bsky_appview",
        "BskyAppView",
        "https://api.example",
    );
    let server = Server::start_with(did_web(&document), ServeConfig::default()).await;
    let answer = server.get("/.well-known/did.json").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "*"));
    let read = DidDocument::from_json(answer.body.as_bytes()).unwrap();
    assert_eq!(read.id, did(AUDIENCE));
    assert_eq!(read.service("bsky_appview", "BskyAppView"), Some("https://api.example"));
    // Whoever resolves it can check what the service signs.
    let verifier = ServiceVerifier::new(Directory::with([read]), ["did:web:b.example#x"]);
    let claims = ServiceClaims::new(did(AUDIENCE), "did:web:b.example#x", METHOD);
    let token = service::mint(&key, &claims).unwrap();
    assert_eq!(verifier.verify(&token, METHOD).await.unwrap().iss, did(AUDIENCE));
}

/// A token of any header and claims, signed with the key.
fn signed(key: &SecretKey, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_bytes()))
}

/// The shared vectors, each with its own expectation. What is left to choose is chosen here:
/// `typ` and `jti` are required, `iss` is a bare DID, high-S and fractional times are refused.
#[tokio::test]
async fn shared_vectors_of_service_tokens() {
    let Some(path) = shared::path("bad-input/jwt/control-service-auth.json") else { return };
    let list: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |name: &str| list[name].as_str().unwrap();
    let now = list["now"].as_u64().unwrap();
    let stricter = ["control-iss-fragment", "typ-missing", "jti-missing", "control-aud-fragment"];
    let mut seen = 0;
    for case in list["tokens"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let key = case["signing_key"].as_str().unwrap_or(text("signing_key"));
        let key = PublicKey::from_multikey(key).unwrap();
        let document = DidDocument::new(did(text("did"))).with_key("atproto", &key);
        let directory = Directory::with([document]);
        let verifier = ServiceVerifier::new(directory, [text("expected_aud")]);
        let token = case["token"].as_str().unwrap();
        let verify = async || verifier.verify_at(token, text("expected_lxm"), now).await;
        let expect = case["expect"].as_str().unwrap();
        let first = verify().await;
        let accepts = expect.starts_with("accept") || expect.starts_with("first accept");
        let accepts = accepts && expect != "accept or reject; no panic";
        assert_eq!(first.is_ok(), accepts && !stricter.contains(&name), "{name}: {first:?}");
        if first.is_ok() {
            assert!(matches!(verify().await, Err(ServiceAuthError::Replayed)), "{name}");
        }
        seen += 1;
    }
    assert!(seen > 30, "only {seen} vectors");
}
