//! Trees and whole repositories, the same on every machine.

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::{Cid, Did, Tid},
};
use atproto_repo::{BlockMap, car, commit::UnsignedCommit, mst::Builder, repo};

use crate::{RandomOrder, made_record};

/// A key of a tree and its record.
pub type Entry = (Vec<u8>, Cid);

/// In which order an archive has its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockOrder {
    /// Each node before what is below it, and records where their keys are.
    PreOrder,
    /// Any.
    Shuffled,
}

/// The account of all that is made here.
pub fn account() -> Did {
    Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").expect("the DID is sound")
}

/// The key of the account.
pub fn account_key() -> SecretKey {
    SecretKey::from_bytes(Curve::K256, &[7; 32]).expect("the number is within the curve's order")
}

/// So many entries in order, with keys as in a usual repository.
pub fn entries(count: usize) -> Vec<Entry> {
    sorted((0..count).map(|number| (key(number), Cid::dag_cbor(&number.to_le_bytes()))))
}

/// A sound repository of so many records, and the head of it.
pub fn made_repo(records: usize) -> (BlockMap, repo::Head) {
    let mut blocks = BlockMap::new();
    let records = sorted((0..records).map(|number| {
        let record = made_record(number);
        let cid = Cid::dag_cbor(&record);
        blocks.insert(cid, record.into());
        (key(number), cid)
    }));
    let mut tree = Builder::new(|cid, node: &[u8]| {
        blocks.insert(cid, node.to_vec().into());
    });
    for (key, record) in records {
        tree.push(&key, record).expect("the keys are in order");
    }
    let (data, rev) = (tree.finish(), tid(0));
    let commit = UnsignedCommit::new(account(), data, rev).sign(&account_key());
    let commit = commit.expect("a key in memory signs").encode();
    let head = repo::Head { commit: Cid::dag_cbor(&commit), rev, data };
    blocks.insert(head.commit, commit.into());
    (blocks, head)
}

/// The archive of a sound repository of so many records.
pub fn archive(records: usize, order: BlockOrder) -> Vec<u8> {
    let (blocks, head) = made_repo(records);
    match order {
        BlockOrder::PreOrder => {
            let mut archive = Vec::new();
            repo::export(&blocks, &head, &mut archive).expect("the repository is complete");
            archive
        }
        BlockOrder::Shuffled => {
            let mut blocks: Vec<_> = blocks.into_iter().collect();
            RandomOrder::new(records).shuffle(&mut blocks);
            car::write(&head.commit, blocks.iter().map(|(cid, block)| (cid, block)))
        }
    }
}

fn sorted(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries
}

/// Where [`made_record`] of that number is.
fn key(number: usize) -> Vec<u8> {
    let collection = match number % 10 {
        0..6 => "app.bsky.feed.like",
        6..9 => "app.bsky.feed.post",
        _ => "app.bsky.graph.follow",
    };
    format!("{collection}/{}", tid(number)).into_bytes()
}

/// Some minutes after the one before.
fn tid(number: usize) -> Tid {
    let number = number as u64;
    Tid::from_parts(1_700_000_000_000_000 + number * 271_828_183, number as u16 & 1_023)
}
