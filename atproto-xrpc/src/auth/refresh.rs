//! How often an identity is asked for anew because a signature does not fit.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use atproto_core::syntax::Did;
use tokio::time::Instant;

/// Ours: a rotated key is found within half a minute of its first use, and a flood of bad
/// signatures makes the resolver's cache useless for that DID no oftener than that.
const INTERVAL: Duration = Duration::from_secs(30);

/// Ours: issuers remembered at a time. Beyond it none is refreshed until the oldest are due.
const MAX_ISSUERS: usize = 10_000;

/// Lets the document of each issuer be fetched anew only every 30 seconds, for 10,000 issuers
/// at a time: keys rotate, so that a signature which does not fit is held against a fresh
/// document once, and anybody can send signatures that do not fit.
#[derive(Debug, Default)]
pub struct RefreshGuard {
    last: Mutex<HashMap<Did, Instant>>,
}

impl RefreshGuard {
    /// Whether the document of this issuer may be fetched anew now; if so, it counts as done.
    pub fn may(&self, issuer: &Did) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= MAX_ISSUERS {
            last.retain(|_, at| now.duration_since(*at) < INTERVAL);
        }
        let recent = last.get(issuer).is_some_and(|at| now.duration_since(*at) < INTERVAL);
        if recent || last.len() >= MAX_ISSUERS {
            return false;
        }
        last.insert(issuer.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sa_011_an_issuer_is_refreshed_once_in_a_while() {
        let (guard, did) = (RefreshGuard::default(), Did::new("did:web:a.example").unwrap());
        assert!(guard.may(&did));
        assert!(!guard.may(&did));
        assert!(guard.may(&Did::new("did:web:b.example").unwrap()));
        tokio::time::advance(INTERVAL).await;
        assert!(guard.may(&did));
    }
}
