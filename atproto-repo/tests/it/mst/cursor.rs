//! Walking a stored tree, in both directions and in ranges.

use std::{cell::RefCell, collections::BTreeSet};

use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap, BlockSource, BlockSourceError,
    mst::{Cursor, MstError, Tree},
};
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::Counted;

#[derive(Debug, Clone)]
enum Step {
    Next,
    Previous,
    Seek(u32),
    SeekAfterPrefix(u32),
    Rewind,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Next),
        4 => Just(Step::Previous),
        1 => (0..500u32).prop_map(Step::Seek),
        1 => (0..50u32).prop_map(Step::SeekAfterPrefix),
        1 => Just(Step::Rewind),
    ]
}

fn key(number: u32) -> String {
    format!("com.example.thing/{number:03}")
}

proptest! {
    /// A position between two keys of a sorted list is all that a walk is. A block that
    /// is missing stops it where it is.
    #[test]
    fn a_walk_is_a_place_in_a_sorted_list(
        numbers in vec(0..500u32, 0..60),
        steps in vec(step(), 1..60),
        gone in any::<Option<prop::sample::Index>>(),
    ) {
        let keys: BTreeSet<_> = numbers.into_iter().map(key).collect();
        let (root, blocks) = stored(&keys);
        let keys: Vec<_> = keys.into_iter().collect();
        let mut partial = blocks.clone();
        if let Some(gone) = gone {
            let cid = *blocks.cids().nth(gone.index(blocks.len())).unwrap();
            partial.remove(&cid);
        }
        // With a block gone, each step is tried before it is done with all of them.
        let source = Switch { partial: &partial, whole: &blocks, is_whole: RefCell::new(true) };
        let mut cursor = Cursor::new(&source, root);
        let mut place = 0;
        for step in steps {
            let expected = match &step {
                Step::Next => {
                    let found = keys.get(place).cloned();
                    place = (place + 1).min(keys.len());
                    found
                }
                Step::Previous => {
                    let found = place.checked_sub(1).map(|before| keys[before].clone());
                    place = place.saturating_sub(1);
                    found
                }
                Step::Seek(number) => {
                    place = keys.partition_point(|other| *other < key(*number));
                    None
                }
                Step::SeekAfterPrefix(number) => {
                    let prefix = format!("com.example.thing/{number:02}");
                    place = keys.partition_point(|other| other[..prefix.len()] <= *prefix);
                    None
                }
                Step::Rewind => {
                    place = 0;
                    None
                }
            };
            *source.is_whole.borrow_mut() = false;
            let found = match take(&mut cursor, &step) {
                Err(MstError::Missing(cid)) => {
                    prop_assert!(!partial.contains(&cid) && blocks.contains(&cid));
                    *source.is_whole.borrow_mut() = true;
                    take(&mut cursor, &step).unwrap()
                }
                found => found.unwrap(),
            };
            prop_assert_eq!(found, expected, "{:?}", step);
        }
    }
}

fn take<S: BlockSource>(cursor: &mut Cursor<S>, step: &Step) -> Result<Option<String>, MstError> {
    let found = match step {
        Step::Next => cursor.next_entry()?,
        Step::Previous => cursor.previous_entry()?,
        Step::Seek(number) => {
            cursor.seek(key(*number).as_bytes())?;
            None
        }
        Step::SeekAfterPrefix(number) => {
            cursor.seek_after_prefix(format!("com.example.thing/{number:02}").as_bytes())?;
            None
        }
        Step::Rewind => {
            cursor.rewind();
            None
        }
    };
    Ok(found.map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()))
}

#[test]
fn a_collection_is_read_from_both_ends_without_the_others() {
    let collections = ["com.example.before", "com.example.thing", "com.example.thinginess"];
    let keys: BTreeSet<_> = collections
        .iter()
        .flat_map(|collection| (0..1_000).map(move |number| format!("{collection}/{number:04}")))
        .collect();
    let (root, blocks) = stored(&keys);
    let reads = Counted::new(&blocks);
    let prefix = b"com.example.thing/";

    let mut cursor = Cursor::new(&reads, root);
    cursor.seek(prefix).unwrap();
    let mut forwards = Vec::new();
    while let Some((key, _)) = cursor.next_with_prefix(prefix).unwrap() {
        forwards.push(key.to_vec());
    }
    assert_eq!(forwards.len(), 1_000);
    let depth = 8;
    let read = reads.len();
    assert!(read < blocks.len() / 3 + 2 * depth, "{read} of {} nodes", blocks.len());

    cursor.seek_after_prefix(prefix).unwrap();
    let mut backwards = Vec::new();
    while let Some((key, _)) = cursor.previous_with_prefix(prefix).unwrap() {
        backwards.push(key.to_vec());
    }
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert!(reads.len() < read + 2 * depth, "the same nodes");

    // The newest few of a collection cost one way down the tree.
    let reads = Counted::new(&blocks);
    let mut cursor = Cursor::new(&reads, root);
    cursor.seek_after_prefix(prefix).unwrap();
    for number in (995..1_000).rev() {
        let (key, _) = cursor.previous_with_prefix(prefix).unwrap().unwrap();
        assert_eq!(key, format!("com.example.thing/{number:04}").as_bytes());
    }
    assert!(reads.len() <= 2 * depth);
}

fn stored(keys: &BTreeSet<String>) -> (Cid, BlockMap) {
    let mut tree = Tree::empty();
    for key in keys {
        tree.insert(&BlockMap::new(), key, Cid::dag_cbor(key.as_bytes())).unwrap();
    }
    (tree.root(), tree.take_new_blocks())
}

/// A source that lacks a block, until it does not.
struct Switch<'a> {
    partial: &'a BlockMap,
    whole: &'a BlockMap,
    is_whole: RefCell<bool>,
}

impl BlockSource for Switch<'_> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        if *self.is_whole.borrow() { self.whole.block(cid) } else { self.partial.block(cid) }
    }
}
