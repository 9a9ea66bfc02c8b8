//! How often accounts and client addresses may do what, as at the reference PDS.

use std::{net::IpAddr, sync::Arc, time::Duration};

use atproto_core::syntax::Did;
use atproto_xrpc::{
    XrpcError,
    server::{RateLimit, RateLimiter},
};
use metrics::counter;

use crate::{counters, store::commit::Action};

const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// All requests of a client address.
const REQUESTS: RateLimit = RateLimit::new(3_000, FIVE_MINUTES);
/// Points of an account's writes: see [`points`].
const WRITES: [RateLimit; 2] = [RateLimit::new(5_000, HOUR), RateLimit::new(35_000, DAY)];
/// Logins of one account from one address.
const LOGINS: [RateLimit; 2] = [RateLimit::new(30, FIVE_MINUTES), RateLimit::new(300, DAY)];
/// Accounts made from one address.
const ACCOUNTS: [RateLimit; 1] = [RateLimit::new(100, FIVE_MINUTES)];
/// Changes of one account's handle.
const HANDLES: [RateLimit; 2] = [RateLimit::new(10, FIVE_MINUTES), RateLimit::new(50, DAY)];
/// Requests for the sessions that any one address ends or continues. Ours: a client needs one
/// in two hours.
const REFRESHES: [RateLimit; 1] = [RateLimit::new(300, MINUTE)];

/// The limits, or none of them where the operator has switched them off.
#[derive(Debug)]
pub struct Limits(Option<Limiters>);

#[derive(Debug)]
struct Limiters {
    requests: Arc<RateLimiter>,
    writes: Limiter,
    logins: Limiter,
    accounts: Limiter,
    handles: Limiter,
    refreshes: Limiter,
}

/// Several windows on one thing: all of them must admit it.
#[derive(Debug)]
struct Limiter {
    name: &'static str,
    windows: Vec<RateLimiter>,
}

impl Limits {
    /// The names of the limits, as metrics show them.
    pub const NAMES: [&'static str; 5] =
        ["repo_writes", "create_session", "create_account", "update_handle", "refresh_session"];

    /// The limits, if they are switched on.
    pub fn new(enabled: bool) -> Self {
        let [writes, logins, accounts, handles, refreshes] = Self::NAMES;
        Self(enabled.then(|| Limiters {
            requests: Arc::new(RateLimiter::new(REQUESTS)),
            writes: Limiter::new(writes, &WRITES),
            logins: Limiter::new(logins, &LOGINS),
            accounts: Limiter::new(accounts, &ACCOUNTS),
            handles: Limiter::new(handles, &HANDLES),
            refreshes: Limiter::new(refreshes, &REFRESHES),
        }))
    }

    /// The limit on all requests of one address, for the router.
    pub fn requests(&self) -> Option<Arc<RateLimiter>> {
        self.0.as_ref().map(|limiters| Arc::clone(&limiters.requests))
    }

    /// Record writes of an account.
    pub fn writes(&self, did: &Did, points: u32) -> Result<(), XrpcError> {
        self.spend(|limiters| &limiters.writes, did.as_str(), points)
    }

    /// A login.
    pub fn login(&self, address: Option<IpAddr>, identifier: &str) -> Result<(), XrpcError> {
        let key = format!("{} {identifier}", address_key(address));
        self.spend(|limiters| &limiters.logins, &key, 1)
    }

    /// A new account.
    pub fn new_account(&self, address: Option<IpAddr>) -> Result<(), XrpcError> {
        self.spend(|limiters| &limiters.accounts, &address_key(address), 1)
    }

    /// Another handle.
    pub fn new_handle(&self, did: &Did) -> Result<(), XrpcError> {
        self.spend(|limiters| &limiters.handles, did.as_str(), 1)
    }

    /// A session that is continued.
    pub fn refresh(&self, address: Option<IpAddr>) -> Result<(), XrpcError> {
        self.spend(|limiters| &limiters.refreshes, &address_key(address), 1)
    }

    fn spend(
        &self,
        limiter: impl FnOnce(&Limiters) -> &Limiter,
        key: &str,
        points: u32,
    ) -> Result<(), XrpcError> {
        self.0.as_ref().map_or(Ok(()), |limiters| limiter(limiters).spend(key, points))
    }
}

impl Limiter {
    fn new(name: &'static str, limits: &[RateLimit]) -> Self {
        Self { name, windows: limits.iter().copied().map(RateLimiter::new).collect() }
    }

    fn spend(&self, key: &str, points: u32) -> Result<(), XrpcError> {
        for window in &self.windows {
            window.spend(key, points).inspect_err(|_| {
                counter!(counters::RATE_LIMIT_REJECTIONS, "limiter" => self.name).increment(1);
            })?;
        }
        Ok(())
    }
}

/// What a write costs: making a record 3 points, replacing it 2, removing it 1.
pub fn points(action: &Action) -> u32 {
    match action {
        Action::Create(_) | Action::Put(_) => 3,
        Action::Update(_) => 2,
        Action::Delete | Action::DeleteIfThere => 1,
    }
}

/// One customer of IPv6 has a /64 and counts as one.
pub fn address_key(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use atproto_core::syntax::Did;

    use super::Limits;

    #[tokio::test(start_paused = true)]
    async fn pd_021_writes_are_counted_in_points() {
        let did = Did::new("did:web:a.example").unwrap();
        let limits = Limits::new(true);
        assert!(limits.writes(&did, 5_000).is_ok());
        let refusal = limits.writes(&did, 1).unwrap_err();
        assert_eq!((refusal.status.as_u16(), refusal.error.as_str()), (429, "RateLimitExceeded"));
        assert!(Limits::new(false).writes(&did, 9_000).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn pd_021_logins_are_counted_for_each_address_and_account() {
        let limits = Limits::new(true);
        let home = Some("192.0.2.1".parse().unwrap());
        for _ in 0..30 {
            limits.login(home, "alice.test").unwrap();
        }
        assert!(limits.login(home, "alice.test").is_err());
        assert!(limits.login(home, "bob.test").is_ok());
        assert!(limits.login(None, "alice.test").is_ok());
    }
}
