//! The official interoperability vectors.

use atproto_repo::{
    BlockMap,
    mst::{Limits, Tree, common_prefix, covering, height},
};

use crate::support::{cid, shared_json, text};

#[test]
fn mst_001_key_heights() {
    let Some(cases) = shared_json("interop/mst/key_heights.json") else { return };
    for case in cases.as_array().unwrap() {
        assert_eq!(u64::from(height(text(case, "key").as_bytes())), case["height"], "{case}");
    }
}

#[test]
fn mst_006_common_prefix() {
    let Some(cases) = shared_json("interop/mst/common_prefix.json") else { return };
    for case in cases.as_array().unwrap() {
        let found = common_prefix(text(case, "left").as_bytes(), text(case, "right").as_bytes());
        assert_eq!(found as u64, case["len"], "{case}");
    }
}

#[test]
fn sy_003_commit_proofs() {
    let Some(cases) = shared_json("interop/firehose/commit-proof-fixtures.json") else { return };
    for case in cases.as_array().unwrap() {
        let list = |field: &str| -> Vec<String> {
            let items = case[field].as_array().unwrap().iter();
            items.map(|item| item.as_str().unwrap().to_owned()).collect()
        };
        let value = cid(text(case, "leafValue"));
        let limits = Limits::any_key();
        let mut blocks = BlockMap::new();
        let mut tree = Tree::empty().with_limits(limits);
        for key in list("keys") {
            tree.insert(&blocks, key, value).unwrap();
        }
        assert_eq!(tree.root(), cid(text(case, "rootBeforeCommit")));
        blocks.extend(tree.take_new_blocks());

        for key in list("adds") {
            assert_eq!(tree.insert(&blocks, key, value).unwrap(), None);
        }
        for key in list("dels") {
            assert_eq!(tree.remove(&blocks, key).unwrap(), Some(value));
        }
        assert_eq!(tree.root(), cid(text(case, "rootAfterCommit")));
        blocks.extend(tree.take_new_blocks());

        let keys = [list("adds"), list("dels")].concat();
        let proof = covering(&blocks, &tree.root(), &keys, &limits).unwrap();
        let mut found: Vec<_> = proof.cids().copied().collect();
        let mut expected: Vec<_> = list("blocksInProof").iter().map(|text| cid(text)).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{}", case["comment"]);

        let mut partial = Tree::load(tree.root()).with_limits(limits);
        for key in list("adds") {
            assert_eq!(partial.remove(&proof, key).unwrap(), Some(value));
        }
        for key in list("dels") {
            assert_eq!(partial.insert(&proof, key, value).unwrap(), None);
        }
        assert_eq!(partial.root(), cid(text(case, "rootBeforeCommit")), "{}", case["comment"]);
    }
}
