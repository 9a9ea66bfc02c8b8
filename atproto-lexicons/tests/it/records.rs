//! Real records go through their types unchanged.

use std::{collections::BTreeMap, fs, path::Path};

use atproto_core::{
    data::cbor,
    lexicon::{Catalog, Decoded},
    syntax::Nsid,
};
use atproto_lexicons::catalog;

use crate::support::shared;

/// The blocks of an archive whose digests others test: after the header, each is a length,
/// a CID of 36 bytes and the data.
fn blocks(mut archive: &[u8]) -> Vec<&[u8]> {
    let mut sections = Vec::new();
    while !archive.is_empty() {
        let (mut length, mut shift) = (0_usize, 0);
        while let [byte, rest @ ..] = archive {
            archive = rest;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let Some((section, rest)) = archive.split_at_checked(length) else { break };
        archive = rest;
        sections.push(section);
    }
    sections.iter().skip(1).filter_map(|section| section.get(36..)).collect()
}

/// How many records of an archive had which outcome; reasons of those that are not typed.
fn outcomes(catalog: &Catalog, path: &Path, seen: &mut BTreeMap<String, usize>) -> usize {
    let archive = fs::read(path).unwrap();
    let mut typed = 0;
    for block in blocks(&archive) {
        let Ok(value) = cbor::decode(block) else { continue };
        let Some(Ok(collection)) = value.type_name().map(Nsid::new) else { continue };
        let outcome = match catalog.decode(&collection, block) {
            Decoded::Typed(record) => {
                assert_eq!(record.to_cbor().unwrap(), block, "{collection}");
                typed += 1;
                continue;
            }
            Decoded::Dynamic(_) => format!("{collection}: dynamic"),
            Decoded::Unknown(_) => format!("{collection}: unknown"),
            // Made by a generator that writes reposts without a subject.
            Decoded::Invalid(_, reason) if is_synthetic(path) => format!("{collection}: {reason}"),
            Decoded::Invalid(_, reason) => panic!("{}: {collection}: {reason}", path.display()),
            _ => continue,
        };
        *seen.entry(outcome).or_default() += 1;
    }
    typed
}

fn is_synthetic(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("synthetic"))
}

#[test]
fn lx_034_records_of_real_repositories_survive() {
    let Some(shared) = shared() else { return };
    let catalog = catalog();
    let mut seen = BTreeMap::new();
    let mut typed = 0;
    for folder in ["car", "ts-capture/repos"] {
        for entry in fs::read_dir(shared.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "car") {
                typed += outcomes(&catalog, &path, &mut seen);
            }
        }
    }
    for (outcome, count) in &seen {
        eprintln!("{count} × {outcome}");
    }
    eprintln!("{typed} typed");
    assert!(typed > 40_000, "{typed}");
}
