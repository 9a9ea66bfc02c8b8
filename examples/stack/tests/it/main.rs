//! The main job, as a user starts it.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

/// Far above the well-known ports, so that a running network does not meet the test's.
const PORTS: &str = "29310";

#[test]
fn the_demonstration_passes_every_hop_and_continues_on_the_same_data() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let first = demonstrate(data.path());
    for line in ["signed up alice.test", "hop 1", "hop 2", "hop 3", "hop 4", "passed all 4 hops"] {
        assert!(first.contains(line), "{line:?} is missing from\n{first}");
    }
    let second = demonstrate(data.path());
    assert!(second.contains("logged in as alice.test"), "{second}");
    assert!(second.contains("passed all 4 hops"), "{second}");
}

#[test]
fn every_server_starts_alone_and_documents_itself() {
    for (server, option) in
        [("plc", "--data"), ("pds", "PDS_HOSTNAME"), ("relay", "--plc-url"), ("appview", "--relay")]
    {
        let output = stack(&["serve", server, "--help"]);
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{server}: {output:?}");
        assert!(help.contains(option), "{server} does not document {option}:\n{help}");
        assert!(help.contains("--admin-listen"), "{server} has no admin port:\n{help}");
    }
}

#[test]
fn wrong_usage_is_told_with_status_2() {
    for arguments in [&["--nonsense"][..], &["serve", "nonsense"], &["--exit", "--no-demo"]] {
        let output = stack(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?} says nothing");
    }
}

fn demonstrate(data: &Path) -> String {
    let path = data.to_str().expect("temporary paths are text");
    let output = stack(&["--exit", "--data", path, "--port-base", PORTS]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn stack(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stack"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the stack starts")
}
