//! What a stream costs whoever serves it: frames of 1 KB at 2,000 a second, each appended by
//! itself and durable before anybody sees it, over WebSockets on this machine.
//!
//! The server is a process of its own, so that its processor time and its memory are nobody
//! else's; all readers are in this one. In turn:
//!
//! 1. 50 readers at the live end: the time from the call that appends a frame to its arrival,
//!    beside the time until the frame is durable, which is the least it can be.
//! 2. The same, with 1,000 readers more that never read, and ten that begin 8,000 frames
//!    behind and read 1.2 times as fast as the stream grows: what memory they cost, and
//!    whether the ten arrive.
//! 3. Replays of a stored log, in the process and over a socket, beside what can be no faster.

mod measure;
mod readers;
mod replay;
mod server;
mod server_process;
mod subscription;

use std::{
    env, fs,
    time::{Duration, Instant},
};

use atproto_core::{data::cbor::Writer, frame};
use bytes::Bytes;
use tokio::{runtime::Builder, time::sleep};

use self::{
    measure::{Percentiles, micros_now},
    readers::{Live, Progress, connect},
    server_process::{Report, ServerProcess},
};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [mode, folder] = &args[..]
        && mode == server::MODE
    {
        return server::run(folder.as_ref());
    }
    // As the other benchmarks, which are asked for by the names of their groups.
    let mut names = args.iter().filter(|arg| !arg.starts_with("--"));
    if names.next().is_some_and(|name| !"producer".contains(name.as_str())) {
        return;
    }
    println!("load average at the start: {}", load_average());
    let runtime = Builder::new_current_thread().enable_all().build().expect("it starts");
    runtime.block_on(serve_readers());
    drop(runtime);
    replay::run();
    println!("load average at the end: {}", load_average());
}

async fn serve_readers() {
    let mut server = ServerProcess::start();
    let live = Live::default();
    for _ in 0..LIVE {
        let socket = connect(server.address, None, None).await;
        tokio::spawn(readers::follow(socket, live.clone()));
    }
    sleep(WARM_UP).await;

    let (start, before, _) = (Instant::now(), server.report(), live.take());
    sleep(LIVE_ONLY).await;
    let alone = server.report();
    let seconds = start.elapsed().as_secs_f64();
    println!("\n{LIVE} live readers, {:.0} events/s", alone.since(&before).rate(seconds));
    print_phase(&alone, &before, seconds, &live.take());

    let mut stalled = Vec::with_capacity(STALLED);
    for _ in 0..STALLED {
        stalled.push(connect(server.address, None, Some(SMALL_BUFFER)).await);
    }
    let from = server.report().last_seq - BEHIND;
    let behind: Vec<_> = (0..LATE).map(|_| Progress::new(from)).collect();
    for progress in &behind {
        let socket = connect(server.address, Some(from), Some(SMALL_BUFFER)).await;
        tokio::spawn(readers::catch_up(socket, progress.clone()));
    }
    let (start, before, _) = (Instant::now(), server.report(), live.take());
    let mut peak = before.resident_bytes;
    while start.elapsed() < CATCH_UP && !behind.iter().all(Progress::has_arrived) {
        sleep(Duration::from_millis(200)).await;
        peak = peak.max(server.peek().resident_bytes);
    }
    let together = server.report();
    let seconds = start.elapsed().as_secs_f64();
    peak = peak.max(together.resident_bytes);
    println!("\nbeside them {STALLED} that never read and {LATE} that begin {BEHIND} behind");
    print_phase(&together, &before, seconds, &live.take());
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let added = peak.saturating_sub(alone.resident_bytes);
    println!(
        "  resident before, added at most {:8.1} MiB {:8.1} MiB",
        megabytes(alone.resident_bytes),
        megabytes(added)
    );
    println!(
        "  still connected, too slow      {:8} {:12}",
        together.subscribers, together.too_slow
    );
    let arrived: Vec<_> = behind.iter().filter_map(Progress::seconds).collect();
    let faults: u64 = behind.iter().map(Progress::faults).sum();
    println!(
        "  arrived at the live end        {:8} of {LATE}, frames missed: {faults}",
        arrived.len()
    );
    if let Some(last) = arrived.into_iter().reduce(f64::max) {
        println!("  the last of them after         {last:8.1} s");
    }
    drop(stalled);
}

fn print_phase(after: &Report, before: &Report, seconds: f64, arrivals: &Percentiles) {
    let spent = after.since(before);
    let line = |name, times: &Percentiles| {
        println!("  {name:30} {:8.2} ms {:9.2} ms", times.p50, times.p99);
    };
    println!("  {:30} {:>11} {:>12}", "", "p50", "p99");
    line("append to durable", &after.durable);
    line("append to read", arrivals);
    println!(
        "  processor time of the server   {:8.1} µs an event, {:.2} µs a frame sent, {:.0} % of a core",
        spent.micros_per_event(),
        spent.micros_per_frame(),
        100.0 * spent.cpu.as_secs_f64() / seconds
    );
}

/// A frame of about 1 KB that says when it was made, and its number.
fn make_frame(seq: i64, made: i64) -> Bytes {
    let mut data = [7; DATA];
    data[..8].copy_from_slice(&seq.to_be_bytes());
    data[8..16].copy_from_slice(&made.to_be_bytes());
    let mut body = Writer::new();
    body.map(1).text("data").bytes(&data);
    frame::encode_message("#data", &body.into_bytes()).into()
}

/// The number of a frame and its age in microseconds; nothing of other messages.
fn number_and_age(frame: &[u8]) -> Option<(i64, i64)> {
    let data = frame.last_chunk::<DATA>()?;
    let (seq, rest) = data.split_first_chunk()?;
    let made = rest.first_chunk()?;
    Some((i64::from_be_bytes(*seq), micros_now() - i64::from_be_bytes(*made)))
}

fn load_average() -> String {
    fs::read_to_string("/proc/loadavg").map_or("unknown".into(), |text| text.trim().to_owned())
}

const EVENTS_PER_SECOND: u64 = 2_000;
const DATA: usize = 1_000;
const LIVE: usize = 50;
const STALLED: usize = 1_000;
const LATE: usize = 10;
/// More than the server keeps in memory: their first frames come from its disk. At 1.2 times
/// the rate of the stream it takes 20 s to make up for.
const BEHIND: i64 = 8_000;
/// Bytes that the kernel keeps for a socket, so that it is the server that readers wait for.
const SMALL_BUFFER: u32 = 16 << 10;
const WARM_UP: Duration = Duration::from_secs(3);
const LIVE_ONLY: Duration = Duration::from_secs(8);
/// Long enough to arrive, and shorter than the server bears a reader that does not read.
const CATCH_UP: Duration = Duration::from_secs(27);
