//! Trees: building one, changing one.

use std::{hint::black_box, sync::Arc, time::Duration};

use atproto_bench::{CpuTime, Entry, RandomOrder, block_on, entries, floor};
use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap,
    mst::{Builder, Limits, Tree, path},
};
use cpu_time::ThreadTime;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use sha2::{Digest, Sha256};

type Jacquard = jacquard_repo::Mst<jacquard_repo::MemoryBlockStore>;
type Atrium = atrium_repo::mst::Tree<atrium_repo::blockstore::MemoryBlockStore>;
type Group<'c> = BenchmarkGroup<'c, CpuTime>;

/// A tree in memory that can be changed. Each change ends with the new root.
trait Subject {
    const NAME: &'static str;

    fn empty() -> Self;
    fn insert(&mut self, entries: &[Entry]);
    fn remove(&mut self, entries: &[Entry]);
}

/// From entries in order to a root.
fn build(c: &mut Criterion<CpuTime>) {
    let entries = entries(KEYS);
    assert_eq!(*built(&entries).digest(), floor::build(&entries));
    let mut group = group(c, "mst-build-100000", KEYS);
    group.bench_function("ours", |b| b.iter(|| built(&entries)));
    group.bench_function("ours, key by key", |b| b.iter(|| of::<Tree>(&entries)));
    group.bench_function(Jacquard::NAME, |b| b.iter(|| of::<Jacquard>(&entries)));
    group.bench_function("atrium", |b| b.iter(|| atrium(&entries)));
    group.bench_function("floor", |b| b.iter(|| floor::build(black_box(&entries))));
    group.bench_function("sha-256 of keys", |b| {
        b.iter(|| entries.iter().map(|(key, _)| floor::height(key)).sum::<usize>());
    });
    group.finish();
}

/// Changes to a tree, and the new root after each or after all. atrium is not here: of three
/// of these thousand keys, which it was given, it says when they are to be deleted that they
/// are not in the tree (`KeyNotFound`).
fn change(c: &mut Criterion<CpuTime>) {
    let (entries, others) = scattered();
    measure::<Tree>(c, &entries, &others);
    measure::<Jacquard>(c, &entries, &others);

    let mut tree: Tree = of(&entries);
    let (nodes, root) = (tree.take_new_blocks(), tree.root());
    let paths: Vec<_> = others
        .iter()
        .map(|(key, _)| path(&nodes, &root, key, &Limits::default()).expect("it is sound").1)
        .collect();
    self::group(c, "mst-insert-one-100000", OTHERS).bench_function("sha-256 of path", |b| {
        b.iter(|| {
            for node in paths.iter().flat_map(BlockMap::iter) {
                black_box(Sha256::digest(node.1));
            }
        });
    });
}

fn measure<S: Subject>(c: &mut Criterion<CpuTime>, entries: &[Entry], others: &[Entry]) {
    let mut tree = of::<S>(entries);
    for (name, size) in [("one", 1), ("batch", OTHERS)] {
        let mut group = group(c, &format!("mst-insert-{name}-100000"), OTHERS);
        turns(&mut group, &mut tree, others.chunks(size), S::insert, S::remove);
        group.finish();
    }
    tree.insert(others);
    for (name, size) in [("one", 1), ("batch", OTHERS)] {
        let mut group = group(c, &format!("mst-delete-{name}-100000"), OTHERS);
        turns(&mut group, &mut tree, others.chunks(size), S::remove, S::insert);
        group.finish();
    }
}

/// Measures changes one after the other, and not what undoes them.
fn turns<'e, S: Subject>(
    group: &mut Group<'_>,
    tree: &mut S,
    changes: impl Iterator<Item = &'e [Entry]> + Clone,
    change: fn(&mut S, &[Entry]),
    undo: fn(&mut S, &[Entry]),
) {
    group.bench_function(S::NAME, |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let start = ThreadTime::now();
                changes.clone().for_each(|entries| change(tree, entries));
                spent += start.elapsed();
                changes.clone().for_each(|entries| undo(tree, entries));
            }
            spent
        });
    });
}

fn group<'c>(c: &'c mut Criterion<CpuTime>, name: &str, keys: usize) -> Group<'c> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(keys as u64));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group
}

/// The entries of a tree, and others that belong all over it, in no order.
fn scattered() -> (Vec<Entry>, Vec<Entry>) {
    let (mut kept, mut others) = (Vec::new(), Vec::new());
    for (index, entry) in entries(KEYS + OTHERS).into_iter().enumerate() {
        match index % (KEYS / OTHERS + 1) {
            0 => others.push(entry),
            _ => kept.push(entry),
        }
    }
    RandomOrder::new(OTHERS).shuffle(&mut others);
    (kept, others)
}

fn of<S: Subject>(entries: &[Entry]) -> S {
    let mut tree = S::empty();
    tree.insert(entries);
    tree
}

fn built(entries: &[Entry]) -> Cid {
    let mut builder = Builder::new(|_, node: &[u8]| {
        black_box(node);
    });
    for (key, value) in entries {
        builder.push(key, *value).expect("the keys are in order");
    }
    builder.finish()
}

impl Subject for Tree {
    const NAME: &'static str = "ours";

    fn empty() -> Self {
        Self::empty()
    }

    fn insert(&mut self, entries: &[Entry]) {
        for (key, value) in entries {
            Self::insert(self, &BlockMap::new(), key, *value).expect(IN_MEMORY);
        }
        black_box(self.root());
    }

    fn remove(&mut self, entries: &[Entry]) {
        for (key, _) in entries {
            Self::remove(self, &BlockMap::new(), key).expect(IN_MEMORY);
        }
        black_box(self.root());
    }
}

impl Subject for Jacquard {
    const NAME: &'static str = "jacquard";

    fn empty() -> Self {
        Self::new(Arc::default())
    }

    fn insert(&mut self, entries: &[Entry]) {
        for (key, value) in entries {
            block_on(self.add_mut(text(key), (*value).into())).expect(IN_MEMORY);
        }
        black_box(block_on(self.get_pointer()).expect(IN_MEMORY));
    }

    fn remove(&mut self, entries: &[Entry]) {
        for (key, _) in entries {
            *self = block_on(self.delete(text(key))).expect(IN_MEMORY);
        }
        black_box(block_on(self.get_pointer()).expect(IN_MEMORY));
    }
}

fn atrium(entries: &[Entry]) -> Atrium {
    block_on(async {
        let mut tree = Atrium::create(Default::default()).await.expect(IN_MEMORY);
        for (key, value) in entries {
            tree.add(text(key), (*value).into()).await.expect(IN_MEMORY);
        }
        tree
    })
}

fn text(key: &[u8]) -> &str {
    str::from_utf8(key).expect("the keys are paths")
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = build, change
}
criterion_main!(benches);

const KEYS: usize = 100_000;
/// One for every hundred.
const OTHERS: usize = 1_000;
const IN_MEMORY: &str = "all nodes are in memory";
