//! Scopes: what is written reads the same, and what is granted is among what was asked for.

use atproto_xrpc::oauth::{MAX_SCOPE_BYTES, MAX_SCOPES, Scope, Scopes};

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(scopes) = text.parse::<Scopes>() else { return };
    assert!(scopes.iter().len() <= MAX_SCOPES);
    assert!(scopes.is_subset_of(&scopes));

    // What has to be encoded takes three bytes for one.
    let written = scopes.to_string();
    if written.len() <= MAX_SCOPE_BYTES {
        assert_eq!(written.parse::<Scopes>().as_ref(), Ok(&scopes), "{written}");
        assert_eq!(written.parse::<Scopes>().map(|scopes| scopes.to_string()), Ok(written));
    }
    match scopes.grant(|_| None) {
        Ok(grant) => {
            assert!(grant.scopes().is_subset_of(&scopes));
            assert!(!grant.scopes().iter().any(|scope| matches!(scope, Scope::Unknown(_))));
        }
        Err(missing) => assert!(scopes.sets().any(|set| *set == missing.0)),
    }
}
