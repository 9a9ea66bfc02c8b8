//! One lane for each account: events of one account are handled in order, those of different
//! accounts at the same time.

use std::collections::{HashMap, VecDeque};
use std::future::Future;

use atproto_core::syntax::Did;
use tokio::task::JoinSet;

/// Work of one host that waits or is under way.
pub(super) struct Lanes<T> {
    /// What waits behind something of the same account. A lane exists while its account has
    /// something under way.
    lanes: HashMap<Did, VecDeque<(T, usize)>>,
    /// First in line for a place.
    ready: VecDeque<(Did, T, usize)>,
    running: JoinSet<Finished>,
    places: usize,
    max_bytes: usize,
    bytes: usize,
}

/// Work that was done.
pub(super) struct Finished {
    pub(super) seq: i64,
    did: Did,
    bytes: usize,
}

impl<T> Lanes<T> {
    /// Lanes with so many places for what is under way, and so many bytes for everything.
    pub(super) fn new(places: usize, max_bytes: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            running: JoinSet::new(),
            places: places.max(1),
            max_bytes,
            bytes: 0,
        }
    }

    /// Whether more may be taken in. One event beyond the limit is, so that an event larger
    /// than the limit has a place as well.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < self.max_bytes
    }

    /// Takes work in, at the end of its account's lane.
    pub(super) fn push(&mut self, did: Did, work: T, bytes: usize) {
        // What an event costs beside its bytes counts too: small ones are cheap, not free.
        let bytes = bytes + size_of::<T>();
        self.bytes += bytes;
        match self.lanes.get_mut(&did) {
            Some(lane) => lane.push_back((work, bytes)),
            None => {
                self.lanes.insert(did.clone(), VecDeque::new());
                self.ready.push_back((did, work, bytes));
            }
        }
    }

    /// Begins as much as there are places for.
    pub(super) fn start<F>(&mut self, seq_of: impl Fn(&T) -> i64, handle: impl Fn(T) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while self.running.len() < self.places {
            let Some((did, work, bytes)) = self.ready.pop_front() else { return };
            let seq = seq_of(&work);
            let job = handle(work);
            self.running.spawn(async move {
                job.await;
                Finished { seq, did, bytes }
            });
        }
    }

    /// The next work that is done; `None` if nothing is under way. Cancel safe. An error is a
    /// bug: work that panics has to see to that itself.
    pub(super) async fn finished(&mut self) -> Option<Result<Finished, tokio::task::JoinError>> {
        let done = self.running.join_next().await?;
        if let Ok(finished) = &done {
            self.bytes -= finished.bytes;
            let next = self.lanes.get_mut(&finished.did).and_then(VecDeque::pop_front);
            match next {
                Some((work, bytes)) => self.ready.push_back((finished.did.clone(), work, bytes)),
                None => drop(self.lanes.remove(&finished.did)),
            }
        }
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn fh_020_accounts_are_in_order_and_independent() {
        let did = |name: &str| Did::new(format!("did:web:{name}.example")).unwrap();
        let mut lanes = Lanes::new(2, 1 << 20);
        for seq in 1..=6 {
            lanes.push(did(if seq % 2 == 0 { "even" } else { "odd" }), seq, 10);
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handle = |seq: i64| {
            let seen = Arc::clone(&seen);
            async move { seen.lock().unwrap().push(seq) }
        };
        lanes.start(|seq| *seq, handle);
        while let Some(finished) = lanes.finished().await {
            finished.unwrap();
            lanes.start(|seq| *seq, handle);
        }
        let seen = seen.lock().unwrap();
        let of = |rest| seen.iter().copied().filter(|seq| seq % 2 == rest).collect::<Vec<_>>();
        assert_eq!((of(1), of(0)), (vec![1, 3, 5], vec![2, 4, 6]));
        assert!(lanes.lanes.is_empty() && lanes.bytes == 0);
    }

    #[test]
    fn room_is_counted_in_bytes() {
        let mut lanes = Lanes::new(1, 100);
        assert!(lanes.has_room());
        lanes.push(Did::new("did:web:a.example").unwrap(), 1_i64, 5_000);
        assert!(!lanes.has_room());
    }
}
