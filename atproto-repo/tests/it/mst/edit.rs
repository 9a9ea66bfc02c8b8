//! The tree depends on its entries alone, and operations undo each other.

use std::collections::BTreeMap;

use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap,
    mst::{Limits, MstError, NodeFault, Tree, height},
};
use proptest::{collection::vec, prelude::*};

use super::Counted;

/// Keys of few letters collide often, and their layers go up to three or so.
fn key() -> impl Strategy<Value = String> {
    (0..400u32).prop_map(|number| format!("com.example.thing/{number}"))
}

fn value(number: u8) -> Cid {
    Cid::dag_cbor(&[number])
}

proptest! {
    #[test]
    fn mst_002_the_root_depends_on_content_alone(
        mut entries in vec((key(), any::<u8>()), 0..120),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut first = Tree::empty();
        for (key, number) in &entries {
            first.insert(&BlockMap::new(), key, value(*number)).unwrap();
        }
        // Last writes win, so what is left has no history.
        let content: BTreeMap<_, _> = entries.drain(..).collect();
        let mut content: Vec<_> = content.into_iter().collect();
        if !content.is_empty() {
            let middle = seed.index(content.len());
            content.rotate_left(middle);
            content.reverse();
        }
        let mut second = Tree::empty();
        for (key, number) in &content {
            second.insert(&BlockMap::new(), key, value(*number)).unwrap();
            second.root();
        }
        prop_assert_eq!(first.root(), second.root());
    }

    #[test]
    fn a_delete_undoes_an_insert(
        entries in vec(key(), 0..80),
        others in vec(key(), 1..20),
    ) {
        let blocks = BlockMap::new();
        let mut tree = Tree::empty();
        for key in &entries {
            tree.insert(&blocks, key, value(0)).unwrap();
        }
        let before = tree.root();
        let others: Vec<_> = others.into_iter().filter(|key| !entries.contains(key)).collect();
        for key in &others {
            tree.insert(&blocks, key, value(1)).unwrap();
        }
        for key in &others {
            tree.remove(&blocks, key).unwrap();
        }
        prop_assert_eq!(tree.root(), before);
    }

    /// Every kind of operation, on a tree that is stored and loaded again between them,
    /// against a map.
    #[test]
    fn a_tree_is_a_map(operations in vec((key(), any::<Option<u8>>()), 1..150)) {
        let mut model = BTreeMap::new();
        let mut blocks = BlockMap::new();
        let mut tree = Tree::empty();
        for (index, (key, number)) in operations.into_iter().enumerate() {
            let (old, expected) = match number {
                Some(number) => (
                    tree.insert(&blocks, &key, value(number)).unwrap(),
                    model.insert(key.clone(), value(number)),
                ),
                None => (tree.remove(&blocks, &key).unwrap(), model.remove(&key)),
            };
            prop_assert_eq!(old, expected);
            prop_assert_eq!(tree.get(&blocks, &key).unwrap(), model.get(&key).copied());
            if index % 7 == 0 {
                blocks.extend(tree.take_new_blocks());
                tree = Tree::load(tree.root());
            }
        }
        let mut fresh = Tree::empty();
        for (key, value) in &model {
            fresh.insert(&blocks, key, *value).unwrap();
        }
        prop_assert_eq!(tree.root(), fresh.root());
    }

    /// What is handed out and what is reported as replaced keep a store exact.
    #[test]
    fn a_store_holds_exactly_the_tree(batches in vec(vec((key(), any::<bool>()), 1..12), 1..20)) {
        let mut store = BlockMap::new();
        let mut tree = Tree::empty();
        for batch in batches {
            for (key, keep) in batch {
                if keep {
                    tree.insert(&store, key, value(1)).unwrap();
                } else {
                    tree.remove(&store, key).unwrap();
                }
            }
            let (fresh, replaced) = (tree.take_new_blocks(), tree.take_replaced());
            for cid in replaced {
                if !fresh.contains(&cid) {
                    prop_assert!(store.remove(&cid).is_some());
                }
            }
            store.extend(fresh);
            let mut reachable = Tree::load(tree.root());
            let mut cursor = atproto_repo::mst::Cursor::new(&store, reachable.root());
            let mut nodes = 0;
            loop {
                match cursor.peek() {
                    atproto_repo::mst::Next::Subtree { .. } => {
                        cursor.enter().unwrap();
                        nodes += 1;
                    }
                    atproto_repo::mst::Next::Entry { .. } => cursor.skip(),
                    atproto_repo::mst::Next::End => break,
                }
            }
            prop_assert_eq!(nodes, store.len());
        }
    }

    /// With any one block gone, an operation either does not need it or leaves the tree
    /// alone.
    #[test]
    fn a_missing_block_changes_nothing(
        entries in vec(key(), 20..80),
        key in key(),
        insert in any::<bool>(),
        gone in any::<prop::sample::Index>(),
    ) {
        let mut tree = Tree::empty();
        for key in &entries {
            tree.insert(&BlockMap::new(), key, value(0)).unwrap();
        }
        let root = tree.root();
        let blocks = tree.take_new_blocks();
        let gone = *blocks.cids().nth(gone.index(blocks.len())).unwrap();
        let mut partial = blocks.clone();
        partial.remove(&gone);

        let apply = |source: &BlockMap, tree: &mut Tree| match insert {
            true => tree.insert(source, &key, value(1)),
            false => tree.remove(source, &key),
        };
        let mut expected = Tree::load(root);
        let answer = apply(&blocks, &mut expected).unwrap();
        let mut tree = Tree::load(root);
        match apply(&partial, &mut tree) {
            Ok(found) => prop_assert_eq!(found, answer),
            Err(MstError::Missing(cid)) => {
                prop_assert_eq!(cid, gone);
                prop_assert_eq!(tree.root(), root);
                prop_assert_eq!(apply(&blocks, &mut tree).unwrap(), answer);
            }
            Err(other) => panic!("{other}"),
        }
        prop_assert_eq!(tree.root(), expected.root());
    }
}

#[test]
fn mst_003_the_empty_tree_is_one_empty_node() {
    let mut tree = Tree::empty();
    let blocks = tree.take_new_blocks();
    assert_eq!(tree.root(), Tree::empty_root());
    assert_eq!(blocks.get(&tree.root()).unwrap().as_ref(), b"\xa2\x61e\x80\x61l\xf6");
    assert!(tree.take_new_blocks().is_empty());
    assert_eq!(Tree::load(tree.root()).get(&blocks, "com.example.thing/1").unwrap(), None);
}

#[test]
fn mst_004_and_005_the_top_is_trimmed_through_several_layers() {
    let high = (0..).map(|n| format!("com.example.thing/{n}")).find(|k| height(k.as_bytes()) >= 4);
    let low = (0..).map(|n| format!("com.example.thing/{n}")).find(|k| height(k.as_bytes()) == 0);
    let (high, low) = (high.unwrap(), low.unwrap());
    let mut tree = Tree::empty();
    tree.insert(&BlockMap::new(), &low, value(0)).unwrap();
    let before = tree.root();
    tree.insert(&BlockMap::new(), &high, value(0)).unwrap();
    let blocks = tree.take_new_blocks();
    assert!(blocks.len() >= 5, "empty nodes join the layers");
    let mut tree = Tree::load(tree.root());
    tree.remove(&blocks, &high).unwrap();
    assert_eq!(tree.root(), before);
    tree.remove(&blocks, &low).unwrap();
    assert_eq!(tree.root(), Tree::empty_root());
}

#[test]
fn t27_keys_mined_for_one_layer_fill_one_node_and_no_more() {
    let mut tree = Tree::empty();
    let mut keys = (0..).map(|number| format!("com.example.thing/{number:06}"));
    let mut low = keys.by_ref().filter(|key| height(key.as_bytes()) == 0);
    let limit = Limits::default().max_entries;
    for key in low.by_ref().take(limit) {
        tree.insert(&BlockMap::new(), key, value(0)).unwrap();
    }
    let before = tree.root();
    let refused = tree.insert(&BlockMap::new(), low.next().unwrap(), value(0)).unwrap_err();
    assert!(matches!(refused, MstError::Key(NodeFault::TooManyEntries { .. })), "{refused}");
    assert_eq!(tree.root(), before);
}

#[test]
fn it_005_nodes_and_trees_have_a_greatest_size() {
    let limits = Limits::default();
    assert_eq!((limits.max_entries, limits.max_height), (256, 40));
    let mut low = limits;
    low.max_height = 1;
    let keys = (0..).map(|number| format!("com.example.thing/{number:06}"));
    let mut tree = Tree::empty().with_limits(low);
    for key in keys.take(200) {
        let found = height(key.as_bytes());
        match tree.insert(&BlockMap::new(), &key, value(0)) {
            Ok(_) => assert!(found <= 1),
            Err(MstError::Key(fault)) => {
                assert_eq!(fault, NodeFault::Height { limit: 1, found });
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn rp_001_to_003_keys_that_are_no_paths_are_refused() {
    let mut tree = Tree::empty();
    for key in
        ["", "a", "a/b", "/com.example.thing/1", "com.example.thing/", "com.example.thing/a b"]
    {
        assert!(tree.insert(&BlockMap::new(), key, value(0)).is_err(), "{key}");
    }
    assert!(tree.is_empty());
}

#[test]
fn rp_004_keys_have_at_most_1024_bytes() {
    let mut tree = Tree::empty().with_limits(Limits::any_key());
    let key = "k".repeat(1_025);
    tree.insert(&BlockMap::new(), &key[1..], value(0)).unwrap();
    let refused = tree.insert(&BlockMap::new(), &key, value(0)).unwrap_err();
    assert!(matches!(refused, MstError::Key(NodeFault::KeyLength { limit: 1_024, found: 1_025 })));
}

#[test]
fn cid_008_links_to_records_are_kept_as_they_are() {
    let mut tree = Tree::empty();
    let (key, record) = ("com.example.thing/1", Cid::raw(b"a record under another codec"));
    tree.insert(&BlockMap::new(), key, record).unwrap();
    let blocks = tree.take_new_blocks();
    let mut again = Tree::load(tree.root());
    assert_eq!(again.get(&blocks, key).unwrap(), Some(record));
    // A neighbour that comes and goes makes the node be written anew.
    again.insert(&blocks, "com.example.thing/2", value(0)).unwrap();
    again.remove(&blocks, "com.example.thing/2").unwrap();
    assert_eq!(again.root(), tree.root());
}

#[test]
fn an_update_to_the_same_record_is_no_change() {
    let mut tree = Tree::empty();
    tree.insert(&BlockMap::new(), "com.example.thing/1", value(0)).unwrap();
    let blocks = tree.take_new_blocks();
    let found = tree.update(&blocks, "com.example.thing/1", value(0)).unwrap();
    assert_eq!(found, Some(value(0)));
    assert!(tree.take_new_blocks().is_empty() && tree.take_replaced().is_empty());
}

#[test]
fn a_change_reads_the_ways_to_its_key_and_no_more() {
    let mut tree = Tree::empty();
    for number in 0..3_000 {
        tree.insert(&BlockMap::new(), format!("com.example.thing/{number}"), value(0)).unwrap();
    }
    let root = tree.root();
    let blocks = tree.take_new_blocks();
    let depth = 1
        + (0..3_000)
            .map(|number| usize::from(height(format!("com.example.thing/{number}").as_bytes())))
            .max()
            .unwrap();
    for number in [0, 17, 1_500, 2_999] {
        let (old, new) =
            (format!("com.example.thing/{number}"), format!("com.example.thing/{number}a"));
        let source = Counted::new(&blocks);
        Tree::load(root).insert(&source, new, value(1)).unwrap();
        assert!(source.len() <= depth, "{} nodes for an insertion", source.len());

        let source = Counted::new(&blocks);
        Tree::load(root).remove(&source, old).unwrap();
        assert!(source.len() <= 2 * depth, "{} nodes for a removal", source.len());
    }
}
