//! Records by type: asked for and decoded by one list.

use atproto_core::{
    data::Extra,
    endpoint::{KeyKind, Record},
    object,
    syntax::RecordKey,
};
use atproto_firehose::{
    consumer::{Consumer, ConsumerOptions, Policy},
    event::{Change, Decoded, Event, RecordSet},
    filter::Filter,
    records,
};
use atproto_repo::repo::Write;

use crate::{
    consumer::{open, strict},
    support::network::{Account, Directory, Upstream},
};

#[derive(Debug, Clone, PartialEq)]
struct Note {
    text: String,
    extra: Extra,
}
object!(Note = "com.example.note" { text "text" required });

impl Record for Note {
    const NSID: &'static str = "com.example.note";
    const KEY: KeyKind = KeyKind::Tid;
}

#[derive(Debug, Clone, PartialEq)]
struct Mood {
    level: i64,
    extra: Extra,
}
object!(Mood = "com.example.mood" { level "level" required });

impl Record for Mood {
    const NSID: &'static str = "com.example.mood";
    const KEY: KeyKind = KeyKind::Tid;
}

records! {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Note(Note),
        Mood(Mood),
    }
}

const NOTE: &str = r#"{"$type":"com.example.note","text":"hello"}"#;
const MOOD: &str = r#"{"$type":"com.example.mood","level":3}"#;

async fn changes(consumer: &mut Consumer) -> Vec<Change> {
    let delivery = consumer.next().await.unwrap();
    let Event::Commit(commit) = delivery.event() else { panic!("{delivery:?}") };
    let changes = commit.changes().to_vec();
    assert!(delivery.ack().await);
    changes
}

#[tokio::test(start_paused = true)]
async fn each_change_is_known_deleted_invalid_or_of_another_collection() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    upstream.send(alice.commit());
    let created = alice.commit_of("com.example.note", NOTE);
    let path = created.ops[0].path.clone();
    upstream.send(created);
    upstream.send(alice.commit_of("com.example.mood", MOOD));
    upstream.send(alice.commit_of("com.example.mood", r#"{"$type":"com.example.mood"}"#));
    upstream.send(alice.commit_of("com.example.other", r#"{"any":"thing"}"#));
    upstream.send(alice.commit_with(|_: RecordKey| Write::Delete {
        collection: path.collection.clone(),
        rkey: path.rkey.clone(),
    }));

    let path = dir.path().join("state");
    let mut consumer = open(&upstream, &path, strict(&directory)).await;
    assert!(changes(&mut consumer).await.is_empty());
    let note = changes(&mut consumer).await.remove(0);
    let Decoded::Known(Mine::Note(known)) = note.decode() else { panic!("{note:?}") };
    assert_eq!(known.text, "hello");
    // One type is a set too.
    assert_eq!(note.decode::<Note>(), Decoded::Known(known));
    assert_eq!(note.decode::<Mood>(), Decoded::Other(note.record.clone()));
    let mood = changes(&mut consumer).await.remove(0);
    assert!(matches!(mood.decode(), Decoded::Known(Mine::Mood(Mood { level: 3, .. }))));
    let broken = changes(&mut consumer).await.remove(0);
    let Decoded::Invalid(bytes, why) = broken.decode::<Mine>() else { panic!("{broken:?}") };
    assert_eq!((Some(bytes), why.to_string().contains("level")), (broken.record, true));
    let other = changes(&mut consumer).await.remove(0);
    assert_eq!(other.decode::<Mine>(), Decoded::Other(other.record.clone()));
    let deleted = changes(&mut consumer).await.remove(0);
    assert_eq!(deleted.decode::<Mine>(), Decoded::Deleted);
    assert_eq!(deleted.decode::<Mood>(), Decoded::Other(None));
}

#[tokio::test(start_paused = true)]
async fn a_trusted_commit_without_its_record_is_missing_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    alice.commit();
    let mut bare = alice.commit_of("com.example.note", NOTE);
    bare.blocks = bytes::Bytes::new();
    upstream.send(bare);
    let options: ConsumerOptions = strict(&directory).policy(Policy::dangerous().trust_upstream());
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    let change = changes(&mut consumer).await.remove(0);
    assert_eq!(change.decode::<Mine>(), Decoded::Missing(change.cid.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn fh_022_the_filter_of_a_set_delivers_its_collections() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    for (collection, record) in [
        ("com.example.first", NOTE),
        ("com.example.note", NOTE),
        ("com.example.other", NOTE),
        ("com.example.mood", MOOD),
    ] {
        upstream.send(alice.commit_of(collection, record));
    }
    let options = strict(&directory).filter(Filter::of::<Mine>());
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    assert_eq!(Mine::COLLECTIONS, ["com.example.note", "com.example.mood"]);
    for expected in Mine::COLLECTIONS {
        assert_eq!(changes(&mut consumer).await[0].path.collection.as_str(), *expected);
    }
    assert_eq!(consumer.stats().ignored["filtered"], 2);
}
