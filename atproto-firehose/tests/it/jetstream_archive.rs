//! A consumer that reads a Jetstream server's archive and goes over to its live stream, against
//! a server that compacts, seals and forgets while it is read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use atproto_core::{
    data::{Value, cbor, json},
    syntax::{Nsid, NsidPattern},
};
use atproto_firehose::{
    consumer::{Consumer, ConsumerOptions, JetstreamArchive, Policy, Start},
    event::Event,
    filter::Filter,
    jetstream::archive::{BlockError, Rows, SegmentError, SegmentHead},
    state::{MemoryState, SqliteState, Store},
};
use atproto_repo::event::{AccountEvent, Action, Event as Message};
use atproto_xrpc::{
    Client, XrpcError,
    framing::{Framing, JsonV1, Payload},
    query_string,
    server::{
        ServeConfig, SubscriptionLimits, serve,
        socket::{Conversation, Goodbye, Handshake},
    },
};
use axum::{
    Json, Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::{network::TIME, random::Random, rig::account};

const CREATE: u8 = 1;
const UPDATE: u8 = 2;
const DELETE: u8 = 3;
const ACCOUNT: u8 = 5;

/// One row, as a server has it.
#[derive(Clone, Debug)]
struct Stored {
    seq: i64,
    kind: u8,
    letter: char,
    collection: &'static str,
    rkey: u8,
    payload: Vec<u8>,
}

/// The columns of a block.
fn block(rows: &[Stored]) -> Vec<u8> {
    let rkey =
        |row: &Stored| if row.kind == ACCOUNT { String::new() } else { row.rkey.to_string() };
    let rev = |row: &Stored| if row.kind == ACCOUNT { "" } else { "3jzfcijpj2z2a" };
    let did = |row: &Stored| account(row.letter).to_string();
    let mut bytes = (rows.len() as u32).to_le_bytes().to_vec();
    let mut column =
        |of: &dyn Fn(&Stored) -> Vec<u8>| rows.iter().for_each(|row| bytes.extend(of(row)));
    column(&|row| row.seq.to_le_bytes().to_vec());
    column(&|row| (1_700_000_000_000_000 + row.seq).to_le_bytes().to_vec());
    column(&|_| 0_i64.to_le_bytes().to_vec());
    column(&|row| vec![row.kind]);
    column(&|row| vec![row.collection.len() as u8]);
    column(&|row| (did(row).len() as u16).to_le_bytes().to_vec());
    column(&|row| vec![rkey(row).len() as u8]);
    column(&|row| vec![rev(row).len() as u8]);
    column(&|row| (row.payload.len() as u32).to_le_bytes().to_vec());
    column(&|row| row.collection.as_bytes().to_vec());
    column(&|row| did(row).into_bytes());
    column(&|row| rkey(row).into_bytes());
    column(&|row| rev(row).as_bytes().to_vec());
    column(&|row| row.payload.clone());
    bytes
}

fn frame_of(row: &Stored) -> Bytes {
    let rows = Rows::parse(block(std::slice::from_ref(row))).unwrap();
    (&rows).into_iter().next().unwrap().to_frame().into()
}

fn segment(blocks: &[Vec<Stored>]) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    for rows in blocks {
        let frame = zstd::bulk::compress(&block(rows), 3).unwrap();
        bytes.extend((frame.len() as u64).to_le_bytes());
        bytes.extend(frame);
    }
    let end = bytes.len() as u64;
    bytes[..4].copy_from_slice(b"jss0");
    bytes[4..12].copy_from_slice(&7_u64.to_le_bytes());
    bytes[12..14].copy_from_slice(&1_u16.to_le_bytes());
    bytes[14..18].copy_from_slice(&(blocks.len() as u32).to_le_bytes());
    bytes[58..66].copy_from_slice(&end.to_le_bytes());
    bytes.extend(b"an index that nobody reads");
    bytes
}

/// What is in the archive, and what happens while it is read.
struct World {
    random: Random,
    /// Blocks of segments. Those that were compacted have fewer rows than numbers.
    sealed: Vec<Vec<Vec<Stored>>>,
    active: Vec<Stored>,
    next_seq: i64,
    /// All that has ever happened.
    history: Vec<Stored>,
    /// The live stream begins here at the lowest.
    floor: i64,
    /// Events that are still to happen.
    left: usize,
    too_old: usize,
    plans: usize,
    compacted: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            random: Random::seeded(seed),
            sealed: Vec::new(),
            active: Vec::new(),
            next_seq: 1,
            history: Vec::new(),
            floor: 0,
            left: 400,
            too_old: 0,
            plans: 0,
            compacted: 0,
        };
        world.go_on(200);
        world
    }

    fn go_on(&mut self, events: usize) {
        for _ in 0..events.min(self.left) {
            self.left -= 1;
            let letter = ['a', 'b', 'c'][self.random.below(3)];
            let collection = ["com.example.note", "com.example.other"][self.random.below(2)];
            let kind = [CREATE, CREATE, UPDATE, DELETE, DELETE, ACCOUNT][self.random.below(6)];
            if kind == ACCOUNT && !self.random.one_in(5) {
                continue;
            }
            let text = format!(r#"{{"text":"{}"}}"#, self.next_seq);
            let payload = match kind {
                ACCOUNT => {
                    let gone = AccountEvent::new(account(letter), Some("deleted"), TIME);
                    let frame = Message::from(gone).with_seq(5).encode();
                    let Ok(atproto_core::frame::Frame::Message { body, .. }) =
                        atproto_core::frame::decode(&frame)
                    else {
                        panic!("a frame")
                    };
                    body.to_vec()
                }
                DELETE => Vec::new(),
                _ => cbor::encode(&json::decode(&text).unwrap()),
            };
            let collection = if kind == ACCOUNT { "" } else { collection };
            let (seq, rkey) = (self.next_seq, self.random.below(6) as u8);
            self.next_seq += 1 + i64::from(self.random.one_in(10));
            let row = Stored { seq, kind, letter, collection, rkey, payload };
            self.active.push(row.clone());
            self.history.push(row);
        }
        while self.active.len() > 40 {
            let rows: Vec<Stored> = self.active.drain(..40).collect();
            self.sealed.push(rows.chunks(10).map(<[Stored]>::to_vec).collect());
        }
    }

    fn tip(&self) -> i64 {
        let last = self
            .history
            .iter()
            .rev()
            .find(|row| self.active.first().is_none_or(|active| row.seq < active.seq));
        last.map_or(0, |row| row.seq)
    }

    /// Takes out of sealed files what something later has made untrue.
    fn compact(&mut self) {
        let history = self.history.clone();
        let is_superseded = |row: &Stored| {
            matches!(row.kind, CREATE | UPDATE)
                && history.iter().any(|later| {
                    let same = later.collection == row.collection && later.rkey == row.rkey;
                    later.seq > row.seq
                        && later.letter == row.letter
                        && (later.kind == ACCOUNT || (same && later.kind != CREATE))
                })
        };
        for block in self.sealed.iter_mut().flatten() {
            let before = block.len();
            block.retain(|row| !is_superseded(row));
            self.compacted += before - block.len();
        }
    }

    /// Three units at most, too much of everything, and in either form.
    fn plan(&mut self, after: i64, before: Option<i64>) -> serde_json::Value {
        self.plans += 1;
        let tip = self.tip().min(before.unwrap_or(i64::MAX));
        let (mut segments, mut through, mut units) = (Vec::new(), tip, 0);
        let bounds = |block: &Vec<Stored>| {
            // A compacted block keeps its bounds in the index of the file.
            block.first().zip(block.last()).map(|(first, last)| (first.seq, last.seq))
        };
        for (index, blocks) in self.sealed.iter().enumerate() {
            let last = blocks.iter().filter_map(bounds).map(|(_, last)| last).max().unwrap_or(0);
            if last <= after {
                continue;
            }
            if units >= 3 {
                break;
            }
            units += 1;
            let segment = json!({
                "name": format!("seg_{index}.jss"), "index": index, "minSeq": 0, "maxSeq": last,
                "checksum": "0123456789abcdef",
            });
            let mut segment = segment.as_object().unwrap().clone();
            if self.random.one_in(2) {
                segment.insert("mode".into(), "segment".into());
            } else {
                segment.insert("mode".into(), "blocks".into());
                segment.insert(
                    "blocks".into(),
                    json!([{"first": 0, "last": 1}, {"first": 2, "last": 3}]),
                );
            }
            segments.push(serde_json::Value::Object(segment));
            through = if units == 3 { last.min(tip) } else { tip };
        }
        let out = json!({
            "plannedThroughSeq": through, "sealedTipSeq": tip, "segments": segments,
            "stats": {"segmentsExamined": 0, "segmentsMatched": 0, "blocksMatched": 0, "entries": units},
        });
        // Between the plan and its downloads the world goes on.
        let events = self.random.below(40);
        self.go_on(events);
        if self.random.one_in(2) {
            self.compact();
        }
        if self.random.one_in(3) {
            // What was sealed until now is soon too old for the live stream.
            self.floor = self.tip();
        }
        out
    }
}

type Shared = Arc<Mutex<World>>;

/// One live reader.
struct Live {
    world: Shared,
    next: i64,
    is_idle: bool,
}

impl Conversation for Live {
    async fn next(&mut self) -> Option<Result<Payload, Goodbye>> {
        loop {
            {
                let mut world = self.world.lock().unwrap();
                if self.is_idle {
                    world.go_on(5);
                }
                if let Some(row) = world.history.iter().find(|row| row.seq >= self.next) {
                    self.next = row.seq + 1;
                    let nsid = Nsid::new("network.bsky.jetstream.subscribeEvents").unwrap();
                    return Some(Ok(JsonV1.encode(&nsid, &frame_of(row)).unwrap()));
                }
            }
            self.is_idle = true;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn subscribe(State(world): State<Shared>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let pairs = query_string::parse(parts.uri.query().unwrap_or_default(), 100).unwrap();
    let cursor = pairs.iter().find(|(name, _)| name == "cursor");
    let cursor: Option<i64> = cursor.map(|(_, value)| value.parse().unwrap());
    let next = {
        let mut world = world.lock().unwrap();
        if cursor.is_some_and(|cursor| cursor < world.floor) {
            world.too_old += 1;
            return XrpcError::new(http::StatusCode::BAD_REQUEST, "CursorTooOld").into_response();
        }
        cursor.unwrap_or(world.next_seq)
    };
    let live = Live { world, next, is_idle: false };
    let limits = SubscriptionLimits::default();
    let handshake = Handshake::of(&mut parts).unwrap();
    let mut response = handshake.accept(live, limits, CancellationToken::new());
    let protocol = http::HeaderValue::from_static("xrpc.v1.json");
    response.headers_mut().insert(http::header::SEC_WEBSOCKET_PROTOCOL, protocol);
    response
}

async fn plan(State(world): State<Shared>, Json(ask): Json<serde_json::Value>) -> Response {
    let (after, before) = (ask["afterSeq"].as_i64().unwrap(), ask["beforeSeq"].as_i64());
    Json(world.lock().unwrap().plan(after, before)).into_response()
}

async fn get_part(State(world): State<Shared>, request: Request) -> Response {
    let pairs = query_string::parse(request.uri().query().unwrap(), 10).unwrap();
    let value =
        |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, it)| it.clone());
    let name = value("name").or_else(|| value("segment")).unwrap();
    let index: usize = name.trim_start_matches("seg_").trim_end_matches(".jss").parse().unwrap();
    let world = world.lock().unwrap();
    let blocks = &world.sealed[index];
    match value("blockIndex") {
        None => segment(blocks),
        Some(number) => {
            zstd::bulk::compress(&block(&blocks[number.parse::<usize>().unwrap()]), 3).unwrap()
        }
    }
    .into_response()
}

async fn start(world: &Shared) -> String {
    let router = Router::new()
        .route("/xrpc/network.bsky.jetstream.planSnapshot", post(plan))
        .route("/xrpc/network.bsky.jetstream.getSegment", get(get_part))
        .route("/xrpc/network.bsky.jetstream.getBlock", get(get_part))
        .route("/xrpc/network.bsky.jetstream.subscribeEvents", get(subscribe))
        .with_state(Arc::clone(world));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, router, ServeConfig::default(), std::future::pending()));
    url
}

/// What is in the repositories: the text of each record.
type Records = BTreeMap<(char, String), String>;

fn truth(history: &[Stored], filter: &Filter) -> Records {
    let mut records = Records::new();
    for row in history {
        let path = format!("{}/{}", row.collection, row.rkey);
        match row.kind {
            ACCOUNT => records.retain(|(letter, _), _| *letter != row.letter),
            DELETE => drop(records.remove(&(row.letter, path))),
            _ => {
                if filter.wants_collection(&row.collection.parse().unwrap()) {
                    records.insert((row.letter, path), text(&row.payload));
                }
            }
        }
    }
    records.retain(|(letter, _), _| filter.wants_account(&account(*letter)));
    records
}

fn text(record: &[u8]) -> String {
    let record = cbor::decode(record).unwrap();
    record.get("text").and_then(Value::as_str).unwrap().to_owned()
}

fn fold(records: &mut Records, event: &Event) {
    let letter = |did: &atproto_core::syntax::Did| did.as_str().chars().last().unwrap();
    match event {
        Event::Commit(commit) => {
            for change in commit.changes() {
                let key = (letter(commit.did()), change.path.to_string());
                match change.action {
                    Action::Delete => drop(records.remove(&key)),
                    _ => {
                        let record = change.record.as_ref().unwrap();
                        assert!(change.cid.unwrap().matches(record), "{change:?}");
                        records.insert(key, text(record));
                    }
                }
            }
        }
        Event::Account(gone) => {
            assert_eq!(gone.status.as_deref(), Some("deleted"));
            records.retain(|(one, _), _| *one != letter(&gone.did));
        }
        other => panic!("{other:?}"),
    }
}

async fn open(url: &str, store: &Arc<dyn Store>, filter: &Filter) -> Consumer {
    let client = Client::builder().build(url).unwrap();
    let backoff = Duration::from_millis(1);
    let options = ConsumerOptions::default()
        .policy(Policy::dangerous().trust_upstream())
        .start(Start::Oldest)
        .filter(filter.clone())
        .flush_interval(Duration::from_millis(1))
        .backoff(backoff, backoff);
    let archive = Arc::new(JetstreamArchive::new(client));
    Consumer::open_on(archive, Arc::clone(store), options).await.unwrap()
}

/// Reads until the world has ended and all of it was told, with restarts in between.
async fn converge(seed: u64, filter: Filter) -> (usize, usize, usize) {
    let world: Shared = Arc::new(Mutex::new(World::new(seed)));
    let url = start(&world).await;
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteState::open(dir.path().join("state")).unwrap());
    let (mut records, mut random) = (Records::new(), Random::seeded(seed + 1_000));
    let mut consumer = open(&url, &store, &filter).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        match tokio::time::timeout(Duration::from_millis(50), consumer.next()).await {
            Ok(delivery) => {
                let delivery = delivery.unwrap();
                fold(&mut records, delivery.event());
                assert!(delivery.ack().await);
            }
            Err(_) => {
                let world = world.lock().unwrap();
                if world.left == 0 && records == truth(&world.history, &filter) {
                    break;
                }
            }
        }
        if random.one_in(60) {
            // Half of the processes end in order, the others are killed.
            if random.one_in(2) {
                let stopper = consumer.stopper();
                let rest = async {
                    while let Some(left) = consumer.next().await {
                        fold(&mut records, left.event());
                        left.ack().await;
                    }
                };
                let (report, ()) = tokio::join!(stopper.drain(Duration::from_secs(5)), rest);
                assert!(report.saved);
            }
            drop(consumer);
            // The world goes on while nobody reads.
            let events = random.below(60);
            {
                let mut world = world.lock().unwrap();
                world.go_on(events);
                if events > 30 {
                    world.floor = world.tip();
                }
            }
            consumer = open(&url, &store, &filter).await;
        }
        assert!(tokio::time::Instant::now() < deadline, "seed {seed}: {:?}", consumer.stats());
    }
    let stats = consumer.stats();
    assert!(stats.gaps.is_empty() && stats.rejected.is_empty(), "{stats:?}");
    let world = world.lock().unwrap();
    (world.too_old, world.plans, world.compacted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folded_state_is_right_whatever_the_archive_does_meanwhile() {
    let (mut too_old, mut plans, mut compacted) = (0, 0, 0);
    for seed in 0..12 {
        let notes = Filter::collections([NsidPattern::new("com.example.note").unwrap()]);
        let filter = match seed % 3 {
            0 => Filter::all(),
            1 => notes,
            _ => notes.accounts([account('a')]),
        };
        let counts = converge(seed, filter).await;
        too_old += counts.0;
        plans += counts.1;
        compacted += counts.2;
    }
    assert!(too_old > 10 && plans > 30 && compacted > 100, "{too_old} {plans} {compacted}");
}

#[tokio::test]
async fn what_is_left_out_moves_the_cursor_too() {
    let world: Shared = Arc::new(Mutex::new(World::new(5)));
    world.lock().unwrap().left = 0;
    let tip = world.lock().unwrap().tip();
    let url = start(&world).await;
    let store: Arc<dyn Store> = Arc::new(MemoryState::default());
    let nothing = Filter::all().accounts([account('z')]);
    let consumer = open(&url, &store, &nothing).await;
    while consumer.stats().cursor.is_none_or(|cursor| cursor < tip) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(consumer.stats().ignored["passed"] > 0);
    assert_eq!(consumer.stats().delivered, 0);
}

#[test]
fn what_is_no_block_or_segment_is_told_apart() {
    let row = Stored {
        seq: 7,
        kind: CREATE,
        letter: 'a',
        collection: "com.example.note",
        rkey: 1,
        payload: cbor::encode(&json::decode(r#"{"text":"7"}"#).unwrap()),
    };
    let next = Stored { seq: 8, ..row.clone() };
    let whole = block(&[row.clone(), next.clone()]);
    assert_eq!(Rows::parse(whole.clone()).unwrap().len(), 2);
    assert!(Rows::parse(vec![0; 4]).unwrap().is_empty());
    for len in 0..whole.len() {
        let error = Rows::parse(whole[..len].to_vec()).unwrap_err();
        assert!(matches!(error, BlockError::Columns), "{len}: {error}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(matches!(Rows::parse(longer), Err(BlockError::Columns)));
    let huge = u32::MAX.to_le_bytes().to_vec();
    assert!(matches!(Rows::parse(huge), Err(BlockError::Columns)));
    let backwards = Rows::parse(block(&[next, row.clone()]));
    assert!(matches!(backwards, Err(BlockError::Row(1))), "{backwards:?}");
    let unknown = Rows::parse(block(&[Stored { kind: 9, ..row.clone() }]));
    assert!(matches!(unknown, Err(BlockError::Row(0))), "{unknown:?}");
    let bomb = zstd::bulk::compress(&vec![0; 10 << 20], 3).unwrap();
    let error = Rows::decompress(&bomb, 1 << 20).unwrap_err();
    assert!(matches!(error, BlockError::Decompress { limit, .. } if limit == 1 << 20), "{error}");

    let bytes = segment(&[vec![row]]);
    let head = *bytes.first_chunk().unwrap();
    assert_eq!(SegmentHead::parse(&head).unwrap().blocks, 1);
    let with = |at: usize, byte: u8| {
        let mut head = head;
        head[at] = byte;
        SegmentHead::parse(&head).unwrap_err()
    };
    assert!(matches!(with(0, b'x'), SegmentError::Magic));
    assert!(matches!(with(4, 0), SegmentError::Active));
    assert!(matches!(with(12, 2), SegmentError::Version(2)));
}
