use std::{env, path::PathBuf};

use atproto_core::syntax::Cid;

/// The folder of shared test data, or `None` where there is none to test with. In
/// continuous integration its absence is a failure: nothing may be skipped there.
pub(crate) fn shared() -> Option<PathBuf> {
    let path = env::var_os("ATPROTO_SHARED").map(PathBuf::from);
    if path.is_none() {
        assert!(env::var_os("CI").is_none(), "ATPROTO_SHARED is not set");
        eprintln!("skipped: ATPROTO_SHARED is not set");
    }
    path
}

/// The blocks of an archive whose digests others test: after the header, each is a length,
/// a CID of 36 bytes and the data. Blocks with other CIDs are passed over.
pub(crate) fn blocks(mut archive: &[u8]) -> impl Iterator<Item = (Cid, &[u8])> {
    let sections = std::iter::from_fn(move || {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (byte, rest) = archive.split_first()?;
            archive = rest;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (section, rest) = archive.split_at_checked(length)?;
        archive = rest;
        Some(section)
    });
    sections.skip(1).filter_map(|section| {
        let (cid, block) = section.split_at_checked(36)?;
        Some((Cid::from_bytes(cid).ok()?, block))
    })
}
