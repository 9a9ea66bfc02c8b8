//! The server's process, as this one sees it.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::{measure::Percentiles, server};

pub struct ServerProcess {
    pub address: SocketAddr,
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    _folder: TempDir,
}

/// What the server says of itself.
#[derive(Clone, Debug)]
pub struct Report {
    pub last_seq: i64,
    /// Frames, to all readers.
    pub sent: u64,
    pub subscribers: u64,
    pub too_slow: u64,
    pub cpu: Duration,
    pub resident_bytes: u64,
    /// From the call that appends an event to its answer, since the report before.
    pub durable: Percentiles,
}

/// What came to pass between two reports.
pub struct Spent {
    pub events: f64,
    pub sent: f64,
    pub cpu: Duration,
}

impl ServerProcess {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let program = env::current_exe().expect("it runs");
        let mut process = Command::new(program)
            .arg(server::MODE)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let ask = process.stdin.take().expect("it is piped");
        let mut answers = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        answers.read_line(&mut line).expect("it says its address");
        let address = line.trim().parse().expect("an address");
        Self { address, process, ask, answers, _folder: folder }
    }

    /// Where it stands. What takes time is counted anew from here on.
    pub fn report(&mut self) -> Report {
        self.answer("reset")
    }

    /// Where it stands.
    pub fn peek(&mut self) -> Report {
        self.answer("peek")
    }

    fn answer(&mut self, question: &str) -> Report {
        writeln!(self.ask, "{question}").expect("the server lives");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the server lives");
        let mut fields = line.split_whitespace();
        let mut number = || -> f64 {
            fields.next().and_then(|field| field.parse().ok()).expect("the server lives")
        };
        Report {
            last_seq: number() as i64,
            sent: number() as u64,
            subscribers: number() as u64,
            too_slow: number() as u64,
            cpu: Duration::from_nanos(number() as u64),
            resident_bytes: number() as u64,
            durable: Percentiles { p50: number(), p99: number() },
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Report {
    pub fn since(&self, before: &Self) -> Spent {
        Spent {
            events: (self.last_seq - before.last_seq) as f64,
            sent: (self.sent - before.sent) as f64,
            cpu: self.cpu - before.cpu,
        }
    }
}

impl Spent {
    pub fn rate(&self, seconds: f64) -> f64 {
        self.events / seconds
    }

    pub fn micros_per_event(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.events
    }

    pub fn micros_per_frame(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.sent
    }
}
