//! A service in a process of its own, seen from outside.

mod child;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use child::Child;
use serde_json::Value;

/// How long a child may take to do what is expected of it.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn admin_port_serves_health_readiness_and_metrics() {
    let mut child = Child::start(&[]);
    let admin = child.admin();
    assert_eq!(get(&admin, "/healthz").0, 200);
    let (status, body) = get(&admin, "/readyz");
    assert_eq!(status, 503, "one condition does not hold yet");
    assert!(body.contains("still warming up"), "{body}");

    child.line("warm");
    assert_eq!(get(&admin, "/readyz").0, 200);

    let (_, metrics) = get(&admin, "/metrics");
    for name in [
        "atproto_build_info{version=",
        "atproto_task_panics_total 1",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
        "atproto_process_memory_limit_bytes ",
    ] {
        assert!(metrics.contains(name), "{name} is missing from\n{metrics}");
    }
}

#[test]
fn log_lines_are_json_and_carry_the_fields_of_their_spans() {
    let mut child = Child::start(&[]);
    let line = child.line("inside a span");
    assert_eq!(line["service"], "child");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["request_id"], "r-1");
    assert_eq!(line["rev"], "3k2yihcrp6f2c", "recorded after the span began");
    assert_eq!(line["seq"], 7, "the event's own field wins over the span's");
    let panic = child.line("panic");
    assert_eq!(panic["error.class"], "bug");
}

#[test]
fn sigterm_drains_and_ends_with_zero() {
    let mut child = Child::start(&[]);
    child.line("warm");
    child.terminate();
    child.line("drained");
    assert_eq!(child.exit_code(PATIENCE), Some(0));
}

#[test]
fn an_overrun_drain_ends_with_one() {
    let mut child = Child::start(&[("CHILD_DRAIN", "hang"), ("CHILD_DRAIN_SECONDS", "1")]);
    child.line("warm");
    child.terminate();
    assert_eq!(child.exit_code(PATIENCE), Some(1));
}

#[test]
fn traces_reach_the_collector_in_the_trace_that_names_derive() {
    let collector = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let endpoint = format!("http://{}", collector.local_addr().expect("it is bound"));
    let mut child = Child::start(&[("CHILD_OTLP", &endpoint)]);
    let line = child.line("inside a joined span");
    let id = service_kit::trace_id(&["atproto-commit", "did:plc:abc", "3k2yihcrp6f2c"]);
    assert_eq!(line["trace_id"], id.as_str());
    child.terminate();

    let wanted: Vec<u8> = (0..32)
        .step_by(2)
        .map(|at| u8::from_str_radix(&id[at..at + 2], 16).expect("the id is hexadecimal"))
        .collect();
    let (mut socket, _) = collector.accept().expect("the child sends its traces");
    let request = read_request(&mut socket);
    assert!(request.starts_with(b"POST /v1/traces"));
    assert!(request.windows(16).any(|window| window == wanted), "the trace id is in the export");
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("the child listens");
    assert_eq!(child.exit_code(PATIENCE), Some(0));
}

fn get(admin: &str, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(admin).expect("the admin port listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("the answer is text");
    let status = answer[9..12].parse().expect("a status line");
    (status, answer)
}

fn read_request(socket: &mut TcpStream) -> Vec<u8> {
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a positive time");
    let (mut request, mut buffer) = (Vec::new(), [0; 8192]);
    while let Ok(read @ 1..) = socket.read(&mut buffer) {
        request.extend_from_slice(&buffer[..read]);
    }
    request
}

/// Waits for a condition of another process.
fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not happen in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("not a JSON log line: {line}"))
}
