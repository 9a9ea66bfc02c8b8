use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

/// Remembers which tokens have been used, each until it expires.
///
/// The memory is bounded twice: over all issuers, and for each of them, so that one issuer
/// with a great many tokens cannot use up what the others need. A token that does not fit
/// is refused: admitting it unremembered would be the very hole that this closes.
#[derive(Debug)]
pub(crate) struct ReplayTable {
    capacity: usize,
    per_issuer: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    tokens: HashMap<u128, u128>,
    issuers: HashMap<u128, usize>,
    expiries: BTreeMap<u64, Vec<u128>>,
}

/// What the table says to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    First,
    Repeated,
    /// No room to remember it.
    Full,
}

impl ReplayTable {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, per_issuer: (capacity / 16).max(1), seen: Mutex::default() }
    }

    /// Notes the use of a token that is refused for its age after `expires`.
    pub(crate) fn note(&self, issuer: &str, id: &str, expires: u64, now: u64) -> Use {
        let issuer = fingerprint(&[issuer]);
        let token = fingerprint(&[&issuer.to_string(), id]);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget_before(now);
        if seen.tokens.contains_key(&token) {
            return Use::Repeated;
        }
        let of_issuer = seen.issuers.get(&issuer).copied().unwrap_or_default();
        if seen.tokens.len() >= self.capacity || of_issuer >= self.per_issuer {
            return Use::Full;
        }
        seen.tokens.insert(token, issuer);
        seen.issuers.insert(issuer, of_issuer + 1);
        seen.expiries.entry(expires).or_default().push(token);
        Use::First
    }
}

impl Seen {
    fn forget_before(&mut self, now: u64) {
        while let Some(entry) = self.expiries.first_entry().filter(|entry| *entry.key() < now) {
            for token in entry.remove() {
                let issuer = self.tokens.remove(&token);
                let Some(issuer) = issuer else { continue };
                if let Some(count) = self.issuers.get_mut(&issuer) {
                    *count -= 1;
                    if *count == 0 {
                        self.issuers.remove(&issuer);
                    }
                }
            }
        }
    }
}

/// Half of a SHA-256: identifiers of any length in 16 bytes, with no way for an issuer to
/// make two of its own collide that would matter to anybody else.
fn fingerprint(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (half, _) = digest.split_first_chunk::<16>().expect("a digest has 32 bytes");
    u128::from_be_bytes(*half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sa_010_a_token_is_remembered_until_it_expires() {
        let table = ReplayTable::new(100);
        assert_eq!(table.note("did:a", "1", 60, 0), Use::First);
        assert_eq!(table.note("did:a", "1", 60, 60), Use::Repeated);
        assert_eq!(table.note("did:b", "1", 60, 60), Use::First);
        assert_eq!(table.note("did:a", "1", 120, 61), Use::First);
    }

    #[test]
    fn t60_one_issuer_cannot_fill_the_table() {
        let table = ReplayTable::new(32);
        let uses: Vec<_> =
            (0..10).map(|id| table.note("did:flood", &id.to_string(), 60, 0)).collect();
        assert_eq!(uses.iter().filter(|it| **it == Use::First).count(), 2);
        assert_eq!(uses[9], Use::Full);
        assert_eq!(table.note("did:calm", "1", 60, 0), Use::First);
        assert_eq!(table.note("did:flood", "x", 200, 61), Use::First);
    }

    #[test]
    fn t60_memory_is_bounded() {
        let table = ReplayTable::new(1_000);
        for id in 0..100_000_u32 {
            table.note(&format!("did:{id}"), "1", 60, 0);
        }
        let seen = table.seen.lock().unwrap();
        assert_eq!((seen.tokens.len(), seen.issuers.len()), (1_000, 1_000));
    }
}
