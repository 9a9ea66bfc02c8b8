//! The seeds of the fuzz targets, through the properties that the targets hold.

use std::{fs, path::Path};

#[path = "../../../fuzz/properties/at_uri.rs"]
mod at_uri;
#[path = "../../../fuzz/properties/cbor.rs"]
mod cbor;
#[path = "../../../fuzz/properties/cid.rs"]
mod cid;
#[path = "../../../fuzz/properties/datetime_language_uri.rs"]
mod datetime_language_uri;
#[path = "../../../fuzz/properties/did_document.rs"]
mod did_document;
#[path = "../../../fuzz/properties/did_handle.rs"]
mod did_handle;
#[path = "../../../fuzz/properties/did_key.rs"]
mod did_key;
#[path = "../../../fuzz/properties/entropy.rs"]
mod entropy;
#[path = "../../../fuzz/properties/frame.rs"]
mod frame;
#[path = "../../../fuzz/properties/identifier.rs"]
mod identifier;
#[path = "../../../fuzz/properties/json.rs"]
mod json;
#[path = "../../../fuzz/properties/lexicon.rs"]
mod lexicon;
#[path = "../../../fuzz/properties/nsid_rkey_tid.rs"]
mod nsid_rkey_tid;
#[path = "../../../fuzz/properties/plc.rs"]
mod plc;
#[path = "../../../fuzz/properties/plc_log.rs"]
mod plc_log;
#[path = "../../../fuzz/properties/schema.rs"]
mod schema;
#[path = "../../../fuzz/properties/validation.rs"]
mod validation;
#[path = "../../../fuzz/properties/value.rs"]
mod value;

#[test]
fn seeds_keep_their_properties() {
    replay("at_uri", at_uri::check);
    replay("cbor", cbor::check);
    replay("cid", cid::check);
    replay("datetime_language_uri", datetime_language_uri::check);
    replay("did_document", did_document::check);
    replay("did_handle", did_handle::check);
    replay("did_key", did_key::check);
    replay("frame", frame::check);
    replay("json", json::check);
    replay("lexicon", lexicon::check);
    replay("nsid_rkey_tid", nsid_rkey_tid::check);
    replay("plc", plc::check);
    replay("plc_log", plc_log::check);
    replay("schema", schema::check);
    replay("validation", validation::check);
    replay("value", value::check);
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
