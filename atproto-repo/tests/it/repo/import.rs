//! Whole repositories that take the place of others.

use std::collections::BTreeMap;

use atproto_core::{
    crypto::{Curve, SecretKey},
    identity::DidDocument,
    syntax::{Did, Tid},
};
use atproto_repo::{
    BlockMap, car,
    event::Event,
    repo::{self, ApplyError, Head, Repo, VerifiedRepo, Write},
};
use proptest::{collection::btree_map, prelude::*};

use crate::support::record;

const DID: &str = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(Curve::K256, &[seed; 32]).unwrap()
}

/// A repository of another host with these records.
fn archive(records: &BTreeMap<u8, u8>, did: &str) -> VerifiedRepo {
    let mut repo = Repo::create(BlockMap::new(), Did::new(did).unwrap(), &key(1)).unwrap();
    let writes = records.iter().map(|(rkey, text)| Write::Create {
        collection: "com.example.note".parse().unwrap(),
        rkey: rkey.to_string().parse().unwrap(),
        record: record(&text.to_string()).into(),
    });
    repo.apply(writes, &key(1)).unwrap();
    let mut archive = Vec::new();
    repo.export(&mut archive).unwrap();
    repo::verify(archive, None).unwrap()
}

fn later(head: &Head) -> Tid {
    Tid::from_parts(head.rev.micros() + 1, 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_import_stores_the_difference_and_leaves_nothing_behind(
        before in btree_map(0..60u8, 0..4u8, 0..50),
        after in btree_map(0..60u8, 0..4u8, 0..50),
        from_nothing: bool,
    ) {
        let did = Did::new(DID).unwrap();
        let old = archive(&before, DID);
        let new = archive(&after, DID);
        let (mut blocks, head) = match from_nothing {
            true => (BlockMap::new(), None),
            false => (old.reachable(), Some(old.head)),
        };
        let rev = later(&new.head).max(later(&old.head));
        let imported = repo::import(&blocks, head.as_ref(), &did, &new, rev, &key(2)).unwrap();

        // Equal records are one block, so those that other paths still have stay.
        for cid in &imported.removed {
            if !new.records().any(|record| record.cid == *cid) {
                prop_assert!(blocks.remove(cid).is_some());
            }
        }
        for (cid, block) in imported.new_blocks.iter() {
            blocks.insert(*cid, block.clone());
        }
        let mut exported = Vec::new();
        repo::export(&blocks, &imported.head, &mut exported).unwrap();
        let verified = repo::verify(exported, Some(&key(2).public_key())).unwrap();
        prop_assert!(verified.records().eq(new.records()));
        prop_assert_eq!(verified.blocks().len(), blocks.len());
        let before = if from_nothing { BTreeMap::new() } else { before };
        let changed = (0..60u8).filter(|rkey| before.get(rkey) != after.get(rkey)).count();
        prop_assert_eq!(imported.ops.len(), changed);
    }
}

#[test]
fn car_014_an_import_does_not_bring_back_what_its_commit_does_not_lead_to() {
    let gone = archive(&BTreeMap::from([(1, 1), (2, 2)]), DID);
    let kept = archive(&BTreeMap::from([(1, 1)]), DID);
    let all = kept.blocks().iter().chain(gone.blocks().iter());
    let padded = repo::verify(car::write(&kept.head.commit, all), None).unwrap();
    let did = Did::new(DID).unwrap();
    let rev = later(&kept.head);
    let imported = repo::import(&BlockMap::new(), None, &did, &padded, rev, &key(2)).unwrap();
    let deleted = gone.records().nth(1).unwrap().cid;
    assert!(padded.blocks().contains(&deleted));
    assert!(!imported.new_blocks.contains(&deleted));
    assert_eq!(imported.new_blocks.len(), kept.reachable().len());
}

#[test]
fn imports_of_other_accounts_and_old_revisions_are_refused() {
    let did = Did::new(DID).unwrap();
    let new = archive(&BTreeMap::from([(1, 1)]), DID);
    let import = |archive, rev| repo::import(&BlockMap::new(), None, &did, archive, rev, &key(2));
    let other = archive(&BTreeMap::new(), "did:plc:44ybard66vv44zksje25o7dz");
    let error = import(&other, later(&other.head)).unwrap_err();
    assert!(matches!(error, ApplyError::Did { found } if found == other.did));
    let error = import(&new, new.head.rev).unwrap_err();
    assert!(matches!(error, ApplyError::Rev { previous, .. } if previous == new.head.rev));
    let imported = import(&new, later(&new.head)).unwrap();
    let Event::Sync(event) = imported.to_event(7, "2026-01-01T00:00:00Z") else {
        panic!("imports are announced by #sync")
    };
    assert_eq!((event.seq, event.rev), (7, imported.head.rev));
}

#[test]
fn rp_012_and_013_a_repository_is_signed_again_when_the_document_names_a_new_key() {
    let did = Did::new(DID).unwrap();
    let old = archive(&BTreeMap::from([(1, 1), (2, 2)]), DID);
    let mut blocks = old.reachable();
    let resigned = repo::resign(&blocks, &old.head, &did, later(&old.head), &key(2)).unwrap();
    assert_eq!(resigned.head.data, old.head.data);
    assert_eq!(resigned.removed, [old.head.commit]);
    assert_eq!(resigned.new_blocks.len(), 1);
    assert!(
        matches!(resigned.to_event(1, "2026-01-01T00:00:00Z"), Event::Commit(event) if event.ops.is_empty())
    );
    blocks.extend(resigned.new_blocks);
    let mut exported = Vec::new();
    repo::export(&blocks, &resigned.head, &mut exported).unwrap();
    let named = |key: &SecretKey| {
        let key = key.public_key().to_multikey();
        let document = format!(
            r#"{{"id": "{DID}", "verificationMethod": [{{"id": "{DID}#atproto", "type": "Multikey",
                "controller": "{DID}", "publicKeyMultibase": "{key}"}}]}}"#
        );
        DidDocument::from_json(document.as_bytes()).unwrap().signing_key().unwrap()
    };
    assert!(repo::verify(exported.clone(), Some(&named(&key(1)))).is_err());
    let verified = repo::verify(exported, Some(&named(&key(2)))).unwrap();
    assert!(verified.records().eq(old.records()));
}
