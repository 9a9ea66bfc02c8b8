//! Recorded data, where `ATPROTO_SHARED` says that there is some.

use std::{env, fs, path::Path};

/// A file of the recorded data. Without it a test says so and ends; on CI that is a failure.
pub(crate) fn shared_bytes(path: &str) -> Option<Vec<u8>> {
    let Some(folder) = env::var_os("ATPROTO_SHARED") else {
        assert!(env::var_os("CI").is_none(), "ATPROTO_SHARED is not set");
        eprintln!("skipped: ATPROTO_SHARED is not set, so there is no {path}");
        return None;
    };
    let path = Path::new(&folder).join(path);
    Some(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The frames of a file that has each after its length.
pub(crate) fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut frames, mut rest) = (Vec::new(), bytes);
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (frame, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
        frames.push(frame);
        rest = tail;
    }
    frames
}
