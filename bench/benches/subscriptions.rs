//! Frames of 1 KB to a hundred readers on this machine, by two threads.
//!
//! *Behind*: everything is there and waits for the readers. *Live*: each frame comes when all
//! readers have had the one before, so that none can be written together with another; that
//! is the most that a call of the system for each frame and reader allows.

use std::{
    hint::black_box,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use atproto_core::{
    data::cbor::Writer,
    endpoint::{NoErrors, Subscription},
    frame,
};
use atproto_xrpc::{
    XrpcError,
    server::{Context, Public, Router, RouterConfig, ServeConfig, serve},
};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, runtime::Builder, sync::watch};

const READERS: usize = 100;
const FRAMES: usize = 200;

fn subscriptions(c: &mut Criterion) {
    let world = World::new();
    let mut group = c.benchmark_group("subscription-1kb-100-readers");
    group.throughput(Throughput::Elements((READERS * FRAMES) as u64)).sample_size(20);
    group.bench_function("ours, behind", |b| {
        b.iter_custom(|rounds| (0..rounds).map(|_| world.publish(FRAMES)).sum());
    });
    group.bench_function("ours, live", |b| {
        b.iter_custom(|rounds| {
            (0..rounds).map(|_| (0..FRAMES).map(|_| world.publish(1)).sum::<Duration>()).sum()
        });
    });
    group.bench_function("floor: one write for all frames of a reader", |b| {
        b.iter_custom(|rounds| (0..rounds).map(|_| written_at_once(&world.frame)).sum());
    });
    group.finish();
}

#[derive(Serialize, Deserialize)]
struct Subscribe {}

impl Subscription for Subscribe {
    const NSID: &'static str = "org.example.subscribe";
    type Message = ();
    type Error = NoErrors;
}

/// A server with its readers, each a thread that reads and forgets.
struct World {
    frame: Bytes,
    /// How many frames there are.
    head: watch::Sender<usize>,
    read: std::sync::mpsc::Receiver<()>,
    ask: Vec<std::sync::mpsc::Sender<usize>>,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("it starts");
        let mut body = Writer::new();
        body.map(1).text("data").bytes(&[7; 1_000]);
        let frame = Bytes::from(frame::encode_message("#data", &body.into_bytes()));
        let head = watch::Sender::new(0);
        let (shared, watched) = (frame.clone(), Arc::new(head.subscribe()));
        let handler = move |_: Context<()>, _: Subscribe| {
            let state = (shared.clone(), watch::Receiver::clone(&watched), 0);
            let frames = stream::unfold(state, |(frame, mut head, next)| async move {
                if *head.borrow_and_update() == next {
                    head.wait_for(|head| *head > next).await.ok()?;
                }
                Some((Ok(frame.clone()), (frame, head, next + 1)))
            });
            async move { Ok::<_, XrpcError>(frames.boxed()) }
        };
        let app =
            Router::new(RouterConfig::default()).subscription::<Subscribe, _>(Public, handler);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        runtime.spawn(serve(
            listener,
            app.into_router(),
            ServeConfig::default(),
            std::future::pending(),
        ));
        let (done, read) = std::sync::mpsc::channel();
        let size = frame.len() + 4;
        let ask = (0..READERS).map(|_| reader(connect(address), size, done.clone())).collect();
        Self { frame, head, read, ask, _runtime: runtime }
    }

    /// The time until every reader has so many more frames.
    fn publish(&self, frames: usize) -> Duration {
        let start = Instant::now();
        self.head.send_modify(|head| *head += frames);
        self.ask.iter().for_each(|ask| ask.send(frames).expect("the reader lives"));
        (0..READERS).for_each(|_| self.read.recv().expect("the reader lives"));
        start.elapsed()
    }
}

/// Reads as many frames as it is asked for, and says when it has them.
fn reader(
    mut socket: TcpStream,
    size: usize,
    done: std::sync::mpsc::Sender<()>,
) -> std::sync::mpsc::Sender<usize> {
    let (ask, asked) = std::sync::mpsc::channel::<usize>();
    thread::spawn(move || {
        let mut buffer = vec![0; 256 << 10];
        while let Ok(frames) = asked.recv() {
            let mut unread = frames * size;
            while unread > 0 {
                let room = unread.min(buffer.len());
                unread -= socket.read(&mut buffer[..room]).expect("the server lives");
            }
            black_box(&buffer);
            if done.send(()).is_err() {
                return;
            }
        }
    });
    ask
}

fn connect(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let head = "GET /xrpc/org.example.subscribe HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(head.as_bytes()).expect("the server lives");
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).expect("the server answers");
        answer.push(byte[0]);
    }
    socket
}

/// What the kernel takes to move the same bytes through a socket for each reader, in writes
/// as large as can be, one reader after the other.
fn written_at_once(frame: &Bytes) -> Duration {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let bytes = frame.repeat(FRAMES);
    let total = bytes.len() * READERS;
    let sink = thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("somebody connects");
        let (mut buffer, mut unread) = (vec![0; 256 << 10], total);
        while unread > 0 {
            unread -= socket.read(&mut buffer).expect("the writer lives");
        }
    });
    let mut socket = TcpStream::connect(address).expect("it listens");
    let start = Instant::now();
    (0..READERS).for_each(|_| socket.write_all(&bytes).expect("the reader lives"));
    sink.join().expect("the reader reads");
    start.elapsed()
}

criterion_group!(benches, subscriptions);
criterion_main!(benches);
