use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap,
    mst::{Builder, MstError, NodeFault, Tree},
};
use proptest::{collection::btree_set, prelude::*};

proptest! {
    #[test]
    fn building_and_inserting_give_the_same_nodes(numbers in btree_set(0..100_000u32, 0..300)) {
        let mut keys: Vec<_> = numbers.iter().map(|n| format!("com.example.thing/{n}")).collect();
        keys.sort();
        let mut built = BlockMap::new();
        let mut builder = Builder::new(|cid, block: &[u8]| {
            built.insert(cid, block.to_vec().into());
        });
        let mut tree = Tree::empty();
        for key in &keys {
            let value = Cid::dag_cbor(key.as_bytes());
            builder.push(key.as_bytes(), value).unwrap();
            tree.insert(&BlockMap::new(), key, value).unwrap();
        }
        prop_assert_eq!(builder.finish(), tree.root());
        let inserted = tree.take_new_blocks();
        prop_assert_eq!(built.len(), inserted.len());
        for (cid, block) in inserted {
            prop_assert_eq!(built.get(&cid), Some(&block));
        }
    }
}

#[test]
fn keys_out_of_order_are_refused() {
    let mut builder = Builder::new(|_, _| {});
    let value = Cid::dag_cbor(b"");
    builder.push(b"com.example.thing/b", value).unwrap();
    for key in ["com.example.thing/b", "com.example.thing/a"] {
        let refused = builder.push(key.as_bytes(), value).unwrap_err();
        assert!(matches!(refused, MstError::Key(NodeFault::KeyOrder)));
    }
}
