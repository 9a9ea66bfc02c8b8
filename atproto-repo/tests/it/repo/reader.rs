//! Repositories read in bounded memory.

use std::io;

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::Cid,
};
use atproto_repo::{
    BlockMap,
    car::{self, CarError},
    repo::{self, Record, Repo, RepoReader, Spill, VerifyError, Write},
};
use proptest::{prelude::*, sample::Index};

use crate::support::{archive_of, record, shared_bytes, shared_json, text};

#[test]
fn real_archives_read_the_same_in_every_way() {
    let Some(manifest) = shared_json("car/manifest.json") else { return };
    let mut streamable = 0;
    for entry in manifest.as_array().unwrap().iter().filter(|entry| entry["did"].is_string()) {
        let file = text(entry, "file");
        let bytes = shared_bytes(&format!("car/{file}")).unwrap();
        let whole = repo::verify(bytes.clone(), None);
        for memory in [0, usize::MAX] {
            let read = in_any_order(&bytes, memory);
            match &whole {
                Ok(whole) => assert!(read.unwrap().into_iter().eq(whole.records()), "{file}"),
                Err(error) => assert_eq!(read.unwrap_err().to_string(), error.to_string()),
            }
        }
        let ordered = in_order(&bytes);
        if entry["preorder_streamable"] == true {
            assert!(ordered.unwrap().into_iter().eq(whole.unwrap().records()), "{file}");
            streamable += 1;
        } else {
            assert!(ordered.is_err(), "{file}");
        }
    }
    assert_eq!(streamable, 3);
}

#[test]
fn the_second_copy_of_a_record_may_be_left_out_of_an_ordered_archive() {
    let key = SecretKey::generate(Curve::K256);
    let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
    let mut repo = Repo::create(BlockMap::new(), did, &key).unwrap();
    let write = |rkey: &str, text: &str| Write::Create {
        collection: "com.example.note".parse().unwrap(),
        rkey: rkey.parse().unwrap(),
        record: record(text).into(),
    };
    repo.apply([write("1", "same"), write("2", "other"), write("3", "same")], &key).unwrap();
    let mut twice = Vec::new();
    repo.export(&mut twice).unwrap();
    let (roots, blocks) = car::read_all(twice.clone(), &car::Limits::default()).unwrap();
    let once = car::write(&roots[0], blocks.iter());
    assert!(once.len() < twice.len());
    let expected: Vec<_> = repo::verify(twice.clone(), None).unwrap().records().collect();
    assert_eq!(in_order(&once).unwrap(), expected);
    assert_eq!(in_order(&twice).unwrap(), expected);

    let forgetful = RepoReader::new().memory(0);
    let records: Result<Vec<_>, _> = forgetful.in_order(twice.as_slice()).unwrap().collect();
    assert_eq!(records.unwrap(), expected);
    let mut records = forgetful.in_order(once.as_slice()).unwrap();
    assert_eq!(records.by_ref().take(2).filter(Result::is_ok).count(), 2);
    // At the end of the archive nothing tells the missing copy from a missing record.
    assert!(matches!(records.next(), Some(Err(VerifyError::RecordMissing { .. }))));
}

#[test]
fn car_004_blocks_come_in_any_order() {
    let (archive, key) = archive_of(500);
    let (roots, blocks) = car::read_all(archive.clone(), &car::Limits::default()).unwrap();
    let mut backwards: Vec<_> = blocks.iter().collect();
    backwards.reverse();
    let backwards = car::write(&roots[0], backwards);
    let expected: Vec<_> = repo::verify(archive.clone(), None).unwrap().records().collect();
    assert_eq!(expected.len(), 500);
    for memory in [0, 1 << 14, usize::MAX] {
        let reader = RepoReader::new().key(key.public_key()).memory(memory);
        let records = reader.in_any_order(backwards.as_slice(), Vec::new()).unwrap();
        let records: Result<Vec<_>, _> = records.collect();
        assert_eq!(records.unwrap(), expected, "{memory}");
    }
    assert_eq!(in_order(&archive).unwrap(), expected);
    let out_of_order = in_order(&backwards).unwrap_err();
    assert!(matches!(out_of_order, VerifyError::Order { expected, .. } if expected == roots[0]));
}

#[test]
fn a_signature_of_another_key_is_refused_before_any_record() {
    let (archive, _) = archive_of(3);
    let reader = RepoReader::new().key(SecretKey::generate(Curve::P256).public_key());
    let error = reader.in_order(archive.as_slice()).unwrap_err();
    assert!(matches!(error, VerifyError::Signature(_)), "{error}");
    let error = reader.in_any_order(archive.as_slice(), Vec::new()).unwrap_err();
    assert!(matches!(error, VerifyError::Signature(_)), "{error}");
}

#[test]
fn a_missing_record_is_named_and_ends_the_reading() {
    let (archive, _) = archive_of(20);
    let whole = repo::verify(archive.clone(), None).unwrap();
    let gone = whole.records().nth(7).unwrap();
    let blocks = whole.blocks().iter().filter(|(cid, _)| **cid != gone.cid);
    let archive = car::write(&whole.head.commit, blocks);
    for memory in [0, usize::MAX] {
        let reader = RepoReader::new().memory(memory);
        let mut records = reader.in_any_order(archive.as_slice(), Vec::new()).unwrap();
        assert_eq!(records.by_ref().take(7).filter(Result::is_ok).count(), 7);
        let error = records.next().unwrap().unwrap_err();
        assert!(matches!(&error, VerifyError::RecordMissing { path, .. } if *path == gone.path));
        assert!(records.next().is_none());
    }
    assert!(
        matches!(in_order(&archive), Err(VerifyError::Order { expected, .. }) if expected == gone.cid)
    );
}

#[test]
fn car_006_blocks_that_nothing_leads_to_are_checked_and_dropped() {
    let (archive, _) = archive_of(3);
    let junk = b"\x64junk";
    let mut longer = archive.clone();
    longer.extend(car::write(&Cid::raw(junk), [(&Cid::raw(junk), &junk[..])]).split_off(59));
    assert_eq!(in_order(&longer).unwrap().len(), 3);
    *longer.last_mut().unwrap() ^= 1;
    let error = in_order(&longer).unwrap_err();
    assert!(matches!(error, VerifyError::Car(CarError::BlockHash { .. })), "{error}");
}

#[test]
fn t24_the_length_of_an_archive_is_bounded() {
    let (archive, _) = archive_of(50);
    let read = |max_archive| {
        let mut limits = car::Limits::default();
        limits.max_archive = max_archive;
        let reader = RepoReader::new().limits(limits);
        reader.in_any_order(archive.as_slice(), Vec::new()).map(drop)
    };
    // The header counts like everything else.
    let length = archive.len() as u64;
    assert!(read(length).is_ok());
    for limit in [4096, length - 1] {
        let error = read(limit).unwrap_err();
        let VerifyError::Car(CarError::ArchiveTooLarge { limit: found }) = error else {
            panic!("{error}")
        };
        assert_eq!(found, limit);
    }
}

#[test]
fn a_spill_that_fails_is_named() {
    let (archive, _) = archive_of(50);
    let reader = RepoReader::new().memory(0);
    let full = reader.in_any_order(archive.as_slice(), Broken { full: true });
    assert!(matches!(full, Err(VerifyError::Spill(_))));
    let unreadable = reader.in_any_order(archive.as_slice(), Broken { full: false });
    assert!(unreadable.unwrap_err().to_string().contains("worn out"));
}

#[cfg(feature = "tempfile")]
#[test]
fn a_temporary_file_takes_what_memory_cannot() {
    let (archive, _) = archive_of(500);
    let spill = repo::TemporaryFile::new();
    let records = RepoReader::new().memory(1 << 10).in_any_order(archive.as_slice(), spill);
    let records: Result<Vec<_>, _> = records.unwrap().collect();
    assert!(records.unwrap().into_iter().eq(repo::verify(archive, None).unwrap().records()));
}

proptest! {
    #[test]
    fn any_order_gives_the_same_records(
        swaps in proptest::collection::vec(any::<(Index, Index)>(), 0..40),
        memory in 0..40_000usize,
    ) {
        let (archive, _) = archive_of(60);
        let (roots, blocks) = car::read_all(archive.clone(), &car::Limits::default()).unwrap();
        let mut blocks: Vec<_> = blocks.into_iter().collect();
        for (one, other) in swaps {
            let (one, other) = (one.index(blocks.len()), other.index(blocks.len()));
            blocks.swap(one, other);
        }
        let shuffled = car::write(&roots[0], blocks.iter().map(|(cid, block)| (cid, block)));
        let expected: Vec<_> = repo::verify(archive, None).unwrap().records().collect();
        prop_assert_eq!(&in_any_order(&shuffled, memory).unwrap(), &expected);
        if let Ok(records) = in_order(&shuffled) {
            prop_assert_eq!(records, expected);
        }
    }
}

fn in_order(archive: &[u8]) -> Result<Vec<Record>, VerifyError> {
    RepoReader::new().in_order(archive)?.collect()
}

fn in_any_order(archive: &[u8], memory: usize) -> Result<Vec<Record>, VerifyError> {
    RepoReader::new().memory(memory).in_any_order(archive, Vec::new())?.collect()
}

/// A disk that takes nothing, or gives nothing back.
#[derive(Debug)]
struct Broken {
    full: bool,
}

impl Spill for Broken {
    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        if self.full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::Error::other("worn out"))
    }
}
