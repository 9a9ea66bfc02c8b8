//! Events served as Jetstream does, over loopback.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use atproto_core::{data::cbor, syntax::Cid};
use atproto_firehose::{
    event::{Change, Commit, Event, Origin},
    jetstream::{
        JetstreamContent, JetstreamError, JetstreamEvent, MAX_COLLECTIONS, MAX_DIDS,
        server::{JetstreamOptions, JetstreamServer, OptionsError, Wanted},
    },
    log::{Durability, LogConfig},
    producer::ProducerOptions,
};
use atproto_repo::event::{AccountEvent, Event as Message};
use atproto_xrpc::server::{ServeConfig, serve};
use futures::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message as Frame},
};
use tokio_util::sync::CancellationToken;

use crate::support::{
    network::TIME,
    rig::account,
    shared::{frames, shared_bytes},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A server on loopback, until it is dropped.
pub(crate) struct Served {
    pub(crate) jetstream: JetstreamServer,
    pub(crate) address: String,
    over: CancellationToken,
}

impl Served {
    pub(crate) async fn open(dir: &Path, options: JetstreamOptions) -> Self {
        Self::open_at("127.0.0.1:0", dir, options).await
    }

    /// Waits until the address is free.
    pub(crate) async fn open_at(address: &str, dir: &Path, options: JetstreamOptions) -> Self {
        let config = LogConfig::default().durability(Durability::System);
        let (jetstream, _) = JetstreamServer::open(dir, config, options).unwrap();
        let listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let address = listener.local_addr().unwrap().to_string();
        let over = CancellationToken::new();
        let (router, end) = (jetstream.router(), over.clone().cancelled_owned());
        let mut config = ServeConfig::default();
        config.head_bytes = 1 << 20;
        tokio::spawn(async move { serve(listener, router, config, end).await });
        Self { jetstream, address, over }
    }

    async fn connect(&self, query: &str) -> Socket {
        self.try_connect(query).await.unwrap()
    }

    async fn try_connect(&self, query: &str) -> Result<Socket, Error> {
        let url = format!("ws://{}/subscribe?{query}", self.address);
        Ok(connect_async(url).await?.0)
    }

    async fn refusal(&self, query: &str) -> u16 {
        match self.try_connect(query).await {
            Err(Error::Http(answer)) => answer.status().as_u16(),
            other => panic!("{query}: {other:?}"),
        }
    }

    pub(crate) async fn publish(&self, event: &Event) {
        let published = self.jetstream.publish(event).await.unwrap();
        assert!(published.dropped.is_empty(), "{published:?}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

/// A commit of one account that creates one record in a collection.
pub(crate) fn create(letter: char, collection: &str, text: &str) -> Event {
    let record = format!(r#"{{"$type":"{collection}","text":"{text}"}}"#);
    let record = cbor::encode(&atproto_core::data::json::decode(&record).unwrap());
    let path = format!("{collection}/1").parse().unwrap();
    let change = Change::create(path, Cid::dag_cbor(&record), record);
    let rev = "3jzfcijpj2z2a".parse().unwrap();
    Event::Commit(Commit::of_changes(account(letter), rev, None, Origin::Stream, vec![change]))
}

fn gone(letter: char) -> Event {
    Event::Account(AccountEvent::new(account(letter), Some("deleted"), TIME))
}

/// The next event as text.
async fn text(socket: &mut Socket) -> String {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(10), socket.next()).await;
        match next.expect("an event in time").unwrap().unwrap() {
            Frame::Text(text) => return text.to_string(),
            Frame::Ping(_) | Frame::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn next(socket: &mut Socket) -> JetstreamEvent {
    JetstreamEvent::parse(text(socket).await.as_bytes()).unwrap()
}

/// The text of the next event's record, or the letter of the account that is gone.
async fn told(socket: &mut Socket) -> String {
    let event = next(socket).await;
    match event.content {
        JetstreamContent::Commit(commit) => {
            let record = commit.operation.record().unwrap();
            record.value.get("text").unwrap().as_str().unwrap().to_owned()
        }
        _ => event.did.as_str()[8..9].to_owned(),
    }
}

/// The code with which the server hangs up.
async fn hangup(socket: &mut Socket) -> Option<u16> {
    loop {
        match tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap() {
            Some(Ok(Frame::Close(close))) => return close.map(|close| close.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

async fn update(socket: &mut Socket, payload: &str) {
    let message = format!(r#"{{"type":"options_update","payload":{payload}}}"#);
    socket.send(Frame::text(message)).await.unwrap();
}

/// Waits until the server has heard so many changes of options.
async fn heard(served: &Served, updates: u64) {
    while served.jetstream.stats().updates < updates {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn frames_of_a_relay_are_served_as_the_public_server_does() {
    let Some(recorded) = shared_bytes("firehose/relay-frames.bin") else { return };
    let Some(expected) = shared_bytes("firehose/relay-frames.jetstream-v1.jsonl") else { return };
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    let mut live = served.connect("").await;
    for frame in frames(&recorded) {
        served.publish(&Event::try_from(Message::decode(frame.to_vec()).unwrap()).unwrap()).await;
    }
    let expected = String::from_utf8(expected).unwrap();
    let timeless = |line: &str| {
        let event = JetstreamEvent::parse(line.as_bytes()).unwrap();
        line.replacen(&format!(":{},", event.time_us), ":0,", 1)
    };
    let mut replayed = served.connect("cursor=1").await;
    let (mut ours, mut newest) = (BTreeSet::new(), 0);
    for _ in expected.lines() {
        let line = text(&mut live).await;
        assert_eq!(text(&mut replayed).await, line, "a replay says the same");
        let time = JetstreamEvent::parse(line.as_bytes()).unwrap().time_us;
        assert!(time > newest, "times rise");
        newest = time;
        ours.insert(timeless(&line));
    }
    let theirs: BTreeSet<String> = expected.lines().map(timeless).collect();
    assert_eq!(ours.symmetric_difference(&theirs).collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn a_cursor_begins_with_its_event_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    let mut live = served.connect("").await;
    let mut times = Vec::new();
    for number in 0..50 {
        served.publish(&create('a', "com.example.note", &number.to_string())).await;
        times.push(next(&mut live).await.time_us);
    }
    served.jetstream.close().await;
    assert_eq!(hangup(&mut live).await, Some(1013));
    drop(served);

    // The clock has gone back to 1970: times go on all the same.
    let options = JetstreamOptions::default().producer(ProducerOptions::default().clock(|| 0));
    let served = Served::open(dir.path(), options).await;
    for (number, time) in times.iter().enumerate() {
        let mut reader = served.connect(&format!("cursor={time}")).await;
        assert_eq!(told(&mut reader).await, number.to_string());
        let mut reader = served.connect(&format!("cursor={}", time - 1)).await;
        let found: usize = told(&mut reader).await.parse().unwrap();
        assert!(found == number || times[found] == time - 1);
    }
    let mut future = served.connect("cursor=9000000000000000").await;
    served.publish(&create('a', "com.example.note", "new")).await;
    let event = next(&mut future).await;
    assert_eq!(event.time_us, times[49] + 1);
    for bad in ["cursor=-1", "cursor=x", "cursor=1.5"] {
        assert_eq!(served.refusal(bad).await, 400, "{bad}");
    }
    let mut empty = served.connect("cursor=").await;
    served.publish(&create('a', "com.example.note", "newer")).await;
    assert_eq!(told(&mut empty).await, "newer", "no cursor is now");
}

#[tokio::test]
async fn readers_get_what_they_want_and_of_accounts_all_hear() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    served.publish(&create('a', "com.example.note", "an")).await;
    served.publish(&create('a', "com.example.graph.follow", "af")).await;
    served.publish(&create('b', "com.example.graph.block", "bb")).await;
    served.publish(&create('b', "com.example.graphs", "bg")).await;
    served.publish(&create('b', "com.example.note", &"l".repeat(500))).await;
    served.publish(&gone('a')).await;
    served.publish(&gone('b')).await;
    let dids = |letter| format!("cursor=0&wantedDids={}", account(letter));
    let long = "l".repeat(500);
    for (query, expected) in [
        ("cursor=0".to_owned(), vec!["an", "af", "bb", "bg", &long, "a", "b"]),
        ("cursor=0&wantedCollections=com.example.note".into(), vec!["an", &long, "a", "b"]),
        ("cursor=0&wantedCollections=com.example.graph.*".into(), vec!["af", "bb", "a", "b"]),
        ("cursor=0&wantedCollections=com.*".into(), vec!["an", "af", "bb", "bg", &long, "a", "b"]),
        ("cursor=0&wantedCollections=com.none.at&wantedCollections=com.example.note".into(), {
            vec!["an", &long, "a", "b"]
        }),
        ("cursor=0&maxMessageSizeBytes=500".into(), vec!["an", "af", "bb", "bg", "a", "b"]),
        ("cursor=0&maxMessageSizeBytes=-5".into(), vec!["an", "af", "bb", "bg", &long, "a", "b"]),
        (dids('a'), vec!["an", "af", "a"]),
        (format!("{}&wantedCollections=com.example.graph.*", dids('b')), vec!["bb", "b"]),
    ] {
        let mut reader = served.connect(&query).await;
        for expected in expected {
            assert_eq!(told(&mut reader).await, expected, "{query}");
        }
    }
    for bad in ["wantedCollections=note", "wantedCollections=", "wantedDids=alice"] {
        assert_eq!(served.refusal(bad).await, 400, "{bad}");
    }
    for bad in ["com.example.no*", "*", "..*"] {
        assert_eq!(served.refusal(&format!("wantedCollections={bad}")).await, 400, "{bad}");
    }
}

#[tokio::test]
async fn options_are_changed_by_a_message_and_a_hello_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    served.publish(&create('a', "com.example.note", "before")).await;
    let mut waits = served.connect("requireHello=true").await;
    let mut past = served.connect("requireHello=true&cursor=0").await;
    let mut impatient = served.connect("requireHello=1").await;
    served.publish(&create('a', "com.example.note", "unheard")).await;
    assert_eq!(told(&mut impatient).await, "unheard");
    waits.send(Frame::text(r#"{"type":"greeting","payload":5}"#)).await.unwrap();
    update(&mut waits, r#"{"wantedCollections":["com.example.graph.*"]}"#).await;
    update(&mut past, "{}").await;
    heard(&served, 2).await;
    assert_eq!(told(&mut past).await, "before", "the replay waited too");
    served.publish(&create('a', "com.example.note", "unwanted")).await;
    served.publish(&create('a', "com.example.graph.follow", "wanted")).await;
    assert_eq!(told(&mut waits).await, "wanted");

    // The next message replaces all options.
    update(&mut waits, &format!(r#"{{"wantedDids":["{}"]}}"#, account('b'))).await;
    heard(&served, 3).await;
    served.publish(&create('a', "com.example.graph.follow", "of another")).await;
    served.publish(&create('b', "com.example.note", "of b")).await;
    assert_eq!(told(&mut waits).await, "of b");

    for (message, code) in [
        ("no json", 1007),
        (r#"{"type":"options_update","payload":{"wantedDids":5}}"#, 1007),
        (r#"{"type":"options_update"}"#, 1007),
        (r#"{"type":"options_update","payload":{"wantedDids":["alice"]}}"#, 1008),
        (r#"{"type":"options_update","payload":{"wantedCollections":["*"]}}"#, 1008),
    ] {
        let mut socket = served.connect("").await;
        socket.send(Frame::text(message)).await.unwrap();
        assert_eq!(hangup(&mut socket).await, Some(code), "{message}");
    }
}

#[test]
fn lists_of_what_is_wanted_are_bounded_without_repetitions() {
    let collections: Vec<String> =
        (0..=MAX_COLLECTIONS).map(|number| format!("com.example.n{number}")).collect();
    let dids: Vec<String> =
        (0..=MAX_DIDS).map(|number| format!("did:web:n{number}.test")).collect();
    let ask = |name, values: &[String]| {
        Wanted::of_query(values.iter().map(|value| (name, value.as_str())))
    };
    let twice = |values: &[String]| [values, values].concat();
    ask("wantedCollections", &twice(&collections[1..])).unwrap();
    ask("wantedDids", &twice(&dids[1..])).unwrap();
    let error = ask("wantedCollections", &collections).unwrap_err();
    assert!(matches!(error, OptionsError::Collections), "{error}");
    let error = ask("wantedDids", &dids).unwrap_err();
    assert!(matches!(error, OptionsError::Dids), "{error}");
    let message = |dids: &[String]| {
        let dids = serde_json::to_string(dids).unwrap();
        Wanted::of_message(&format!(
            r#"{{"type":"options_update","payload":{{"wantedDids":{dids}}}}}"#
        ))
    };
    let wanted = message(&dids[1..]).unwrap().unwrap();
    assert_eq!(wanted, ask("wantedDids", &dids[1..]).unwrap());
    assert!(message(&dids).is_err());
}

#[tokio::test]
async fn a_reader_that_does_not_read_costs_nothing_and_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let options = ProducerOptions::default().ring_bytes(1 << 20).max_lag_bytes(4 << 20);
    let mut options = JetstreamOptions::default().producer(options);
    options.limits.send_timeout = Duration::from_millis(500);
    let served = Served::open(dir.path(), options).await;
    let (mut stalled, mut reads) = (served.connect("").await, served.connect("").await);
    let text = "x".repeat(100_000);
    for _ in 0..300 {
        served.publish(&create('a', "com.example.note", &text)).await;
        assert_eq!(told(&mut reads).await.len(), text.len());
    }
    assert!(served.jetstream.stats().producer.ring_bytes <= 1 << 20);
    while served.jetstream.stats().producer.subscribers > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What had been written is still there, and then the end.
    let mut read = 0;
    while let Some(Ok(Frame::Text(_))) = stalled.next().await {
        read += 1;
    }
    assert!((1..300).contains(&read), "{read}");
    served.publish(&create('a', "com.example.note", "on")).await;
    assert_eq!(told(&mut reads).await, "on");
}

#[tokio::test]
async fn what_has_no_form_is_dropped_with_a_reason_and_the_rest_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::open(dir.path(), JetstreamOptions::default()).await;
    let path = |rkey: &str| format!("com.example.note/{rkey}").parse().unwrap();
    let record = |text: &str| {
        let record = format!(r#"{{"text":"{text}"}}"#);
        cbor::encode(&atproto_core::data::json::decode(&record).unwrap())
    };
    let of = |record: Vec<u8>, rkey| Change::create(path(rkey), Cid::dag_cbor(&record), record);
    let changes = vec![
        of(vec![0xff], "torn"),
        of(record("good"), "good"),
        // Each of these characters becomes six.
        of(record(&"\\u0001".repeat(1_000_000)), "long"),
    ];
    let rev = "3jzfcijpj2z2a".parse().unwrap();
    let commit = Commit::of_changes(account('a'), rev, None, Origin::Stream, changes);
    let mut live = served.connect("").await;
    let published = served.jetstream.publish(&Event::Commit(commit)).await.unwrap();
    assert_eq!(published.events, 1);
    let [torn, long] = &published.dropped[..] else { panic!("{published:?}") };
    assert!(matches!(torn, JetstreamError::Record { .. }), "{torn}");
    assert!(matches!(long, JetstreamError::TooLarge { .. }), "{long}");
    assert_eq!(told(&mut live).await, "good");
    let stats = served.jetstream.stats();
    assert_eq!((stats.published, stats.dropped, stats.sent), (1, 2, 1));
}

#[tokio::test]
async fn as_many_readers_as_there_are_places_and_all_are_told_of_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let shutdown = CancellationToken::new();
    let mut options = JetstreamOptions::default().shutdown(shutdown.clone());
    options.limits.connections = 2;
    let served = Served::open(dir.path(), options).await;
    let (mut one, two) = (served.connect("").await, served.connect("").await);
    assert_eq!(served.refusal("").await, 503);
    drop(two);
    while served.jetstream.stats().producer.subscribers > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut three = loop {
        match served.try_connect("").await {
            Ok(socket) => break socket,
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    shutdown.cancel();
    assert_eq!((hangup(&mut one).await, hangup(&mut three).await), (Some(1001), Some(1001)));
}

#[tokio::test]
async fn publishers_at_the_same_time_keep_times_and_the_log_in_one_order() {
    let dir = tempfile::tempdir().unwrap();
    let served = Arc::new(Served::open(dir.path(), JetstreamOptions::default()).await);
    let publish = |letter| {
        let served = Arc::clone(&served);
        tokio::spawn(async move {
            for number in 0..100 {
                served.publish(&create(letter, "com.example.note", &number.to_string())).await;
            }
        })
    };
    futures::future::join_all("abcd".chars().map(publish)).await;
    let mut reader = served.connect("cursor=0").await;
    let (mut newest, mut numbers) = (0, std::collections::BTreeMap::<String, u32>::new());
    for _ in 0..400 {
        let event = next(&mut reader).await;
        assert!(event.time_us > newest);
        newest = event.time_us;
        let JetstreamContent::Commit(commit) = event.content else { panic!("a commit") };
        let record = commit.operation.record().unwrap().value.clone();
        let number = numbers.entry(event.did.to_string()).or_default();
        assert_eq!(record.get("text").unwrap().as_str(), Some(&*number.to_string()));
        *number += 1;
    }
}

#[cfg(feature = "zstd")]
mod compressed {
    use atproto_firehose::jetstream::Dictionary;

    use super::*;

    #[tokio::test]
    async fn who_asks_for_it_gets_the_same_events_compressed() {
        let dir = tempfile::tempdir().unwrap();
        let dictionary = Dictionary::new(b"com.example.note");
        let options = JetstreamOptions::default().dictionary(dictionary.clone());
        let served = Served::open(dir.path(), options).await;
        let (mut plain, mut small) =
            (served.connect("").await, served.connect("compress=true").await);
        let mut late = Vec::new();
        for number in 0..20 {
            served.publish(&create('a', "com.example.note", &number.to_string())).await;
            let line = text(&mut plain).await;
            let Frame::Binary(frame) = small.next().await.unwrap().unwrap() else { panic!() };
            assert_eq!(dictionary.decompress(&frame, 1_000).unwrap(), line.as_bytes());
            late.push(frame);
        }
        let mut again = served.connect("compress=true&cursor=0&maxMessageSizeBytes=1000").await;
        for frame in late {
            assert_eq!(again.next().await.unwrap().unwrap(), Frame::Binary(frame));
        }
    }

    #[tokio::test]
    async fn without_a_dictionary_nothing_is_compressed() {
        let dir = tempfile::tempdir().unwrap();
        let served = Served::open(dir.path(), JetstreamOptions::default()).await;
        assert_eq!(served.refusal("compress=true").await, 400);
        served.connect("compress=false").await;
    }
}
