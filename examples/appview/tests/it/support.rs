//! A whole small network: authors, their host that is also the relay, identities, an AppView.

mod process;
mod world;

use std::time::{Duration, Instant};

use atproto_core::{
    data::{cbor, json},
    syntax::{Nsid, RecordKey},
};
use atproto_repo::{event::Event, repo::Write};
use atproto_testkit::{Author, MicroPds};
use atproto_xrpc::auth::service::{ServiceClaims, mint};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use process::AppView;
pub(crate) use world::World;

/// The DID of the AppView.
pub(crate) const SERVICE: &str = "did:web:appview.test";
/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Network {
    pub(crate) pds: MicroPds,
    pub(crate) world: World,
    pub(crate) appview: AppView,
    pub(crate) http: reqwest::Client,
    pub(crate) dir: TempDir,
    last: std::sync::atomic::AtomicI64,
}

impl Network {
    pub(crate) async fn start() -> Self {
        let pds = MicroPds::start().await.unwrap();
        let world = World::start().await;
        let dir = tempfile::tempdir().unwrap();
        let appview = AppView::start(&pds, &world, dir.path());
        Self { pds, world, appview, http: client(), dir, last: 0.into() }
    }

    /// An account whose birth the relay has told.
    pub(crate) fn account(&self, name: &str, seed: u64) -> Author {
        let author = self.silent_account(name, seed);
        for event in author.birth() {
            self.publish(event);
        }
        author
    }

    /// An account that exists, and of which the relay has said nothing.
    pub(crate) fn silent_account(&self, name: &str, seed: u64) -> Author {
        let author = Author::new(&format!("{name}.test"), seed);
        self.world.insert(&author.document(self.pds.url()));
        self.pds.host(&author);
        author
    }

    pub(crate) fn publish(&self, event: Event) {
        let seq = self.pds.publish(event);
        self.last.store(seq, std::sync::atomic::Ordering::SeqCst);
    }

    /// Creates a record; returns its URI.
    pub(crate) fn create(
        &self,
        author: &mut Author,
        collection: &str,
        rkey: &str,
        record: Value,
    ) -> String {
        self.write(author, create(collection, rkey, record));
        uri(author, collection, rkey)
    }

    pub(crate) fn update(&self, author: &mut Author, collection: &str, rkey: &str, record: Value) {
        let Write::Create { collection, rkey, record } = create(collection, rkey, record) else {
            unreachable!("it makes nothing else")
        };
        self.write(author, Write::Update { collection, rkey, record });
    }

    pub(crate) fn delete(&self, author: &mut Author, collection: &str, rkey: &str) {
        self.write(author, delete(collection, rkey));
    }

    fn write(&self, author: &mut Author, write: Write) {
        let event = author.write(vec![write]);
        self.pds.host(author);
        self.publish(event);
    }

    /// Creates a post; returns a reference to it.
    pub(crate) fn post(&self, author: &mut Author, rkey: &str) -> Value {
        self.post_as(author, rkey, post(rkey))
    }

    pub(crate) fn post_as(&self, author: &mut Author, rkey: &str, record: Value) -> Value {
        let cid = cid(&record);
        json!({ "uri": self.create(author, POST, rkey, record), "cid": cid })
    }

    /// Waits until all that was published is indexed.
    pub(crate) async fn indexed(&self) {
        let last = self.last.load(std::sync::atomic::Ordering::SeqCst);
        self.until("indexed", || {
            self.figure("SELECT coalesce(max(cursor), 0) FROM firehose_position") >= last
        })
        .await;
    }

    /// Waits until all that was published is indexed, every handle is looked up, and no repo
    /// waits to be fetched.
    pub(crate) async fn settled(&self) {
        self.indexed().await;
        self.until("settled", || self.figure("SELECT count(*) FROM task") == 0).await;
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "{what}: not in {PATIENCE:?}\n{}", self.appview.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// One number from the AppView's database; 0 while there is none.
    pub(crate) fn figure(&self, sql: &str) -> i64 {
        let path = self.dir.path().join("appview.sqlite");
        let read = || -> rusqlite::Result<i64> {
            let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.query_row(sql, [], |row| row.get(0))
        };
        read().unwrap_or(0)
    }

    /// Calls a query as somebody, or as nobody.
    pub(crate) async fn get(
        &self,
        viewer: Option<&Author>,
        method: &str,
        params: &[(&str, &str)],
    ) -> Answer {
        let token = viewer.map(|viewer| token(viewer, SERVICE, method));
        self.get_with(token.as_deref(), method, params).await
    }

    pub(crate) async fn get_with(
        &self,
        token: Option<&str>,
        method: &str,
        params: &[(&str, &str)],
    ) -> Answer {
        let url = format!("{}/xrpc/{method}", self.appview.url);
        let mut request = self.http.get(url).query(params);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// The view of one post, or null.
    pub(crate) async fn view(&self, viewer: Option<&Author>, post: &Value) -> Value {
        let uri = post["uri"].as_str().unwrap();
        let answer = self.get(viewer, "app.bsky.feed.getPosts", &[("uris", uri)]).await;
        answer.ok()["posts"].get(0).cloned().unwrap_or_default()
    }

    pub(crate) async fn profile(&self, viewer: Option<&Author>, of: &Author) -> Answer {
        self.get(viewer, "app.bsky.actor.getProfile", &[("actor", of.did().as_str())]).await
    }

    /// The texts of a feed's posts.
    pub(crate) async fn timeline(&self, viewer: &Author) -> Vec<String> {
        texts(&self.get(Some(viewer), "app.bsky.feed.getTimeline", &[]).await.ok())
    }

    pub(crate) async fn author_feed(&self, viewer: Option<&Author>, of: &Author) -> Answer {
        self.get(viewer, "app.bsky.feed.getAuthorFeed", &[("actor", of.did().as_str())]).await
    }

    /// One value of the metrics; the name includes the labels.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.metrics().await;
        let line = text
            .lines()
            .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    pub(crate) async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.appview.admin);
        self.http.get(url).send().await.unwrap().text().await.unwrap()
    }
}

/// A status and a JSON body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        Self { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Status and name of a refusal.
    #[track_caller]
    pub(crate) fn error(self) -> (u16, String) {
        assert_ne!(self.status, 200, "{}", self.body);
        assert!(self.body["message"].is_string(), "{}", self.body);
        (self.status, self.body["error"].as_str().expect("an error has a name").to_owned())
    }
}

pub(crate) const POST: &str = "app.bsky.feed.post";
pub(crate) const LIKE: &str = "app.bsky.feed.like";
pub(crate) const REPOST: &str = "app.bsky.feed.repost";
pub(crate) const FOLLOW: &str = "app.bsky.graph.follow";
pub(crate) const BLOCK: &str = "app.bsky.graph.block";
pub(crate) const PROFILE: &str = "app.bsky.actor.profile";

const TIME: &str = "2026-01-01T00:00:00.000Z";

pub(crate) fn post(text: &str) -> Value {
    json!({ "$type": POST, "text": text, "createdAt": TIME })
}

pub(crate) fn post_at(text: &str, time: &str) -> Value {
    json!({ "$type": POST, "text": text, "createdAt": time })
}

pub(crate) fn reply(text: &str, root: &Value, parent: &Value) -> Value {
    let reply = json!({ "root": root, "parent": parent });
    json!({ "$type": POST, "text": text, "createdAt": TIME, "reply": reply })
}

pub(crate) fn quote(text: &str, of: &Value) -> Value {
    let embed = json!({ "$type": "app.bsky.embed.record", "record": of });
    json!({ "$type": POST, "text": text, "createdAt": TIME, "embed": embed })
}

pub(crate) fn to_post(collection: &str, subject: &Value) -> Value {
    json!({ "$type": collection, "subject": subject, "createdAt": TIME })
}

pub(crate) fn to_actor(collection: &str, subject: &Author) -> Value {
    json!({ "$type": collection, "subject": subject.did(), "createdAt": TIME })
}

pub(crate) fn named(name: &str) -> Value {
    json!({ "$type": PROFILE, "displayName": name })
}

pub(crate) fn create(collection: &str, rkey: &str, record: Value) -> Write {
    let record = cbor::encode(&json::from_json(record).unwrap()).into();
    let collection = Nsid::new(collection).unwrap();
    Write::Create { collection, rkey: RecordKey::new(rkey).unwrap(), record }
}

pub(crate) fn delete(collection: &str, rkey: &str) -> Write {
    let collection = Nsid::new(collection).unwrap();
    Write::Delete { collection, rkey: RecordKey::new(rkey).unwrap() }
}

pub(crate) fn uri(author: &Author, collection: &str, rkey: &str) -> String {
    format!("at://{}/{collection}/{rkey}", author.did())
}

fn cid(record: &Value) -> String {
    let bytes = cbor::encode(&json::from_json(record.clone()).unwrap());
    atproto_core::syntax::Cid::dag_cbor(&bytes).to_string()
}

/// A token for one call.
pub(crate) fn token(author: &Author, audience: &str, method: &str) -> String {
    signed(author, &ServiceClaims::new(author.did().clone(), audience, method))
}

pub(crate) fn signed(author: &Author, claims: &ServiceClaims) -> String {
    mint(author.key(), claims).unwrap()
}

/// The texts of the posts of a feed.
pub(crate) fn texts(feed: &Value) -> Vec<String> {
    let items = feed["feed"].as_array().unwrap().iter();
    items.map(|item| item["post"]["record"]["text"].as_str().unwrap().to_owned()).collect()
}

fn client() -> reqwest::Client {
    // Another test of this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
