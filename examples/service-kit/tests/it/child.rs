//! This test binary, started again as a service.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde_json::Value;
use service_kit::{Ops, Service};

/// Set in the child alone.
const ROLE: &str = "SERVICE_KIT_TEST_CHILD";

/// In the child this is the service; in a normal run it has nothing to do.
#[test]
fn service_child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let variable = |name| std::env::var(name).ok();
    let ops = Ops {
        drain_seconds: variable("CHILD_DRAIN_SECONDS").map_or(20, |text| text.parse().unwrap()),
        otlp_endpoint: variable("CHILD_OTLP"),
        ..Ops::default()
    };
    let service = Service { name: "child", version: "1.2.3" };
    let code = service_kit::run(&service, &ops, |context| async move {
        context.health.set("warm", Err("still warming up".to_owned()));
        emit();
        let _ = tokio::spawn(async { panic!("on purpose") }).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        context.health.set("warm", Ok(()));
        tracing::info!("warm");
        context.shutdown.requested().await;
        if variable("CHILD_DRAIN").as_deref() == Some("hang") {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    // ExitCode hides its number; a failed run must be told to the parent.
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
}

fn emit() {
    let span =
        tracing::info_span!("request", request_id = "r-1", rev = tracing::field::Empty, seq = 1);
    span.record("rev", "3k2yihcrp6f2c");
    span.in_scope(|| tracing::info!(seq = 7, "inside a span"));
    let commit = tracing::info_span!("process");
    service_kit::join_trace(&commit, &["atproto-commit", "did:plc:abc", "3k2yihcrp6f2c"]);
    commit.in_scope(|| tracing::info!("inside a joined span"));
}

/// The running child; killed when dropped.
pub(crate) struct Child {
    process: std::process::Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<Value>,
}

impl Child {
    pub(crate) fn start(environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("a test has a path"))
            .args(["--exact", "child::service_child", "--nocapture"])
            .env(ROLE, "1")
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this binary starts");
        let stderr = process.stderr.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { process, lines, seen: Vec::new() }
    }

    /// The log line with that message, waiting for it if need be.
    pub(crate) fn line(&mut self, message: &str) -> Value {
        crate::eventually(message, || {
            while let Ok(line) = self.lines.try_recv() {
                if line.starts_with('{') {
                    self.seen.push(crate::json(&line));
                }
            }
            self.seen.iter().find(|line| line["message"] == message).cloned()
        })
    }

    pub(crate) fn admin(&mut self) -> String {
        let line = self.line("admin port open");
        line["admin"].as_str().expect("the address is text").to_owned()
    }

    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(status.expect("kill exists").success());
    }

    pub(crate) fn exit_code(&mut self, patience: Duration) -> Option<i32> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Ok(Some(status)) = self.process.try_wait() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
