//! Blobs from upload to deletion.

use atproto_core::syntax::Cid;
use serde_json::{Value, json};

use crate::harness::{Answer, Pds, User, rkey};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest of an image";

fn with_image(alice: &User<'_>, blob: &Value) -> Value {
    let mut input = alice.new_post("look");
    input["record"]["embed"] = json!({
        "$type": "app.bsky.embed.images",
        "images": [{ "alt": "", "image": blob }],
    });
    input
}

async fn fetch(pds: &Pds, alice: &User<'_>, cid: &str) -> reqwest::Response {
    let url = format!("{}/xrpc/com.atproto.sync.getBlob?did={}&cid={cid}", pds.url, alice.did);
    pds.http.get(url).send().await.unwrap()
}

async fn listed(pds: &Pds, alice: &User<'_>) -> Value {
    let did = alice.did.as_str();
    pds.get("com.atproto.sync.listBlobs", &[("did", did)]).await.ok()["cids"].clone()
}

#[tokio::test]
async fn bl_003_a_blob_is_seen_while_a_record_refers_to_it() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let blob = alice.upload("image/jpeg", PNG.to_vec()).await.ok()["blob"].clone();
    let cid = blob["ref"]["$link"].as_str().unwrap();
    assert_eq!(cid, Cid::raw(PNG).to_string());
    assert_eq!((&blob["mimeType"], &blob["size"]), (&"image/png".into(), &PNG.len().into()));
    assert_eq!(fetch(&pds, &alice, cid).await.status(), 400);
    assert_eq!(listed(&pds, &alice).await, json!([]));

    let one = alice.post("com.atproto.repo.createRecord", with_image(&alice, &blob)).await.ok();
    let two = alice.post("com.atproto.repo.createRecord", with_image(&alice, &blob)).await.ok();
    assert_eq!(listed(&pds, &alice).await, json!([cid]));
    for record in [one, two] {
        let response = fetch(&pds, &alice, cid).await;
        assert_eq!(response.bytes().await.unwrap(), PNG);
        let path =
            json!({ "repo": alice.did, "collection": "app.bsky.feed.post", "rkey": rkey(&record) });
        alice.post("com.atproto.repo.deleteRecord", path).await.ok();
    }
    assert_eq!(fetch(&pds, &alice, cid).await.status(), 400);
    assert_eq!(listed(&pds, &alice).await, json!([]));
    // BL-007: what is gone has to be uploaded again.
    let gone = alice.post("com.atproto.repo.createRecord", with_image(&alice, &blob)).await;
    assert_eq!(gone.error(), (400, "BlobNotFound".to_owned()));
}

/// A blob that moves from one record to another in one commit stays.
#[tokio::test]
async fn a_blob_survives_its_move_to_another_record() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let blob = alice.upload("image/png", PNG.to_vec()).await.ok()["blob"].clone();
    let input = with_image(&alice, &blob);
    let old = alice.post("com.atproto.repo.createRecord", input.clone()).await.ok();
    let writes = json!([
        { "$type": "com.atproto.repo.applyWrites#delete", "collection": "app.bsky.feed.post", "rkey": rkey(&old) },
        { "$type": "com.atproto.repo.applyWrites#create", "collection": "app.bsky.feed.post", "value": input["record"] },
    ]);
    alice
        .post("com.atproto.repo.applyWrites", json!({ "repo": alice.did, "writes": writes }))
        .await
        .ok();
    let cid = blob["ref"]["$link"].as_str().unwrap();
    assert_eq!(fetch(&pds, &alice, cid).await.bytes().await.unwrap(), PNG);
}

#[tokio::test]
async fn bl_010_served_blobs_are_harmless() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let html = b"<html><script>alert(1)</script>".to_vec();
    let blob = alice.upload("text/html; charset=utf-8", html).await.ok()["blob"].clone();
    let record =
        json!({ "repo": alice.did, "collection": "com.example.file", "record": { "file": blob } });
    alice.post("com.atproto.repo.createRecord", record).await.ok();
    let response = fetch(&pds, &alice, blob["ref"]["$link"].as_str().unwrap()).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    assert!(header("content-disposition").starts_with("attachment; filename=\"bafkrei"));
}

#[tokio::test]
async fn bl_006_a_record_must_tell_the_truth_about_a_blob() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let blob = alice.upload("image/png", PNG.to_vec()).await.ok()["blob"].clone();
    for (field, wrong) in [("size", json!(1)), ("mimeType", json!("image/jpeg"))] {
        let mut lie = blob.clone();
        lie[field] = wrong;
        let answer = alice.post("com.atproto.repo.createRecord", with_image(&alice, &lie)).await;
        assert_eq!(answer.error(), (400, "InvalidRequest".to_owned()));
    }
    let mut unknown = blob.clone();
    unknown["ref"]["$link"] = Cid::raw(b"never uploaded").to_string().into();
    let answer = alice.post("com.atproto.repo.createRecord", with_image(&alice, &unknown)).await;
    assert_eq!(answer.error(), (400, "BlobNotFound".to_owned()));
    // The lexicon wants an image.
    let text = alice.upload("text/plain", b"words".to_vec()).await.ok()["blob"].clone();
    let answer = alice.post("com.atproto.repo.createRecord", with_image(&alice, &text)).await;
    assert_eq!(answer.error(), (400, "InvalidRequest".to_owned()));
}

#[tokio::test]
async fn bl_008_uploading_again_changes_nothing() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let first = alice.upload("text/plain", b"words".to_vec()).await.ok();
    let again = alice.upload("text/markdown", b"words".to_vec()).await.ok();
    assert_eq!(first, again);
}

/// BL-015: the same bytes in two accounts are two blobs.
#[tokio::test]
async fn blobs_belong_to_accounts() {
    let (pds, _dir) = Pds::start().await;
    let (alice, bob) = (pds.account("alice").await, pds.account("bob").await);
    let blob = alice.upload("image/png", PNG.to_vec()).await.ok()["blob"].clone();
    let stolen = bob.post("com.atproto.repo.createRecord", with_image(&bob, &blob)).await;
    assert_eq!(stolen.error(), (400, "BlobNotFound".to_owned()));
}

#[tokio::test]
async fn bl_016_uploads_are_limited() {
    let dir = tempfile::tempdir().unwrap();
    let limits = ["--blob-upload-limit", "100", "--blob-quota", "150"];
    let pds = Pds::start_on(dir.path(), &limits).await;
    let alice = pds.account("alice").await;
    let too_large = alice.upload("text/plain", vec![b'a'; 101]).await;
    assert_eq!(too_large.error(), (413, "PayloadTooLarge".to_owned()));
    alice.upload("text/plain", vec![b'a'; 100]).await.ok();
    let over_quota = alice.upload("text/plain", vec![b'b'; 100]).await;
    assert_eq!(over_quota.error(), (400, "BlobQuotaExceeded".to_owned()));
    alice.upload("text/plain", vec![b'a'; 100]).await.ok();
}

#[tokio::test]
async fn an_empty_upload_is_refused_and_leaves_nothing() {
    let (pds, dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let empty = alice.upload("image/png", Vec::new()).await;
    assert_eq!(empty.error(), (400, "InvalidRequest".to_owned()));
    let url = format!("{}/xrpc/com.atproto.repo.uploadBlob", pds.url);
    let without_length = pds.http.post(url).bearer_auth(&alice.token).send().await.unwrap();
    assert_eq!(without_length.status(), 400);
    let files = std::fs::read_dir(dir.path().join("blobs")).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["temporary"]);
}

#[tokio::test]
async fn a_compressed_upload_is_refused() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let url = format!("{}/xrpc/com.atproto.repo.uploadBlob", pds.url);
    let upload = pds.http.post(url).bearer_auth(&alice.token).header("content-encoding", "gzip");
    let answer = Answer::of(upload.body(PNG).send().await.unwrap()).await;
    assert_eq!(answer.error(), (415, "UnsupportedMediaType".to_owned()));
}

#[tokio::test]
async fn dm_027_new_records_have_no_blobs_in_the_legacy_form() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let blob = alice.upload("image/png", PNG.to_vec()).await.ok()["blob"].clone();
    let legacy = json!({ "cid": blob["ref"]["$link"], "mimeType": "image/png" });
    let before = alice.head().await;
    for record in [json!({ "a": legacy }), json!({ "a": [[{ "b": legacy }]] })] {
        let input =
            json!({ "repo": alice.did, "collection": "org.example.thing", "record": record });
        let refused = alice.post("com.atproto.repo.createRecord", input).await;
        assert_eq!(refused.error(), (400, "InvalidRequest".to_owned()));
    }
    assert_eq!(alice.head().await, before);
}
