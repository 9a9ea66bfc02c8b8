//! What the benchmarks share: inputs that look like the network's.

mod cpu_time;
mod peer;
mod random_order;
mod tree;

pub mod floor;

use std::{env, fs, path::PathBuf};

use atproto_core::{
    data::{BlobRef, Map, Value, cbor},
    syntax::Cid,
};
use atproto_repo::car::CarReader;
use tokio::runtime::{Builder, Runtime};

pub use cpu_time::CpuTime;
pub use peer::{Peer, hex};
pub use random_order::RandomOrder;
pub use tree::{BlockOrder, Entry, account, account_key, archive, entries, made_repo};

/// Runs what a peer does, all of it on this thread.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().build().expect("it starts");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

/// The folder of recorded data, if there is one.
pub fn shared() -> Option<PathBuf> {
    env::var_os("ATPROTO_SHARED").map(PathBuf::from)
}

/// Encoded records: those of a recorded repository, or made ones.
pub fn records() -> Vec<Vec<u8>> {
    let Some(shared) = shared() else { return made_records() };
    let path = shared.join("car/repo-stream-midsize.car");
    let archive = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let blocks = CarReader::new().for_slice(&archive).expect("the archive is sound");
    let records = blocks
        .map(|block| block.expect("the block is sound").bytes)
        .filter(|block| cbor::decode(block).is_ok_and(|value| value.type_name().is_some()));
    records.take(RECORDS).map(<[u8]>::to_vec).collect()
}

fn made_records() -> Vec<Vec<u8>> {
    (0..RECORDS).map(made_record).collect()
}

/// A record, encoded: six likes, three posts and a follow in ten, as in a usual repository.
fn made_record(number: usize) -> Vec<u8> {
    let record = match number % 10 {
        0..6 => like(number),
        6..9 => post(number),
        _ => follow(number),
    };
    cbor::encode(&record.into())
}

fn like(number: usize) -> Map {
    Map::from([
        ("$type", "app.bsky.feed.like".into()),
        ("createdAt", created_at(number)),
        ("subject", reference(number)),
    ])
}

fn follow(number: usize) -> Map {
    Map::from([
        ("$type", "app.bsky.graph.follow".into()),
        ("createdAt", created_at(number)),
        ("subject", "did:plc:ewvi7nxzyoun6zhxrhs64oiz".into()),
    ])
}

fn post(number: usize) -> Map {
    let mut post = Map::from([
        ("$type", Value::from("app.bsky.feed.post")),
        ("createdAt", created_at(number)),
        ("langs", Value::List(vec!["en".into()])),
        ("text", format!("Number {number} of many posts, as long as most posts are 🦋").into()),
    ]);
    if number.is_multiple_of(2) {
        let reply = Map::from([("parent", reference(number)), ("root", reference(number / 3))]);
        post.insert("reply", reply);
    } else {
        let picture = BlobRef::new(Cid::raw(&number.to_le_bytes()), "image/jpeg", 123_456);
        let image =
            Map::from([("alt", Value::from("")), ("image", picture.expect("sound").into())]);
        let embed = Map::from([
            ("$type", Value::from("app.bsky.embed.images")),
            ("images", Value::List(vec![image.into()])),
        ]);
        post.insert("embed", embed);
    }
    post
}

fn reference(number: usize) -> Value {
    let cid = Cid::dag_cbor(&number.to_le_bytes()).to_string();
    let uri = "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jt5k2e4xab2s";
    Value::Map(Map::from([("cid", cid), ("uri", uri.to_owned())]))
}

fn created_at(number: usize) -> Value {
    let (minute, second) = (number / 60 % 60, number % 60);
    Value::from(format!("2025-03-14T15:{minute:02}:{second:02}.926Z"))
}

/// Enough for the mixture of kinds, few enough to stay in the cache of one core.
const RECORDS: usize = 4_000;
