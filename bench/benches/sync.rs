//! Messages of the firehose: decoding one, and deciding whether it is true.

use std::{error::Error, fs, hint::black_box, io::Cursor};

use atproto_bench::{CpuTime, account, account_key, block_on, floor, made_repo, shared};
use atproto_core::{crypto::PublicKey, data::cbor, identity::DidDocument, syntax::Tid};
use atproto_repo::{
    car,
    commit::Commit,
    event::{CommitEvent, Event},
    mst::Limits,
    repo::{self, Write},
    sync::{Verdict, VerifyContext, VerifyOptions, invert, verify_commit},
};
use atrium_api::com::atproto::sync::subscribe_repos as atrium;
use atrium_repo::blockstore::CarStore;
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use ipld_core::ipld::Ipld;
use jacquard_api::com_atproto::sync::subscribe_repos as jacquard;
use jacquard_repo::car::parse_car_bytes;
use serde_ipld_dagcbor_06::DecodeError;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Decodes a message, its archive included, and checks the hashes of that.
fn decode(c: &mut Criterion<CpuTime>) {
    let (frame, _) = frame();
    let mut group = c.benchmark_group("frame-decode");
    group.bench_function("ours", |b| b.iter(|| decode_ours(black_box(&frame)).unwrap()));
    group.bench_function("atrium", |b| b.iter(|| decode_atrium(black_box(&frame)).unwrap()));
    group.bench_function("jacquard, no hash", |b| {
        b.iter(|| decode_jacquard(black_box(&frame)).unwrap());
    });
    group.bench_function("floor", |b| b.iter(|| floor::frame(black_box(&frame))));
    group.finish();
}

/// Decodes a message and judges it: its form, hashes, the rules of the tree, the undoing
/// of its operations.
fn verify(c: &mut Criterion<CpuTime>) {
    let (frame, key) = frame();
    let event = commit(&frame).expect("the frame is sound");
    let (roots, blocks) = car::read_all(event.blocks.clone(), &car::Limits::default()).unwrap();
    let signed = Commit::decode(blocks.get(&roots[0]).unwrap()).unwrap();
    let message = signed.clone().into_unsigned().signing_input();

    let mut group = c.benchmark_group("frame-verify");
    group.bench_function("ours", |b| b.iter(|| judge(black_box(&frame), &key).unwrap()));
    group.bench_function("ours, no signature", |b| b.iter(|| check(black_box(&frame)).unwrap()));
    group.bench_function("signature", |b| {
        b.iter(|| key.verify(black_box(&message), &signed.sig).unwrap());
    });
    group.finish();
}

fn judge(frame: &Bytes, key: &PublicKey) -> Done {
    let event = commit(frame)?;
    let context = VerifyContext { key, previous: None, now_micros: event.rev.micros() };
    match verify_commit(&event, &context, &VerifyOptions::default()) {
        Verdict::Accept(_) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// What [`judge`] does but for the signature.
fn check(frame: &Bytes) -> Done {
    let event = commit(frame)?;
    let (roots, blocks) = car::read_all(event.blocks.clone(), &car::Limits::default())?;
    let commit = Commit::decode(blocks.get(&roots[0]).ok_or("the commit is missing")?)?;
    let before = invert(&commit.data, &event.ops, &blocks, &Limits::default())?;
    for cid in event.ops.iter().filter_map(|op| op.cid) {
        cbor::check(blocks.get(&cid).ok_or("a record is missing")?)?;
    }
    if event.prev_data == Some(before) { Ok(()) } else { Err("it is another tree".into()) }
}

fn commit(frame: &Bytes) -> Done<CommitEvent> {
    match Event::decode(frame.clone())? {
        Event::Commit(event) => Ok(event),
        _ => Err("it is no commit".into()),
    }
}

fn decode_ours(frame: &Bytes) -> Done<usize> {
    Ok(car::read_all(commit(frame)?.blocks, &car::Limits::default())?.1.len())
}

fn decode_atrium(frame: &[u8]) -> Done<usize> {
    // How its example finds the end of the header.
    let mut reader = Cursor::new(frame);
    let header = serde_ipld_dagcbor_06::from_reader::<Ipld, _>(&mut reader);
    if !matches!(header, Err(DecodeError::TrailingData)) {
        return Err("there is no body".into());
    }
    let body = &frame[usize::try_from(reader.position())?..];
    let commit: atrium::CommitData = serde_ipld_dagcbor_06::from_slice(body)?;
    let store = block_on(CarStore::open(Cursor::new(commit.blocks)))?;
    Ok(store.roots().count())
}

fn decode_jacquard(frame: &[u8]) -> Done<usize> {
    match jacquard::SubscribeReposMessage::<&str>::decode_framed(frame)? {
        jacquard::SubscribeReposMessage::Commit(commit) => {
            Ok(block_on(parse_car_bytes(&commit.blocks))?.blocks.len())
        }
        _ => Err("it is no commit".into()),
    }
}

/// A message with one operation, of the network if there is a recording, and the key of
/// its account.
fn frame() -> (Bytes, PublicKey) {
    recorded_frame().unwrap_or_else(made_frame)
}

fn recorded_frame() -> Option<(Bytes, PublicKey)> {
    let folder = shared()?.join("firehose");
    let read = |name| fs::read(folder.join(name)).expect("the recording is there");
    let documents = serde_json::from_slice(&read("relay-frames.did-docs.json"));
    let documents: serde_json::Value = documents.expect("the documents are JSON");
    let frames = read("relay-frames.bin");
    let mut rest = frames.as_slice();
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (frame, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
        rest = tail;
        let frame = Bytes::copy_from_slice(frame);
        let Ok(event) = commit(&frame) else { continue };
        let document = documents[event.repo.as_str()].to_string();
        let document = DidDocument::from_json(document.as_bytes()).ok()?;
        if event.ops.len() == 1 && event.ops[0].cid.is_some() {
            return Some((frame, document.signing_key().ok()?));
        }
    }
    None
}

/// One record more in a repository of ten thousand.
fn made_frame() -> (Bytes, PublicKey) {
    let (blocks, head) = made_repo(10_000);
    let write = Write::Create {
        collection: "app.bsky.feed.post".parse().expect("it is an NSID"),
        rkey: "3l6oveex3ii2l".parse().expect("it is a record key"),
        record: blocks.iter().next().expect("there are records").1.clone(),
    };
    let (key, rev) = (account_key(), Tid::from_u64(head.rev.as_u64() + 1));
    let applied = repo::apply(&blocks, &head, &account(), vec![write], rev, &key);
    let applied = applied.expect("the record is new");
    (applied.to_event(1, "2025-03-14T15:09:26Z").encode().into(), key.public_key())
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = decode, verify
}
criterion_main!(benches);
