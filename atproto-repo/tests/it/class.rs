//! A missing block is somebody's lie in an archive, and damage in one's own store.

use atproto_core::{Class, Classify, syntax::Cid};
use atproto_repo::{
    BlockMap,
    mst::{MstError, Tree},
    repo::{ApplyError, ExportError},
};

#[test]
fn missing_blocks_are_classed_by_whose_they_are() {
    let missing = || MstError::Missing(Cid::raw(b"gone"));
    assert_eq!(missing().class(), Class::UpstreamInvalid);
    assert_eq!(ApplyError::Tree(missing()).class(), Class::StoreCorrupt);
    assert_eq!(ExportError::Tree(missing()).class(), Class::StoreCorrupt);
}

#[test]
fn a_key_that_no_tree_admits_is_the_caller_s() {
    let error = Tree::empty().insert(&BlockMap::new(), b"no path", Cid::raw(b"")).unwrap_err();
    assert_eq!(ApplyError::Tree(error).class(), Class::Client);
}
