//! What following repositories costs: so many are fetched from a host on loopback, verified and
//! told to a handler that counts records, and every record is remembered in SQLite.
//!
//! ```text
//! cargo run --release -p atproto-firehose --example backfill [REPOSITORIES [RECORDS IN EACH]]
//! ```
//! The host is a process of its own, so that what it costs is not counted.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use atproto_core::{
    identity::safe_client::{SafeClient, SafeClientConfig},
    syntax::{Datetime, RecordKey},
};
use atproto_firehose::{
    consumer::Workers,
    event::Event,
    state::SqliteState,
    tracker::{PaceLimits, Tracker, TrackerOptions},
};
use atproto_lexicons::app::bsky::feed::Post;
use atproto_repo::repo;
use atproto_testkit::{Author, Directory, MicroPds};

/// Repositories, unless the command line says otherwise.
const REPOSITORIES: u64 = 2_000;
/// Records in each, unless the command line says otherwise.
const RECORDS: u64 = 250;

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(SERVE) {
        let number = |text: Option<String>| text.unwrap_or_default().parse();
        return serve(number(arguments.next())?, number(arguments.next())?).await;
    }
    let repositories = first.map_or(Ok(REPOSITORIES), |count| count.parse())?;
    let records = arguments.next().map_or(Ok(RECORDS), |count| count.parse())?;
    let (_host, url) = Host::start(repositories, records)?;
    let directory = Directory::default();
    for seed in 0..repositories {
        directory.insert(author(seed).document(&url));
    }
    let folder = tempfile::tempdir_in(".")?;
    let mut pace = PaceLimits::default();
    (pace.per_second, pace.per_host) = (100_000.0, 8);
    let options = TrackerOptions::default()
        .resolver(Arc::new(directory))
        .client(SafeClient::new(SafeClientConfig::default().allow_loopback(true))?)
        .pace(pace);
    let state = SqliteState::open(folder.path().join("tracker"))?;
    let (began, cpu) = (Instant::now(), cpu());
    let mut tracker = Tracker::open(&url, state, options).await?;
    let counted = Arc::new(AtomicU64::new(0));
    let (count, stopper) = (Arc::clone(&counted), tracker.stopper());
    let all = repositories * records;
    let handler = move |event: Arc<Event>| {
        let (count, stopper) = (Arc::clone(&count), stopper.clone());
        async move {
            let Event::Commit(commit) = &*event else { return Ok(()) };
            let new = commit.changes().len() as u64;
            if count.fetch_add(new, Ordering::Relaxed) + new >= all {
                tokio::spawn(async move { stopper.drain(Duration::from_secs(60)).await });
            }
            Ok(())
        }
    };
    tracker.run(Workers(16), handler).await.ok();
    let (took, cpu) = (began.elapsed(), self::cpu() - cpu);
    let counted = counted.load(Ordering::Relaxed);
    println!(
        "{counted} records of {repositories} repositories in {:.1} s: {:.0} records/s, {:.0} records per CPU-second, at most {} MB",
        took.as_secs_f64(),
        counted as f64 / took.as_secs_f64(),
        counted as f64 / cpu.as_secs_f64(),
        peak_memory() >> 20,
    );
    Ok(())
}

/// The host in a process of its own, which ends with this.
struct Host(Child);

impl Host {
    fn start(repositories: u64, records: u64) -> Result<(Self, String), Failed> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([SERVE, &repositories.to_string(), &records.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut url)?;
        Ok((Self(child), url.trim().to_owned()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves until its input ends.
async fn serve(repositories: u64, records: u64) -> Result<(), Failed> {
    let host = MicroPds::start().await?;
    for seed in 0..repositories {
        let mut author = author(seed);
        let text = "a post of the usual length, which is about that of this sentence, and no more";
        let post = |number: u64| -> Result<repo::Write, Failed> {
            let rkey = RecordKey::new(format!("3k{number:011}"))?;
            Ok(repo::Write::create_at(rkey, &Post::new(text, Datetime::now()))?)
        };
        author.write((0..records).map(post).collect::<Result<_, _>>()?);
        host.host(&author);
    }
    println!("{}", host.url());
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    Ok(())
}

fn author(seed: u64) -> Author {
    Author::new(&format!("author{seed}.test"), seed)
}

/// What this process has used of the processors.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS)
}

/// The most memory that this process ever had, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

/// Of the clock of processes, in a second, on Linux.
const TICKS: u64 = 100;

const SERVE: &str = "serve";
