//! The programs run, and say what they did.

mod browser;
mod host;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use host::Host;

fn run(program: &str) -> String {
    run_with(&[program])
}

fn run_with(args: &[&str]) -> String {
    let tour = Command::new(env!("CARGO_BIN_EXE_tour"))
        .args(args)
        .env("TOUR_PASSWORD", host::PASSWORD)
        .output();
    let output = tour.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_repository_is_made_and_checked() {
    let said = run("repository");
    assert!(said.contains("create app.bsky.feed.post/"), "{said}");
    assert!(said.contains("the archive holds 1 record and is sound"), "{said}");
}

#[test]
fn records_of_any_kind_are_read() {
    let said = run("records");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "app.bsky.feed.post: a post that says \"hello\"");
    assert!(lines[1].starts_with("com.example.tour.status: valid by its schema: {"), "{said}");
    assert!(
        lines[2].starts_with("com.example.tour.status: 78 bytes kept, because status: "),
        "{said}"
    );
    assert!(lines[2].ends_with(": theirs to mend, so count it and go on"), "{said}");
    assert!(lines[3].starts_with("com.example.tour.elsewhere: without a schema: {"), "{said}");
    assert_eq!(lines.len(), 4);
}

#[test]
fn endpoints_are_served_and_called() {
    let said = run("serve");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "a stranger is told: 401 AuthMissing: Authentication Required");
    assert_eq!(lines[1], "alice wrote com.example.note");
    assert!(lines[2].starts_with("anybody reads ") && lines[2].contains("hello"), "{said}");
    assert_eq!(lines[3], "the stream says #account");
    assert_eq!(lines.len(), 4);
}

#[test]
fn events_are_consumed_in_three_forms() {
    let said = run("consume");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with("may have changed") && lines[1].ends_with("is active"), "{said}");
    assert_eq!(lines[2], "stream: a post that says \"hello\"");
    assert_eq!(lines[3], "stream: a post that says \"hello again\"");
    assert_eq!(lines[4], "handler: 0 left unsettled, everything stored: true");
    assert!(lines[5].starts_with("batches: 2 posts indexed, cursor Some("), "{said}");
    assert_eq!(lines.len(), 6);
}

#[test]
fn a_generated_type_is_used() {
    let said = run("generated");
    assert!(said.starts_with("a record of com.example.tour.status, "), "{said}");
    assert!(said.ends_with("the catalog knows 1 schema\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_written_and_read() {
    let host = Host::start().await;
    host.sign_up("alice.test").await;
    let url = host.url.clone();
    let (written, read) = tokio::task::spawn_blocking(move || {
        let written = run_with(&["write", &url, "alice.test"]);
        let uri = written.split(' ').next().unwrap();
        let read = run_with(&["call", &url, uri]);
        (written, read)
    })
    .await
    .unwrap();
    assert!(written.contains("/app.bsky.feed.post/"), "{written}");
    assert!(read.starts_with("{\"text\":\"hello\","), "{read}");
    assert!(read.ends_with("a page of 1 records\n"), "{read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_written_by_an_app_that_the_user_allows() {
    let host = Host::start().await;
    host.sign_up("alice.test").await;
    let login = ["login", &host.url, "--plc-url", &host.plc, "--allow-loopback"];
    let mut tour = Command::new(env!("CARGO_BIN_EXE_tour"))
        .args(login)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tour.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap();
    browser::allow(address.strip_prefix("open ").unwrap(), &host.url, "alice.test").await;
    let written = lines.next().unwrap().unwrap();
    assert!(written.contains("/app.bsky.feed.post/"), "{written}");
    assert!(tour.wait().unwrap().success());
}

#[test]
fn a_service_is_tested_in_a_simulated_network() {
    let said = run("testkit");
    assert!(said.contains("crash "), "{said}");
    assert!(said.trim_end().ends_with("records is true"), "{said}");
}
