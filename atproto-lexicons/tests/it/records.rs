//! Real records go through the tiers of decoding unchanged.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use atproto_core::{
    data::cbor,
    lexicon::{Catalog, Decoded, ValidationOptions},
    object::Message,
    syntax::{Cid, Nsid},
};
use atproto_lexicons::{catalog, com::atproto::sync::SubscribeReposMessage};

use crate::{
    frames::messages,
    support::{blocks, shared},
};

/// What became of records: by outcome; and of those that have no generated type, or are not
/// valid, the reasons.
#[derive(Default)]
struct Tally {
    typed: usize,
    others: BTreeMap<String, usize>,
}

impl Tally {
    /// Decodes and encodes each record of an archive.
    fn add(&mut self, catalog: &Catalog, archive: &[u8]) {
        for (cid, block) in blocks(archive) {
            let Ok(value) = cbor::decode(block) else { continue };
            let Some(Ok(collection)) = value.type_name().map(Nsid::new) else { continue };
            let decoded = catalog.decode(&collection, block);
            let label = decoded.label();
            let (bytes, reason) = match decoded {
                Decoded::Typed(record) => {
                    self.typed += 1;
                    assert_eq!(cid, Cid::dag_cbor(&record.to_cbor().unwrap()), "{collection}");
                    continue;
                }
                Decoded::Dynamic(value) | Decoded::Unknown(value) => {
                    (cbor::encode(&value), String::new())
                }
                Decoded::Invalid(bytes, reason) => (bytes.to_vec(), format!(": {reason}")),
                other => panic!("{other:?}"),
            };
            assert_eq!(cid, Cid::dag_cbor(&bytes), "{collection}");
            *self.others.entry(format!("{collection} {label}{reason}")).or_default() += 1;
        }
    }

    /// How many records have no schema, and the outcomes of those that have one and are not
    /// typed.
    #[track_caller]
    fn assert(&self, typed: usize, unknown: usize, others: &[(&str, usize)]) {
        for (outcome, count) in &self.others {
            eprintln!("{count} × {outcome}");
        }
        let is_unknown = |outcome: &String| outcome.ends_with(" unknown");
        let (found_unknown, found): (BTreeMap<&String, usize>, BTreeMap<&String, usize>) =
            self.others.iter().map(|(k, v)| (k, *v)).partition(|(outcome, _)| is_unknown(outcome));
        let found: Vec<(&str, usize)> =
            found.into_iter().map(|(outcome, count)| (outcome.as_str(), count)).collect();
        assert_eq!(found, others);
        assert_eq!((self.typed, found_unknown.values().sum::<usize>()), (typed, unknown));
    }
}

fn archives(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_archive = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "car" || extension == "repo")
    };
    entries.filter(is_archive).collect()
}

#[test]
fn lx_034_records_of_real_repositories_survive() {
    let Some(shared) = shared() else { return };
    // One post is older than today's form of blobs.
    let catalog = catalog().options(ValidationOptions::LENIENT);
    let (mut real, mut made) = (Tally::default(), Tally::default());
    for path in archives(&shared.join("car")) {
        let is_made = path.file_name().unwrap().to_string_lossy().starts_with("synthetic");
        let tally = if is_made { &mut made } else { &mut real };
        tally.add(&catalog, &fs::read(path).unwrap());
    }
    // Follows of something else than an account.
    let subject = "app.bsky.graph.follow invalid: subject: string is expected, object found";
    real.assert(11_403, 216, &[(subject, 5)]);
    // Made by a generator that writes reposts without a subject.
    let subject = "app.bsky.feed.repost invalid: `subject` is required";
    made.assert(28_147, 1_753, &[(subject, 3_602)]);
}

#[test]
fn lx_034_records_of_a_reference_network_survive() {
    let Some(shared) = shared() else { return };
    let (catalog, mut tally) = (catalog(), Tally::default());
    for path in archives(&shared.join("ts-capture/repos")) {
        tally.add(&catalog, &fs::read(path).unwrap());
    }
    tally.assert(3_903, 1_260, &[]);
    for name in ["firehose-live", "firehose-replay", "firehose-pds2"] {
        let path = shared.join("ts-capture").join(name).with_extension("frames.bin");
        for message in messages(&fs::read(path).unwrap()) {
            if let Ok(Some(SubscribeReposMessage::Commit(commit))) =
                SubscribeReposMessage::from_frame(message)
            {
                tally.add(&catalog, &commit.blocks);
            }
        }
    }
    tally.assert(13_429, 3_780, &[]);
}
