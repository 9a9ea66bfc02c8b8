use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use atproto_core::syntax::Did;
use tokio::time::Instant;

/// Ours: a rotated key is found within half a minute of its first use, and a flood of badly
/// signed tokens makes the resolver's cache useless for that DID no oftener than that.
const INTERVAL: Duration = Duration::from_secs(30);

/// Ours: issuers remembered at a time. Beyond it none is refreshed until the oldest are due.
const MAX_ISSUERS: usize = 10_000;

/// Lets the document of each issuer be fetched anew only so often.
#[derive(Debug, Default)]
pub(super) struct RefreshGuard {
    last: Mutex<HashMap<Did, Instant>>,
}

impl RefreshGuard {
    pub(super) fn may(&self, issuer: &Did) -> bool {
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
