//! The tree diff cases: 2,048 pairs of small trees.

use std::collections::{BTreeSet, HashMap};

use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap, Overlay,
    car::{self, CarReader},
    mst::{Change, Limits, Tree, covering, diff, path},
};
use serde_json::Value;

use crate::support::{cid, shared, shared_bytes, text};

#[test]
fn diff_cases() {
    let Some(cases) = shared_bytes("mst/diff-cases.jsonl") else { return };
    let cars = load_cars();
    let limits = Limits::any_key();
    let mut count = 0;
    for line in cases.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let case: Value = serde_json::from_slice(line).unwrap();
        let name = text(&case, "name");
        let ((old_root, old), (new_root, new)) =
            (&cars[text(&case, "mst_a")], &cars[text(&case, "mst_b")]);
        let changes = changes(&case);

        let diff = diff((old, old_root), (new, new_root), &limits).unwrap();
        assert_eq!(diff.changes, changes, "{name}");
        assert_eq!(set(&diff.created_nodes), cids(&case, "created_nodes"), "{name}");
        assert_eq!(set(&diff.deleted_nodes), cids(&case, "deleted_nodes"), "{name}");

        let mut tree = Tree::load(*old_root).with_limits(limits);
        for Change { key, old: from, new: to } in &changes {
            let replaced = match to {
                Some(to) => tree.insert(old, key, *to),
                None => tree.remove(old, key),
            };
            assert_eq!(replaced.unwrap(), *from);
        }
        assert_eq!(tree.root(), *new_root, "{name}");
        let (fresh, stale) = (tree.take_new_blocks(), tree.take_replaced());
        let created = set(fresh.cids()).difference(&set(&stale)).copied().collect::<BTreeSet<_>>();
        let deleted = stale.into_iter().filter(|cid| !fresh.contains(cid)).collect();
        assert_eq!(created, cids(&case, "created_nodes"), "{name}");
        assert_eq!(set_of(deleted), cids(&case, "deleted_nodes"), "{name}");

        let keys: Vec<_> = changes.iter().map(|change| &change.key).collect();
        let source = Overlay(&fresh, old);
        let mut proof = BTreeSet::new();
        // Their proofs of absence leave out the last node, which shows it.
        for key in &keys {
            proof.extend(path(&source, new_root, key, &limits).unwrap().1.cids());
        }
        assert!(proof.is_superset(&cids(&case, "proof_nodes")), "{name}");
        let covering = covering(&source, new_root, &keys, &limits).unwrap();
        let expected = cids(&case, "inductive_proof_nodes");
        assert!(set(covering.cids()).is_superset(&expected), "{name}");
        count += 1;
    }
    assert_eq!(count, 2_048);
}

fn load_cars() -> HashMap<String, (Cid, BlockMap)> {
    let folder = shared("mst/cars/exhaustive").unwrap();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files
        .map(|entry| {
            let bytes = std::fs::read(entry.path()).unwrap();
            let (roots, blocks) = car::read_all(bytes, &car::Limits::default()).unwrap();
            (entry.file_name().into_string().unwrap(), (roots[0], blocks))
        })
        .collect()
}

fn changes(case: &Value) -> Vec<Change> {
    let value = |value: &Value| value.as_str().map(cid);
    let ops = case["record_ops"].as_array().unwrap().iter();
    let mut changes: Vec<_> = ops
        .map(|op| Change {
            key: text(op, "rpath").into(),
            old: value(&op["old_value"]),
            new: value(&op["new_value"]),
        })
        .collect();
    changes.sort_by(|left, right| left.key.cmp(&right.key));
    changes
}

fn cids(case: &Value, field: &str) -> BTreeSet<Cid> {
    case[field].as_array().unwrap().iter().map(|item| cid(item.as_str().unwrap())).collect()
}

fn set<'a>(cids: impl IntoIterator<Item = &'a Cid>) -> BTreeSet<Cid> {
    cids.into_iter().copied().collect()
}

fn set_of(cids: Vec<Cid>) -> BTreeSet<Cid> {
    cids.into_iter().collect()
}

#[test]
fn the_reader_of_slices_agrees() {
    let Some(bytes) = shared_bytes("mst/cars/exhaustive/exhaustive_042.car") else { return };
    let (roots, blocks) = car::read_all(bytes.clone(), &car::Limits::default()).unwrap();
    let mut reader = CarReader::new().for_slice(&bytes).unwrap();
    assert_eq!(reader.roots(), roots);
    assert!(reader.all(|block| blocks.contains(&block.unwrap().cid)));
}
