//! How often each host is asked, without a clock of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::intake::later;

/// What hosts are asked for. Each rate-limit domain, which is a host unless several share one,
/// has limits of its own, which get tighter when it says that it was asked too often.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PaceLimits {
    /// Requests under way at one domain. Default 4.
    pub per_host: usize,
    /// Requests a second at one domain, to begin with and at most. Default 10: the limit of the
    /// reference PDS.
    pub per_second: f64,
    /// Requests under way at all of them. Default 16.
    pub total: usize,
    /// Suffixes of host names whose hosts share one limit: `.host.example` is the domain of
    /// `a.host.example` and `b.host.example`. Default: none.
    pub shared: Vec<String>,
    /// First and longest time that a domain is left alone after it could not be reached, or asked
    /// for that without saying how long. Default 1 s and 10 min.
    pub backoff: (Duration, Duration),
}

impl Default for PaceLimits {
    fn default() -> Self {
        Self {
            per_host: 4,
            per_second: 10.0,
            total: 16,
            shared: Vec::new(),
            backoff: (Duration::from_secs(1), Duration::from_secs(600)),
        }
    }
}

/// What became of a request, as far as the host goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    Well,
    /// It wants to be left alone.
    Limited(Option<Duration>),
    /// It does not answer.
    Badly,
}

/// Hands out requests to hosts in turn.
#[derive(Debug)]
pub(super) struct Pacer<T> {
    limits: PaceLimits,
    domains: BTreeMap<Arc<str>, Domain<T>>,
    /// The domain that was asked last.
    last: Option<Arc<str>>,
    running: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Domain<T> {
    queue: VecDeque<T>,
    running: usize,
    /// Requests a second.
    rate: f64,
    /// When the next may begin.
    next: Option<Instant>,
    failures: u32,
}

impl<T> Pacer<T> {
    pub(super) fn new(limits: PaceLimits) -> Self {
        Self { limits, domains: BTreeMap::new(), last: None, running: 0, waiting: 0 }
    }

    /// Queues a request at a host; gives it back if too many wait there.
    pub(super) fn push(&mut self, host: &str, request: T) -> Result<(), T> {
        let name = self.domain_of(host);
        let rate = self.limits.per_second;
        if self.domains.len() >= MAX_DOMAINS {
            self.domains.retain(|_, domain| !domain.is_idle());
        }
        let domain = self.domains.entry(name).or_insert_with(|| Domain {
            queue: VecDeque::new(),
            running: 0,
            rate,
            next: None,
            failures: 0,
        });
        if domain.queue.len() >= MAX_QUEUE {
            return Err(request);
        }
        domain.queue.push_back(request);
        self.waiting += 1;
        Ok(())
    }

    /// The next request that may begin, and its domain, those in turn.
    pub(super) fn poll(&mut self, now: Instant) -> Option<(Arc<str>, T)> {
        if self.running >= self.limits.total {
            return None;
        }
        let name = self.next_ready(now)?;
        let domain = self.domains.get_mut(&name)?;
        let request = domain.queue.pop_front()?;
        domain.running += 1;
        let gap = Duration::from_secs_f64(1.0 / domain.rate);
        domain.next = Some(domain.next.map_or(now, |next| next.max(now)) + gap);
        self.running += 1;
        self.waiting -= 1;
        self.last = Some(Arc::clone(&name));
        Some((name, request))
    }

    /// When [`Self::poll`] may have one, unless one ends before.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        if self.running >= self.limits.total {
            return None;
        }
        let waiting = self.domains.values().filter(|domain| domain.wants(&self.limits));
        waiting.map(|domain| domain.next.unwrap_or(now)).min()
    }

    /// A request has ended.
    pub(super) fn done(&mut self, name: &str, served: Served, now: Instant) {
        self.running -= 1;
        let limits = &self.limits;
        let Some(domain) = self.domains.get_mut(name) else { return };
        domain.running -= 1;
        match served {
            Served::Well => {
                domain.failures = 0;
                domain.rate = (domain.rate + limits.per_second * RECOVERY).min(limits.per_second);
            }
            Served::Limited(wait) => {
                domain.rate = (domain.rate / 2.0).max(MIN_RATE);
                let wait = wait.map_or(limits.backoff.0, |wait| wait.min(MAX_WAIT));
                domain.leave_alone(now, wait);
            }
            Served::Badly => {
                domain.failures = domain.failures.saturating_add(1);
                let factor = 2_u32.saturating_pow(domain.failures - 1);
                let wait = limits.backoff.0.saturating_mul(factor).min(limits.backoff.1);
                domain.leave_alone(now, wait);
            }
        }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Domains where more than one in a round can be asked for wait.
    pub(super) fn is_full(&self, host: &str) -> bool {
        let domain = self.domains.get(&*self.domain_of(host));
        domain.is_some_and(|domain| domain.queue.len() >= MAX_QUEUE)
    }

    fn domain_of(&self, host: &str) -> Arc<str> {
        let shared = self.limits.shared.iter().find(|suffix| host.ends_with(suffix.as_str()));
        shared.map_or_else(|| host.into(), |suffix| suffix.as_str().into())
    }

    fn next_ready(&self, now: Instant) -> Option<Arc<str>> {
        let ready = |(_, domain): &(&Arc<str>, &Domain<T>)| {
            domain.wants(&self.limits) && domain.next.is_none_or(|next| next <= now)
        };
        let behind = self.last.as_ref().and_then(|last| {
            use std::ops::Bound::{Excluded, Unbounded};
            self.domains.range::<Arc<str>, _>((Excluded(last), Unbounded)).find(ready)
        });
        behind.or_else(|| self.domains.iter().find(ready)).map(|(name, _)| Arc::clone(name))
    }
}

impl<T> Domain<T> {
    fn wants(&self, limits: &PaceLimits) -> bool {
        !self.queue.is_empty() && self.running < limits.per_host
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.running == 0
    }

    fn leave_alone(&mut self, now: Instant, wait: Duration) {
        let until = later(now, wait);
        self.next = Some(self.next.map_or(until, |next| next.max(until)));
    }
}

/// Requests that wait at one domain, ours: enough to go on while more are looked up.
const MAX_QUEUE: usize = 256;

/// Domains of which is known how they were asked; when there are more those are forgotten for which
/// nothing waits. Ours: more than there are hosts.
const MAX_DOMAINS: usize = 16_384;

/// How much of the full rate a request that was answered well gives back.
const RECOVERY: f64 = 0.01;

/// The least rate, a request a minute.
const MIN_RATE: f64 = 1.0 / 60.0;

/// The longest that a host is believed that it wants to be left alone.
const MAX_WAIT: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer(limits: PaceLimits) -> (Pacer<u32>, Instant) {
        (Pacer::new(limits), Instant::now())
    }

    #[test]
    fn hosts_are_asked_in_turn() {
        let (mut pacer, now) = pacer(PaceLimits::default());
        for number in 0..20 {
            pacer.push("slow.example", number).unwrap();
        }
        pacer.push("a.example", 100).unwrap();
        pacer.push("z.example", 101).unwrap();
        let first: Vec<_> =
            std::iter::from_fn(|| pacer.poll(now)).map(|(_, number)| number).collect();
        assert_eq!(first, [100, 0, 101], "one each, and no second one at once");
        let later = now + Duration::from_secs(1);
        assert_eq!(pacer.poll(later).map(|(_, number)| number), Some(1));
    }

    #[test]
    fn a_host_is_asked_no_more_often_than_allowed() {
        let limits =
            PaceLimits { per_second: 10.0, per_host: 100, total: 100, ..Default::default() };
        let (mut pacer, start) = pacer(limits);
        (0..200).for_each(|number| pacer.push("a.example", number).unwrap());
        let mut asked = 0;
        for step in 0..1_000 {
            let now = start + Duration::from_millis(step * 10);
            while let Some((domain, _)) = pacer.poll(now) {
                asked += 1;
                pacer.done(&domain, Served::Well, now);
            }
        }
        assert_eq!(asked, 100, "ten seconds");
    }

    #[test]
    fn a_host_that_wants_to_be_left_alone_is_and_then_asked_half_as_often() {
        let limits = PaceLimits { per_host: 100, ..Default::default() };
        let (mut pacer, start) = pacer(limits);
        (0..200).for_each(|number| pacer.push("a.example", number).unwrap());
        let (domain, _) = pacer.poll(start).unwrap();
        pacer.done(&domain, Served::Limited(Some(Duration::from_secs(30))), start);
        assert!(pacer.poll(start + Duration::from_secs(29)).is_none());
        assert_eq!(pacer.poll_timeout(start), Some(start + Duration::from_secs(30)));
        let after = start + Duration::from_secs(30);
        assert!(pacer.poll(after).is_some());
        assert!(pacer.poll(after + Duration::from_millis(150)).is_none());
        assert!(pacer.poll(after + Duration::from_millis(200)).is_some());
    }

    #[test]
    fn hosts_of_one_domain_share_its_limit() {
        let limits = PaceLimits { shared: vec![".host.example".to_owned()], ..Default::default() };
        let (mut pacer, now) = pacer(limits);
        pacer.push("a.host.example", 1).unwrap();
        pacer.push("b.host.example", 2).unwrap();
        assert!(pacer.poll(now).is_some());
        assert!(pacer.poll(now).is_none());
    }

    #[test]
    fn a_host_that_does_not_answer_is_asked_less_and_less_and_then_as_before() {
        let (mut pacer, mut now) = pacer(PaceLimits::default());
        (0..10).for_each(|number| pacer.push("a.example", number).unwrap());
        let mut waits = Vec::new();
        for _ in 0..4 {
            let (domain, _) = pacer.poll(now).unwrap();
            pacer.done(&domain, Served::Badly, now);
            let next = pacer.poll_timeout(now).unwrap();
            waits.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(waits, [1, 2, 4, 8]);
        let (domain, _) = pacer.poll(now).unwrap();
        pacer.done(&domain, Served::Well, now);
        assert_eq!(pacer.poll_timeout(now), Some(now + Duration::from_millis(100)));
    }

    #[test]
    fn not_more_are_under_way_than_allowed_and_not_more_wait_at_one_host() {
        let limits = PaceLimits { total: 2, ..Default::default() };
        let (mut pacer, now) = pacer(limits);
        for host in ["a.example", "b.example", "c.example"] {
            pacer.push(host, 0).unwrap();
        }
        assert!(pacer.poll(now).is_some() && pacer.poll(now).is_some());
        assert!(pacer.poll(now).is_none() && pacer.poll_timeout(now).is_none());
        pacer.done("a.example", Served::Well, now);
        assert!(pacer.poll(now).is_some());
        (0..MAX_QUEUE).for_each(|_| pacer.push("d.example", 0).unwrap());
        assert!(pacer.is_full("d.example") && pacer.push("d.example", 0).is_err());
        assert_eq!(pacer.waiting(), MAX_QUEUE);
    }
}
