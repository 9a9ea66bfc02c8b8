//! The seeds of the fuzz targets, through the properties that the targets hold.

use std::{fs, path::Path};

#[path = "../../../fuzz/properties/car.rs"]
mod car;
#[path = "../../../fuzz/properties/chunks.rs"]
mod chunks;
#[path = "../../../fuzz/properties/commit.rs"]
mod commit;
#[path = "../../../fuzz/properties/event.rs"]
mod event;
#[path = "../../../fuzz/properties/mst.rs"]
mod mst;
#[path = "../../../fuzz/properties/verify_commit.rs"]
mod verify_commit;
#[path = "../../../fuzz/properties/verify_repo.rs"]
mod verify_repo;

#[test]
fn seeds_keep_their_properties() {
    replay("car", car::check);
    replay("commit", commit::check);
    replay("event", event::check);
    replay("mst", mst::check);
    replay("verify_commit", verify_commit::check);
    replay("verify_repo", verify_repo::check);
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
