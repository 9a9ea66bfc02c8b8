use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

/// A peer in another language: a process that holds its inputs and says how much processor
/// time its work took, so that neither its start nor the pipe counts.
///
/// It reads lines: its inputs, sets of them ended by empty lines, and then numbers of rounds,
/// which it answers with nanoseconds.
pub struct Peer {
    process: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts the process and gives it its inputs. Nothing if that is not to be had here.
    pub fn start(command: &mut Command, inputs: &[Vec<String>]) -> Option<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let ask = process.stdin.take()?;
        let answer = BufReader::new(process.stdout.take()?);
        let mut peer = Self { process, ask, answer };
        for set in inputs {
            for line in set {
                writeln!(peer.ask, "{line}").ok()?;
            }
            writeln!(peer.ask).ok()?;
        }
        peer.ask(0).map(|_| peer)
    }

    /// The processor time of so many rounds over all inputs.
    pub fn rounds(&mut self, times: u64) -> Duration {
        self.ask(times).expect("the process answers")
    }

    fn ask(&mut self, times: u64) -> Option<Duration> {
        writeln!(self.ask, "{times}").ok()?;
        let mut line = String::new();
        self.answer.read_line(&mut line).ok()?;
        line.trim().parse().ok().map(Duration::from_nanos)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Records as lines.
pub fn hex(records: &[Vec<u8>]) -> Vec<String> {
    let digits = |record: &Vec<u8>| record.iter().map(|byte| format!("{byte:02x}")).collect();
    records.iter().map(digits).collect()
}
