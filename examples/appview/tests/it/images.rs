//! Blobs as images: only real ones, and only what the address says.

use atproto_core::syntax::Cid;

use crate::support::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest";
const HTML: &[u8] = b"<script>alert(1)</script>";

#[tokio::test]
async fn only_true_image_bytes_with_the_right_hash_are_served() {
    let net = Network::start().await;
    let alice = net.account("alice", 1);
    net.settled().await;
    // The host of the blobs is the scripted one.
    net.world.insert(&alice.document(net.world.url()));
    net.publish(alice.identity());
    net.settled().await;
    let (png, html, false_png) = (Cid::raw(PNG), Cid::raw(HTML), Cid::raw(b"something else"));
    net.world.insert_blob(&png, PNG);
    net.world.insert_blob(&html, HTML);
    net.world.insert_blob(&false_png, PNG);
    let get = async |path: String| {
        net.http.get(format!("{}/img/{path}", net.appview.url)).send().await.unwrap()
    };
    let did = alice.did();
    let response = get(format!("{did}/{png}")).await;
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "image/png");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["content-security-policy"], "default-src 'none'; sandbox");
    assert_eq!(response.bytes().await.unwrap(), PNG);

    for cid in [html, false_png, Cid::raw(b"not there")] {
        assert_eq!(get(format!("{did}/{cid}")).await.status(), 404);
    }
    assert_eq!(get(format!("did:plc:zzzzzzzzzzzzzzzzzzzzzzzz/{png}")).await.status(), 404);
    assert_eq!(get("nobody/nothing".to_owned()).await.status(), 400);
    net.publish(alice.account(Some("takendown")));
    net.indexed().await;
    assert_eq!(get(format!("{did}/{png}")).await.status(), 404);
}
