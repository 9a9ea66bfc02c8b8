//! `atp audit`: an index against the repositories.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use atproto_core::{
    data::cbor::Writer,
    syntax::{Cid, Tid},
};
use atproto_repo::{
    car::CarWriter,
    commit::UnsignedCommit,
    mst::Builder,
    repo::{self, Write},
};
use atproto_testkit::Author;
use serde_json::{Value, json};

use crate::{
    host::Host,
    support::{Run, arg, atp_with},
};

/// Repositories on a host that is directory and PDS at once.
struct Scene {
    host: Host,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { host: Host::start(), folder: tempfile::tempdir().unwrap() }
    }

    fn put(&self, author: &Author, archive: Vec<u8>) {
        let document = serde_json::to_vec(&author.document(self.host.url())).unwrap();
        self.host.put(&format!("/{}", author.did()), document);
        self.host.put(&get_repo(author), archive);
    }

    fn audit(&self, index: &str, more: &[&str]) -> Run {
        let network = ["--json", "audit", "-", "--plc-url", self.host.url(), "--allow-loopback"];
        atp_with(&[&network[..], more].concat(), index.as_bytes())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = arg(self.folder.path(), name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn get_repo(author: &Author) -> String {
    format!("/xrpc/com.atproto.sync.getRepo?did={}", author.did())
}

/// An author with notes and likes under the keys 0, 1, 2 and so on.
fn author(name: &str, seed: u64, notes: u32, likes: u32) -> Author {
    let mut author = Author::new(name, seed);
    let kinds = [("com.example.note", notes), ("com.example.like", likes)];
    let writes = kinds.into_iter().flat_map(|(collection, count)| {
        (0..count).map(move |n| Write::Create {
            collection: collection.parse().unwrap(),
            rkey: n.to_string().parse().unwrap(),
            record: record(n.into()).into(),
        })
    });
    author.write(writes.collect());
    author
}

fn record(number: u64) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64);
    writer.map(1).text("text").text(&format!("the one with the number {number}"));
    writer.into_bytes()
}

/// What is to be said of the repositories: URI and CID of every record.
fn index(authors: &[&Author]) -> Vec<(String, String)> {
    let records = |author: &&Author| {
        let repo = repo::verify(author.export(), None).unwrap();
        let did = author.did().clone();
        let line =
            |record: repo::Record| (format!("at://{did}/{}", record.path), record.cid.to_string());
        repo.records().map(line).collect::<Vec<_>>()
    };
    authors.iter().flat_map(records).collect()
}

fn lines(index: &[(String, String)]) -> String {
    index.iter().map(|(uri, cid)| format!("{}\n", json!({ "uri": uri, "cid": cid }))).collect()
}

/// The counts at the end: accounts, records, equal, missing, stale, extra, unreadable.
fn counts(run: &Run) -> Vec<u64> {
    let names = ["accounts", "records", "equal", "missing", "stale", "extra", "unreadable"];
    let last = run.json().pop().unwrap();
    names.iter().map(|name| last[name].as_u64().unwrap()).collect()
}

fn findings(run: &Run) -> Vec<(Value, Value)> {
    let mut lines = run.json();
    lines.pop();
    lines.iter().map(|line| (line["verdict"].clone(), line["uri"].clone())).collect()
}

#[test]
fn an_index_that_has_everything_is_equal() {
    let scene = Scene::new();
    let (alice, bob) = (author("alice.test", 1, 40, 20), author("bob.test", 2, 3, 0));
    scene.put(&alice, alice.export().into());
    scene.put(&bob, bob.export().into());
    let mut index = index(&[&alice, &bob]);
    index.reverse();
    // A line that is there twice says nothing new.
    index.push(index[0].clone());
    let run = scene.audit(&lines(&index), &[]).fine();
    assert_eq!((run.json().len(), counts(&run)), (1, vec![2, 63, 63, 0, 0, 0, 0]));
    assert_eq!(counts(&scene.audit("\n", &[]).fine()), [0; 7]);
}

#[test]
fn every_difference_is_named() {
    let scene = Scene::new();
    let (alice, bob) = (author("alice.test", 1, 40, 20), author("bob.test", 2, 3, 0));
    scene.put(&alice, alice.export().into());
    scene.put(&bob, bob.export().into());
    let mut index = index(&[&alice, &bob]);
    let missing = index.remove(30);
    let stale = index[50].0.clone();
    index[50].1 = Cid::dag_cbor(b"another").to_string();
    let beyond = format!("at://{}/com.example.zebra/1", bob.did());
    index.push((beyond.clone(), missing.1.clone()));
    let twice = (index[5].0.clone(), missing.1.clone());
    index.push(twice.clone());

    let run = scene.audit(&lines(&index), &[]).refused();
    let mut found = findings(&run);
    found.sort_by_key(|(verdict, uri)| (verdict.to_string(), uri.to_string()));
    let mut expected = vec![
        (json!("extra"), json!(beyond)),
        (json!("missing"), json!(missing.0)),
        (json!("stale"), json!(stale)),
        (json!("stale"), json!(twice.0)),
    ];
    expected.sort_by_key(|(verdict, uri)| (verdict.to_string(), uri.to_string()));
    assert_eq!(found, expected);
    assert_eq!(counts(&run), [2, 63, 61, 1, 2, 1, 0]);
    assert!(run.stderr.contains("4 records differ"), "{}", run.stderr);
    let line = run.json().into_iter().find(|line| line["verdict"] == "missing").unwrap();
    assert_eq!((&line["repo"], &line["index"]), (&json!(missing.1), &Value::Null));
}

#[test]
fn only_collections_that_are_named_are_compared() {
    let scene = Scene::new();
    let alice = author("alice.test", 1, 4, 2);
    scene.put(&alice, alice.export().into());
    let notes: Vec<_> =
        index(&[&alice]).into_iter().filter(|(uri, _)| uri.contains("note")).collect();
    let only = |pattern: &str| scene.audit(&lines(&notes), &["--collection", pattern]);
    assert_eq!(counts(&only("com.example.note").fine()), [1, 4, 4, 0, 0, 0, 0]);
    // The account is one of the index though nothing of it there is of that collection.
    assert_eq!(counts(&only("com.example.like").refused()), [1, 2, 0, 2, 0, 0, 0]);
    assert_eq!(counts(&only("com.example.*").refused()), [1, 6, 4, 2, 0, 0, 0]);
    assert_eq!(counts(&only("com.other.*").fine()), [1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn accounts_of_a_list_are_read_too_and_another_host_may_be_asked() {
    let (scene, other) = (Scene::new(), Host::start());
    let (alice, bob) = (author("alice.test", 1, 4, 0), author("bob.test", 2, 3, 0));
    scene.put(&alice, alice.export().into());
    scene.put(&bob, bob.export().into());
    let list = scene.file("dids", &format!("{}\n\n{}\n", bob.did(), alice.did()));
    let all = lines(&index(&[&alice]));
    let run = scene.audit(&all, &["--did-file", &list]).refused();
    assert_eq!(counts(&run), [2, 7, 4, 3, 0, 0, 0]);

    // The other host has a newer repository.
    let newer = author("alice.test", 1, 5, 0);
    other.put(&get_repo(&alice), newer.export().into());
    let run = scene.audit(&all, &["--host", other.url()]).refused();
    assert_eq!(counts(&run), [1, 5, 4, 1, 0, 0, 0]);
}

#[test]
fn a_repository_that_cannot_be_believed_is_named_and_the_others_are_compared() {
    let scene = Scene::new();
    let authors: Vec<_> = (0..5).map(|n| author(&format!("n{n}.test"), n + 1, 3, 0)).collect();
    for author in &authors {
        scene.put(author, author.export().into());
    }
    let all = lines(&index(&authors.iter().collect::<Vec<_>>()));
    // No host has it; cut short; of another account with the same key; signed by another key.
    let gone = Author::new("gone.test", 9);
    let mut cut = authors[1].export().to_vec();
    cut.truncate(cut.len() - 20);
    scene.put(&authors[1], cut);
    scene.host.put(&get_repo(&authors[2]), authors[3].export().into());
    let document = serde_json::to_string(&authors[3].document(scene.host.url())).unwrap();
    let document = document.replace(authors[3].did().as_str(), authors[2].did().as_str());
    scene.host.put(&format!("/{}", authors[2].did()), document.into());
    let mut rotated = authors[4].clone();
    rotated.rotate_key(1);
    scene.put(&rotated, authors[4].export().into());
    let list = scene.file("dids", gone.did().as_str());
    let run = scene.audit(&all, &["--did-file", &list]).refused();
    assert_eq!(counts(&run), [6, 6, 6, 0, 0, 0, 4]);
    let unreadable: Vec<_> =
        run.json().iter().filter_map(|line| line["reason"].as_str().map(str::to_owned)).collect();
    assert_eq!(unreadable.len(), 4, "{unreadable:?}");
    assert!(run.stderr.contains("4 repositories are unreadable"), "{}", run.stderr);
}

#[test]
fn an_index_that_cannot_be_read_is_refused_with_its_line() {
    let scene = Scene::new();
    let cid = Cid::dag_cbor(b"x");
    for bad in [
        "nonsense".to_owned(),
        json!({ "uri": "at://alice.test/com.example.note/1", "cid": cid }).to_string(),
        json!({ "uri": "at://did:web:alice.test/com.example.note", "cid": cid }).to_string(),
        json!({ "uri": "at://did:web:alice.test/com.example.note/1", "cid": "x" }).to_string(),
        " ".repeat(70_000),
    ] {
        let good = json!({ "uri": "at://did:web:alice.test/com.example.note/1", "cid": cid });
        let run = scene.audit(&format!("{good}\n{bad}\n"), &[]).refused();
        assert!(run.stderr.contains("line 2"), "{}", run.stderr);
        assert_eq!(run.text(), "");
    }
}

/// One loss among 20,000 records, or as many as `ATP_AUDIT_RECORDS` says.
#[test]
fn one_loss_among_many_records_is_found_in_bounded_memory() {
    let records = std::env::var("ATP_AUDIT_RECORDS").map_or(20_000, |text| text.parse().unwrap());
    let scene = Scene::new();
    let author = Author::new("alice.test", 1);
    let index = scene.folder.path().join("index");
    let lost = large_repository(&scene, &author, records, &index);
    let index = index.to_str().unwrap();
    let network = ["--plc-url", scene.host.url(), "--allow-loopback"];
    let (run, peak) = atp_and_peak(&[&["--json", "audit", index][..], &network].concat());
    let run = run.refused();
    assert_eq!(findings(&run), [(json!("missing"), json!(lost))]);
    assert_eq!(counts(&run), [1, records, records - 1, 1, 0, 0, 0]);
    println!("{records} records; the process had {} MiB at most", peak >> 10);
    assert!(peak < 256 << 10, "{peak} KiB");
}

/// Serves a repository of so many records, and writes an index that lacks one, which is returned.
fn large_repository(scene: &Scene, author: &Author, records: u64, index: &Path) -> String {
    let (mut blocks, mut tree, mut text) = (Vec::new(), Vec::new(), String::new());
    let mut lost = String::new();
    let mut builder = Builder::new(|cid, node: &[u8]| tree.push((cid, node.to_vec())));
    for number in 0..records {
        let record = record(number);
        let cid = Cid::dag_cbor(&record);
        let rkey = Tid::from_parts(1_700_000_000_000_000 + number * 1_000_003, 7);
        let path = format!("com.example.note/{rkey}");
        builder.push(path.as_bytes(), cid).unwrap();
        blocks.push((cid, record));
        let uri = format!("at://{}/{path}", author.did());
        if number == records * 2 / 3 {
            lost = uri;
        } else {
            writeln!(text, "{}", json!({ "uri": uri, "cid": cid })).unwrap();
        }
    }
    let data = builder.finish();
    let commit = UnsignedCommit::new(author.did().clone(), data, Tid::now());
    let commit = commit.sign(author.key()).unwrap().encode();
    let root = Cid::dag_cbor(&commit);
    let mut archive = CarWriter::new(Vec::new(), &root).unwrap();
    archive.block(&root, &commit).unwrap();
    for (cid, block) in tree.iter().chain(&blocks) {
        archive.block(cid, block).unwrap();
    }
    scene.put(author, archive.finish().unwrap());
    // The index is in no order.
    let mut lines: Vec<_> = text.lines().collect();
    let half = lines.len() / 2;
    lines[..half].reverse();
    fs::write(index, lines.join("\n")).unwrap();
    lost
}

/// Runs `atp`; also returns the most memory that the process was seen to have, in KiB. Zero where
/// there is no `/proc`.
fn atp_and_peak(args: &[&str]) -> (Run, u64) {
    let child = Command::new(env!("CARGO_BIN_EXE_atp"))
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    // There is such a file until the process has been waited for.
    let watch = thread::spawn(move || {
        let mut peak = 0;
        while let Ok(status) = fs::read_to_string(&status) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let found = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(found.unwrap_or(0));
            thread::sleep(Duration::from_millis(5));
        }
        peak
    });
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (
        Run { code: output.status.code().unwrap(), stdout: output.stdout, stderr },
        watch.join().unwrap(),
    )
}
