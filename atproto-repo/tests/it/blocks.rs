//! Blocks in memory.

use std::collections::BTreeMap;

use atproto_core::syntax::Cid;
use atproto_repo::BlockMap;
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

proptest! {
    /// Few enough numbers that many are added and removed again, many enough that the map
    /// grows several times.
    #[test]
    fn a_map_has_what_was_put_in_and_not_taken_out(
        changes in vec((0..400_u16, prop::bool::weighted(0.7)), 0..1_500),
    ) {
        let (mut map, mut model) = (BlockMap::new(), BTreeMap::new());
        for (number, adds) in changes {
            let block = Bytes::from(number.to_be_bytes().to_vec());
            let cid = Cid::dag_cbor(&block);
            if adds {
                let is_new = model.insert(cid, block.clone()).is_none();
                prop_assert_eq!(map.insert(cid, block), is_new);
            } else {
                prop_assert_eq!(map.remove(&cid), model.remove(&cid));
            }
            prop_assert_eq!(map.len(), model.len());
        }
        for number in 0..400_u16 {
            let cid = Cid::dag_cbor(&number.to_be_bytes());
            prop_assert_eq!(map.get(&cid), model.get(&cid));
        }
        let all: BTreeMap<_, _> = map.into_iter().collect();
        prop_assert_eq!(all, model);
    }
}

#[test]
fn a_map_keeps_the_order_of_insertion() {
    let blocks: Vec<_> = (0..1_000_u16).map(u16::to_be_bytes).collect();
    let cids: Vec<_> = blocks.iter().map(|block| Cid::dag_cbor(block)).collect();
    let pairs =
        || cids.iter().copied().zip(blocks.iter().map(|block| Bytes::copy_from_slice(block)));
    let map: BlockMap = pairs().chain(pairs()).collect();
    assert!(map.cids().eq(&cids));
}
