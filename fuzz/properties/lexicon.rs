//! Lexicon documents: whatever is read can be linked, written, and read again; what is not
//! read has its fault in the text.

use atproto_core::{
    data::{Map, Value},
    lexicon::{Catalog, Document, Reference, limits},
};

pub(crate) fn check(data: &[u8]) {
    let document = match Document::from_json(data) {
        Ok(document) => document,
        Err(error) => {
            let lines = data.split(|byte| *byte == b'\n').count();
            let place = error.place().expect("within the limit of bytes");
            assert!((1..=lines).contains(&place.line), "{error}");
            assert!(place.column <= data.len() + 1, "{error}");
            return;
        }
    };
    assert!(document.defs.len() <= limits::MAX_DEFINITIONS);
    let compact = document.to_compact_json();
    Document::from_json(compact.as_bytes()).expect("what was written can be read");

    let id = document.id.clone();
    let names: Vec<_> = document.defs.iter().map(|(name, _)| name.clone()).collect();
    let catalog = Catalog::from_documents([document]);
    let _ = catalog.link();
    let mut typed = Map::new();
    typed.insert("$type", id.as_str().to_owned());
    for value in [Value::Null, Value::Map(Map::new()), Value::Map(typed)] {
        let _ = catalog.validate_record(&id, &value);
        let _ = catalog.validate_params(&id, &value);
        let _ = catalog.validate_input(&id, &value);
        let _ = catalog.validate_output(&id, &value);
        let _ = catalog.validate_message(&id, "#main", &value);
        for name in &names {
            let _ = catalog.validate(&Reference::new(id.clone(), name.as_str()), &value);
        }
    }
}
