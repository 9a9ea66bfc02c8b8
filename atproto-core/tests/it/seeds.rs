//! The seeds of the fuzz targets, through the properties that the targets hold.

use std::{fs, path::Path};

#[path = "../../../fuzz/properties/cbor.rs"]
mod cbor;
#[path = "../../../fuzz/properties/did_document.rs"]
mod did_document;
#[path = "../../../fuzz/properties/frame.rs"]
mod frame;
#[path = "../../../fuzz/properties/json.rs"]
mod json;
#[path = "../../../fuzz/properties/lexicon.rs"]
mod lexicon;
#[path = "../../../fuzz/properties/plc.rs"]
mod plc;
#[path = "../../../fuzz/properties/syntax.rs"]
mod syntax;
#[path = "../../../fuzz/properties/validation.rs"]
mod validation;

#[test]
fn seeds_keep_their_properties() {
    replay("cbor", cbor::check);
    replay("did_document", did_document::check);
    replay("frame", frame::check);
    replay("json", json::check);
    replay("lexicon", lexicon::check);
    replay("plc", plc::check);
    replay("syntax", syntax::check);
    replay("validation", validation::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut count = 0;
    for seed in fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = seed.unwrap().path();
        eprintln!("{}", path.display());
        check(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "no seeds for {target}");
}
