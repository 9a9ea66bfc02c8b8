use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

/// What a server says of the caller's quota, in the headers `RateLimit-Limit`, `-Remaining`
/// and `-Reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Points in a window.
    pub limit: u64,
    /// Points left in this one.
    pub remaining: u64,
    /// The time until the next one.
    pub reset: Duration,
}

impl RateLimit {
    /// Reads the headers; `None` if one of them is missing or no number.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::read_at(headers, now.as_secs())
    }

    fn read_at(headers: &HeaderMap, now: u64) -> Option<Self> {
        let number =
            |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
        let reset = number("ratelimit-reset")?;
        // The IETF's drafts count from now, the reference PDS from 1970.
        let reset = if reset < LEAST_UNIX_TIME { reset } else { reset.saturating_sub(now) };
        Some(Self {
            limit: number("ratelimit-limit")?,
            remaining: number("ratelimit-remaining")?,
            reset: Duration::from_secs(reset),
        })
    }
}

/// Thirty years: longer than any window, and earlier than any server.
const LEAST_UNIX_TIME: u64 = 30 * 365 * 24 * 3600;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(reset: u64) -> HeaderMap {
        [("ratelimit-limit", 3000), ("ratelimit-remaining", 7), ("ratelimit-reset", reset)]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from(value)))
            .collect()
    }

    #[test]
    fn both_ways_to_tell_the_time() {
        let now = 1_790_000_000;
        for reset in [60, now + 60] {
            let read = RateLimit::read_at(&headers(reset), now).unwrap();
            assert_eq!(
                read,
                RateLimit { limit: 3000, remaining: 7, reset: Duration::from_secs(60) }
            );
        }
        let past = RateLimit::read_at(&headers(now - 5), now).unwrap();
        assert_eq!(past.reset, Duration::ZERO);
    }

    #[test]
    fn a_header_that_is_missing_or_none() {
        let mut headers = headers(60);
        headers.insert("ratelimit-limit", HeaderValue::from_static("many"));
        assert_eq!(RateLimit::read(&headers), None);
        headers.remove("ratelimit-limit");
        assert_eq!(RateLimit::read(&headers), None);
    }
}
