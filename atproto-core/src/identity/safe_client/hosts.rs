//! How much is asked of one host, and of all together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Limits requests by name: so many at once, so many a second after a burst of as many.
///
/// Strangers decide which hosts are asked, so without limits this program is a tool to flood
/// somebody else's. Who comes too early waits for a short time; beyond that the request is
/// given up, because a long queue for one host would keep others from their answers.
pub(in crate::identity) struct Hosts {
    limits: HostLimits,
    all: Arc<Semaphore>,
    table: Mutex<HashMap<String, Host>>,
}

/// What one host is asked for at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostLimits {
    /// Requests under way at the same time; others wait.
    pub concurrency: usize,
    /// Requests begun in a second; as many again may come at once after a rest.
    pub per_second: u32,
}

/// The right to one request, until it is dropped.
pub(in crate::identity) struct Turn {
    _of_host: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

struct Host {
    slots: Arc<Semaphore>,
    bucket: Bucket,
}

/// A token bucket, kept as the moment at which everything let through so far is paid for.
#[derive(Default)]
struct Bucket {
    paid_until: Option<Instant>,
}

impl HostLimits {
    /// So many requests at once and in a second.
    pub const fn new(concurrency: usize, per_second: u32) -> Self {
        Self { concurrency, per_second }
    }
}

impl Hosts {
    pub(in crate::identity) fn new(limits: HostLimits, concurrency: usize) -> Self {
        let all = Arc::new(Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)));
        Self { limits, all, table: Mutex::default() }
    }

    /// Waits for a turn. `None`: there would be none soon.
    pub(in crate::identity) async fn turn(&self, host: &str) -> Option<Turn> {
        let (slots, at) = self.reserve(host, Instant::now())?;
        sleep_until(at).await;
        // Of the host first: who waits for a slow host must not keep others from theirs.
        let _of_host = slots.acquire_owned().await.expect("the semaphore is never closed");
        let of_all = Arc::clone(&self.all).acquire_owned();
        let _of_all = of_all.await.expect("the semaphore is never closed");
        Some(Turn { _of_host, _of_all })
    }

    fn reserve(&self, host: &str, now: Instant) -> Option<(Arc<Semaphore>, Instant)> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= SWEEP && !table.contains_key(host) {
            table.retain(|_, host| !host.is_at_rest(now));
        }
        let HostLimits { concurrency, per_second } = self.limits;
        let entry = table.entry(host.to_owned()).or_insert_with(|| Host {
            slots: Arc::new(Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS))),
            bucket: Bucket::default(),
        });
        let at = entry.bucket.reserve(now, BURST / per_second.max(1))?;
        Some((Arc::clone(&entry.slots), at))
    }
}

impl Host {
    /// Whether nothing is lost when the entry is forgotten.
    fn is_at_rest(&self, now: Instant) -> bool {
        Arc::strong_count(&self.slots) == 1 && self.bucket.paid_until.is_none_or(|at| at <= now)
    }
}

impl Bucket {
    /// The moment of the next turn, unless that is too far away.
    fn reserve(&mut self, now: Instant, interval: Duration) -> Option<Instant> {
        let paid = self.paid_until.unwrap_or(now).max(now) + interval;
        let turn = paid.checked_sub(BURST).map_or(now, |turn| turn.max(now));
        (turn <= now + PATIENCE).then(|| {
            self.paid_until = Some(paid);
            turn
        })
    }
}

/// A second's worth may come at once.
const BURST: Duration = Duration::from_secs(1);

/// How long one waits for a turn. Ours: shorter than any deadline of a request.
const PATIENCE: Duration = Duration::from_millis(500);

/// From how many hosts on those at rest are forgotten when a new one comes. An entry that is
/// not at rest belongs to a request of the last second or one under way, so that the table
/// is bounded by what the caller lets in.
const SWEEP: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::future::join_all;
    use tokio::time::{Instant, sleep};

    use super::{Bucket, HostLimits, Hosts, SWEEP};

    #[test]
    fn a_burst_then_a_steady_pace_then_no_more() {
        let (mut bucket, interval) = (Bucket::default(), Duration::from_millis(100));
        let now = Instant::now() + Duration::from_secs(60);
        for _ in 0..10 {
            assert_eq!(bucket.reserve(now, interval), Some(now));
        }
        for waiting in 1..=5 {
            assert_eq!(bucket.reserve(now, interval), Some(now + interval * waiting));
        }
        for _ in 0..100 {
            assert_eq!(bucket.reserve(now, interval), None, "and who is sent away pays nothing");
        }
        let later = now + interval;
        assert_eq!(bucket.reserve(later, interval), Some(later + interval * 5));
    }

    #[tokio::test(start_paused = true)]
    async fn one_busy_host_does_not_hold_up_another() {
        let hosts = Hosts::new(HostLimits::new(2, 1000), 3);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let request = async |host: &str| {
            let turn = hosts.turn(host).await.unwrap();
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_secs(1)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            drop(turn);
        };
        let start = Instant::now();
        let busy = join_all((0..6).map(|_| request("busy.example")));
        let other = async {
            request("other.example").await;
            start.elapsed()
        };
        let (_, other) = futures::join!(busy, other);
        assert_eq!((other.as_secs(), start.elapsed().as_secs()), (1, 3));
        assert_eq!(most.load(Ordering::SeqCst), 3, "two of the busy host, one of the other");
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_at_rest_are_forgotten() {
        let hosts = Hosts::new(HostLimits::new(1, 100), 8);
        let held = hosts.turn("held.example").await;
        for number in 0..10 * SWEEP {
            assert!(hosts.turn(&format!("u{number}.example")).await.is_some());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let table = hosts.table.lock().unwrap();
        assert!(table.len() <= SWEEP, "{}", table.len());
        assert!(table.contains_key("held.example"));
        drop(held);
    }
}
