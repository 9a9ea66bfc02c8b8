use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::XrpcError;

/// Ours: a million keys of at most 64 bytes are some 150 MB, a hundred thousand are 15.
const DEFAULT_MAX_KEYS: usize = 100_000;

/// How many points a key may spend in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Points in each window. One request costs one point unless its caller says otherwise.
    pub points: u32,
    /// The window's length. It begins with a key's first request.
    pub window: Duration,
}

impl RateLimit {
    /// So many points in so much time.
    pub const fn new(points: u32, window: Duration) -> Self {
        Self { points, window }
    }
}

/// Counts the requests of each key in fixed windows.
///
/// The table is bounded. When it is full of running windows, new keys share one window
/// between them: a flood of keys slows down newcomers and leaves everybody else alone.
#[derive(Debug)]
pub struct RateLimiter {
    limit: RateLimit,
    max_keys: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    windows: HashMap<String, Window>,
    shared: Option<Window>,
    swept: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    spent: u32,
    ends: Instant,
}

impl RateLimiter {
    /// A limiter of up to 100,000 keys.
    pub fn new(limit: RateLimit) -> Self {
        Self::with_max_keys(limit, DEFAULT_MAX_KEYS)
    }

    /// A limiter of up to `max_keys` keys.
    pub fn with_max_keys(limit: RateLimit, max_keys: usize) -> Self {
        Self { limit, max_keys, table: Mutex::default() }
    }

    /// Spends points of a key. The error is a 429 with `Retry-After` and the `RateLimit-*`
    /// headers; spending stops at the limit, so a refused caller is not punished further.
    pub fn spend(&self, key: &str, points: u32) -> Result<Quota, XrpcError> {
        let now = Instant::now();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let window = self.window(&mut table, key, now);
        let fits = window.spent.saturating_add(points) <= self.limit.points;
        if fits {
            window.spent += points;
        }
        let quota = Quota {
            limit: self.limit,
            remaining: self.limit.points - window.spent,
            reset: window.ends - now,
        };
        if fits { Ok(quota) } else { Err(quota.exceeded()) }
    }

    /// Spends one point of an address. IPv6 counts by /64, which is what one customer has.
    pub fn spend_address(&self, address: IpAddr) -> Result<Quota, XrpcError> {
        self.spend(&address_key(address), 1)
    }

    fn window<'t>(&self, table: &'t mut Table, key: &str, now: Instant) -> &'t mut Window {
        let fresh = Window { spent: 0, ends: now + self.limit.window };
        let Table { windows, shared, swept } = table;
        if windows.len() >= self.max_keys && !windows.contains_key(key) {
            // A sweep costs a walk over the table; once a second is often enough.
            if swept.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1)) {
                windows.retain(|_, window| window.ends > now);
                *swept = Some(now);
            }
            if windows.len() >= self.max_keys {
                let window = shared.get_or_insert(fresh);
                return renewed(window, fresh, now);
            }
        }
        let window = windows.entry(key.to_owned()).or_insert(fresh);
        renewed(window, fresh, now)
    }
}

fn renewed(window: &mut Window, fresh: Window, now: Instant) -> &mut Window {
    if window.ends <= now {
        *window = fresh;
    }
    window
}

fn address_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// What a key has left.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Quota {
    /// The limit that applies.
    pub limit: RateLimit,
    /// Points left in this window.
    pub remaining: u32,
    /// Time until the window ends.
    pub reset: Duration,
}

impl Quota {
    /// Writes the `RateLimit-*` headers, as the reference PDS words them: the reset is a
    /// Unix time in seconds.
    pub fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in self.headers() {
            headers.insert(name, value);
        }
    }

    fn headers(&self) -> [(HeaderName, HeaderValue); 4] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let policy = format!("{};w={}", self.limit.points, self.limit.window.as_secs());
        let policy = HeaderValue::try_from(policy).expect("digits are header text");
        [
            (HeaderName::from_static("ratelimit-limit"), self.limit.points.into()),
            (HeaderName::from_static("ratelimit-remaining"), self.remaining.into()),
            (HeaderName::from_static("ratelimit-reset"), (now + self.reset).as_secs().into()),
            (HeaderName::from_static("ratelimit-policy"), policy),
        ]
    }

    fn exceeded(&self) -> XrpcError {
        let error = XrpcError::rate_limited(self.reset);
        self.headers()
            .into_iter()
            .fold(error, |error, (name, value)| error.with_header(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit::new(2, Duration::from_secs(300));

    #[tokio::test(start_paused = true)]
    async fn xr_009_refuses_until_the_window_ends() {
        let limiter = RateLimiter::new(LIMIT);
        assert_eq!(limiter.spend("a", 1).unwrap().remaining, 1);
        assert_eq!(limiter.spend("a", 1).unwrap().remaining, 0);
        let refusal = limiter.spend("a", 1).unwrap_err();
        assert_eq!(refusal.status.as_u16(), 429);
        assert_eq!(refusal.retry_after(), Some(Duration::from_secs(300)));
        assert!(limiter.spend("b", 1).is_ok());
        tokio::time::advance(Duration::from_secs(300)).await;
        assert!(limiter.spend("a", 2).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_keys_is_bounded_and_shares_one_window() {
        let limiter = RateLimiter::with_max_keys(LIMIT, 1);
        assert!(limiter.spend("old", 1).is_ok());
        assert!(limiter.spend("x", 1).is_ok());
        assert!(limiter.spend("y", 1).is_ok());
        assert!(limiter.spend("z", 1).is_err());
        assert!(limiter.spend("old", 1).is_ok());
        assert_eq!(limiter.table.lock().unwrap().windows.len(), 1);
        tokio::time::advance(Duration::from_secs(300)).await;
        assert_eq!(limiter.spend("z", 1).unwrap().remaining, 1);
    }

    #[test]
    fn one_customer_of_ipv6_is_one_key() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:1.2.3.4"), "1.2.3.4");
    }
}
