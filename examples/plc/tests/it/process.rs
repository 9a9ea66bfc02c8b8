//! The program itself.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use atproto_core::identity::{PlcClient, SafeClient, SafeClientConfig};
use serde_json::Value;

use crate::support::{Account, update};

struct Process {
    child: Child,
    client: PlcClient,
}

impl Process {
    /// Starts the program and waits until it says where it listens.
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plc"))
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                let line: Value = serde_json::from_str(&line.unwrap()).ok()?;
                Some(line["address"].as_str()?.to_owned())
            })
            .expect("the program says where it listens");
        // Whoever stops reading stops the program at its next line.
        std::thread::spawn(move || lines.for_each(drop));
        let safe = SafeClient::new(SafeClientConfig::default().allow_loopback(true)).unwrap();
        Self { child, client: PlcClient::new(format!("http://{address}"), safe) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was confirmed is there after the process was killed in the middle of its work.
#[tokio::test]
async fn confirmed_operations_outlive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("not/there/yet");
    let alice = Account::new("alice.test");
    let mut newest = alice.genesis.clone();
    let first = Process::start(&data);
    first.client.submit(&alice.did, &newest).await.unwrap();
    for number in 0..5 {
        newest = update(&newest, &format!("a{number}.test"), &alice.rotation);
        first.client.submit(&alice.did, &newest).await.unwrap();
    }
    drop(first);

    let second = Process::start(&data);
    assert_eq!(second.client.log(&alice.did).await.unwrap().len(), 6);
    assert_eq!(second.client.last_operation(&alice.did).await.unwrap(), newest);
    newest = update(&newest, "next.test", &alice.rotation);
    second.client.submit(&alice.did, &newest).await.unwrap();
}

#[test]
fn help_explains_every_option() {
    let output = Command::new(env!("CARGO_BIN_EXE_plc")).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["--listen", "PLC_LISTEN", "--data", "PLC_DATA", "--hourly-limit", "--admin-listen"]
    {
        assert!(help.contains(word), "{word}");
    }
    let wrong = Command::new(env!("CARGO_BIN_EXE_plc")).arg("--wrong").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
