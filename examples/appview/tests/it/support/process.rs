//! The AppView's own program.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use atproto_testkit::MicroPds;
use serde_json::Value;

use super::{PATIENCE, SERVICE, World};

/// A running AppView; killed when dropped.
pub(crate) struct AppView {
    pub(crate) url: String,
    pub(crate) admin: String,
    process: Child,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl AppView {
    pub(crate) fn start(pds: &MicroPds, world: &World, data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_appview"))
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--relay", pds.url(), "--plc-url", world.url(), "--did", SERVICE])
            .args(["--public-url", "http://localhost:2584", "--allow-loopback"])
            .args(["--dev-handle-host", &format!(".test={}", world.url()), "--data"])
            .arg(data)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = process.stderr.take().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                sink.lock().unwrap().push(line);
            }
        });
        let mut appview = Self { url: String::new(), admin: String::new(), process, lines };
        appview.admin = appview.address("admin port open", "admin");
        appview.url = appview.address("serving", "address");
        appview
    }

    fn address(&self, message: &str, field: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.lines.lock().unwrap().iter().find_map(|line| {
                let address = line["message"] == message;
                address.then(|| format!("http://{}", line[field].as_str().unwrap()))
            });
            if let Some(address) = found {
                return address;
            }
            assert!(Instant::now() < end, "{message}: not in {PATIENCE:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        let lines = self.lines.lock().unwrap();
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Ends it as a power failure does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to end; returns its exit code.
    pub(crate) async fn terminate(&mut self) -> Option<i32> {
        let status = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(status.unwrap().success());
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not end in {PATIENCE:?}\n{}", self.log())
    }
}

impl Drop for AppView {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
