//! Requests with tokens that are bound to a key.

use std::sync::Arc;

use atproto_core::{
    crypto::{Curve, SecretKey, Signer},
    syntax::Did,
};
use atproto_xrpc::oauth::authorization_server::{AccessTokens, store::Session};
use serde_json::json;

use super::app::{OAuthApp, now, start};
use crate::{harness::Answer, network::text};

const METHOD: &str = "com.atproto.server.getSession";
const PATH: &str = "/xrpc/com.atproto.server.getSession";

#[tokio::test]
async fn oa_018_and_023_and_t70_a_proof_is_for_one_request() {
    let (pds, alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let token = app.log_in(&alice).await.access_token;
    let thief =
        OAuthApp { key: SecretKey::generate(Curve::P256), ..OAuthApp::new(&pds, "atproto") };
    let other_token = app.log_in(&alice).await.access_token;
    let nonce = pds.app.oauth.nonce(now());
    let at = |when| app.proof_with("GET", PATH, Some(&token), Some(&nonce), when);
    let used = app.proof("GET", PATH, Some(&token));
    let call = |scheme: &str, token: &str, proofs: &[&str]| {
        let request =
            pds.http.get(app.at(PATH)).header("authorization", format!("{scheme} {token}"));
        let request = proofs.iter().fold(request, |request, proof| request.header("dpop", *proof));
        async { request.send().await.unwrap() }
    };
    let good = call("DPoP", &token, &[&used]).await;
    assert!(good.headers().contains_key("dpop-nonce"), "clients refuse answers without");
    assert_eq!(Answer::of(good).await.ok()["did"], alice["did"]);
    for (what, proofs, name) in [
        ("no proof", vec![], "invalid_dpop_proof"),
        ("used", vec![used.clone()], "invalid_dpop_proof"),
        ("two", vec![at(now()), at(now())], "invalid_dpop_proof"),
        ("nonsense", vec!["x.y.z".to_owned()], "invalid_dpop_proof"),
        ("method", vec![app.proof("POST", PATH, Some(&token))], "invalid_dpop_proof"),
        ("address", vec![app.proof("GET", "/xrpc/x", Some(&token))], "invalid_dpop_proof"),
        ("no ath", vec![app.proof("GET", PATH, None)], "invalid_dpop_proof"),
        ("ath", vec![app.proof("GET", PATH, Some(&other_token))], "invalid_dpop_proof"),
        ("old", vec![at(now() - 600)], "invalid_dpop_proof"),
        ("ahead", vec![at(now() + 600)], "invalid_dpop_proof"),
        (
            "no nonce",
            vec![app.proof_with("GET", PATH, Some(&token), None, now())],
            "use_dpop_nonce",
        ),
        (
            "old nonce",
            vec![app.proof_with(
                "GET",
                PATH,
                Some(&token),
                Some(&pds.app.oauth.nonce(now() - 600)),
                now(),
            )],
            "use_dpop_nonce",
        ),
        ("thief", vec![thief.proof("GET", PATH, Some(&token))], "invalid_token"),
    ] {
        let proofs: Vec<_> = proofs.iter().map(String::as_str).collect();
        let response = call("DPoP", &token, &proofs).await;
        let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.starts_with(&format!("DPoP error=\"{name}\"")), "{what}: {challenge}");
        assert!(response.headers().contains_key("dpop-nonce"), "{what}");
        assert_eq!(Answer::of(response).await.error(), (401, name.to_owned()), "{what}");
    }
    // The session's own earlier token, and a bound token as a bearer's.
    let earlier = call("DPoP", &token, &[&app.proof("GET", PATH, Some(&token))]).await;
    assert_eq!(earlier.status(), 200);
    let bearer = call("Bearer", &token, &[&app.proof("GET", PATH, Some(&token))]).await;
    assert_eq!(Answer::of(bearer).await.error(), (401, "InvalidToken".to_owned()));
    let legacy = text(&alice, "accessJwt");
    let legacy = call("DPoP", legacy, &[&app.proof("GET", PATH, Some(legacy))]).await;
    assert_eq!(Answer::of(legacy).await.error(), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn t63_tokens_of_another_issuer_audience_or_signer_are_refused() {
    let (pds, alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let tokens = app.log_in(&alice).await;
    let did = Did::new(text(&alice, "did")).unwrap();
    let sessions = pds.app.oauth.store().sessions_of(&did, now()).await.unwrap();
    let session: &Session = &sessions[0];
    let ours: Arc<dyn Signer> = Arc::clone(&pds.app.secrets.oauth_key) as _;
    let stranger: Arc<dyn Signer> = Arc::new(SecretKey::generate(Curve::P256));
    let (issuer, audience) = (pds.app.config.public_url(), &pds.app.service_did);
    let elsewhere = Did::new("did:web:elsewhere.example").unwrap();
    let mint = |signer: &Arc<dyn Signer>, issuer: &str, audience: &Did, when| {
        AccessTokens::new(Arc::clone(signer), issuer, audience).mint(session, when).unwrap()
    };
    let good = mint(&ours, &issuer, audience, now());
    assert_eq!(app.get(METHOD, &good).await.status, 200);
    for (what, wrong) in [
        ("signer", mint(&stranger, &issuer, audience, now())),
        ("issuer", mint(&ours, "https://elsewhere.example", audience, now())),
        ("audience", mint(&ours, &issuer, &elsewhere, now())),
        ("expired", mint(&ours, &issuer, audience, now() - 3_600)),
    ] {
        let refusal = app.get(METHOD, &wrong).await.error();
        assert_eq!(refusal, (401, "invalid_token".to_owned()), "{what}");
    }
    // The tokens are none of this server's others either.
    for token in [&tokens.access_token, tokens.refresh_token.as_ref().unwrap()] {
        assert_eq!(pds.get_as(token, METHOD, &[]).await.error().0, 401);
        let refreshed = pds.post_as(token, "com.atproto.server.refreshSession", None).await;
        assert_eq!(refreshed.error().0, 401);
    }
}

#[tokio::test]
async fn t82_takedown_deletion_and_a_new_password_end_the_access_of_apps() {
    let (pds, alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let did = text(&alice, "did");
    let password = json!({ "did": did, "password": "another password" });
    let takedown = json!({
        "subject": { "$type": "com.atproto.admin.defs#repoRef", "did": did },
        "takedown": { "applied": true },
    });
    for (method, body) in [
        ("com.atproto.admin.updateAccountPassword", password),
        ("com.atproto.admin.updateSubjectStatus", takedown),
    ] {
        let tokens = app_tokens(&pds, &alice).await;
        assert_eq!(tokens.0.get(METHOD, &tokens.1).await.status, 200);
        pds.post_as_admin(method, &body).await.ok();
        let refusal = tokens.0.get(METHOD, &tokens.1).await.error();
        assert_eq!(refusal, (401, "invalid_token".to_owned()), "{method}");
        assert!(tokens.0.refresh(&tokens.2).await.is_err(), "{method}");
    }
    // And nobody agrees for an account that has been taken down.
    let request = app.push(None).await;
    let browser = atproto_xrpc::oauth::authorization_server::Fingerprint::of("a cookie");
    let server = &pds.app.oauth;
    server.authorize(&request, &app.client_id, browser, now()).await.unwrap();
    let did = Did::new(did).unwrap();
    assert!(server.accept(&request, browser, &did, None, now()).await.is_err());
}

async fn app_tokens<'p>(
    pds: &'p crate::harness::Pds,
    account: &serde_json::Value,
) -> (OAuthApp<'p>, String, String) {
    let app = OAuthApp::new(pds, "atproto");
    let tokens = app.log_in(account).await;
    (app, tokens.access_token, tokens.refresh_token.unwrap())
}
