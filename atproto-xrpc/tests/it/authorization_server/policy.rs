//! Apps and sessions by password at one route.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use atproto_core::syntax::Did;
use atproto_xrpc::{
    XrpcError,
    auth::session::{Scope, SessionTokens},
    oauth::{DpopRequest, RepoAction},
    server::{
        AccessToken, Account, Context, Either, OAuth, OAuthAccount, OneOf, Policy, Router,
        RouterConfig, with_dpop_nonces,
    },
};
use tower::ServiceExt;
use url::Url;

use super::{App, ISSUER, World, alice};
use crate::endpoints::{GetThing, Thing};

const PATH: &str = "/xrpc/org.example.getThing?actor=a";

type Proof = <Either<Account<OAuth>, AccessToken> as Policy>::Proof;

/// Says who called: an app that may create, or a session by password.
async fn who(context: Context<Proof>, _params: GetThing) -> Result<Thing, XrpcError> {
    let text = match context.proof {
        OneOf::First(OAuthAccount { did, grant, .. }) => {
            let collection = "com.example.a".parse().map_err(XrpcError::internal)?;
            format!("{did} {}", grant.allows_repo(RepoAction::Create, &collection))
        }
        OneOf::Second(session) => format!("{} by password", session.sub),
    };
    Ok(Thing { text })
}

#[tokio::test]
async fn oa_018_apps_and_passwords_are_admitted_to_one_route() {
    let world = World::new();
    let service = Did::new("did:web:pds.example.com").unwrap();
    let legacy = Arc::new(SessionTokens::new(*b"0123456789abcdef", &service).unwrap());
    let apps = Account(OAuth::new(Arc::clone(&world.server)));
    let policy = Either(apps, AccessToken::new(Arc::clone(&legacy)));
    let router = Router::new(RouterConfig::default()).query::<GetThing, _>(policy, who);
    let router = with_dpop_nonces(router.into_router(), Arc::clone(&world.server));

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let app = App { now, ..world.app() };
    let token = app.log_in().await.access_token;
    let url = Url::parse(&format!("{ISSUER}{PATH}")).unwrap();
    let nonce = world.server.nonce(now);
    let prove = |nonce| {
        let request = DpopRequest { method: "GET", url: &url, access_token: Some(&token) };
        request.prove(&app.key, nonce, now).unwrap()
    };
    let call = async |credentials: String, proof: Option<String>| {
        let request = http::Request::get(PATH).header("authorization", credentials);
        let request =
            proof.into_iter().fold(request, |request, proof| request.header("dpop", proof));
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let header = |name| {
            let value = response.headers().get(name).map(|value| value.to_str().unwrap());
            value.unwrap_or_default().to_owned()
        };
        let (nonce, challenge) = (header("dpop-nonce"), header("www-authenticate"));
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, nonce, challenge, String::from_utf8(body.to_vec()).unwrap())
    };

    let (status, fresh, _, text) = call(format!("DPoP {token}"), Some(prove(Some(&nonce)))).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains(&format!("{} true", alice())), "{text}");
    assert!(!fresh.is_empty());
    let (status, fresh, challenge, text) = call(format!("DPoP {token}"), Some(prove(None))).await;
    assert_eq!((status, fresh.is_empty()), (401, false));
    assert!(challenge.starts_with("DPoP error=\"use_dpop_nonce\""), "{challenge}");
    assert!(text.contains("use_dpop_nonce"), "{text}");
    let (status, ..) = call(format!("DPoP {token}"), None).await;
    assert_eq!(status, 401);
    let (status, ..) = call(format!("Bearer {token}"), None).await;
    assert_eq!(status, 401, "a stolen token is none without its key");
    let by_password = legacy.mint(&alice(), Scope::Access).access_jwt;
    let (status, fresh, _, text) = call(format!("Bearer {by_password}"), None).await;
    assert_eq!((status, fresh.as_str()), (200, ""), "{text}");
    assert!(text.contains("by password"), "{text}");
}
