//! Records between bytes and generated types.

use std::{hint::black_box, time::Duration};

use atproto_bench::{CpuTime, records};
use atproto_core::data::cbor;
use atproto_lexicons::app::bsky::{
    feed::{Like, Post},
    graph::Follow,
};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

type Group<'c> = BenchmarkGroup<'c, CpuTime>;

fn posts(c: &mut Criterion<CpuTime>) {
    let records = of_type("app.bsky.feed.post");
    decode::<Post, rsky_lexicon::app::bsky::feed::Post, atrium::feed::post::Record>(
        c,
        "post-decode",
        &records,
        |group| {
            each(group, "jacquard", &records, dagcbor_06::<jacquard::feed::post::Post>);
            each(group, "floor-borrowed", &records, dagcbor::<lean::Post<'_>>);
        },
    );
    encode::<Post, rsky_lexicon::app::bsky::feed::Post, atrium::feed::post::Record>(
        c,
        "post-encode",
        &records,
        |group, records| {
            let lean = all(records, dagcbor::<lean::Post<'_>>);
            each(group, "floor-borrowed", &lean, serde_ipld_dagcbor::to_vec);
        },
    );
}

fn likes(c: &mut Criterion<CpuTime>) {
    let records = of_type("app.bsky.feed.like");
    decode::<Like, rsky_lexicon::app::bsky::feed::like::Like, atrium::feed::like::Record>(
        c,
        "like-decode",
        &records,
        |group| {
            each(group, "jacquard", &records, dagcbor_06::<jacquard::feed::like::Like>);
            each(group, "floor-borrowed", &records, dagcbor::<lean::Like<'_>>);
        },
    );
    encode::<Like, rsky_lexicon::app::bsky::feed::like::Like, atrium::feed::like::Record>(
        c,
        "like-encode",
        &records,
        |group, records| {
            let lean = all(records, dagcbor::<lean::Like<'_>>);
            each(group, "floor-borrowed", &lean, serde_ipld_dagcbor::to_vec);
        },
    );
}

fn follows(c: &mut Criterion<CpuTime>) {
    let records = of_type("app.bsky.graph.follow");
    decode::<Follow, rsky_lexicon::app::bsky::graph::follow::Follow, atrium::graph::follow::Record>(
        c,
        "follow-decode",
        &records,
        |group| {
            each(group, "jacquard", &records, dagcbor_06::<jacquard::graph::follow::Follow>);
            each(group, "floor-borrowed", &records, dagcbor::<lean::Follow<'_>>);
        },
    );
    encode::<Follow, rsky_lexicon::app::bsky::graph::follow::Follow, atrium::graph::follow::Record>(
        c,
        "follow-encode",
        &records,
        |group, records| {
            let lean = all(records, dagcbor::<lean::Follow<'_>>);
            each(group, "floor-borrowed", &lean, serde_ipld_dagcbor::to_vec);
        },
    );
}

/// Ours checks that the bytes are canonical and keeps unknown fields; the peers do neither.
fn decode<Ours: DeserializeOwned, Rsky: DeserializeOwned, Atrium: DeserializeOwned>(
    c: &mut Criterion<CpuTime>,
    name: &str,
    records: &[Vec<u8>],
    others: impl FnOnce(&mut Group<'_>),
) {
    let mut group = group(c, name, records);
    each(&mut group, "ours", records, |bytes| cbor::from_slice::<Ours>(bytes));
    each(&mut group, "rsky", records, dagcbor_06::<Rsky>);
    each(&mut group, "atrium", records, dagcbor_06::<Atrium>);
    others(&mut group);
    group.finish();
}

/// Only records that everybody reads are written.
fn encode<Ours, Rsky, Atrium>(
    c: &mut Criterion<CpuTime>,
    name: &str,
    records: &[Vec<u8>],
    others: impl FnOnce(&mut Group<'_>, &[Vec<u8>]),
) where
    Ours: Serialize + DeserializeOwned,
    Rsky: Serialize + DeserializeOwned,
    Atrium: Serialize + DeserializeOwned,
{
    let reads =
        |bytes: &&Vec<u8>| dagcbor_06::<Rsky>(bytes).is_ok() && dagcbor_06::<Atrium>(bytes).is_ok();
    let records: Vec<Vec<u8>> = records.iter().filter(reads).cloned().collect();
    let ours = all(&records, |bytes| cbor::from_slice::<Ours>(bytes));
    let rsky = all(&records, dagcbor_06::<Rsky>);
    let atrium = all(&records, dagcbor_06::<Atrium>);
    let mut group = group(c, name, &records);
    each(&mut group, "ours", &ours, |record| cbor::to_vec(record));
    each(&mut group, "rsky", &rsky, serde_ipld_dagcbor_06::to_vec);
    each(&mut group, "atrium", &atrium, serde_ipld_dagcbor_06::to_vec);
    others(&mut group, &records);
    group.finish();
}

fn of_type(nsid: &str) -> Vec<Vec<u8>> {
    let mut records = records();
    records.retain(|bytes| cbor::decode(bytes).is_ok_and(|it| it.type_name() == Some(nsid)));
    assert!(!records.is_empty(), "{nsid}");
    records
}

fn group<'c>(c: &'c mut Criterion<CpuTime>, name: &str, records: &[Vec<u8>]) -> Group<'c> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(records.len() as u64));
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    group
}

/// Measures what `work` does to all inputs in turn. An input that it refuses costs it less
/// than it costs the others, so that is said.
fn each<'i, I, T, E>(
    group: &mut Group<'_>,
    name: &str,
    inputs: &'i [I],
    work: impl Fn(&'i I) -> Result<T, E>,
) {
    let refused = inputs.iter().filter(|input| work(input).is_err()).count();
    if refused > 0 {
        eprintln!("{name}: refuses {refused} of {} inputs", inputs.len());
    }
    group.bench_function(name, |b| {
        b.iter(|| inputs.iter().for_each(|input| drop(black_box(work(black_box(input))))));
    });
}

fn all<'i, I, T, E: std::fmt::Debug>(
    inputs: &'i [I],
    work: impl Fn(&'i I) -> Result<T, E>,
) -> Vec<T> {
    inputs.iter().map(|input| work(input).expect("every input is sound")).collect()
}

fn dagcbor<'a, T: Deserialize<'a>>(
    bytes: &'a Vec<u8>,
) -> Result<T, impl std::fmt::Debug + use<'a, T>> {
    serde_ipld_dagcbor::from_slice(bytes)
}

/// The version that the peers are built on.
fn dagcbor_06<'a, T: Deserialize<'a>>(
    bytes: &'a Vec<u8>,
) -> Result<T, impl std::fmt::Debug + use<'a, T>> {
    serde_ipld_dagcbor_06::from_slice(bytes)
}

use atrium_api::app::bsky as atrium;
use jacquard_api::app_bsky as jacquard;

/// The least that can be made of a record: what is borrowed is not copied, what is not asked
/// for is skipped, and nothing is checked.
mod lean {
    use serde::{Deserialize, Serialize};

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Post<'a> {
        text: &'a str,
        created_at: &'a str,
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        langs: Option<Vec<&'a str>>,
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        reply: Option<Reply<'a>>,
    }

    #[derive(Deserialize, Serialize)]
    pub struct Reply<'a> {
        #[serde(borrow)]
        root: Reference<'a>,
        #[serde(borrow)]
        parent: Reference<'a>,
    }

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Like<'a> {
        created_at: &'a str,
        #[serde(borrow)]
        subject: Reference<'a>,
    }

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Follow<'a> {
        created_at: &'a str,
        subject: &'a str,
    }

    #[derive(Deserialize, Serialize)]
    pub struct Reference<'a> {
        cid: &'a str,
        uri: &'a str,
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = posts, likes, follows
}
criterion_main!(benches);
