//! The shared test material, and small things that several modules need.

use std::{fs, path::PathBuf};

use atproto_core::{
    crypto::{Curve, SecretKey},
    data::cbor::Writer,
    syntax::Cid,
};
use atproto_repo::{
    BlockMap,
    repo::{Repo, Write},
};
use serde_json::Value;

/// A file of the shared material, or `None` if the material is not there. Where the test
/// has to run, its absence is a failure.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    match std::env::var_os("ATPROTO_SHARED") {
        Some(root) => Some(PathBuf::from(root).join(path)),
        None => {
            assert!(std::env::var_os("CI").is_none(), "ATPROTO_SHARED is not set");
            eprintln!("skipped: ATPROTO_SHARED is not set");
            None
        }
    }
}

pub(crate) fn shared_bytes(path: &str) -> Option<Vec<u8>> {
    shared(path).map(|path| fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

pub(crate) fn shared_json(path: &str) -> Option<Value> {
    shared_bytes(path).map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

/// The cases of `bad-input` whose files are in a folder.
pub(crate) fn bad_input(folder: &str) -> Option<Vec<Value>> {
    let manifest = shared_json("bad-input/manifest.json")?;
    let in_folder = |case: &&Value| case["file"].as_str().unwrap().starts_with(folder);
    Some(manifest["cases"].as_array().unwrap().iter().filter(in_folder).cloned().collect())
}

/// The raw messages of a file that has each after its length.
pub(crate) fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (frame, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
        frames.push(frame);
        rest = tail;
    }
    frames
}

pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

pub(crate) fn cid(text: &str) -> Cid {
    text.parse().unwrap()
}

/// A record: a map with a text in it.
pub(crate) fn record(text: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.map(1).text("text").text(text);
    writer.into_bytes()
}

/// An archive of a repository with so many records, and the key that signed it.
pub(crate) fn archive_of(records: usize) -> (Vec<u8>, SecretKey) {
    let key = SecretKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
    let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse().unwrap();
    let mut repo = Repo::create(BlockMap::new(), did, &key).unwrap();
    let writes: Vec<_> = (0..records)
        .map(|n| Write::Create {
            collection: "com.example.note".parse().unwrap(),
            rkey: format!("{n:05}").parse().unwrap(),
            record: record(&format!("note {n}")).into(),
        })
        .collect();
    for batch in writes.chunks(100) {
        repo.apply(batch.to_vec(), &key).unwrap();
    }
    let mut archive = Vec::new();
    repo.export(&mut archive).unwrap();
    (archive, key)
}
