//! The seeds of the fuzz targets, through the properties that the targets hold.

use std::{fs, path::Path};

#[path = "../../../fuzz/properties/dpop.rs"]
mod dpop;
#[path = "../../../fuzz/properties/headers.rs"]
mod headers;
#[path = "../../../fuzz/properties/jwt.rs"]
mod jwt;
#[path = "../../../fuzz/properties/query.rs"]
mod query;
#[path = "../../../fuzz/properties/scopes.rs"]
mod scopes;

#[test]
fn seeds_keep_their_properties() {
    replay("dpop", dpop::check);
    replay("headers", headers::check);
    replay("jwt", jwt::check);
    replay("query", query::check);
    replay("scopes", scopes::check);
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
