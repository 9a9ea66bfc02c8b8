//! Trees from an attacker's blocks: every operation ends, and the readings agree.

use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap,
    mst::{Builder, Cursor, Limits, MstError, Tree, covering, diff, lookup, path},
};
use bytes::Bytes;

use super::chunks;

pub(crate) fn check(data: &[u8]) {
    let blocks = chunks::blocks(data, |_, block| block);
    let roots: Vec<_> = blocks.iter().rev().take(2).map(|(cid, _)| *cid).collect();
    let Some(root) = roots.first() else { return };
    let mut source = BlockMap::new();
    source.extend(blocks.into_iter().map(|(cid, block)| (cid, Bytes::from(block))));
    for limits in [Limits::default(), Limits::any_key()] {
        walk(&source, root, &limits);
    }
    if let [new, old] = roots[..]
        && let Ok(found) = diff((&source, &old), (&source, &new), &Limits::default())
    {
        let back = diff((&source, &new), (&source, &old), &Limits::default());
        let back = back.expect("the same nodes are read");
        assert_eq!(found.changes.len(), back.changes.len());
        assert_eq!(found.created_nodes, back.deleted_nodes);
    }
}

fn walk(source: &BlockMap, root: &Cid, limits: &Limits) {
    let mut cursor = Cursor::with_limits(source, *root, *limits);
    let mut entries = Vec::<(Vec<u8>, Cid)>::new();
    let complete = loop {
        match cursor.next_entry() {
            Ok(Some((key, value))) => {
                assert!(entries.last().is_none_or(|(last, _)| &last[..] < key), "out of order");
                entries.push((key.to_vec(), value));
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    let mut tree = Tree::load(*root).with_limits(*limits);
    for (key, value) in entries.iter().take(8) {
        assert_eq!(lookup(source, root, key, limits).ok(), Some(Some(*value)));
        assert_eq!(tree.get(source, key).ok(), Some(Some(*value)));
        let (found, proof) = path(source, root, key, limits).expect("it was looked up");
        assert_eq!(found, Some(*value));
        assert_eq!(lookup(&proof, root, key, limits).ok(), Some(found));
    }
    for key in [&b"a.b.c/d"[..], b"com.example.record/3jqfcqzm3fo2j", b"zz.zz.zz/~"] {
        let _ = lookup(source, root, key, limits);
    }
    let _ = covering(source, root, entries.iter().map(|(key, _)| key).take(4), limits);
    if complete {
        rebuild(&entries, root, limits);
        change(source, &entries, root, limits);
    }
}

/// A tree without faults is the only one of its entries.
fn rebuild(entries: &[(Vec<u8>, Cid)], root: &Cid, limits: &Limits) {
    let mut builder = Builder::with_limits(|_, _| (), *limits);
    for (key, value) in entries {
        builder.push(key, *value).expect("the tree holds it");
    }
    assert_eq!(builder.finish(), *root, "one set of entries, two trees");
}

/// Taking entries out and putting them back gives the same tree.
fn change(source: &BlockMap, entries: &[(Vec<u8>, Cid)], root: &Cid, limits: &Limits) {
    let mut tree = Tree::load(*root).with_limits(*limits);
    for (key, value) in entries.iter().take(4) {
        assert_eq!(tree.remove(source, key).ok(), Some(Some(*value)));
    }
    for (key, value) in entries.iter().take(4).rev() {
        let result: Result<_, MstError> = tree.insert(source, key, *value);
        assert_eq!(result.ok(), Some(None));
    }
    assert_eq!(tree.root(), *root);
}
