//! Who may call what.

use std::sync::Arc;

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::Did,
};
use atproto_xrpc::{
    XrpcError,
    auth::{
        service::{self, ServiceClaims, ServiceVerifier},
        session::{Scope, SessionTokens},
    },
    server::{
        AccessToken, Account, AccountVerifier, Admin, Context, Credentials, Either, OneOf,
        Optional, Policy, RefreshToken, Router, RouterConfig, Service,
    },
};
use data_encoding::BASE64;
use http::request::Parts;

use crate::{
    directory::{Directory, account, alice, did},
    endpoints::{GetThing, Thing},
    net::{Answer, Server},
};

const PATH: &str = "GET /xrpc/org.example.getThing?actor=a";
const METHOD: &str = "org.example.getThing";
const AUDIENCE: &str = "did:web:api.example";

/// Session tokens by themselves, as a PDS without revocation would have them.
#[derive(Clone)]
struct Sessions(Arc<SessionTokens>);

impl AccountVerifier for Sessions {
    type Account = Did;

    async fn verify(
        &self,
        credentials: Credentials<'_>,
        _request: &Parts,
        _nsid: &str,
    ) -> Result<Did, XrpcError> {
        let claims = self.0.verify_access(credentials.bearer()?)?;
        if claims.scope == Scope::Takendown {
            return Err(XrpcError::forbidden("Account has been taken down"));
        }
        Ok(claims.sub)
    }
}

fn sessions() -> Sessions {
    Sessions(Arc::new(SessionTokens::new(*b"0123456789abcdef", &did(AUDIENCE)).unwrap()))
}

async fn server<P: Policy<Proof: std::fmt::Debug>>(policy: P) -> Server {
    let handler = |context: Context<P::Proof>, _params: GetThing| async move {
        Ok::<_, XrpcError>(Thing { text: format!("{:?}", context.proof) })
    };
    Server::start(Router::new(RouterConfig::default()).query::<GetThing, _>(policy, handler)).await
}

async fn get(server: &Server, authorization: &str) -> Answer {
    server.send(&format!("{PATH}\nauthorization: {authorization}"), "").await
}

#[tokio::test]
async fn xr_008_missing_and_bad_credentials_are_challenged() {
    let server = server(Account(sessions())).await;
    let missing = server.send(PATH, "").await;
    assert_eq!(missing.error(), (401, "AuthMissing".into(), "Authentication Required".into()));
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    for bad in ["Bearer", "Bearer ", "Bearer x", "x", "Digest abc", "DPoP abc", "Basic YTpi"] {
        let refused = get(&server, bad).await;
        assert_eq!((refused.status, refused.error().1.as_str()), (401, "InvalidToken"), "{bad}");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
    }
    let twice = format!("{PATH}\nauthorization: Bearer a\nauthorization: Bearer b");
    assert_eq!(server.send(&twice, "").await.status, 401);
}

#[tokio::test]
async fn an_account_is_proven_by_its_token() {
    let (sessions, server) = (sessions(), server(Account(sessions())).await);
    let pair = sessions.0.mint(&alice(), Scope::Access);
    let answer = get(&server, &format!("Bearer {}", pair.access_jwt)).await;
    assert!(answer.body.contains("did:web:alice.example"), "{}", answer.body);
    let refresh = get(&server, &format!("bearer {}", pair.refresh_jwt)).await;
    assert_eq!(refresh.status, 401);
    let old = sessions.0.mint_at(&alice(), Scope::Access, "id".into(), 1_000);
    let expired = get(&server, &format!("Bearer {}", old.access_jwt)).await;
    assert_eq!(expired.error(), (400, "ExpiredToken".into(), "Token has expired".into()));
}

#[tokio::test]
async fn ls_006_the_operator_is_admin() {
    let server = server(Admin::new("secret")).await;
    let basic = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
    assert_eq!(get(&server, &basic("admin:secret")).await.status, 200);
    for wrong in [basic("admin:other"), basic("root:secret"), "Bearer secret".into()] {
        let refused = get(&server, &wrong).await;
        assert_eq!((refused.status, refused.error().1.as_str()), (401, "AuthenticationRequired"));
    }
    let server = self::server(Admin::new("secret").bearer("token")).await;
    assert_eq!(get(&server, &basic("admin:secret")).await.status, 200);
    assert_eq!(get(&server, "Bearer token").await.status, 200);
    assert_eq!(get(&server, "Bearer secret").await.status, 401);
}

#[tokio::test]
async fn ls_004_app_passwords_are_kept_out_where_that_is_asked_for() {
    let Sessions(tokens) = sessions();
    let any = server(AccessToken::new(Arc::clone(&tokens))).await;
    let own = server(AccessToken::new(Arc::clone(&tokens)).only(&[Scope::Access])).await;
    let refusal = (400, "InvalidToken".to_owned(), "Bad token scope".to_owned());
    for (scope, by_any, by_own) in [
        (Scope::Access, true, true),
        (Scope::AppPassword, true, false),
        (Scope::AppPasswordPrivileged, true, false),
        (Scope::SignupQueued, false, false),
        (Scope::Takendown, false, false),
    ] {
        let token = tokens.mint(&alice(), scope).access_jwt;
        for (server, admitted) in [(&any, by_any), (&own, by_own)] {
            let answer = get(server, &format!("Bearer {token}")).await;
            assert_eq!(answer.status == 200, admitted, "{scope:?}");
            assert!(admitted || answer.error() == refusal, "{scope:?}");
        }
    }
}

#[tokio::test]
async fn ls_001_and_t63_each_policy_takes_its_own_kind_of_token() {
    let Sessions(tokens) = sessions();
    let access = server(AccessToken::new(Arc::clone(&tokens))).await;
    let refresh = server(RefreshToken::new(Arc::clone(&tokens))).await;
    let leaving = server(RefreshToken::new(Arc::clone(&tokens)).or_expired()).await;
    let pair = tokens.mint(&alice(), Scope::Access);
    let old = tokens.mint_at(&alice(), Scope::Access, "id".into(), 1_000);
    for (token, by_access, by_refresh, by_leaving) in [
        (&pair.access_jwt, 200, 401, 401),
        (&pair.refresh_jwt, 401, 200, 200),
        (&old.access_jwt, 400, 401, 401),
        (&old.refresh_jwt, 401, 400, 200),
    ] {
        for (server, status) in
            [(&access, by_access), (&refresh, by_refresh), (&leaving, by_leaving)]
        {
            assert_eq!(get(server, &format!("Bearer {token}")).await.status, status);
            assert_eq!(get(server, &format!("DPoP {token}")).await.status, 401);
        }
    }
}

#[tokio::test]
async fn no_credentials_may_be_fine_but_bad_ones_are_not() {
    let server = server(Optional(Account(sessions()))).await;
    assert_eq!(server.send(PATH, "").await.body, r#"{"text":"None"}"#);
    assert_eq!(get(&server, "Bearer x").await.status, 401);
}

#[tokio::test]
async fn either_of_two_policies() {
    let key = SecretKey::generate(Curve::K256);
    let directory = Directory::with([account(&alice(), &key)]);
    let verifier = Arc::new(ServiceVerifier::new(directory, [AUDIENCE]));
    let (sessions, policy) = (sessions(), Either(Account(sessions()), Service(verifier)));
    let router = Router::new(RouterConfig::default()).query::<GetThing, _>(
        policy,
        |context, _params| async move {
            let text = match context.proof {
                OneOf::First(did) => format!("account {did}"),
                OneOf::Second(proof) => format!("service call by {}", proof.iss),
            };
            Ok::<_, XrpcError>(Thing { text })
        },
    );
    let server = Server::start(router).await;
    let session = sessions.0.mint(&alice(), Scope::Access).access_jwt;
    let answer = get(&server, &format!("Bearer {session}")).await;
    assert_eq!(answer.body, r#"{"text":"account did:web:alice.example"}"#);
    let token = service::mint(&key, &ServiceClaims::new(alice(), AUDIENCE, METHOD)).unwrap();
    let answer = get(&server, &format!("Bearer {token}")).await;
    assert_eq!(answer.body, r#"{"text":"service call by did:web:alice.example"}"#);
    assert_eq!(get(&server, &format!("Bearer {token}")).await.status, 401, "replayed");
    assert_eq!(server.send(PATH, "").await.error().1, "AuthMissing");
    // A refusal that is not about the token is final.
    let taken_down = sessions.0.mint(&alice(), Scope::Takendown).access_jwt;
    assert_eq!(get(&server, &format!("Bearer {taken_down}")).await.status, 403);
}

#[tokio::test]
async fn nobody_is_asked_for_a_body_before_being_admitted() {
    let server = server(Admin::new("secret")).await;
    let answer = server.send_raw(PATH, "content-length: 1000000", "").await;
    assert_eq!(answer.status, 401);
}
