//! Test vectors that do not come with the project.

use std::path::PathBuf;

/// A file of the shared vectors, if there are any. In CI their absence is an error.
pub(crate) fn path(file: &str) -> Option<PathBuf> {
    match std::env::var_os("ATPROTO_SHARED") {
        Some(root) => Some(PathBuf::from(root).join(file)),
        None if std::env::var_os("CI").is_some() => panic!("ATPROTO_SHARED is not set"),
        None => {
            eprintln!("skipped: ATPROTO_SHARED is not set");
            None
        }
    }
}
