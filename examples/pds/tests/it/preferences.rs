//! Clients' settings.

use serde_json::{Value, json};

use crate::{
    harness::Pds,
    network::{self, Directory, text},
};

const PUT: &str = "app.bsky.actor.putPreferences";

async fn start() -> (Pds, Value, tempfile::TempDir) {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    let alice = pds.sign_up("alice").await;
    (pds, alice, dir)
}

async fn get(pds: &Pds, token: &str) -> Value {
    pds.get_as(token, "app.bsky.actor.getPreferences", &[]).await.ok()["preferences"].clone()
}

#[tokio::test]
async fn settings_come_back_as_they_were_given() {
    let (pds, alice, _dir) = start().await;
    let token = text(&alice, "accessJwt");
    assert_eq!(get(&pds, token).await, json!([]));
    let all = json!([
        { "$type": "app.bsky.actor.defs#adultContentPref", "enabled": true },
        { "$type": "app.bsky.actor.defs#notYetInvented", "anything": [1, { "a": null }] },
    ]);
    pds.post_as(token, PUT, Some(json!({ "preferences": all }))).await.ok();
    assert_eq!(get(&pds, token).await, all);
    let less = json!([all[1]]);
    pds.post_as(token, PUT, Some(json!({ "preferences": less }))).await.ok();
    assert_eq!(get(&pds, token).await, less);
    let foreign = json!([all[0], { "$type": "com.example.pref", "a": 1 }]);
    let refusal = pds.post_as(token, PUT, Some(json!({ "preferences": foreign }))).await.error();
    assert_eq!(refusal, (400, "InvalidRequest".to_owned()));
    assert_eq!(get(&pds, token).await, less);
}

#[tokio::test]
async fn app_passwords_neither_see_nor_change_the_birth_date() {
    let (pds, alice, _dir) = start().await;
    let own = text(&alice, "accessJwt");
    let create = "com.atproto.server.createAppPassword";
    let made = pds.post_as(own, create, Some(json!({ "name": "a" }))).await.ok();
    let session = pds.log_in("alice.test", text(&made, "password")).await.ok();
    let app = text(&session, "accessJwt");
    let born = json!({
        "$type": "app.bsky.actor.defs#personalDetailsPref",
        "birthDate": "2000-01-01T00:00:00.000Z",
    });
    let adult = json!({ "$type": "app.bsky.actor.defs#adultContentPref", "enabled": false });
    pds.post_as(own, PUT, Some(json!({ "preferences": [born] }))).await.ok();
    assert_eq!(get(&pds, app).await, json!([]));
    let refusal = pds.post_as(app, PUT, Some(json!({ "preferences": [born] }))).await.error();
    assert_eq!(refusal, (400, "InvalidRequest".to_owned()));
    pds.post_as(app, PUT, Some(json!({ "preferences": [adult] }))).await.ok();
    assert_eq!(get(&pds, own).await, json!([born, adult]));
}
