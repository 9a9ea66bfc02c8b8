//! Whole repositories from their archives: every hash checked, the tree walked, every
//! record looked up.

use std::{error::Error, hint::black_box, io::Cursor, sync::Arc, time::Duration};

use atproto_bench::{BlockOrder, CpuTime, archive, block_on, floor};
use atproto_repo::repo;
use atrium_repo::{
    Repository,
    blockstore::{AsyncBlockStoreRead, CarStore},
};
use bytes::Bytes;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use futures::TryStreamExt;
use jacquard_repo::{BlockStore, MemoryBlockStore, car::parse_car_bytes};
use smol_str::SmolStr;

type Counted = Result<usize, Box<dyn Error>>;

fn verify(c: &mut Criterion<CpuTime>) {
    let shapes = [
        ("11600-shuffled", 11_600, BlockOrder::Shuffled),
        ("200000-pre-order", 200_000, BlockOrder::PreOrder),
        ("200000-shuffled", 200_000, BlockOrder::Shuffled),
    ];
    for (name, records, order) in shapes {
        let archive = Bytes::from(archive(records, order));
        let mut group = c.benchmark_group(format!("car-verify-{name}"));
        group.throughput(Throughput::Elements(records as u64));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
        each(&mut group, "ours", records, || ours(archive.clone()));
        each(&mut group, "repo-stream", records, || block_on(repo_stream(&archive)));
        each(&mut group, "atrium", records, || block_on(atrium(&archive)));
        each(&mut group, "jacquard-no-hash", records, || block_on(jacquard(&archive)));
        each(&mut group, "floor", records, || Ok(floor::verify(&archive)));
        group.bench_function("sha-256", |b| b.iter(|| floor::hash(black_box(&archive))));
        group.finish();
    }
}

/// Measures work that finds so many records.
fn each(
    group: &mut BenchmarkGroup<'_, CpuTime>,
    name: &str,
    records: usize,
    work: impl Fn() -> Counted,
) {
    assert_eq!(work().expect("the repository is sound"), records, "{name}");
    group.bench_function(name, |b| b.iter(|| work().map_err(|error| error.to_string())));
}

fn ours(archive: Bytes) -> Counted {
    Ok(repo::verify(archive, None)?.len())
}

/// Hashes are checked, layers are not.
async fn repo_stream(archive: &[u8]) -> Counted {
    let loader = repo_stream::DriverBuilder::new().with_mem_limit_mb(1 << 10);
    let mut walk = loader.load_car(archive).await.map_err(|error| error.to_string())?;
    let mut records = 0;
    while let Some(chunk) = walk.next_chunk_strict(256)? {
        records += black_box(chunk).len();
    }
    Ok(records)
}

/// Hashes are checked, layers are not.
async fn atrium(archive: &[u8]) -> Counted {
    let mut store = CarStore::open(Cursor::new(archive)).await?;
    let root = store.roots().next().ok_or("no root")?;
    let mut repository = Repository::open(&mut store, root).await?;
    let entries: Vec<_> = repository.tree().entries().try_collect().await?;
    let mut record = Vec::new();
    for (_, cid) in &entries {
        record.clear();
        store.read_block_into(*cid, &mut record).await?;
        black_box(&record);
    }
    Ok(entries.len())
}

/// Neither hashes nor layers are checked.
async fn jacquard(archive: &[u8]) -> Counted {
    let car = parse_car_bytes(archive).await?;
    let store = Arc::new(MemoryBlockStore::new_from_blocks(car.blocks));
    let repository: jacquard_repo::Repository<SmolStr, _> =
        jacquard_repo::Repository::from_commit(store.clone(), &car.root).await?;
    let leaves = repository.mst().leaves_sequential().await?;
    for (_, cid) in &leaves {
        black_box(store.get(cid).await?.ok_or("a record is missing")?);
    }
    Ok(leaves.len())
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = verify
}
criterion_main!(benches);
