//! Serves a query, a procedure and a subscription by type, each behind a policy, and calls
//! them.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::bail;
use atproto_core::{
    data::{Map, Value, cbor},
    object::Message,
    syntax::{AtUri, Cid, Datetime, Did, Nsid, RecordKey, Tid},
};
use atproto_lexicons::com::atproto::{
    repo::{CreateRecord, CreateRecordOutput, GetRecord, GetRecordError, GetRecordOutput},
    sync::{SubscribeRepos, SubscribeReposMessage, subscribe_repos::Account},
};
use atproto_xrpc::{
    Client, XrpcError,
    auth::session::{Scope, SessionClaims, SessionTokens},
    client::CallError,
    server::{AccessToken, Context, Public, Router, RouterConfig, ServeConfig, StreamError, serve},
};
use futures::{StreamExt, stream};
use http::{HeaderValue, header::AUTHORIZATION};
use tokio::net::TcpListener;

pub(crate) async fn run() -> anyhow::Result<()> {
    let (alice, server) =
        (Did::new("did:web:alice.example.com")?, Did::new("did:web:pds.example.com")?);
    let sessions = Arc::new(SessionTokens::new(*b"a secret of the server's own, 32", &server)?);
    let token = sessions.mint(&alice, Scope::Access).access_jwt;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let anybody = Client::new(&format!("http://{}", listener.local_addr()?))?;
    let app = router(sessions, &alice).into_router();
    tokio::spawn(serve(listener, app, ServeConfig::default(), pending()));

    let notes = Nsid::new("com.example.note")?;
    let note = Map::from([("$type", notes.as_str()), ("text", "hello")]);
    let write = CreateRecord::new(alice.clone(), notes.clone(), note);
    match anybody.call(write.clone()).await {
        Err(CallError::Other(error)) => println!("a stranger is told: {error}"),
        other => bail!("a stranger has written: {other:?}"),
    }
    let bearer = HeaderValue::try_from(format!("Bearer {token}"))?;
    let owner = anybody.clone().with_header(AUTHORIZATION, bearer);
    let uri = owner.call(write).await?.uri;
    println!("alice wrote {}", uri.collection().map_or_else(String::new, |it| it.to_string()));

    let Some(rkey) = uri.rkey() else { bail!("{uri} names no record") };
    let found = anybody.call(GetRecord::new(alice, notes, rkey)).await?;
    println!("anybody reads {:?}", found.value);

    let events = anybody.subscribe(&SubscribeRepos { cursor: None }).await?;
    let mut events = events.into_messages::<SubscribeReposMessage>();
    while let Some(event) = events.next().await {
        println!("the stream says {}", event?.kind());
    }
    Ok(())
}

/// Who may call a route is said with it. What comes in is held against the lexicons.
fn router(sessions: Arc<SessionTokens>, account: &Did) -> Router {
    let written = Arc::new(Records::default());
    let read = Arc::clone(&written);
    let greeting = Account::new(1, account.clone(), Datetime::now(), true);
    let greeting = SubscribeReposMessage::from(greeting).to_frame();
    Router::new(RouterConfig::default().catalog(Arc::new(atproto_lexicons::catalog())))
        .query::<GetRecord, _>(Public, move |_: Context<()>, params: GetRecord| {
            let found = read.get(&params);
            async move { found.ok_or(GetRecordError::RecordNotFound(None)) }
        })
        .procedure::<CreateRecord, _>(
            AccessToken::new(sessions),
            move |context: Context<SessionClaims>, input: CreateRecord| {
                let (uri, cid) = written.put(&context.proof.sub, input);
                async move { Ok::<_, XrpcError>(CreateRecordOutput::new(uri, cid)) }
            },
        )
        .subscription::<SubscribeRepos, _>(Public, move |_: Context<()>, _: SubscribeRepos| {
            let frame = greeting.clone().map_err(|_| StreamError::new("InternalError"));
            async move { Ok::<_, XrpcError>(stream::iter([frame.map(Into::into)])) }
        })
}

/// Records by their URI.
#[derive(Default)]
struct Records {
    records: Mutex<HashMap<AtUri, Value>>,
}

impl Records {
    fn get(&self, params: &GetRecord) -> Option<GetRecordOutput> {
        let uri = AtUri::from_parts(params.repo.as_did()?, &params.collection, &params.rkey);
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(&uri).map(|value| GetRecordOutput::new(uri.clone(), value.clone()))
    }

    /// Writes as the account that has proven itself, whatever the input says.
    fn put(&self, account: &Did, input: CreateRecord) -> (AtUri, Cid) {
        let rkey = input.rkey.unwrap_or_else(|| RecordKey::from(Tid::now()));
        let uri = AtUri::from_parts(account, &input.collection, &rkey);
        let cid = Cid::dag_cbor(&cbor::encode(&input.record));
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.insert(uri.clone(), input.record);
        (uri, cid)
    }
}
