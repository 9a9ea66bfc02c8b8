//! The OAuth client against servers that behave, and servers that do not.

use std::{collections::BTreeSet, sync::Arc};

use atproto_core::{
    crypto::{Curve, SecretKey, Signer},
    identity::DidDocument,
};
use atproto_xrpc::{
    Session,
    auth::jwt::Unverified,
    client::{
        CallError, SessionError,
        oauth::{AuthorizeOptions, OAuthApp, OAuthClient, OAuthError, OAuthSession},
        store::SavedSession,
        transport::Content,
    },
    oauth::{ApplicationType, Scope},
};
use http::Request;
use serde_json::{Value, json};

use crate::{
    directory::{Directory, alice, did},
    oauth_network::{
        Answer, ISSUER, Network, PDS, REDIRECT, RESOURCE, SCOPE, account, app, login, metadata,
        thing,
    },
};

const SERVER: &str = "/.well-known/oauth-authorization-server";

/// A fault, and how it comes about.
type Case = (&'static str, fn(&mut Value));

/// What comes of a flow that goes well up to the callback.
async fn outcome(network: &Arc<Network>) -> Result<OAuthSession, OAuthError> {
    let oauth = network.client();
    let flow = oauth.authorize("alice.example").await?;
    oauth.callback(&network.approve(&flow)).await.map(|login| login.session)
}

#[tokio::test]
async fn oa_001_and_018_a_flow_from_a_handle_to_a_call() {
    let network = Network::new();
    let (_, session) = login(&network).await;
    assert_eq!(session.did(), alice());
    assert_eq!(session.client().url(), PDS);
    assert_eq!(session.call(thing()).await.unwrap().text, "yours");
    assert_eq!(session.granted().to_string(), SCOPE);

    let state = network.state();
    let paths: Vec<_> = state.seen.iter().map(|(_, url, _)| url.path()).collect();
    // The nonce is asked for once at each of the two servers.
    let expected = [
        RESOURCE,
        SERVER,
        "/par",
        "/par",
        SERVER,
        "/token",
        RESOURCE,
        "/xrpc/org.example.getThing",
        "/xrpc/org.example.getThing",
    ];
    assert_eq!(paths, expected);
    let par = &state.seen[3].2;
    assert_eq!((&*par["login_hint"], &*par["response_type"]), ("alice.example", "code"));
    assert_eq!((&*par["scope"], &*par["redirect_uri"]), (SCOPE, REDIRECT));
    let jti = |proof: &String| {
        Unverified::parse(proof).unwrap().claims::<Value>().unwrap()["jti"].clone()
    };
    let all: BTreeSet<_> = state.proofs.iter().map(|proof| jti(proof).to_string()).collect();
    assert_eq!((state.proofs.len(), all.len()), (5, 5));
}

#[tokio::test]
async fn a_flow_may_begin_with_a_did_a_host_or_the_server_itself() {
    for who in ["did:web:alice.example", PDS, ISSUER] {
        let network = Network::new();
        let oauth = network.client();
        let flow = oauth.authorize(who).await.unwrap();
        assert_eq!(flow.issuer, ISSUER);
        let login = oauth.callback(&network.approve(&flow)).await.unwrap();
        assert_eq!(login.session.did(), alice(), "{who}");
    }
    let oauth = Network::new().client();
    for bad in ["", "nobody", "http://pds.example", "https://pds.example/path"] {
        assert!(matches!(oauth.authorize(bad).await, Err(OAuthError::Input(_))), "{bad}");
    }
}

#[tokio::test]
async fn oa_032_a_handle_that_its_account_does_not_claim_begins_nothing() {
    let network = Network::new();
    network.directory.point("mallory.example", &alice());
    let error = network.client().authorize("mallory.example").await.unwrap_err();
    assert!(matches!(error, OAuthError::Handle { .. }), "{error}");
    assert!(network.state().seen.is_empty());
}

#[tokio::test]
async fn oa_026_a_host_names_itself_and_one_authorization_server() {
    let cases: [Case; 5] = [
        ("another resource", |it| it["resource"] = json!("https://other.example")),
        ("none", |it| it["authorization_servers"] = json!([])),
        ("two", |it| it["authorization_servers"] = json!([ISSUER, PDS])),
        ("a path", |it| it["authorization_servers"] = json!(["https://auth.example/x"])),
        ("clear text", |it| it["authorization_servers"] = json!(["http://auth.example"])),
    ];
    for (what, change) in cases {
        let network = Network::new();
        network.change(RESOURCE, change);
        let error = network.client().authorize("alice.example").await.unwrap_err();
        assert!(matches!(error, OAuthError::Document { .. }), "{what}: {error}");
    }
}

#[tokio::test]
async fn metadata_is_neither_redirected_nor_large_nor_of_another_kind() {
    let good = || Answer::json(&metadata(ISSUER));
    let mut redirect = good().status(302);
    redirect.headers.push(("location", "https://other.example/".into()));
    let mut html = good();
    html.content_type = "text/html";
    let mut large = good();
    large.body.extend(vec![b' '; 64 << 10]);
    for (what, answer) in
        [("302", redirect), ("201", good().status(201)), ("html", html), ("large", large)]
    {
        let network = Network::new();
        network.instead(SERVER, answer);
        let error = network.client().authorize("alice.example").await.unwrap_err();
        assert!(matches!(error, OAuthError::Document { .. }), "{what}: {error}");
        let asked: Vec<_> =
            network.state().seen.iter().map(|(_, url, _)| url.to_string()).collect();
        assert!(!asked.iter().any(|url| url.contains("other.example")), "{asked:?}");
    }
}

#[tokio::test]
async fn a_server_that_names_another_issuer_is_not_asked() {
    let network = Network::new();
    network.change(SERVER, |it| it["issuer"] = json!("https://other.example"));
    let error = network.client().authorize("alice.example").await.unwrap_err();
    assert!(matches!(error, OAuthError::Server(_)), "{error}");
}

#[tokio::test]
async fn oa_028_a_callback_of_another_server_is_a_mix_up() {
    for iss in [None, Some("https://other.example"), Some("https://auth.example/")] {
        let network = Network::new();
        let oauth = network.client();
        let flow = oauth.authorize("alice.example").await.unwrap();
        let proper = network.approve(&flow);
        let without = proper.split_once('&').unwrap().1;
        let query = match iss {
            Some(iss) => format!("iss={iss}&{without}"),
            None => without.to_owned(),
        };
        let error = oauth.callback(&query).await.unwrap_err();
        assert!(matches!(error, OAuthError::Issuer { .. }), "{iss:?}: {error}");
        // The code went to nobody, and the flow is over.
        assert!(network.state().tokens.is_none());
        assert!(matches!(oauth.callback(&proper).await, Err(OAuthError::State)));
    }
}

#[tokio::test]
async fn oa_005_a_state_is_unguessable_and_passes_once() {
    let network = Network::new();
    let oauth = network.client();
    let (one, two) = (oauth.authorize(PDS).await.unwrap(), oauth.authorize(PDS).await.unwrap());
    assert_ne!(one.state, two.state);
    assert!(one.state.len() >= 43, "{}", one.state);
    let query = network.approve(&one);
    let forged = query.replace(&one.state, "forged");
    assert!(matches!(oauth.callback(&forged).await, Err(OAuthError::State)));
    let twice = format!("{query}&state={}", two.state);
    assert!(matches!(oauth.callback(&twice).await, Err(OAuthError::Callback("state"))));
    oauth.callback(&query).await.unwrap();
    assert!(matches!(oauth.callback(&query).await, Err(OAuthError::State)));
}

#[tokio::test]
async fn oa_031_nothing_of_the_flow_is_in_its_state() {
    let network = Network::new();
    let oauth = network.client();
    let options = AuthorizeOptions::default().app_state("where the user was");
    let flow = oauth.authorize_with("alice.example", options).await.unwrap();
    assert!(!flow.url.as_str().contains("where"));
    assert!(!flow.state.contains("alice"));
    let login = oauth.callback(&network.approve(&flow)).await.unwrap();
    assert_eq!(login.app_state.as_deref(), Some("where the user was"));
}

#[tokio::test]
async fn a_user_who_refuses_is_heard() {
    let network = Network::new();
    let oauth = network.client();
    let flow = oauth.authorize("alice.example").await.unwrap();
    let query = format!("state={}&iss={ISSUER}&error=access_denied", flow.state);
    let error = oauth.callback(&query).await.unwrap_err();
    assert!(matches!(error, OAuthError::Denied(_)));
    assert_eq!(error.name(), Some("access_denied"));
}

#[tokio::test]
async fn oa_011_tokens_of_another_account_are_refused_and_given_back() {
    // The flow was for alice, the tokens are bob's.
    let network = Network::new();
    network.change("/token", |it| it["sub"] = json!("did:web:bob.example"));
    let error = outcome(&network).await.unwrap_err();
    assert!(matches!(error, OAuthError::OtherAccount { .. }), "{error}");
    assert_eq!(network.state().revoked.len(), 1);
    // The flow was for nobody in particular, but bob lives under another server.
    let bob = DidDocument::new(did("did:web:bob.example")).with_service(
        "atproto_pds",
        "AtprotoPersonalDataServer",
        "https://elsewhere.example",
    );
    network.directory.publish(bob);
    let oauth = network.client();
    let flow = oauth.authorize(PDS).await.unwrap();
    let error = oauth.callback(&network.approve(&flow)).await.unwrap_err();
    assert!(matches!(error, OAuthError::Document { .. }), "{error}");
    assert_eq!(network.state().revoked.len(), 2);
}

#[tokio::test]
async fn oa_011_and_t85_only_the_accounts_own_server_speaks_for_it() {
    let network = Network::new();
    let oauth = network.client();
    let flow = oauth.authorize(ISSUER).await.unwrap();
    let query = network.approve(&flow);
    network.change(RESOURCE, |it| it["authorization_servers"] = json!(["https://new.example"]));
    let error = oauth.callback(&query).await.unwrap_err();
    assert!(matches!(error, OAuthError::NotAuthoritative { .. }), "{error}");
    // What was remembered of the identity was not relied on.
    assert_eq!(*network.directory.purges.lock().unwrap(), [alice()]);
    assert!(SavedSession::load(&*network.store, &alice()).await.unwrap().is_none());
}

#[tokio::test]
async fn oa_012_the_answer_says_what_was_granted() {
    let cases: [Case; 5] = [
        ("no scope", |it| drop(it.as_object_mut().unwrap().remove("scope"))),
        ("without atproto", |it| it["scope"] = json!("repo:org.example.status")),
        ("no token of DPoP", |it| it["token_type"] = json!("Bearer")),
        ("no account", |it| drop(it.as_object_mut().unwrap().remove("sub"))),
        ("no DID", |it| it["sub"] = json!("alice.example")),
    ];
    for (what, change) in cases {
        let network = Network::new();
        network.change("/token", change);
        let error = outcome(&network).await.unwrap_err();
        assert!(matches!(error, OAuthError::Token(_)), "{what}: {error}");
    }
    let network = Network::new();
    network.change("/token", |it| it["scope"] = json!("atproto"));
    let granted = outcome(&network).await.unwrap().granted();
    assert_eq!(granted.iter().collect::<Vec<_>>(), [&Scope::Atproto]);
}

#[tokio::test]
async fn oa_020_a_nonce_that_changes_in_between_is_taken_up() {
    let network = Network::new();
    let (_, session) = login(&network).await;
    session.call(thing()).await.unwrap();
    network.rotate_nonces();
    session.call(thing()).await.unwrap();
    network.rotate_nonces();
    session.refresh().await.unwrap();
    assert_eq!(network.state().refreshes, 1);
}

#[tokio::test]
async fn oa_021_an_authorization_server_that_gives_no_nonces_is_refused() {
    let network = Network::new();
    let (_, session) = login(&network).await;
    session.call(thing()).await.unwrap();
    network.state().without_nonces = true;
    // A host that did not have to look at the proof is believed.
    session.call(thing()).await.unwrap();
    let error = session.refresh().await.unwrap_err();
    let CallError::Session(SessionError::Renewal(error)) = error else { panic!("{error}") };
    assert!(matches!(*error, OAuthError::Token(_)), "{error}");
}

#[tokio::test]
async fn an_expired_request_and_a_used_code_are_the_servers_to_refuse() {
    let network = Network::new();
    let oauth = network.client();
    network.instead("/par", Answer::json(&json!({ "error": "invalid_request" })).status(400));
    let error = oauth.authorize("alice.example").await.unwrap_err();
    assert_eq!((error.name(), error.is_transient()), (Some("invalid_request"), false));
    network.state().instead.clear();

    // The user was too slow: the server has forgotten the request, and says so.
    let flow = oauth.authorize("alice.example").await.unwrap();
    let query = format!("state={}&iss={ISSUER}&error=invalid_request", flow.state);
    assert_eq!(oauth.callback(&query).await.unwrap_err().name(), Some("invalid_request"));

    let (one, two) = (
        oauth.authorize("alice.example").await.unwrap(),
        oauth.authorize("alice.example").await.unwrap(),
    );
    let used = network.approve(&one);
    oauth.callback(&used).await.unwrap();
    let again = used.replace(&one.state, &two.state);
    let error = oauth.callback(&again).await.unwrap_err();
    assert_eq!(error.name(), Some("invalid_grant"));
}

#[tokio::test]
async fn oa_008_and_024_confidential_clients_sign_each_request() {
    let key = Arc::new(SecretKey::generate(Curve::P256));
    let id = "https://app.example/client-metadata.json";
    let redirect = "https://app.example/callback".parse().unwrap();
    let app = OAuthApp::confidential(id, redirect, SCOPE.parse().unwrap(), "key-1", key.clone());
    let app = app.unwrap();
    assert_eq!(app.metadata("An app")["jwks"]["keys"][0]["kid"], "key-1");
    assert_eq!(app.metadata("An app")["token_endpoint_auth_method"], "private_key_jwt");

    let network = Network::new();
    let oauth = network.builder(app).build().unwrap();
    let flow = oauth.authorize("alice.example").await.unwrap();
    let session = oauth.callback(&network.approve(&flow)).await.unwrap().session;
    session.refresh().await.unwrap();
    session.logout().await.unwrap();

    let state = network.state();
    let forms = state.seen.iter().map(|(_, _, form)| form).filter(|form| !form.is_empty());
    let mut ids = BTreeSet::new();
    for form in forms {
        assert_eq!(form["client_id"], id);
        let token = Unverified::parse(&form["client_assertion"]).unwrap();
        token.verify(&Signer::public_key(&*key)).unwrap();
        assert_eq!((&*token.header().alg, token.header().kid.as_deref()), ("ES256", Some("key-1")));
        let claims: Value = token.claims().unwrap();
        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["aud"]),
            (&json!(id), &json!(id), &json!(ISSUER))
        );
        assert!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap() <= 60);
        assert!(ids.insert(claims["jti"].to_string()), "an id is used twice");
    }
    // Two for the first nonce, the code, the refresh, the revocation.
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn apps_say_what_servers_admit() {
    let scopes = || SCOPE.parse().unwrap();
    let id = "https://app.example/client.json";
    let native = ApplicationType::Native;
    OAuthApp::public(id, "example.app:/callback".parse().unwrap(), scopes(), native).unwrap();
    let foreign = "com.other:/callback".parse().unwrap();
    assert!(OAuthApp::public(id, foreign, scopes(), native).is_err());
    let far = "http://192.0.2.1/callback".parse().unwrap();
    assert!(OAuthApp::localhost(far, scopes()).is_err());
    let little = "repo:org.example.status".parse().unwrap();
    assert!(OAuthApp::localhost(REDIRECT.parse().unwrap(), little).is_err());
    let k256 = Arc::new(SecretKey::generate(Curve::K256));
    let redirect = "https://app.example/callback".parse().unwrap();
    assert!(OAuthApp::confidential(id, redirect, scopes(), "k", k256).is_err());
}

#[tokio::test]
async fn t10_strangers_do_not_lead_to_this_machine() {
    // The network itself, with its guard, in place of the test's own.
    for host in
        ["http://127.0.0.1:9", "https://127.0.0.1:9", "https://localhost:9", "https://10.0.0.1"]
    {
        let directory = Directory::with([account(host)]);
        let oauth = OAuthClient::builder(app(), directory, Network::new().store.clone());
        let error = oauth.build().unwrap().authorize(alice().as_str()).await.unwrap_err();
        let is_refused = match &error {
            OAuthError::NoHost(_) => true,
            OAuthError::Send { source, .. } => source.is_refused(),
            _ => false,
        };
        assert!(is_refused, "{host}: {error}");
    }
}

#[tokio::test]
async fn oa_007_part_of_what_was_declared_may_be_asked_for() {
    let network = Network::new();
    let options = AuthorizeOptions::default().scopes("atproto".parse().unwrap()).prompt("login");
    network.client().authorize_with("alice.example", options).await.unwrap();
    let state = network.state();
    let (_, _, form) = state.seen.last().unwrap();
    assert_eq!((&*form["scope"], &*form["prompt"]), ("atproto", "login"));
    assert!(form["client_id"].contains("repo"), "all of it is declared: {}", form["client_id"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_given_up() {
    let silent = |_: Request<Content>| std::future::pending();
    let network = Network::new();
    let oauth = network.builder(app()).transport(silent).build().unwrap();
    let error = oauth.authorize("alice.example").await.unwrap_err();
    assert!(matches!(error, OAuthError::Send { .. }) && error.is_transient(), "{error}");
}
