use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap,
    mst::{Limits, MstError, Tree, lookup, path},
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
