//! `atp backfill`: repositories of a host into a file.

use atproto_core::syntax::Datetime;
use atproto_lexicons::app::bsky::{feed::Post, graph::Follow};
use atproto_testkit::{Author, MicroPds};
use serde_json::Value;

use crate::{
    host::Host,
    support::{Run, arg, atp},
};

struct Scene {
    pds: MicroPds,
    directory: Host,
    authors: Vec<Author>,
    folder: tempfile::TempDir,
}

impl Scene {
    /// Two authors, each with a post and somebody whom they follow.
    async fn new() -> Self {
        let (pds, directory) = (MicroPds::start().await.unwrap(), Host::start());
        let mut authors: Vec<_> =
            (0..2).map(|seed| Author::new(&format!("author{seed}.test"), seed)).collect();
        for author in &mut authors {
            let document = serde_json::to_vec(&author.document(pds.url())).unwrap();
            directory.put(&format!("/{}", author.did()), document);
            author.create(&Post::new("hello", Datetime::now()));
            author.create(&Follow::new(author.did().clone(), Datetime::now()));
            pds.host(author);
        }
        Self { pds, directory, authors, folder: tempfile::tempdir().unwrap() }
    }

    async fn backfill(&self, more: &[&str]) -> Run {
        let file = self.file();
        let args = ["--json", "backfill", self.pds.url(), "--to", &file, "--allow-loopback"];
        let args = [&args[..], &["--plc-url", self.directory.url()], more].concat();
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        tokio::task::spawn_blocking(move || atp(&args)).await.unwrap()
    }

    fn file(&self) -> String {
        arg(self.folder.path(), "records.sqlite")
    }

    /// `COLLECTION TEXT` of every record.
    fn records(&self) -> Vec<String> {
        let file = rusqlite::Connection::open(self.file()).unwrap();
        let mut all = file.prepare("SELECT collection, record FROM record ORDER BY 1, 2").unwrap();
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(|row| {
            let (collection, record): (String, String) = row.unwrap();
            let record: Value = serde_json::from_str(&record).unwrap();
            format!("{collection} {}", record["text"].as_str().unwrap_or_default())
        })
        .collect()
    }
}

const POST: &str = "app.bsky.feed.post";

#[tokio::test]
async fn repositories_are_copied_and_then_what_has_changed() {
    let mut scene = Scene::new().await;
    let first = scene.backfill(&["--collection", POST]).await.fine().json();
    assert_eq!((&first[0]["repositories"], &first[0]["requests"]), (&2.into(), &2.into()));
    assert_eq!(scene.records(), [format!("{POST} hello"), format!("{POST} hello")]);
    let author = &mut scene.authors[1];
    author.create(&Post::new("later", Datetime::now()));
    scene.pds.host(author);
    scene.backfill(&["--collection", POST]).await.fine();
    let posts = ["hello", "hello", "later"].map(|text| format!("{POST} {text}"));
    assert_eq!(scene.records(), posts);
}

#[tokio::test]
async fn accounts_can_be_named_and_one_that_cannot_be_fetched_is_told() {
    let scene = Scene::new().await;
    let did = scene.authors[0].did().to_string();
    scene.backfill(&["--did", &did]).await.fine();
    assert_eq!(scene.records().len(), 2);
    let unknown = ["--did", &did, "--did", "did:plc:zzzzzzzzzzzzzzzzzzzzzzzz"];
    let refused = scene.backfill(&unknown).await.refused();
    assert!(refused.stderr.contains("1 repositories could not be fetched"), "{}", refused.stderr);
    assert_eq!(scene.records().len(), 2);
}
