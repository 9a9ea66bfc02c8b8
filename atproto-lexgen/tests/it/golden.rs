//! What is generated for each kind of definition. Every golden file is compiled here.
//!
//! `UPDATE_GOLDEN=1 cargo test -p atproto-lexgen` rewrites them.

use atproto_lexgen::{Config, Error};

use crate::support::package;

macro_rules! golden {
    ($($case:ident),+ $(,)?) => {
        const CASES: &[&str] = &[$(stringify!($case)),+];

        $(pub(crate) mod $case {
            include!(concat!("../golden/", stringify!($case), "/out/lexicons.rs"));
        })+
    };
}

golden!(record, endpoint, subscription, union, recursion, names, values);

#[test]
fn golden_files_are_current() {
    for case in CASES {
        let folder = package("tests/golden").join(case);
        let config =
            Config::new().lexicons(folder.join("lexicons")).out_for_include(folder.join("out"));
        let result = match std::env::var_os("UPDATE_GOLDEN") {
            Some(_) => config.build(),
            None => config.check(),
        };
        match result {
            Ok(_) => {}
            Err(Error::Drift(files)) => panic!("{case}: {files:?} differ"),
            Err(error) => panic!("{case}: {error}"),
        }
    }
}
