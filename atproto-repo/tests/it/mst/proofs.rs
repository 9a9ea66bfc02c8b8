use std::collections::BTreeMap;

use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap,
    mst::{Change, Limits, MstError, Tree, covering, diff, lookup, path},
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
};

#[test]
fn a_path_proves_presence_and_absence() {
    let mut tree = Tree::empty();
    for number in 0..1_000 {
        let key = format!("com.example.thing/{number}");
        tree.insert(&BlockMap::new(), &key, Cid::dag_cbor(key.as_bytes())).unwrap();
    }
    let root = tree.root();
    let blocks = tree.take_new_blocks();
    for number in [0, 17, 999, 1_000, 5_000] {
        let key = format!("com.example.thing/{number}");
        let limits = Limits::default();
        let (value, mut proof) = path(&blocks, &root, key.as_bytes(), &limits).unwrap();
        assert_eq!(value, (number < 1_000).then(|| Cid::dag_cbor(key.as_bytes())));
        assert!(proof.len() < 12, "a proof is as long as the tree is high");
        assert_eq!(lookup(&proof, &root, key.as_bytes(), &limits).unwrap(), value);
        for cid in proof.clone().cids() {
            let block = proof.remove(cid).unwrap();
            let answer = lookup(&proof, &root, key.as_bytes(), &limits);
            assert!(matches!(answer, Err(MstError::Missing(missing)) if missing == *cid));
            proof.insert(*cid, block);
        }
    }
}

proptest! {
    /// Two trees: their difference is that of two maps, and the nodes that cover it show
    /// every key as it is, lead back to the tree before, and are few.
    #[test]
    fn differences_are_those_of_maps_and_proofs_lead_back(
        old in btree_map(0..2_000u32, 0..3u8, 0..200),
        writes in vec((0..2_000u32, any::<Option<u8>>()), 0..20),
    ) {
        let mut new = old.clone();
        for (number, write) in &writes {
            match write {
                Some(value) => _ = new.insert(*number, value % 3),
                None => _ = new.remove(number),
            }
        }
        let (limits, mut blocks) = (Limits::default(), BlockMap::new());
        let (old_root, new_root) = (stored(&old, &mut blocks), stored(&new, &mut blocks));
        let found = diff((&blocks, &old_root), (&blocks, &new_root), &limits).unwrap();
        let mut expected: Vec<_> = (0..2_000)
            .filter(|number| old.get(number) != new.get(number))
            .map(|number| Change {
                key: key(number).into(),
                old: old.get(&number).copied().map(value),
                new: new.get(&number).copied().map(value),
            })
            .collect();
        expected.sort_by(|left, right| left.key.cmp(&right.key));
        prop_assert_eq!(&found.changes, &expected);

        let keys = expected.iter().map(|change| &change.key);
        let proof = covering(&blocks, &new_root, keys, &limits).unwrap();
        let depth = 8;
        // The root is part of a proof even if nothing is to be proven.
        prop_assert!(proof.len() <= 1 + 3 * depth * expected.len());
        let mut tree = Tree::load(new_root);
        for Change { key, old, new } in &expected {
            prop_assert_eq!(lookup(&proof, &new_root, key, &limits).unwrap(), *new);
            match old {
                Some(old) => tree.insert(&proof, key, *old).unwrap(),
                None => tree.remove(&proof, key).unwrap(),
            };
        }
        prop_assert_eq!(tree.root(), old_root);
    }
}

fn stored(entries: &BTreeMap<u32, u8>, blocks: &mut BlockMap) -> Cid {
    let mut tree = Tree::empty();
    for (number, record) in entries {
        tree.insert(&*blocks, key(*number), value(*record)).unwrap();
    }
    blocks.extend(tree.take_new_blocks());
    tree.root()
}

fn key(number: u32) -> String {
    format!("com.example.thing/{number}")
}

fn value(number: u8) -> Cid {
    Cid::dag_cbor(&[number])
}
