//! Records between bytes and values, and the check of untrusted bytes.

use std::{hint::black_box, process::Command, time::Duration};

use atproto_bench::{CpuTime, Peer, hex, records};
use atproto_core::data::{cbor, json};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ipld_core::ipld::Ipld;
use jacquard_common::types::value::{Data, RawData};
use serde::{Deserialize, de::IgnoredAny};

type Group<'c> = BenchmarkGroup<'c, CpuTime>;

/// One record at a time into a value of any shape, and its memory freed again.
fn decode(c: &mut Criterion<CpuTime>) {
    let records = records();
    let mut group = group(c, "record-decode", Throughput::Elements(records.len() as u64));
    each(&mut group, "ours", &records, |bytes| cbor::decode(bytes));
    each(&mut group, "serde_ipld_dagcbor-ipld", &records, dagcbor::<Ipld>);
    each(&mut group, "atrium-unknown", &records, dagcbor_06::<atrium_api::types::Unknown>);
    each(&mut group, "atrium-data-model", &records, dagcbor_06::<atrium_api::types::DataModel>);
    each(&mut group, "jacquard-raw-data", &records, dagcbor_06::<RawData<'_>>);
    each(&mut group, "jacquard-data", &records, dagcbor_06::<Data>);
    match Peer::start(Command::new("python3").args(["-c", PROGRAM]), &[hex(&records)]) {
        Some(mut python) => {
            group.bench_function("libipld", |b| b.iter_custom(|times| python.rounds(times)));
        }
        None => eprintln!("record-decode/libipld: skipped, python3 with libipld is not there"),
    }
    each(&mut group, "floor-serde-skip", &records, dagcbor::<IgnoredAny>);
    group.finish();
}

/// Whether bytes are canonical, beside a walk that only looks for their end.
fn check(c: &mut Criterion<CpuTime>) {
    let records = records();
    let mut group = group(c, "record-check", bytes(&records));
    each(&mut group, "ours", &records, |bytes| cbor::check(bytes));
    each(&mut group, "floor-serde-skip", &records, dagcbor::<IgnoredAny>);
    group.finish();
}

/// Values to canonical bytes.
fn encode(c: &mut Criterion<CpuTime>) {
    let records = records();
    let values = all(&records, |bytes| cbor::decode(bytes));
    let ipld = all(&records, dagcbor::<Ipld>);
    let data = all(&records, dagcbor_06::<Data>);
    let mut group = group(c, "record-encode", bytes(&records));
    each(&mut group, "ours", &values, |value| sound(cbor::encode(value)));
    each(&mut group, "serde_ipld_dagcbor-ipld", &ipld, serde_ipld_dagcbor::to_vec);
    each(&mut group, "jacquard-data", &data, serde_ipld_dagcbor_06::to_vec);
    group.finish();
}

/// JSON text to values and back, beside a parser that knows nothing of the data model.
fn json_forms(c: &mut Criterion<CpuTime>) {
    let values = all(&records(), |bytes| cbor::decode(bytes));
    let texts: Vec<String> = values.iter().map(json::encode).collect();
    let parse = |text: &String| serde_json::from_str::<serde_json::Value>(text);
    let parsed = all(&texts, parse);

    let mut group = group(c, "record-from-json", bytes(&texts));
    each(&mut group, "ours", &texts, json::decode);
    each(&mut group, "jacquard-data", &texts, |text| serde_json::from_str::<Data>(text));
    each(&mut group, "floor-serde_json-value", &texts, parse);
    group.finish();

    let mut group = self::group(c, "record-to-json", bytes(&texts));
    each(&mut group, "ours", &values, |value| sound(json::encode(value)));
    each(&mut group, "floor-serde_json-value", &parsed, serde_json::to_string);
    group.finish();
}

fn group<'c>(c: &'c mut Criterion<CpuTime>, name: &str, throughput: Throughput) -> Group<'c> {
    let mut group = c.benchmark_group(name);
    group.throughput(throughput).sample_size(20).measurement_time(Duration::from_secs(2));
    group
}

fn bytes<I: AsRef<[u8]>>(inputs: &[I]) -> Throughput {
    Throughput::Bytes(inputs.iter().map(|input| input.as_ref().len() as u64).sum())
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

fn sound<T>(output: T) -> Result<T, std::convert::Infallible> {
    Ok(output)
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

/// Reads records in hexadecimal up to an empty line, then numbers of rounds.
const PROGRAM: &str = "
import sys, time
from libipld import decode_dag_cbor
lines = iter(sys.stdin.readline, '')
records = []
for line in lines:
    if line == '\\n':
        break
    records.append(bytes.fromhex(line))
for line in lines:
    start = time.thread_time_ns()
    for _ in range(int(line)):
        for record in records:
            decode_dag_cbor(record)
    print(time.thread_time_ns() - start, flush=True)
";

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = decode, check, encode, json_forms
}
criterion_main!(benches);
