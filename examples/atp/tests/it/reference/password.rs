use std::sync::{Arc, atomic::Ordering};

use atproto_core::syntax::RecordKey;
use atproto_lexicons::{
    app::bsky::feed::Post,
    com::atproto::{
        repo::ListRecords,
        server::GetSession,
        sync::{GetBlob, GetRepo},
    },
};
use atproto_xrpc::{
    Client, Session,
    auth::jwt::{self, Unverified},
    client::{RetryPolicy, Upload, store::FileStore},
};
use bytes::Bytes;
use futures::{TryStreamExt, future, stream};
use serde_json::Value;

use super::{PASSWORD, Reference, counting, post};

/// The secret of the reference PDS in tests.
const JWT_SECRET: &[u8] = b"jwt-secret";

#[tokio::test(flavor = "multi_thread")]
async fn an_account_lives_through_its_records_blobs_and_logins() {
    let Some(reference) = Reference::find() else { return };
    let member = reference.sign_up("petra").await;
    let client = reference.client();
    let wrong = client.login(member.handle.as_str(), "wrong").await.unwrap_err();
    assert_eq!(wrong.name(), Some("AuthenticationRequired"));

    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::new(folder.path().join("sessions.json")));
    let session = client.login(member.handle.as_str(), PASSWORD).await.unwrap();
    let session = session.keep_in(store.clone()).await.unwrap();
    assert_eq!((session.did(), session.handle()), (member.did.clone(), member.handle.clone()));

    let written = session.create(&post("one")).await.unwrap();
    let key = RecordKey::new("3jzfcijpj2z2a").unwrap();
    session.create_at(&key, &post("two")).await.unwrap();
    session.put(&key, &post("three")).await.unwrap();
    assert_eq!(session.get::<Post>(&key).await.unwrap().text, "three");
    let list = || {
        let mut list = ListRecords::new(member.did.clone(), "app.bsky.feed.post".parse().unwrap());
        list.limit = 1;
        list
    };
    let pages: Vec<_> = session.pages(list()).try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.records.len()).sum::<usize>(), 2);
    session.delete::<Post>(&key).await.unwrap();
    session.delete::<Post>(&key).await.unwrap();
    let gone = session.get::<Post>(&key).await.unwrap_err();
    assert_eq!(gone.name(), Some("RecordNotFound"));

    // A blob goes up piece by piece, is kept by a record, and comes down so.
    let pieces = || {
        stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[9; 10_000]))))
    };
    let upload = Upload::new(Some(1_000_000), pieces);
    let blob = session.upload_stream("application/octet-stream", upload).await.unwrap();
    assert_eq!(blob.size(), Some(1_000_000));
    let mut with_blob = serde_json::to_value(post("with a file")).unwrap();
    with_blob["file"] = serde_json::to_value(&blob).unwrap();
    session.create(&serde_json::from_value::<Post>(with_blob).unwrap()).await.unwrap();
    let download = client.download(GetBlob::new(member.did.clone(), blob.cid())).await.unwrap();
    let bytes: Vec<_> = download.try_collect().await.unwrap();
    assert_eq!(bytes.iter().map(Bytes::len).sum::<usize>(), 1_000_000);
    let archive = client.query(GetRepo::new(member.did.clone())).await.unwrap();
    assert_eq!(archive.content_type, "application/vnd.ipld.car");
    assert!(written.commit.is_some());

    let resumed = client.restore(store.clone(), &member.did).await.unwrap().unwrap();
    let before = resumed.state();
    resumed.refresh().await.unwrap();
    assert_ne!(resumed.state().refresh_jwt, before.refresh_jwt);
    assert_eq!(resumed.call(GetSession {}).await.unwrap().did, member.did);
    let again = client.restore(store.clone(), &member.did).await.unwrap().unwrap();
    assert!(again.state() == resumed.state(), "the new tokens are in the store");
    resumed.logout().await.unwrap();
    assert!(client.restore(store, &member.did).await.unwrap().is_none());
    let ended = client.resume(again.state()).refresh().await.unwrap_err();
    assert_eq!(ended.name(), Some("ExpiredToken"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_tasks_make_one_refresh() {
    let Some(reference) = Reference::find() else { return };
    let member = reference.sign_up("paul").await;
    let (transport, refreshes) = counting("/xrpc/com.atproto.server.refreshSession");
    let client = Client::builder().transport(transport).retry(RetryPolicy::never());
    let client = client.build(&reference.pds).unwrap();
    let session = client.login(member.handle.as_str(), PASSWORD).await.unwrap();

    // The same token, as it will be when it has expired.
    let mut state = session.state();
    let mut claims: Value = Unverified::parse(&state.access_jwt).unwrap().claims().unwrap();
    claims["exp"] = claims["iat"].clone();
    claims["iat"] = (claims["iat"].as_u64().unwrap() - 7200).into();
    state.access_jwt = jwt::sign_hs256(JWT_SECRET, "at+jwt", &claims).unwrap();
    let session = client.resume(state);
    let tasks = (0..64).map(|_| {
        let session = session.clone();
        tokio::spawn(async move { session.call(GetSession {}).await })
    });
    for task in future::join_all(tasks).await {
        assert_eq!(task.unwrap().unwrap().did, member.did);
    }
    assert_eq!(refreshes.load(Ordering::Relaxed), 1);
}
