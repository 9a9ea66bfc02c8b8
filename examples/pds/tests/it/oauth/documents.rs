//! What is published, and who may read it.

use serde_json::{Value, json};

use super::app::{OAuthApp, start};
use crate::harness::Answer;

const SERVER: &str = "/.well-known/oauth-authorization-server";
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

#[tokio::test]
async fn oa_026_and_027_the_metadata_are_where_they_belong() {
    let (pds, _alice, _dir) = start(&[]).await;
    let origin = pds.app.config.public_url();
    for (path, name, value) in [
        (RESOURCE, "authorization_servers", json!([origin])),
        (SERVER, "issuer", json!(origin)),
        (SERVER, "token_endpoint", json!(format!("{origin}/oauth/token"))),
    ] {
        let response = pds.http.get(format!("{}{path}", pds.url)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        let document: Value = response.json().await.unwrap();
        assert_eq!(document[name], value);
    }
    let keys = pds.http.get(format!("{}/oauth/jwks", pds.url)).send().await.unwrap();
    assert_eq!(Answer::of(keys).await.ok()["keys"][0]["crv"], "P-256");
}

#[tokio::test]
async fn oa_025_browsers_of_any_origin_may_ask() {
    let (pds, _alice, _dir) = start(&[]).await;
    for path in [SERVER, RESOURCE, "/oauth/jwks", "/oauth/par", "/oauth/token", "/oauth/revoke"] {
        let url = format!("{}{path}", pds.url);
        let request = pds.http.request(reqwest::Method::OPTIONS, &url);
        let request = request
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,dpop");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_lowercase();
        assert_eq!(header("access-control-allow-origin"), "*", "{path}");
        assert!(header("access-control-allow-headers").contains("dpop"), "{path}");
        let request = pds.http.post(url).header("origin", "https://app.example.com");
        let response = request.send().await.unwrap();
        let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap();
        assert!(exposed.to_lowercase().contains("dpop-nonce"), "{path}");
    }
}

#[tokio::test]
async fn oa_018_every_answer_of_the_endpoints_has_a_nonce() {
    let (pds, _alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto");
    let fields = [("client_id", app.client_id.as_str())];
    for path in ["/oauth/par", "/oauth/token", "/oauth/revoke"] {
        for proof in ["", "x", &app.proof_with("POST", path, None, None, super::app::now())] {
            let mut request = pds.http.post(app.at(path)).form(&fields);
            if !proof.is_empty() {
                request = request.header("dpop", proof);
            }
            let response = request.send().await.unwrap();
            assert!(response.headers().contains_key("dpop-nonce"), "{path}");
            assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
            let answer = Answer::of(response).await;
            assert_eq!(answer.status, 400, "{path} {}", answer.body);
            if proof.len() > 1 {
                assert_eq!(answer.body["error"], "use_dpop_nonce", "{path}");
            }
        }
    }
    // Only forms, and none that is too long.
    let json = pds.http.post(app.at("/oauth/par")).json(&json!({})).send().await.unwrap();
    assert_eq!(json.status(), 400);
    let long = pds.http.post(app.at("/oauth/par")).form(&[("x", "x".repeat(70_000))]);
    assert_eq!(long.send().await.unwrap().status(), 400);
}
