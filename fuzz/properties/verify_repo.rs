//! Whole repositories: what is accepted can be listed and exported, and is the same again.

use atproto_core::crypto::{Curve, SecretKey};
use atproto_repo::{
    car,
    commit::Commit,
    repo::{self, Record, RepoReader, VerifyError},
};

use super::chunks;

pub(crate) fn check(data: &[u8]) {
    let key = SecretKey::from_bytes(Curve::K256, &[7; 32]).expect("a key");
    let _ = repo::verify(data.to_vec(), Some(&key.public_key()));

    let blocks = chunks::blocks(data, |_, block| block);
    let Some((root, block)) = blocks.last() else { return };
    let archive = car::write(root, blocks.iter().map(|(cid, block)| (cid, block)));
    let verified = repo::verify(archive.clone(), None);
    for memory in [0, usize::MAX] {
        let reader = RepoReader::new().memory(memory);
        let read = reader.in_any_order(archive.as_slice(), Vec::new());
        let read = read.and_then(Iterator::collect::<Result<Vec<Record>, _>>);
        match (&verified, read) {
            (Ok(verified), Ok(records)) => assert!(verified.records().eq(records)),
            (verified, read) => assert_eq!(verified.is_err(), read.is_err()),
        }
    }
    let ordered = RepoReader::new().in_order(archive.as_slice());
    let ordered = ordered.and_then(Iterator::collect::<Result<Vec<Record>, _>>);
    let Ok(verified) = verified else {
        assert!(ordered.is_err());
        return;
    };
    match ordered {
        Ok(records) => assert!(verified.records().eq(records)),
        Err(error) => assert!(matches!(error, VerifyError::Order { .. }), "{error}"),
    }
    let Ok(commit) = Commit::decode(block) else { panic!("a repository without a commit") };
    assert_eq!((&commit.did, commit.rev), (&verified.did, verified.head.rev));
    assert_eq!(verified.records().count(), verified.len());

    let reachable = verified.reachable();
    let mut export = Vec::new();
    repo::export(&reachable, &verified.head, &mut export).expect("every block is there");
    let again = repo::verify(export, None).expect("what was exported can be verified");
    assert!(again.records().eq(verified.records()));
    if let Some(record) = verified.records().next() {
        let proof = repo::record_proof(&reachable, &verified.head, &record.path);
        let proof = proof.expect("every block is there");
        let _ = repo::verify_record_proof(proof, &commit.did, &key.public_key(), &record.path);
    }
}
