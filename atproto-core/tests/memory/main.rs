//! What reading untrusted DAG-CBOR allocates. A binary of its own, because the counting
//! allocator is one for the whole program.

use allocation_counter::measure;
use atproto_core::data::{cbor, json, limits};

/// Inputs whose lengths claim more than is there, each with more bytes behind them than a
/// decoder may believe in.
fn hostile() -> Vec<Vec<u8>> {
    let claims: [&[u8]; 8] = [
        b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x9a\x00\x02\x00\x00",
        b"\xba\x00\x02\x00\x00\x61\x61",
        b"\xba\x00\x01\x00\x00\x61\x61",
        b"\x99\xff\xff",
        b"\x5a\x00\x10\x00\x00",
        b"\x7b\x00\x00\x00\x00\x00\x10\x00\x00",
        b"\xd8\x2a\x5a\x00\x10\x00\x00",
    ];
    let mut inputs = Vec::new();
    for claim in claims {
        for (depth, behind) in [(1, 0), (1, 300_000), (limits::MAX_DEPTH, 300_000)] {
            // The code that ends an indefinite length is never an item.
            inputs.push([claim.repeat(depth), vec![0xff; behind]].concat());
        }
    }
    inputs
}

#[test]
fn t17_lengths_alone_reserve_no_more_than_four_times_the_input() {
    for input in hostile() {
        let memory = measure(|| assert!(cbor::decode(&input).is_err()));
        let most = 4 * input.len() as u64 + SLACK;
        assert!(memory.bytes_max <= most, "{memory:?} for {} bytes", input.len());
        assert_eq!(memory.bytes_current, 0);
    }
}

#[test]
fn t17_the_check_allocates_nothing() {
    for input in hostile().into_iter().chain([post(), vec![0x80; 1000]]) {
        let memory = measure(|| drop(cbor::check(&input)));
        assert_eq!(memory.count_total, 0, "{} bytes", input.len());
    }
}

#[test]
fn a_record_takes_no_more_than_four_times_its_encoding() {
    let input = post();
    let memory = measure(|| assert!(cbor::decode(&input).is_ok()));
    assert!(memory.bytes_max <= 4 * input.len() as u64, "{memory:?} for {} bytes", input.len());
}

#[test]
fn the_densest_value_takes_what_is_documented() {
    let len = limits::MAX_ELEMENTS;
    let head = [0x9a, (len >> 24) as u8, (len >> 16) as u8, (len >> 8) as u8, len as u8];
    let input = [&head[..], &vec![0xf6; len]].concat();
    let memory = measure(|| assert!(cbor::decode(&input).is_ok()));
    // While a full list grows, its old and its new place are both there.
    assert!(memory.bytes_max <= 120 * input.len() as u64, "{memory:?}");
}

fn post() -> Vec<u8> {
    let text = r#"{"$type": "app.bsky.feed.post", "createdAt": "2025-03-14T15:09:26.535Z",
        "langs": ["en"], "text": "A post of the usual length, with a link in it: example.com",
        "reply": {
            "parent": {"cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
                "uri": "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jt5k2e4xab2s"},
            "root": {"cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
                "uri": "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jt5k2e4xab2s"}}}"#;
    cbor::encode(&json::decode(text).unwrap())
}

/// For inputs of a few bytes: no list or map of the least size is as small as they are.
const SLACK: u64 = 512;
