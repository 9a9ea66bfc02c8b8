//! How fast a log is replayed from the cache of the operating system to a reader in the same
//! process, beside a plain read of the same files.
//!
//! ```text
//! cargo run --release -p atproto-firehose --example replay [MEGABYTES]
//! ```
//! Frames of 1 KB, as usual commits have.

use std::{fs, io::Read, path::Path, time::Instant};

use atproto_firehose::{
    log::{Entry, LogConfig},
    producer::{Producer, ProducerOptions},
};

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let megabytes = std::env::args().nth(1).map_or(Ok(1_000), |number| number.parse::<usize>())?;
    let folder = tempfile::tempdir_in(".")?;
    // The ring holds the newest frames: all but those are read from the files.
    let options = ProducerOptions::default().ring_bytes(1 << 20);
    let (producer, _) = Producer::open(folder.path(), LogConfig::default(), options)?;
    let entries = || (0..1_000).map(|_| Entry::new("", |_| vec![0x5A; FRAME])).collect();
    for _ in 0..megabytes {
        producer.append(entries()).await?;
    }
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let bytes = read_files(folder.path())?;
        report("plain reads", bytes, began);
        let began = Instant::now();
        let mut reader = producer.subscribe(Some(0))?;
        let (mut bytes, mut frames) = (0, 0);
        while frames < megabytes * 1_000 {
            let frame = reader.next_frame().await.ok_or("the stream ended")??;
            (bytes, frames) = (bytes + frame.len(), frames + 1);
        }
        report("replay", bytes, began);
    }
    Ok(())
}

fn report(what: &str, bytes: usize, began: Instant) {
    let rate = bytes as f64 / began.elapsed().as_secs_f64() / 1e9;
    println!("{what}: {rate:.2} GB/s");
}

/// All files of a folder, in pieces as large as those of a reader that catches up.
fn read_files(folder: &Path) -> std::io::Result<usize> {
    let (mut bytes, mut buffer) = (0, vec![0; 32 << 10]);
    for file in fs::read_dir(folder)? {
        let mut file = fs::File::open(file?.path())?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => bytes += read,
            }
        }
    }
    Ok(bytes)
}

/// Bytes of a frame.
const FRAME: usize = 1_000;

/// Other work on the machine takes its share: the best round is the figure.
const ROUNDS: usize = 3;
