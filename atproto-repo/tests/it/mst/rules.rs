//! Trees that break rules.

use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap, car,
    mst::{Cursor, MstError, Tree, height},
};
use proptest::{collection::btree_set, prelude::*};

use crate::support::{bad_input, shared_bytes, text};

#[test]
fn mst_008_every_rule_is_checked_on_a_walk() {
    let Some(cases) = bad_input("mst/") else { return };
    assert!(cases.len() > 40);
    for case in cases {
        let file = text(&case, "file");
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        let walked = walk(bytes);
        match text(&case, "expect") {
            "accept" => assert_eq!(walked.unwrap() as u64, case["keys"], "{file}"),
            // Of choices, ours: nodes have a limit and no other fields, and a walk wants
            // the whole tree.
            expect => {
                let rejects = expect.contains("reject");
                assert!(rejects, "{file}: unknown expectation {expect}");
                assert!(walked.is_err(), "{file}: {expect}");
            }
        }
    }
}

fn walk(bytes: Vec<u8>) -> Result<usize, String> {
    let (roots, blocks) =
        car::read_all(bytes, &car::Limits::default()).map_err(|error| error.to_string())?;
    let mut cursor = Cursor::new(&blocks, roots[0]);
    let mut count = 0;
    while cursor.next_entry().map_err(|error| error.to_string())?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn t30_subtrees_that_are_shared_are_out_of_order() {
    // A node that is linked twice would have to hold the same keys in two places.
    let Some(bytes) = shared_bytes("bad-input/mst/same-subtree-twice.car") else { return };
    assert!(walk(bytes).unwrap_err().contains("out of order"));
}

#[test]
fn t28_towers_of_empty_nodes_end_at_the_root() {
    let Some(bytes) = shared_bytes("bad-input/mst/deep-chain-5000.car") else { return };
    assert!(walk(bytes).unwrap_err().contains("no entries"));
}

proptest! {
    /// T29: a node with any one byte changed is refused, if not by its hash then by what
    /// it says, or it says something else; it is never misread or a cause of panic.
    #[test]
    fn t29_altered_nodes_are_never_taken_for_the_original(
        numbers in btree_set(0..10_000u32, 1..40),
        place in any::<prop::sample::Index>(),
        byte in 1..=255u8,
    ) {
        let keys: Vec<_> = numbers.iter().map(|n| format!("com.example.thing/{n}")).collect();
        let mut tree = Tree::empty();
        for key in keys.iter().filter(|key| height(key.as_bytes()) == 0) {
            tree.insert(&BlockMap::new(), key, Cid::dag_cbor(b"")).unwrap();
        }
        let root = tree.root();
        let mut node = tree.take_new_blocks().get(&root).unwrap().to_vec();
        let place = place.index(node.len());
        node[place] ^= byte;
        let blocks: BlockMap = [(root, node.clone().into())].into_iter().collect();
        let mut cursor = Cursor::new(&blocks, root);
        let mut entries = Vec::new();
        loop {
            match cursor.next_entry() {
                Ok(Some((key, value))) => entries.push((key.to_vec(), value)),
                Ok(None) => break,
                Err(MstError::Node { .. } | MstError::Missing(_)) => return Ok(()),
                Err(other) => panic!("{other}"),
            }
        }
        // What was accepted is what the bytes say: encoding it again gives them.
        let mut again = Tree::empty();
        for (key, value) in entries {
            again.insert(&BlockMap::new(), key, value).unwrap();
        }
        prop_assert_eq!(again.root(), Cid::dag_cbor(&node));
        prop_assert_ne!(again.root(), root);
    }
}

#[test]
fn cid_008_a_link_to_a_record_is_kept_whatever_its_codec() {
    let mut tree = Tree::empty();
    let links = [Cid::raw(b"bytes"), Cid::dag_cbor(b"\xa0")];
    for (number, link) in links.into_iter().enumerate() {
        tree.insert(&BlockMap::new(), format!("com.example.thing/{number}"), link).unwrap();
    }
    let (root, blocks) = (tree.root(), tree.take_new_blocks());

    let mut loaded = Tree::load(root);
    assert_eq!(loaded.get(&blocks, "com.example.thing/0").unwrap(), Some(links[0]));
    loaded.insert(&blocks, "com.example.thing/2", links[1]).unwrap();
    loaded.remove(&blocks, "com.example.thing/2").unwrap();
    assert_eq!(loaded.root(), root);
}
