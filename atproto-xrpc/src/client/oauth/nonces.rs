use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::HeaderMap;
use url::Url;

/// The latest nonce of each origin.
#[derive(Default)]
pub(super) struct Nonces(Mutex<HashMap<String, String>>);

impl Nonces {
    pub(super) fn of(&self, url: &Url) -> Option<String> {
        self.lock().get(&origin(url)).cloned()
    }

    /// Keeps the nonce of an answer; `None` if it has none.
    pub(super) fn note(&self, url: &Url, headers: &HeaderMap) -> Option<()> {
        let nonce = headers.get("dpop-nonce")?.to_str().ok()?;
        let nonce = Some(nonce).filter(|nonce| (1..=MAX_NONCE_BYTES).contains(&nonce.len()))?;
        let mut nonces = self.lock();
        if nonces.len() >= MAX_ORIGINS && !nonces.contains_key(&origin(url)) {
            // Whoever is forgotten gives another at the next request.
            nonces.clear();
        }
        nonces.insert(origin(url), nonce.to_owned());
        Some(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The longest nonce that is kept. Ours: those of known servers have 43 bytes.
const MAX_NONCE_BYTES: usize = 1024;

/// How many origins are remembered. Ours: a service talks to as many hosts as there are.
const MAX_ORIGINS: usize = 10_000;
