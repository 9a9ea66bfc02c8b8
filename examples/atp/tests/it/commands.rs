//! What commands print, and their exit codes.

use std::{fs, io::Write, process::Stdio};

use crate::support::{arg, atp, atp_with};

#[test]
fn wrong_usage_is_2() {
    for args in [
        &["nonsense"][..],
        &["syntax", "nonsense"],
        &["car", "verify"],
        &["firehose", "decode"],
        &["firehose", "verify", "frames.bin"],
        &["repo", "verify", "x.car", "--key", "did:key:nonsense"],
        &["relay", "compare", "https://one.example"],
        &["relay", "collections", "https://one.example"],
        &["relay", "collections", "https://one.example", "--collection", "app.bsky.*"],
        &["account", "login", "someone"],
        &["key", "sign", "--secret-key", "-"],
        &["key", "inspect"],
        &["plc", "update", "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "--rotation-key", "x"],
        &["data", "cid", "--raw", "--any"],
    ] {
        assert_eq!(atp(args).code, 2, "{args:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let run = atp(&["car", "verify", "no-such.car"]).refused();
    assert!(run.stderr.contains("no-such.car"), "{}", run.stderr);
}

#[test]
fn syntax_judges_each_line() {
    let run = atp_with(&["syntax", "nsid"], b"com.example.note\nnonsense\n").refused();
    let lines: Vec<_> = run.text().lines().collect();
    assert_eq!(lines[0], "ok\tcom.example.note");
    assert!(lines[1].starts_with("bad\tnonsense\t"), "{}", lines[1]);
    assert!(run.stderr.contains("line 2"), "{}", run.stderr);
    atp_with(&["syntax", "tid"], b"3jzfcijpj2z2a\n").fine();
    assert_eq!(atp_with(&["syntax", "did"], b"").fine().text(), "");
}

#[test]
fn lines_that_are_too_long_are_bad_and_the_next_is_read() {
    let long = "a".repeat(1_000_000);
    let input = format!("{long}\nalice.test\n{long}");
    let run = atp_with(&["--json", "syntax", "handle"], input.as_bytes()).refused();
    let verdicts: Vec<_> = run.json().iter().map(|line| line["valid"] == true).collect();
    assert_eq!(verdicts, [false, true, false]);
    assert!(run.stdout.len() < 200_000, "{}", run.stdout.len());
}

#[test]
fn whoever_has_read_enough_may_go() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_atp"))
        .args(["syntax", "handle"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // More than any buffer holds; the program ends before all of it is written.
    let _ended = stdin.write_all("alice.test\nalice\n".repeat(100_000).as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn data_is_bounded() {
    let zeros = vec![b' '; 11_000_000];
    for command in [&["data", "to-json"][..], &["data", "to-cbor"], &["data", "cid"]] {
        let run = atp_with(command, &zeros).refused();
        assert!(run.stderr.contains("longer than"), "{}", run.stderr);
    }
}

#[test]
fn records_are_objects() {
    for (text, cbor) in [("[1]", "8101"), ("1", "01"), ("null", "f6")] {
        atp_with(&["data", "to-cbor"], text.as_bytes()).refused();
        let any = atp_with(&["--json", "data", "to-cbor", "--any"], text.as_bytes()).fine();
        let bytes = data_encoding::HEXLOWER.decode(cbor.as_bytes()).unwrap();
        let base64 = data_encoding::BASE64_NOPAD.encode(&bytes);
        assert_eq!(any.json()[0]["cbor"], base64);
        let cid = atp_with(&["--json", "data", "cid"], &bytes).fine();
        assert_eq!(cid.json()[0]["cid"], any.json()[0]["cid"]);
    }
}

#[test]
fn data_goes_both_ways() {
    let text = br#"{"b": {"$bytes": "AAE"}, "a": [1, null, true]}"#;
    let cbor = atp_with(&["data", "to-cbor"], text).fine().stdout;
    let back = atp_with(&["--json", "data", "to-json"], &cbor).fine();
    assert_eq!(back.text(), "{\"a\":[1,null,true],\"b\":{\"$bytes\":\"AAE\"}}\n");
    let cid = atp_with(&["data", "cid"], &cbor).fine();
    assert!(cid.text().starts_with("bafyrei"), "{}", cid.text());
    assert_eq!(atp_with(&["data", "cid"], text).fine().text(), cid.text());
    assert!(atp_with(&["data", "cid", "--raw"], text).fine().text().starts_with("bafkrei"));
    atp_with(&["data", "to-cbor"], b"{\"a\": 1.5}").refused();
    atp_with(&["data", "to-json"], b"\xa1\x61a").refused();
}

#[test]
fn keys_sign_and_verify() {
    let folder = tempfile::tempdir().unwrap();
    for curve in ["k256", "p256"] {
        let file = arg(folder.path(), curve);
        let made = atp(&["--json", "key", "generate", "--curve", curve, "--out", &file]).fine();
        let public = made.json()[0]["didKey"].as_str().unwrap().to_owned();
        assert_private(&file);
        // A key is never overwritten.
        atp(&["key", "generate", "--out", &file]).refused();

        let inspected = atp(&["--json", "key", "inspect", &public]).fine().json().remove(0);
        assert_eq!(inspected["curve"], curve);
        let signed = atp_with(&["key", "sign", "--secret-key", &file], b"message").fine();
        let signature = signed.text().trim_end();
        let secret = fs::read(&file).unwrap();
        let inspect = ["--json", "key", "inspect", "--secret-key", "-"];
        assert_eq!(atp_with(&inspect, &secret).fine().json().remove(0), inspected);
        let message = arg(folder.path(), "message");
        fs::write(&message, "message").unwrap();
        let again = atp_with(&["key", "sign", "--secret-key", "-", &message], &secret).fine();
        assert_eq!(again.text(), signed.text());

        let verify = ["key", "verify", "--key", &public, "--signature", signature];
        atp_with(&verify, b"message").fine();
        atp_with(&verify, b"another").refused();
    }
}

#[cfg(unix)]
fn assert_private(file: &str) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(not(unix))]
fn assert_private(_file: &str) {}

#[test]
fn an_identity_is_made_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let key = arg(folder.path(), "rotation");
    let made = atp(&["--json", "key", "generate", "--out", &key]).fine().json().remove(0);
    let public = made["didKey"].as_str().unwrap();
    let create = [
        "--json",
        "plc",
        "create",
        "--rotation-key",
        &key,
        "--signing-key",
        public,
        "--handle",
        "alice.test",
        "--pds",
        "https://pds.example.com",
    ];
    let created = atp(&create).fine().json().remove(0);
    let entry = serde_json::json!([{
        "did": created["did"],
        "operation": created["operation"],
        "cid": "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
        "nullified": false,
        "createdAt": "2026-01-01T00:00:00.000Z",
    }]);
    let log = arg(folder.path(), "log.json");
    fs::write(&log, entry.to_string()).unwrap();
    let refused = atp(&["plc", "verify", &log]).refused();
    assert!(refused.stderr.contains("CID"), "{}", refused.stderr);
}

#[test]
fn a_lexicon_may_refer_to_first_party_lexicons() {
    let folder = tempfile::tempdir().unwrap();
    let document = |target: &str| {
        let schema = serde_json::json!({
            "lexicon": 1,
            "id": "com.example.note",
            "defs": { "main": { "type": "record", "key": "tid", "record": {
                "type": "object",
                "required": ["subject"],
                "properties": { "subject": { "type": "ref", "ref": target } }
            } } }
        });
        fs::write(folder.path().join("note.json"), schema.to_string()).unwrap();
    };
    let dir = folder.path().to_str().unwrap();
    document("com.atproto.repo.strongRef");
    atp(&["lex", "check", dir]).fine();
    document("com.example.missing");
    let refused = atp(&["lex", "check", dir]).refused();
    assert!(refused.stderr.contains("com.example.missing"), "{}", refused.stderr);
}

#[test]
fn the_time_can_be_a_datetime_or_seconds() {
    for time in ["2026-09-21T13:33:20Z", "1790000000"] {
        // Only the file is missing.
        let run = atp(&["repo", "verify", "no-such.car", "--now", time]).refused();
        assert!(run.stderr.contains("no-such.car"), "{}", run.stderr);
    }
    assert_eq!(atp(&["repo", "verify", "no-such.car", "--now", "yesterday"]).code, 2);
}
