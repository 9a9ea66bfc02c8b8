//! A relay on loopback with a directory in memory, and subscribers of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atproto_core::data::Map;
use atproto_core::data::{Value, cbor};
use atproto_core::syntax::{Did, Nsid, RecordKey};
use atproto_repo::event::{CommitEvent, Event, EventError};
use atproto_repo::repo::Write;
use atproto_testkit::{Author, Directory, MicroPds};
use atproto_xrpc::client::subscribe::{self, FrameStream, SubscribeOptions};
use clap::Parser;
use futures::StreamExt;
use relay::app::App;
use relay::config::Args;
use relay::hostname::{HostPolicy, Hostname};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a test waits for what must happen. It is never waited for in vain.
const PATIENCE: Duration = Duration::from_secs(20);

/// The password of the test's operator.
pub(crate) const PASSWORD: &str = "sesame";

/// A relay that runs, and everything that it talks to.
pub(crate) struct Relay {
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    pub(crate) directory: Directory,
    options: Vec<OsString>,
    data: Arc<TempDir>,
    end: CancellationToken,
    server: JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn start() -> Self {
        Self::with_options(&[]).await
    }

    /// A relay with further options on its command line.
    pub(crate) async fn with_options(options: &[&str]) -> Self {
        let data = Arc::new(TempDir::new().unwrap());
        let options = options.iter().map(OsString::from).collect();
        Self::open(data, Directory::default(), options).await
    }

    /// Ends the relay in order.
    pub(crate) async fn stop(self) -> Stopped {
        self.end.cancel();
        self.server.await.unwrap();
        self.app.close().await.unwrap();
        let Self { directory, options, data, .. } = self;
        Stopped { data, directory, options }
    }

    async fn open(data: Arc<TempDir>, directory: Directory, options: Vec<OsString>) -> Self {
        let mut line: Vec<OsString> = ["relay", "--allow-insecure-hosts", "--admin-password"]
            .into_iter()
            .chain([PASSWORD, "--identity-refresh", "0", "--data"])
            .map(OsString::from)
            .collect();
        line.push(data.path().into());
        line.extend(options.iter().cloned());
        let args = Args::try_parse_from(line).unwrap();
        let app = App::open_with(args, Arc::new(directory.clone())).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let end = CancellationToken::new();
        let router = relay::api::router(&app, end.clone());
        let ended = end.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            let config = atproto_xrpc::server::ServeConfig::default();
            atproto_xrpc::server::serve(listener, router, config, ended).await.unwrap();
        });
        Self { app, url, directory, options, data, end, server }
    }

    /// Subscribes to a host.
    pub(crate) async fn crawl(&self, pds: &MicroPds) {
        self.app.hosts.add(&name(pds)).await.unwrap();
    }

    /// Makes an account known at a host, and the host announce it.
    pub(crate) fn settle(&self, author: &Author, pds: &MicroPds) {
        self.directory.insert(author.document(pds.url()));
        pds.announce(author);
    }

    /// Everything in the stream after a cursor.
    pub(crate) async fn subscribe(&self, cursor: i64) -> Subscriber {
        Subscriber(self.connect(&format!("?cursor={cursor}")).await)
    }

    pub(crate) async fn connect(&self, query: &str) -> FrameStream {
        let url = format!("{}/xrpc/com.atproto.sync.subscribeRepos{query}", self.url);
        subscribe::connect(&url, &SubscribeOptions::default()).await.unwrap()
    }

    /// Waits until the relay has settled everything that a host has sent up to here.
    pub(crate) async fn settled(&self, pds: &MicroPds, seq: i64) {
        eventually("the host's events are settled", || async {
            self.app.hosts.get(&name(pds)).is_some_and(|host| host.cursor() >= seq)
        })
        .await;
    }

    pub(crate) fn outcome(&self, word: &str) -> u64 {
        self.app.ingest.counts().outcome(word)
    }

    pub(crate) fn refusal(&self, reason: &str) -> u64 {
        self.app.ingest.counts().refusal(reason)
    }

    /// Calls an endpoint and returns the status and the JSON.
    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        answer(http().get(format!("{}{path}", self.url))).await
    }

    /// Posts JSON as the operator.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let request = http().post(format!("{}{path}", self.url));
        answer(request.basic_auth("admin", Some(PASSWORD)).json(&body)).await
    }
}

/// What stays of a relay that has ended.
pub(crate) struct Stopped {
    data: Arc<TempDir>,
    directory: Directory,
    options: Vec<OsString>,
}

impl Stopped {
    pub(crate) async fn start(self) -> Relay {
        Relay::open(self.data, self.directory, self.options).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }
}

/// A reader of the relay's stream.
pub(crate) struct Subscriber(FrameStream);

impl Subscriber {
    /// The next event.
    pub(crate) async fn next(&mut self) -> Event {
        self.try_next().await.unwrap()
    }

    pub(crate) async fn try_next(&mut self) -> Result<Event, EventError> {
        let frame = tokio::time::timeout(PATIENCE, self.0.next()).await;
        Event::decode(frame.expect("an event in time").expect("the stream goes on").unwrap())
    }

    /// So many next events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await);
        }
        events
    }

    /// All events up to and with the commit of this revision.
    pub(crate) async fn until(&mut self, last: &CommitEvent) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await;
            let found = matches!(&event, Event::Commit(event) if event.commit == last.commit);
            events.push(event);
            if found {
                return events;
            }
        }
    }
}

pub(crate) fn name(pds: &MicroPds) -> Hostname {
    Hostname::parse(pds.url(), HostPolicy::Insecure).unwrap()
}

pub(crate) fn commit(event: &Event) -> &CommitEvent {
    match event {
        Event::Commit(event) => event,
        other => panic!("{} is not a commit", other.kind()),
    }
}

/// A record of a given length in bytes, more or less.
pub(crate) fn record(text: &str, length: usize) -> Vec<u8> {
    let filler = Value::from("x".repeat(length));
    let fields = [("text", Value::from(text)), ("filler", filler)];
    let map: Map = fields.into_iter().map(|(key, value)| (String::from(key), value)).collect();
    cbor::encode(&Value::Map(map))
}

/// A write that creates a record in a collection of its own.
pub(crate) fn create(rkey: &str, length: usize) -> Write {
    Write::Create {
        collection: Nsid::new("com.example.note").unwrap(),
        rkey: RecordKey::new(rkey).unwrap(),
        record: record(rkey, length).into(),
    }
}

/// What can be compared of events that went through the relay: all but the number.
pub(crate) fn renumbered(events: &[Event]) -> Vec<Event> {
    events.iter().map(|event| event.clone().with_seq(1)).collect()
}

/// Waits until a condition holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "not in time: {what}");
}

/// The folder with recorded data, or `None` where there is none and none is needed.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    match std::env::var_os("ATPROTO_SHARED") {
        Some(path) => Some(Path::new(&path).join(name)),
        None if std::env::var_os("CI").is_some() => panic!("ATPROTO_SHARED is not set"),
        None => {
            eprintln!("skipped: ATPROTO_SHARED is not set");
            None
        }
    }
}

pub(crate) fn did_of(author: &Author) -> Did {
    author.did().clone()
}

fn http() -> reqwest::Client {
    // Installed once for all tests; the first stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, serde_json::Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}
