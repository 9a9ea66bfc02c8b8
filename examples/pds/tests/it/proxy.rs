//! What is passed on to other services, and how.

use std::sync::Arc;

use atproto_xrpc::auth::service::ServiceVerifier;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Pds},
    network::{self, Directory, Service, text},
};

const TIMELINE: &str = "app.bsky.feed.getTimeline";
const APPVIEW: &str = "did:web:api.example";

struct World {
    pds: Pds,
    service: Service,
    alice: Value,
    _dir: tempfile::TempDir,
}

async fn start() -> World {
    let (_directory, plc) = Directory::start().await;
    let (service, url) = Service::start().await;
    let dir = tempfile::tempdir().unwrap();
    let options = [
        "--appview-url",
        &url,
        "--appview-did",
        APPVIEW,
        "--report-url",
        &url,
        "--report-did",
        "did:web:mod.example",
    ];
    let pds = network::pds(dir.path(), &plc, &options).await;
    let alice = pds.sign_up("alice").await;
    World { pds, service, alice, _dir: dir }
}

impl World {
    fn token(&self) -> &str {
        text(&self.alice, "accessJwt")
    }

    async fn get_with(&self, method: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.pds.http.get(format!("{}/xrpc/{method}", self.pds.url));
        let mut request = request.bearer_auth(self.token());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn an_unknown_method_goes_to_the_appview_in_the_accounts_name() {
    let world = start().await;
    let headers = [
        ("accept-language", "de"),
        ("atproto-accept-labelers", "did:web:labels.example"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-request-id", "one-request"),
    ];
    let request = world.pds.http.get(format!("{}/xrpc/{TIMELINE}?limit=5&x=%23", world.pds.url));
    let mut request = request.bearer_auth(world.token());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["atproto-repo-rev"], "3k");
    assert_eq!(response.headers()["x-request-id"], "one-request");
    assert!(!response.headers().contains_key("set-cookie"));
    assert!(!response.headers().contains_key("x-secret"));
    assert_eq!(Answer::of(response).await.ok()["from"], "the service");

    let seen = world.service.seen().remove(0);
    assert_eq!(seen.uri, format!("/xrpc/{TIMELINE}?limit=5&x=%23").as_str());
    assert_eq!(seen.headers["atproto-accept-labelers"], "did:web:labels.example");
    assert_eq!(
        (&seen.headers["accept-language"], &seen.headers["x-request-id"]),
        (&"de".parse().unwrap(), &"one-request".parse().unwrap())
    );
    assert!(!seen.headers.contains_key("cookie") && !seen.headers.contains_key("x-forwarded-for"));
    let authorization = seen.headers["authorization"].to_str().unwrap();
    let token = authorization.strip_prefix("Bearer ").unwrap();
    assert_ne!(token, world.token(), "the account's own token stays here");
    let verifier = ServiceVerifier::new(Arc::clone(&world.pds.app.resolver), [APPVIEW]);
    let proof = verifier.verify(token, TIMELINE).await.unwrap();
    assert_eq!(proof.iss.as_str(), text(&world.alice, "did"));
}

#[tokio::test]
async fn a_body_is_passed_on_as_it_is() {
    let world = start().await;
    let input = json!({ "actor": "did:web:x.example", "more": "ü".repeat(10_000) });
    let answer = world.pds.post_as(world.token(), "app.bsky.graph.muteActor", Some(input.clone()));
    answer.await.ok();
    let seen = world.service.seen().remove(0);
    assert_eq!(seen.method, "POST");
    assert_eq!(serde_json::from_slice::<Value>(&seen.body).unwrap(), input);
}

#[tokio::test]
async fn px_004_nobody_is_passed_on_without_an_active_account() {
    let world = start().await;
    assert_eq!(world.pds.get(TIMELINE, &[]).await.error(), (401, "AuthMissing".to_owned()));
    let refresh = text(&world.alice, "refreshJwt");
    assert_eq!(world.pds.get_as(refresh, TIMELINE, &[]).await.error().0, 401);
    let off =
        world.pds.post_as(world.token(), "com.atproto.server.deactivateAccount", Some(json!({})));
    off.await.ok();
    let refusal = world.get_with(TIMELINE, &[]).await.error();
    assert_eq!(refusal, (401, "AccountDeactivated".to_owned()));
    assert!(world.service.seen().is_empty());
}

#[tokio::test]
async fn px_001_the_header_chooses_the_service() {
    let world = start().await;
    let chosen = format!("{APPVIEW}#bsky_appview");
    world.get_with(TIMELINE, &[("atproto-proxy", &chosen)]).await.ok();
    assert_eq!(world.service.seen().len(), 1);
    let own = format!("{}#atproto_pds", text(&world.alice, "did"));
    for wrong in [
        "",
        "#x",
        APPVIEW,
        "did:web:api.example#",
        "did:web:api.example#a#b",
        "nonsense#x",
        "did:plc:ewvi7nxzyoun6zhxrhs64oiz#bsky_appview",
        // This server itself, by way of the account's own document.
        own.as_str(),
    ] {
        let refusal = world.get_with(TIMELINE, &[("atproto-proxy", wrong)]).await.error();
        assert_eq!(refusal, (400, "InvalidRequest".to_owned()), "{wrong:?}");
    }
    let round = [("via", "1.1 atproto-proxy")];
    assert_eq!(world.get_with(TIMELINE, &round).await.error().0, 400);
    assert_eq!(world.service.seen().len(), 1);
}

#[tokio::test]
async fn t78_protected_and_private_methods_are_not_passed_on() {
    let world = start().await;
    let protected = "com.atproto.server.requestEmailUpdate";
    let refusal = world.pds.post_as(world.token(), protected, None).await.error();
    assert_eq!(refusal, (400, "InvalidToken".to_owned()));
    let create = "com.atproto.server.createAppPassword";
    let made = world.pds.post_as(world.token(), create, Some(json!({ "name": "a" }))).await.ok();
    let session = world.pds.log_in("alice.test", text(&made, "password")).await.ok();
    let app = text(&session, "accessJwt");
    let private = "chat.bsky.convo.listConvos";
    let refusal = world.pds.get_as(app, private, &[]).await.error();
    assert_eq!(refusal, (400, "InvalidToken".to_owned()));
    assert!(world.service.seen().is_empty());
    world.pds.get_as(world.token(), private, &[]).await.ok();
    world.pds.get_as(app, TIMELINE, &[]).await.ok();
}

#[tokio::test]
async fn refusals_come_through_and_faults_become_ours() {
    let world = start().await;
    let refusal = world.get_with("app.bsky.x.getRefusal", &[]).await.error();
    assert_eq!(refusal, (400, "BlockedActor".to_owned()));
    let fault = world.get_with("app.bsky.x.getFailure", &[]).await;
    assert!(!fault.body.to_string().contains("secret trace"));
    assert_eq!(fault.error(), (502, "UpstreamFailure".to_owned()));
}

#[tokio::test]
async fn whoever_has_been_taken_down_may_complain() {
    let world = start().await;
    let subject = json!({ "$type": "com.atproto.admin.defs#repoRef", "did": world.alice["did"] });
    let takedown = json!({ "subject": subject, "takedown": { "applied": true } });
    world.pds.post_as_admin("com.atproto.admin.updateSubjectStatus", &takedown).await.ok();
    let input = json!({
        "identifier": "alice.test", "password": "password of alice", "allowTakendown": true,
    });
    let session = world.pds.post("com.atproto.server.createSession", &input).await.ok();
    let token = text(&session, "accessJwt");
    let report =
        json!({ "reasonType": "com.atproto.moderation.defs#reasonAppeal", "subject": subject });
    let method = "com.atproto.moderation.createReport";
    world.pds.post_as(token, method, Some(report.clone())).await.ok();
    let seen = world.service.seen().remove(0);
    assert_eq!(serde_json::from_slice::<Value>(&seen.body).unwrap(), report);
    assert_eq!(world.pds.get_as(token, TIMELINE, &[]).await.error().0, 400);
}

#[tokio::test]
async fn without_an_appview_a_method_is_not_implemented() {
    let (_directory, plc) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &plc, &[]).await;
    let alice = pds.sign_up("alice").await;
    let answer = pds.get_as(text(&alice, "accessJwt"), TIMELINE, &[]).await.error();
    assert_eq!(answer, (501, "MethodNotImplemented".to_owned()));
}
