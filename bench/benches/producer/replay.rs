//! Replays of a stored log, beside a plain read of its files and a bare WebSocket.

use std::{
    fs::{self, File},
    hint::black_box,
    io::Read,
    net::SocketAddr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use atproto_firehose::{
    log::{Durability, Entry, LogConfig},
    producer::{Producer, ProducerOptions},
};
use bytes::Bytes;
use cpu_time::{ProcessTime, ThreadTime};
use futures::SinkExt;
use tokio::{
    net::{TcpSocket, TcpStream},
    runtime::{Builder, Runtime},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use super::{make_frame, readers::connect, subscription};

/// Prints a line for each way, of its best round. The ways take turns.
pub fn run() {
    let folder = tempfile::tempdir().expect("there is room");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("it starts");
    let producer = runtime.block_on(stored(folder.path()));
    let (ours, singly, gathered) = runtime.block_on(async {
        let ours = subscription::listen(producer.clone(), SEND_BUFFER);
        (ours, listen_bare(Sending::Singly).await, listen_bare(Sending::Gathered).await)
    });
    let mut plain = Way::new("plain read of the files");
    let mut log = Way::new("reader of the log");
    let mut replay = Way::new("subscriber in the process");
    let mut socket = Way::new("subscriber over a socket");
    let mut each = Way::new("from memory by bare tungstenite, sent singly");
    let mut floor = Way::new("the same, gathered to writes of 128 KiB");
    for _ in 0..ROUNDS {
        plain.measure(|| read_files(folder.path()));
        log.measure(|| read_log(&producer));
        replay.measure(|| runtime.block_on(read_in_process(&producer)));
        socket.measure(|| read_socket(&runtime, ours));
        each.measure(|| read_socket(&runtime, singly));
        floor.measure(|| read_socket(&runtime, gathered));
    }
    println!("\nreplay of {FRAMES} frames               GB/s     GB/s of processor time");
    for way in [&plain, &log, &replay, &socket, &each, &floor] {
        println!("  {:44} {:6.2} {:6.2}", way.name, way.rate(way.wall), way.rate(way.cpu));
    }
    for (name, bare) in [("singly", each), ("gathered", floor)] {
        println!(
            "  {:44} {:6.2} {:6.2}",
            format!("subscriber over a socket / {name}"),
            bare.wall.as_secs_f64() / socket.wall.as_secs_f64(),
            bare.cpu.as_secs_f64() / socket.cpu.as_secs_f64()
        );
    }
}

/// One way to read all frames, and its best times.
struct Way {
    name: &'static str,
    wall: Duration,
    /// Of all threads but the one that plays the client.
    cpu: Duration,
}

impl Way {
    fn new(name: &'static str) -> Self {
        Self { name, wall: Duration::MAX, cpu: Duration::MAX }
    }

    /// `work` says what processor time is not to count.
    fn measure(&mut self, work: impl FnOnce() -> Duration) {
        let (start, before) = (Instant::now(), ProcessTime::now());
        let clients = work();
        self.wall = self.wall.min(start.elapsed());
        self.cpu = self.cpu.min(before.elapsed().saturating_sub(clients));
    }

    fn rate(&self, time: Duration) -> f64 {
        (FRAMES * make_frame(0, 0).len()) as f64 / time.as_secs_f64() / 1e9
    }
}

/// A producer with a log full of frames and nothing in memory.
async fn stored(folder: &Path) -> Producer {
    let config = LogConfig::default().durability(Durability::System);
    let open = || {
        let opened = Producer::open(folder, config.clone(), ProducerOptions::default());
        opened.expect("there is room").0
    };
    let producer = open();
    for _ in 0..FRAMES / BATCH {
        let entries = (0..BATCH).map(|_| Entry::new("", |seq| make_frame(seq, 0))).collect();
        producer.append(entries).await.expect("there is room");
    }
    producer.close().await;
    open()
}

fn read_files(folder: &Path) -> Duration {
    let mut buffer = vec![0; 1 << 20];
    for file in fs::read_dir(folder).expect("it is there") {
        let mut file = File::open(file.expect("it is there").path()).expect("it is there");
        while file.read(&mut buffer).expect("it is readable") > 0 {
            black_box(&buffer);
        }
    }
    Duration::ZERO
}

fn read_log(producer: &Producer) -> Duration {
    let read = producer.log().reader(1).map(|record| record.expect("it is sound").payload);
    assert_eq!(read.map(black_box).count(), FRAMES);
    Duration::ZERO
}

async fn read_in_process(producer: &Producer) -> Duration {
    let mut subscriber = producer.subscribe(Some(0)).expect("it is no cursor of the future");
    for _ in 0..FRAMES {
        black_box(subscriber.next_frame().await.expect("there are more").expect("it is sound"));
    }
    Duration::ZERO
}

/// Asks for all frames and forgets them; says what processor time the client took.
fn read_socket(runtime: &Runtime, address: SocketAddr) -> Duration {
    let socket = runtime.block_on(connect(address, Some(0), None));
    let mut unread = FRAMES * (make_frame(0, 0).len() + HEAD) - socket.buffer().len();
    let mut socket = socket.into_inner().into_std().expect("it is open");
    socket.set_nonblocking(false).expect("it is open");
    let client = thread::spawn(move || {
        let (start, mut buffer) = (ThreadTime::now(), vec![0; 256 << 10]);
        while unread > 0 {
            let room = unread.min(buffer.len());
            let read = socket.read(&mut buffer[..room]).expect("the server lives");
            assert!(read > 0, "the stream ended early");
            unread -= read;
        }
        start.elapsed()
    });
    client.join().expect("it reads to the end")
}

/// A server of the same frames that has them in memory and does nothing else.
async fn listen_bare(sending: Sending) -> SocketAddr {
    let socket = TcpSocket::new_v4().expect("there is one");
    socket.set_send_buffer_size(SEND_BUFFER).expect("it may be that large");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let listener = socket.listen(16).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).expect("it is open");
            tokio::spawn(send_bare(socket, sending));
        }
    });
    address
}

async fn send_bare(socket: TcpStream, sending: Sending) {
    let mut socket = accept_async(socket).await.expect("it asks for a WebSocket");
    let frame: Bytes = make_frame(0, 0);
    for _ in 0..FRAMES {
        let message = Message::Binary(frame.clone());
        let sent = match sending {
            Sending::Singly => socket.send(message).await,
            Sending::Gathered => socket.feed(message).await,
        };
        if sent.is_err() {
            return;
        }
    }
    // The client may have all and be gone.
    let _ = socket.flush().await;
}

#[derive(Clone, Copy)]
enum Sending {
    /// As servers do that take one message after the other from a stream.
    Singly,
    /// As large as the library makes them, which only whoever has all frames at hand can do.
    Gathered,
}

const FRAMES: usize = 100_000;
const BATCH: usize = 1_000;
const ROUNDS: usize = 5;
/// The head of a message of 1 KB (RFC 6455, section 5.2).
const HEAD: usize = 4;
const SEND_BUFFER: u32 = 256 << 10;
