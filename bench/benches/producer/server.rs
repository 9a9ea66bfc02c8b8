//! The process of the server.

use std::{
    fs,
    io::{BufRead, stdin},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use atproto_firehose::{
    log::{Entry, LogConfig},
    producer::{Producer, ProducerOptions},
};
use cpu_time::ProcessTime;
use tokio::{runtime::Builder, time::interval};

use super::{
    EVENTS_PER_SECOND, SMALL_BUFFER, make_frame,
    measure::{Percentiles, micros_now},
    subscription,
};

/// The argument that makes this process the server.
pub const MODE: &str = "--serve";

/// Appends and serves, says its address, and answers each line with what has come to pass,
/// until there are no more lines.
pub fn run(folder: &Path) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("it starts");
    let _guard = runtime.enter();
    let options = ProducerOptions::default().ring_bytes(RING_BYTES);
    let (producer, _) =
        Producer::open(folder, LogConfig::default(), options).expect("there is room");
    println!("{}", subscription::listen(producer.clone(), SMALL_BUFFER));
    let durable = Times::default();
    runtime.spawn(publish(producer.clone(), durable.clone()));
    for line in stdin().lock().lines().map_while(Result::ok) {
        let times = durable.lock().expect("nobody panics").clone();
        if line == "reset" {
            durable.lock().expect("nobody panics").clear();
        }
        let Percentiles { p50, p99 } = Percentiles::of(times);
        let stats = producer.stats();
        println!(
            "{} {} {} {} {} {} {p50} {p99}",
            stats.last_seq,
            stats.sent,
            stats.subscribers,
            stats.too_slow,
            ProcessTime::now().as_duration().as_nanos(),
            resident_bytes(),
        );
    }
}

type Times = Arc<Mutex<Vec<u32>>>;

/// Appends each event by itself, as they come to a server.
async fn publish(producer: Producer, durable: Times) {
    let mut ticks = interval(Duration::from_secs(1) / EVENTS_PER_SECOND as u32 * 2);
    loop {
        ticks.tick().await;
        for _ in 0..2 {
            let (producer, durable) = (producer.clone(), Arc::clone(&durable));
            tokio::spawn(async move {
                let (start, made) = (Instant::now(), micros_now());
                let entry = Entry::new("", move |seq| make_frame(seq, made));
                producer.append(vec![entry]).await.expect("there is room");
                let micros = start.elapsed().as_micros() as u32;
                durable.lock().expect("nobody panics").push(micros);
            });
        }
    }
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() << 10
}

/// Frames in memory, less than the late readers are behind.
const RING_BYTES: usize = 4 << 20;
