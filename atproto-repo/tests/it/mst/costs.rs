//! What trees of a hundred thousand keys cost in memory and in reads.

use std::{cell::Cell, hint::black_box};

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::{Cid, Tid},
};
use atproto_repo::{
    BlockMap, BlockSource, BlockSourceError,
    commit::UnsignedCommit,
    mst::{Builder, Tree},
    repo::{self, Head, Write},
};
use bytes::Bytes;

use crate::support::record;

/// A store that is not in memory: every read makes a copy, and is counted.
struct Cold {
    blocks: BlockMap,
    reads: Cell<usize>,
}

impl BlockSource for Cold {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.blocks.get(cid).map(|block| Bytes::copy_from_slice(block)))
    }
}

#[test]
fn a_key_of_a_loaded_tree_takes_less_than_96_bytes_beyond_its_own() {
    let (store, root, keys) = stored();
    let load = || {
        let mut tree = Tree::load(root);
        for key in &keys {
            assert!(tree.get(&store, key).unwrap().is_some());
        }
        tree
    };
    let mut tree = None;
    let memory = allocation_counter::measure(|| tree = Some(load()));
    black_box(&tree);
    let of_keys: usize = keys.iter().map(String::len).sum();
    let held = usize::try_from(memory.bytes_current).unwrap();
    let beyond = (held - of_keys) as f64 / KEYS as f64;
    println!("{} bytes a key, {beyond:.1} of them beyond the key's own", held / KEYS);
    assert!(beyond < 96.0, "{beyond}");
}

#[test]
fn a_commit_of_one_record_reads_a_few_nodes_of_each_layer() {
    let (store, data, keys) = stored();
    let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
    let key = SecretKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
    let commit = UnsignedCommit::new(did, data, Tid::from_parts(1, 0)).sign(&key).unwrap();
    let head = Head { commit: commit.cid(), rev: commit.rev, data };
    let depth = keys.iter().map(|key| atproto_repo::mst::height(key.as_bytes())).max().unwrap();

    let mut most = 0;
    for number in 0..100 {
        store.reads.set(0);
        let write = Write::Create {
            collection: COLLECTION.parse().unwrap(),
            rkey: Tid::from_parts(START + number * STEP * 997 + 1, 0).into(),
            record: record("new").into(),
        };
        let rev = Tid::from_parts(2, 0);
        repo::apply(&store, &head, &commit.did, vec![write], rev, &key).unwrap();
        most = most.max(store.reads.get());
    }
    println!("at most {most} reads in a tree of {} layers", depth + 1);
    // The way down to change the tree, and for the proof the ways to the neighbours. Nodes
    // that the change has made are not read.
    assert!(most <= 2 * (usize::from(depth) + 1), "{most}");
}

fn stored() -> (Cold, Cid, Vec<String>) {
    let key = |number| format!("{COLLECTION}/{}", Tid::from_parts(START + number * STEP, 0));
    let keys: Vec<_> = (0..KEYS as u64).map(key).collect();
    let mut blocks = BlockMap::new();
    let mut builder = Builder::new(|cid, node: &[u8]| {
        blocks.insert(cid, Bytes::copy_from_slice(node));
    });
    for key in &keys {
        builder.push(key.as_bytes(), Cid::dag_cbor(key.as_bytes())).unwrap();
    }
    let root = builder.finish();
    (Cold { blocks, reads: Cell::new(0) }, root, keys)
}

const COLLECTION: &str = "app.bsky.feed.post";
const KEYS: usize = 100_000;
/// A time in microseconds, and the time between two records.
const START: u64 = 1_700_000_000_000_000;
const STEP: u64 = 271_828_183;
