use std::{env, path::PathBuf};

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
