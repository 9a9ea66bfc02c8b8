//! Records against their schemas.

use std::{hint::black_box, process::Command, time::Duration};

use atproto_bench::{CpuTime, Peer, hex, records};
use atproto_core::{
    data::{
        Value,
        cbor::{self, Checked},
    },
    lexicon::{Catalog, ValidationOptions},
    syntax::Nsid,
};
use atproto_lexicons::app::bsky::feed::Post;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Posts: their validation, on bytes and on values, beside what else is done to them.
fn validate_post(c: &mut Criterion<CpuTime>) {
    let nsid = Nsid::new("app.bsky.feed.post").expect("a name");
    let catalog = atproto_lexicons::catalog().options(ValidationOptions::STRICT);
    let posts = posts(&catalog, &nsid);
    let values: Vec<Value> =
        posts.iter().map(|post| cbor::decode(post).expect("it is valid")).collect();

    let mut group = c.benchmark_group("validate-post");
    group.throughput(Throughput::Elements(posts.len() as u64));
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    group.bench_function("ours-cbor", |b| {
        b.iter(|| {
            for post in &posts {
                let checked = Checked::new(black_box(post)).expect("it is canonical");
                black_box(catalog.validate_record(&nsid, checked)).expect("it is valid");
            }
        });
    });
    group.bench_function("ours-value", |b| {
        b.iter(|| {
            for value in &values {
                black_box(catalog.validate_record(&nsid, black_box(value))).expect("it is valid");
            }
        });
    });
    group.bench_function("ours-decode-two-tier", |b| {
        b.iter(|| posts.iter().for_each(|post| drop(black_box(catalog.decode(&nsid, post)))));
    });
    group.bench_function("typed-decode", |b| {
        b.iter(|| {
            for post in &posts {
                drop(black_box(cbor::from_slice::<Post>(black_box(post)).expect("it is a post")));
            }
        });
    });
    match lex(&catalog, &nsid, &posts) {
        Some(mut peer) => {
            group.bench_function("atproto-lex", |b| b.iter_custom(|times| peer.rounds(times)));
        }
        None => eprintln!("validate-post/atproto-lex: skipped; `npm ci` in bench/lex brings it"),
    }
    group.bench_function("floor-cbor-check", |b| {
        b.iter(|| posts.iter().for_each(|post| cbor::check(black_box(post)).expect("canonical")));
    });
    group.finish();
}

/// The posts that are valid strictly, for every library to be at its usual work.
fn posts(catalog: &Catalog, nsid: &Nsid) -> Vec<Vec<u8>> {
    let is_post = |record: &Vec<u8>| {
        let checked = Checked::new(record).expect("it is canonical");
        catalog.validate_record(nsid, checked).is_ok()
    };
    records().into_iter().filter(is_post).collect()
}

/// The reference implementation's validator, on values that it has decoded before.
fn lex(catalog: &Catalog, nsid: &Nsid, posts: &[Vec<u8>]) -> Option<Peer> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/lex");
    let documents = catalog.documents().map(|document| document.to_compact_json()).collect();
    let mut command = Command::new("node");
    command.current_dir(folder).args(["validate.mjs", nsid.as_str()]);
    Peer::start(&mut command, &[documents, hex(posts)])
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = validate_post
}
criterion_main!(benches);
