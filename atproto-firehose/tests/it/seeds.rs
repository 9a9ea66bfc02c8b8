//! The seeds of the fuzz targets, through the properties that the targets hold.

use std::{fs, path::Path};

#[path = "../../../fuzz/properties/jetstream.rs"]
mod jetstream;
#[cfg(feature = "zstd")]
#[path = "../../../fuzz/properties/jetstream_archive.rs"]
mod jetstream_archive;
#[path = "../../../fuzz/properties/jetstream_frames.rs"]
mod jetstream_frames;
#[cfg(feature = "jetstream-server")]
#[path = "../../../fuzz/properties/jetstream_options.rs"]
mod jetstream_options;
#[path = "../../../fuzz/properties/segment_log.rs"]
mod segment_log;

#[test]
fn seeds_keep_their_properties() {
    replay("jetstream", jetstream::check);
    replay("jetstream_frames", jetstream_frames::check);
    #[cfg(feature = "zstd")]
    replay("jetstream_archive", jetstream_archive::check);
    #[cfg(feature = "jetstream-server")]
    replay("jetstream_options", jetstream_options::check);
    replay("segment_log", segment_log::check);
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
