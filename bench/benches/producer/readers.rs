//! Clients of a stream, which do no more than they must.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::interval,
};

use super::{EVENTS_PER_SECOND, measure::Percentiles, number_and_age};

/// A socket behind its handshake.
pub type Socket = BufReader<TcpStream>;

/// Subscribes, with so many bytes of the kernel's for what is not read yet.
pub async fn connect(address: SocketAddr, cursor: Option<i64>, buffer: Option<u32>) -> Socket {
    let socket = TcpSocket::new_v4().expect("there is one");
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes).expect("it may be that small");
    }
    let mut socket = socket.connect(address).await.expect("it listens");
    let cursor = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
    let head = format!(
        "GET /xrpc/org.example.subscribe{cursor} HTTP/1.1\r\nhost: test\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("the server lives");
    let capacity = buffer.map_or(64 << 10, |bytes| bytes as usize);
    let (mut socket, mut line) = (BufReader::with_capacity(capacity, socket), String::new());
    while socket.read_line(&mut line).await.expect("the server answers") > "\r\n".len() {}
    assert!(line.starts_with("HTTP/1.1 101"), "{line}");
    socket
}

/// How long frames took to arrive at readers of the live end.
#[derive(Clone, Default)]
pub struct Live(Arc<Mutex<Vec<u32>>>);

impl Live {
    /// Of those since the last call.
    pub fn take(&self) -> Percentiles {
        Percentiles::of(std::mem::take(&mut *self.0.lock().expect("nobody panics")))
    }
}

/// Reads what comes as soon as it comes.
pub async fn follow(mut socket: Socket, live: Live) {
    let mut message = Vec::new();
    while read_message(&mut socket, &mut message).await.is_some() {
        if let Some((_, age)) = number_and_age(&message) {
            live.0.lock().expect("nobody panics").push(age as u32);
        }
    }
}

/// How far a late reader is.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<State>>);

struct State {
    last: i64,
    faults: u64,
    start: Instant,
    arrived: Option<Duration>,
}

impl Progress {
    /// Of one that has seen this number last.
    pub fn new(last: i64) -> Self {
        let start = Instant::now();
        Self(Arc::new(Mutex::new(State { last, faults: 0, start, arrived: None })))
    }

    pub fn has_arrived(&self) -> bool {
        self.seconds().is_some()
    }

    /// How long it took to arrive.
    pub fn seconds(&self) -> Option<f64> {
        self.0.lock().expect("nobody panics").arrived.map(|time| time.as_secs_f64())
    }

    /// Frames that did not follow the one before.
    pub fn faults(&self) -> u64 {
        self.0.lock().expect("nobody panics").faults
    }

    fn note(&self, message: &[u8]) {
        let mut state = self.0.lock().expect("nobody panics");
        let Some((seq, age)) = number_and_age(message) else {
            state.faults += 1;
            return;
        };
        state.faults += u64::from(seq != state.last + 1);
        state.last = seq;
        if age < LIVE_AGE.as_micros() as i64 && state.arrived.is_none() {
            state.arrived = Some(state.start.elapsed());
        }
    }
}

/// Reads 1.2 times as fast as the stream grows, and no faster.
pub async fn catch_up(mut socket: Socket, progress: Progress) {
    let mut ticks = interval(Duration::from_millis(10));
    let mut message = Vec::new();
    loop {
        ticks.tick().await;
        for _ in 0..EVENTS_PER_SECOND * 12 / 1_000 {
            if read_message(&mut socket, &mut message).await.is_none() {
                return;
            }
            progress.note(&message);
        }
    }
}

/// The next message that holds a frame; nothing at the end.
async fn read_message(socket: &mut Socket, message: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut head = [0; 2];
        socket.read_exact(&mut head).await.ok()?;
        let length = match head[1] {
            126 => usize::from(socket.read_u16().await.ok()?),
            127 => socket.read_u64().await.ok()? as usize,
            short => usize::from(short),
        };
        message.resize(length, 0);
        socket.read_exact(message).await.ok()?;
        if head[0] == BINARY {
            return Some(());
        }
    }
}

/// The head of a whole binary message (RFC 6455, section 5.2).
const BINARY: u8 = 0x82;

/// Whoever gets frames as young as this is at the live end.
const LIVE_AGE: Duration = Duration::from_millis(100);
