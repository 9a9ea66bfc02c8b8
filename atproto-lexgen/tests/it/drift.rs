//! The committed types of the first-party lexicons are those that would be generated.

use atproto_lexgen::{Config, Error};

use crate::support::{package, shared};

#[test]
fn first_party_types_are_current() {
    let Some(shared) = shared() else { return };
    let config = Config::new()
        .lexicons(shared.join("lexicons"))
        .out(package("../atproto-lexicons/src"))
        .features(true)
        .omit_descriptions(true);
    match config.check() {
        Ok(report) => {
            assert_eq!(report.documents, 402);
            assert_eq!(report.unresolved, []);
        }
        Err(Error::Drift(files)) => panic!("not current: {files:?}"),
        Err(error) => panic!("{error}"),
    }
}
