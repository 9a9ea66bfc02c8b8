//! The server is killed while clients write: T93.
//!
//! What was acknowledged is in the repository and in the stream, and the stream holds
//! every commit once, each following the one before. A server that sequenced before its
//! commit was durable, or forgot to sequence one that was, fails here within a few kills.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use atproto_core::{crypto::PublicKey, syntax::Did};
use atproto_repo::event::Event;
use serde_json::Value;

use crate::{
    export::verified,
    harness::{Pds, post},
    stream::{subscribe, take},
};

const KILLS: u64 = 20;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A server in a process of its own.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pds"))
            .args(["--port", "0", "--jwt-secret", SECRET, "--dev-mode", "--data"])
            .arg(data)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the server says where it listens").unwrap();
            let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
            if let Some(address) = line["listen"].as_str() {
                break format!("http://{address}");
            }
        };
        // Its log has to go somewhere, or it waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Writes one record after the other until it is told to stop; returns the paths that were
/// acknowledged.
async fn write(url: String, did: Did, token: String, stop: Arc<AtomicBool>) -> Vec<String> {
    let http = reqwest::Client::new();
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let input = serde_json::json!({
            "repo": did, "collection": "app.bsky.feed.post", "record": post("still here"),
        });
        let request = http.post(format!("{url}/xrpc/com.atproto.repo.createRecord"));
        let Ok(response) = request.bearer_auth(&token).json(&input).send().await else { break };
        if response.status() != 200 {
            break;
        }
        let Ok(answer) = response.json::<Value>().await else { break };
        let uri = answer["uri"].as_str().unwrap();
        acknowledged.push(uri.strip_prefix(&format!("at://{did}/")).unwrap().to_owned());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_sent_twice() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--jwt-secret", SECRET];
    let pds = Pds::start_on(dir.path(), &options).await;
    let mut users: Vec<(Did, PublicKey, String)> = Vec::new();
    for name in ["alice", "bob"] {
        let user = pds.account(name).await;
        users.push((user.did, user.key, user.token));
    }
    pds.stop().await;

    let mut acknowledged: Vec<HashSet<String>> = vec![HashSet::new(); users.len()];
    for kill in 0..KILLS {
        let server = Server::start(dir.path());
        let stop = Arc::new(AtomicBool::new(false));
        // Two writers on each repository.
        let writers: Vec<_> = (0..users.len() * 2)
            .map(|n| {
                let (did, _, token) = users[n % users.len()].clone();
                tokio::spawn(write(server.url.clone(), did, token, Arc::clone(&stop)))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20 + kill * 37 % 200)).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for (n, writer) in writers.into_iter().enumerate() {
            acknowledged[n % users.len()].extend(writer.await.unwrap());
        }
    }

    let pds = Pds::start_on(dir.path(), &options).await;
    assert!(acknowledged.iter().all(|paths| !paths.is_empty()), "the writers wrote");
    let last = pds.app.producer.log().last_seq();
    for ((did, key, _), paths) in users.iter().zip(&acknowledged) {
        let user = pds.user(did.clone(), key.clone()).await;
        user.create("the last one").await.ok();
        let repo =
            verified(pds.bytes("com.atproto.sync.getRepo", &[("did", did.as_str())]).await, key);
        assert!(paths.iter().all(|path| repo.contains_key(path)), "a write is missing");
        check_stream(&pds, did, repo.len(), &user.head().await).await;
    }
    assert!(pds.app.producer.log().last_seq() >= last + 2);
    pds.stop().await;
}

/// The stream tells of each of the account's commits once and in order, up to the head.
async fn check_stream(pds: &Pds, did: &Did, records: usize, head: &Value) {
    let mut stream = subscribe(pds, Some(0)).await;
    let (mut rev, mut data, mut created) = (None, None, 0);
    loop {
        let event = take(&mut stream, 1).await.remove(0);
        let Event::Commit(commit) = event else { continue };
        if commit.repo != *did {
            continue;
        }
        assert_eq!(
            (commit.since, commit.prev_data),
            (rev, data),
            "a commit is missing or repeated"
        );
        created += commit.ops.len();
        rev = Some(commit.rev);
        data = Some(data_of(&commit));
        if commit.rev.to_string() == head["rev"].as_str().unwrap() {
            break;
        }
    }
    assert_eq!(created, records);
}

fn data_of(commit: &atproto_repo::event::CommitEvent) -> atproto_core::syntax::Cid {
    let limits = atproto_repo::car::Limits::default();
    let (_, blocks) = atproto_repo::car::read_all(commit.blocks.clone(), &limits).unwrap();
    let block = blocks.get(&commit.commit).unwrap();
    atproto_repo::commit::Commit::decode(block).unwrap().data
}
