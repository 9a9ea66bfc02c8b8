//! What apps may do at each method.

use serde_json::{Value, json};

use super::app::{OAuthApp, start};
use crate::{harness::post, network::text};

const POST: &str = "app.bsky.feed.post";

/// A call, the scope that it needs, and the scope that the refusal names where that differs.
fn calls(did: &str) -> Vec<(&'static str, String, Value, &'static str)> {
    let write = |more: Value| {
        let mut body = json!({ "repo": did, "collection": POST, "rkey": "3jzfcijpj2z2a" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let batch = |kind: &str, more: Value| {
        let kind = format!("com.atproto.repo.applyWrites#{kind}");
        let mut one = json!({ "$type": kind, "collection": POST, "rkey": "3jzfcijpj2z2b" });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "repo": did, "writes": [one] })
    };
    let (create, update, delete) = (
        "repo:app.bsky.feed.post?action=create",
        "repo:app.bsky.feed.post?action=update",
        "repo:app.bsky.feed.post?action=delete",
    );
    let repo = |method: &str| format!("com.atproto.repo.{method}");
    let record = json!({ "record": post("x") });
    let auth = "com.atproto.server.getServiceAuth?aud=did:web:a.example";
    vec![
        ("POST", repo("createRecord"), write(record.clone()), create),
        ("POST", repo("putRecord"), write(record), "repo:app.bsky.feed.post"),
        ("POST", repo("deleteRecord"), write(json!({})), delete),
        ("POST", repo("applyWrites"), batch("create", json!({ "value": post("x") })), create),
        ("POST", repo("applyWrites"), batch("update", json!({ "value": post("y") })), update),
        ("POST", repo("applyWrites"), batch("delete", json!({})), delete),
        ("POST", repo("uploadBlob"), json!({}), "blob:application/json"),
        ("POST", repo("importRepo"), json!({}), "account:repo?action=manage"),
        (
            "POST",
            "com.atproto.identity.updateHandle".into(),
            json!({ "handle": "x.test" }),
            "identity:handle",
        ),
        ("GET", format!("{auth}&lxm=com.example.do"), Value::Null, "rpc:com.example.do?aud=*"),
        (
            "GET",
            format!("{auth}%23api&lxm=com.example.do"),
            Value::Null,
            "rpc:com.example.do?aud=did:web:a.example%23api",
        ),
        ("GET", format!("{auth}%23api"), Value::Null, "rpc:*?aud=did:web:a.example%23api"),
        (
            "GET",
            "app.bsky.feed.getTimeline".into(),
            Value::Null,
            "rpc:app.bsky.feed.getTimeline?aud=did:web:view.example%23bsky_appview",
        ),
        (
            "GET",
            "app.bsky.actor.getPreferences".into(),
            Value::Null,
            "rpc:app.bsky.actor.getPreferences?aud=*",
        ),
        (
            "POST",
            "app.bsky.actor.putPreferences".into(),
            json!({ "preferences": [] }),
            "rpc:app.bsky.actor.putPreferences?aud=*",
        ),
        (
            "POST",
            "com.atproto.server.deactivateAccount".into(),
            json!({}),
            "account:status?action=manage",
        ),
    ]
}

#[tokio::test]
async fn t73_each_method_asks_for_its_scope() {
    let view = ["--appview-url", "http://127.0.0.1:9", "--appview-did", "did:web:view.example"];
    let (pds, alice, _dir) = start(&view).await;
    let nothing = OAuthApp::new(&pds, "atproto");
    let none = nothing.log_in(&alice).await.access_token;
    for (verb, method, body, scope) in calls(text(&alice, "did")) {
        let call = async |app: &OAuthApp<'_>, token: &str| match verb {
            "GET" => app.get(&method, token).await,
            _ => app.post(&method, token, &body).await,
        };
        let refusal = call(&nothing, &none).await;
        assert_eq!(refusal.status, 403, "{method}: {}", refusal.body);
        assert_eq!(refusal.body["error"], "ScopeMissingError", "{method}");
        let message = text(&refusal.body, "message");
        assert!(message.starts_with("Missing required scope \""), "{method}: {message}");
        let app = OAuthApp::new(&pds, &format!("atproto {scope}"));
        let token = app.log_in(&alice).await.access_token;
        let answer = call(&app, &token).await;
        assert!(![401, 403].contains(&answer.status), "{method} {scope}: {}", answer.body);
    }
}

#[tokio::test]
async fn oa_034_what_transition_generic_is_good_for() {
    let (pds, alice, _dir) = start(&[]).await;
    let app = OAuthApp::new(&pds, "atproto transition:generic");
    let token = app.log_in(&alice).await.access_token;
    let admitted = |method: &str| {
        !["importRepo", "updateHandle", "deactivateAccount"].iter().any(|one| method.ends_with(one))
            && !method.ends_with("a.example%23api")
    };
    for (verb, method, body, _) in calls(text(&alice, "did")) {
        let answer = match verb {
            "GET" => app.get(&method, &token).await,
            _ => app.post(&method, &token, &body).await,
        };
        assert_eq!(answer.status != 403, admitted(&method), "{method}: {}", answer.body);
    }
    let session = app.get("com.atproto.server.getSession", &token).await.ok();
    assert!(session["email"].is_null(), "the address is not among it");
    let chat = app.get(
        "com.atproto.server.getServiceAuth?aud=did:web:a.example&lxm=chat.bsky.convo.getLog",
        &token,
    );
    assert_eq!(chat.await.error().0, 403);
    let both =
        OAuthApp::new(&pds, "atproto transition:generic transition:chat.bsky transition:email");
    let token = both.log_in(&alice).await.access_token;
    let chat = both.get(
        "com.atproto.server.getServiceAuth?aud=did:web:a.example&lxm=chat.bsky.convo.getLog",
        &token,
    );
    chat.await.ok();
    let session = both.get("com.atproto.server.getSession", &token).await.ok();
    assert_eq!(session["email"], "alice@example.com");
}

#[tokio::test]
async fn t78_some_methods_are_not_for_apps_whatever_they_have() {
    let (pds, alice, _dir) = start(&[]).await;
    let scope = "atproto transition:generic account:repo?action=manage \
                 account:status?action=manage identity:*";
    let app = OAuthApp::new(&pds, scope);
    let token = app.log_in(&alice).await.access_token;
    for (verb, method, body) in [
        ("POST", "com.atproto.server.createAppPassword", json!({ "name": "x" })),
        ("GET", "com.atproto.server.listAppPasswords", Value::Null),
        ("POST", "com.atproto.server.revokeAppPassword", json!({ "name": "x" })),
        ("GET", "com.atproto.server.getAccountInviteCodes", Value::Null),
        ("POST", "com.atproto.server.activateAccount", json!({})),
    ] {
        let answer = match verb {
            "GET" => app.get(method, &token).await,
            _ => app.post(method, &token, &body).await,
        };
        assert_eq!(answer.error(), (403, "Forbidden".to_owned()), "{method}");
    }
    for method in ["com.atproto.server.refreshSession", "com.atproto.server.deleteSession"] {
        assert_eq!(app.post(method, &token, &json!({})).await.error().0, 401, "{method}");
    }
    // What is never passed on is not passed on for an app either.
    let answer = app.post("com.atproto.server.updateEmail", &token, &json!({})).await;
    assert_eq!(answer.error().0, 400);
    // Reading as the account: its own data whatever its status.
    let did = text(&alice, "did");
    app.get(&format!("com.atproto.sync.getLatestCommit?did={did}"), &token).await.ok();
}
