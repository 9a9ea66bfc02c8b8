//! The limits of the machine, to read the other figures against.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sha2::{Digest, Sha256};

fn hardware(c: &mut Criterion) {
    let mut group = c.benchmark_group("hardware");
    for len in [256, 1 << 10, 1 << 20] {
        let bytes = vec![0x5a_u8; len];
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_with_input(BenchmarkId::new("sha-256", len), &bytes, |b, bytes| {
            b.iter(|| Sha256::digest(black_box(bytes)))
        });
        let mut copy = vec![0; len];
        group.bench_with_input(BenchmarkId::new("copy", len), &bytes, |b, bytes| {
            b.iter(|| black_box(&mut copy).copy_from_slice(black_box(bytes)))
        });
    }
}

criterion_group!(benches, hardware);
criterion_main!(benches);
