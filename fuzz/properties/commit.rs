//! Commits: one encoding each, and a signature that covers all of it.

use atproto_core::crypto::{Curve, SecretKey};
use atproto_repo::commit::{Commit, LegacyCommit};

pub(crate) fn check(data: &[u8]) {
    let key = SecretKey::from_bytes(Curve::K256, &[7; 32]).expect("a key").public_key();
    if let Ok(commit) = Commit::decode(data) {
        assert_eq!(commit.encode(), data);
        assert!(commit.cid().matches(data));
        let _ = commit.verify(&key);
    }
    if let Ok(commit) = LegacyCommit::decode(data) {
        assert!(Commit::decode(data).is_err(), "one version or the other");
        let _ = commit.verify(&key);
    }
}
