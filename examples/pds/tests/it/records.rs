//! Writing and reading records.

use serde_json::json;

use crate::harness::{Pds, post, rkey};

#[tokio::test]
async fn a_record_is_created_read_replaced_and_deleted() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let created = alice.create("first").await.ok();
    assert_eq!(created["validationStatus"], "valid");
    assert_eq!(
        created["commit"],
        json!({ "cid": alice.head().await["cid"], "rev": alice.head().await["rev"] })
    );

    let key = rkey(&created);
    let path = [("repo", "alice.test"), ("collection", "app.bsky.feed.post"), ("rkey", &key)];
    let got = pds.get("com.atproto.repo.getRecord", &path).await.ok();
    assert_eq!((&got["uri"], &got["cid"]), (&created["uri"], &created["cid"]));
    assert_eq!(got["value"], post("first"));

    let put = json!({ "repo": alice.did, "collection": "app.bsky.feed.post", "rkey": key, "record": post("second") });
    let replaced = alice.post("com.atproto.repo.putRecord", put.clone()).await.ok();
    assert_ne!(replaced["cid"], created["cid"]);
    assert!(replaced["commit"].is_object());
    let again = alice.post("com.atproto.repo.putRecord", put).await.ok();
    assert!(again["commit"].is_null(), "writing the same again changes nothing");

    let delete = json!({ "repo": "alice.test", "collection": "app.bsky.feed.post", "rkey": key });
    assert!(
        alice.post("com.atproto.repo.deleteRecord", delete.clone()).await.ok()["commit"]
            .is_object()
    );
    assert!(alice.post("com.atproto.repo.deleteRecord", delete).await.ok()["commit"].is_null());
    let gone = pds.get("com.atproto.repo.getRecord", &path).await.error();
    assert_eq!(gone, (400, "RecordNotFound".to_owned()));
}

#[tokio::test]
async fn lists_page_in_both_directions() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let mut keys = Vec::new();
    for n in 0..5 {
        keys.push(rkey(&alice.create(&format!("post {n}")).await.ok()));
    }
    for (reverse, expected) in
        [("true", keys.clone()), ("false", keys.iter().rev().cloned().collect())]
    {
        let mut seen: Vec<String> = Vec::new();
        let mut cursor = None;
        loop {
            let mut params = vec![
                ("repo", alice.did.as_str()),
                ("collection", "app.bsky.feed.post"),
                ("limit", "2"),
                ("reverse", reverse),
            ];
            params.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = pds.get("com.atproto.repo.listRecords", &params).await.ok();
            seen.extend(page["records"].as_array().unwrap().iter().map(rkey));
            let Some(next) = page["cursor"].as_str() else { break };
            cursor = Some(next.to_owned());
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn apply_writes_is_all_or_nothing() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let before = alice.head().await;
    let create = |key: &str| json!({ "$type": "com.atproto.repo.applyWrites#create", "collection": "app.bsky.feed.post", "rkey": key, "value": post(key) });
    let missing = json!({ "$type": "com.atproto.repo.applyWrites#delete", "collection": "app.bsky.feed.post", "rkey": "3jzfcijpj2z2z" });
    let half = json!({ "repo": alice.did, "writes": [create("3jzfcijpj2z2a"), missing] });
    assert_eq!(alice.post("com.atproto.repo.applyWrites", half).await.status, 400);
    let twice =
        json!({ "repo": alice.did, "writes": [create("3jzfcijpj2z2a"), create("3jzfcijpj2z2a")] });
    assert_eq!(alice.post("com.atproto.repo.applyWrites", twice).await.status, 400);
    assert_eq!(alice.head().await, before);

    let update = json!({ "$type": "com.atproto.repo.applyWrites#update", "collection": "app.bsky.feed.post", "rkey": "3jzfcijpj2z2a", "value": post("new") });
    let delete = json!({ "$type": "com.atproto.repo.applyWrites#delete", "collection": "app.bsky.feed.post", "rkey": "3jzfcijpj2z2b" });
    let first =
        json!({ "repo": alice.did, "writes": [create("3jzfcijpj2z2a"), create("3jzfcijpj2z2b")] });
    alice.post("com.atproto.repo.applyWrites", first).await.ok();
    let second = json!({ "repo": alice.did, "writes": [update, delete, create("3jzfcijpj2z2c")] });
    let done = alice.post("com.atproto.repo.applyWrites", second).await.ok();
    let kinds: Vec<_> =
        done["results"].as_array().unwrap().iter().map(|r| r["$type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["updateResult", "deleteResult", "createResult"]
            .map(|k| format!("com.atproto.repo.applyWrites#{k}"))
    );
}

#[tokio::test]
async fn pd_001_two_hundred_writes_and_no_more() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let writes = |count: usize| {
        let create = |n: usize| json!({ "$type": "com.atproto.repo.applyWrites#create", "collection": "com.example.thing", "rkey": format!("k{n}"), "value": { "n": n } });
        json!({ "repo": alice.did, "writes": (0..count).map(create).collect::<Vec<_>>() })
    };
    let refused = alice.post("com.atproto.repo.applyWrites", writes(201)).await.error();
    assert_eq!(refused, (400, "InvalidRequest".to_owned()));
    let done = alice.post("com.atproto.repo.applyWrites", writes(200)).await.ok();
    assert_eq!(done["results"].as_array().unwrap().len(), 200);
}

/// Objects inside one another, `depth` of them.
fn nested(depth: usize) -> serde_json::Value {
    (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }))
}

#[tokio::test]
async fn bad_records_are_refused_and_change_nothing() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let bob = pds.account("bob").await;
    let before = alice.head().await;
    let input = |collection: &str, rkey: Option<&str>, record: serde_json::Value| {
        let mut input = json!({ "repo": alice.did, "collection": collection, "record": record });
        if let Some(rkey) = rkey {
            input["rkey"] = rkey.into();
        }
        input
    };
    let post_name = "app.bsky.feed.post";
    let bad = [
        input(post_name, None, json!({ "text": "no createdAt" })),
        input(
            post_name,
            None,
            json!({ "$type": "app.bsky.feed.like", "text": "a", "createdAt": "2026-01-01T00:00:00Z" }),
        ),
        input(post_name, Some("not-a-tid"), post("a")),
        input(post_name, Some("bad key"), post("a")),
        input(post_name, None, json!("no object")),
        input(post_name, None, json!({ "text": 1.5 })),
        input("com.example.deep", None, nested(33)),
        input("app.bsky.actor.profile", Some("other"), json!({})),
        input("no nsid", None, json!({})),
        json!({ "repo": bob.did }),
        json!([]),
    ];
    for input in bad {
        let answer = alice.post("com.atproto.repo.createRecord", input.clone()).await;
        assert_eq!(answer.error(), (400, "InvalidRequest".to_owned()), "{input}");
    }
    let mut required = input("com.example.unknown", None, json!({}));
    required["validate"] = true.into();
    assert_eq!(alice.post("com.atproto.repo.createRecord", required).await.status, 400);
    let others = bob.new_post("not mine");
    assert_eq!(alice.post("com.atproto.repo.createRecord", others).await.status, 403);
    assert_eq!(alice.head().await, before);
}

#[tokio::test]
async fn lx_027_validation_is_waived_required_or_optimistic() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let create = |collection: &str, validate: Option<bool>| {
        let mut input =
            json!({ "repo": alice.did, "collection": collection, "record": { "a": 1 } });
        if let Some(validate) = validate {
            input["validate"] = validate.into();
        }
        input
    };
    let method = "com.atproto.repo.createRecord";
    let unknown = alice.post(method, create("com.example.thing", None)).await.ok();
    assert_eq!(unknown["validationStatus"], "unknown");
    assert_eq!(alice.post(method, create("com.example.thing", Some(true))).await.status, 400);
    let waived = alice.post(method, create("app.bsky.feed.post", Some(false))).await.ok();
    assert!(waived["validationStatus"].is_null());
    let profile =
        json!({ "repo": alice.did, "collection": "app.bsky.actor.profile", "record": {} });
    assert_eq!(rkey(&alice.post(method, profile).await.ok()), "self");
}

#[tokio::test]
async fn equal_records_under_two_paths_live_and_die_apart() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let one = alice.create("same").await.ok();
    let two = alice.create("same").await.ok();
    assert_eq!(one["cid"], two["cid"]);
    let delete =
        json!({ "repo": alice.did, "collection": "app.bsky.feed.post", "rkey": rkey(&one) });
    alice.post("com.atproto.repo.deleteRecord", delete).await.ok();
    let path =
        [("repo", alice.did.as_str()), ("collection", "app.bsky.feed.post"), ("rkey", &rkey(&two))];
    assert_eq!(pds.get("com.atproto.repo.getRecord", &path).await.ok()["value"], post("same"));
}

#[tokio::test]
async fn describe_repo_names_collections_and_checks_the_handle() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    alice.create("a").await.ok();
    let thing = json!({ "repo": alice.did, "collection": "com.example.thing", "record": {} });
    alice.post("com.atproto.repo.createRecord", thing).await.ok();
    let described = pds.get("com.atproto.repo.describeRepo", &[("repo", "alice.test")]).await.ok();
    assert_eq!(described["collections"], json!(["app.bsky.feed.post", "com.example.thing"]));
    assert_eq!(
        (&described["handleIsCorrect"], &described["handle"]),
        (&true.into(), &"alice.test".into())
    );
    assert_eq!(described["didDoc"]["id"], alice.did.as_str());
}

#[tokio::test]
async fn writing_needs_a_token() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let url = format!("{}/xrpc/com.atproto.repo.createRecord", pds.url);
    for token in [None, Some("nonsense".to_owned())] {
        let mut request = pds.http.post(&url).json(&alice.new_post("a"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(response.headers().contains_key("www-authenticate"));
    }
}
