//! The server's own metrics.

use metrics::{counter, describe_counter, describe_gauge};

use crate::limits::Limits;

const AUTH_ATTEMPTS: &str = "atproto_pds_auth_attempts_total";
const ACCOUNTS_CREATED: &str = "account_created_total";
const SESSIONS_CREATED: &str = "session_created_total";
/// Requests that a rate limit refused.
pub(crate) const RATE_LIMIT_REJECTIONS: &str = "atproto_rate_limit_rejections_total";

/// How somebody proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Method {
    /// The operator's password.
    Admin,
    /// An app password.
    AppPassword,
    /// The account's password.
    Password,
    /// A refresh token.
    Refresh,
    /// A token between services.
    ServiceAuth,
}

/// What came of it. Reasons are few and fixed: they are labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Outcome {
    /// It was proven.
    Success,
    /// It was not: wrong password, wrong signature, unknown account.
    WrongCredentials,
    /// The token has expired or its session has ended.
    Expired,
    /// A used token came back.
    Reused,
    /// Too many attempts.
    RateLimited,
    /// It was proven, but the account has been taken down.
    Takendown,
}

impl Method {
    const ALL: [Self; 5] =
        [Self::Admin, Self::AppPassword, Self::Password, Self::Refresh, Self::ServiceAuth];

    fn label(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::AppPassword => "app_password",
            Self::Password => "password",
            Self::Refresh => "refresh",
            Self::ServiceAuth => "service_auth",
        }
    }
}

impl Outcome {
    const ALL: [Self; 6] = [
        Self::Success,
        Self::WrongCredentials,
        Self::Expired,
        Self::Reused,
        Self::RateLimited,
        Self::Takendown,
    ];

    fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Success => ("success", ""),
            Self::WrongCredentials => ("failure", "wrong_credentials"),
            Self::Expired => ("failure", "expired"),
            Self::Reused => ("failure", "reused"),
            Self::RateLimited => ("failure", "rate_limited"),
            Self::Takendown => ("failure", "takendown"),
        }
    }
}

/// Counts an attempt to prove who one is.
pub(crate) fn auth_attempt(method: Method, outcome: Outcome) {
    auth_attempts(method, outcome).increment(1);
}

/// Counts a new account.
pub(crate) fn account_created() {
    counter!(ACCOUNTS_CREATED, "source" => "com.atproto.server.createAccount").increment(1);
}

/// Counts a new session, by the method that began it.
pub(crate) fn session_created(source: &'static str) {
    counter!(SESSIONS_CREATED, "source" => source).increment(1);
}

/// Describes the metrics and sets the counters to zero: what has never been seen cannot be
/// seen to increase.
pub(crate) fn describe() {
    describe_counter!(AUTH_ATTEMPTS, "Attempts to prove who one is.");
    for method in Method::ALL {
        for outcome in Outcome::ALL {
            auth_attempts(method, outcome).absolute(0);
        }
    }
    describe_counter!(ACCOUNTS_CREATED, "Accounts made.");
    counter!(ACCOUNTS_CREATED, "source" => "com.atproto.server.createAccount").absolute(0);
    describe_counter!(SESSIONS_CREATED, "Sessions begun.");
    for source in ["com.atproto.server.createAccount", "com.atproto.server.createSession"] {
        counter!(SESSIONS_CREATED, "source" => source).absolute(0);
    }
    describe_counter!(RATE_LIMIT_REJECTIONS, "Requests that a rate limit refused.");
    for limiter in Limits::NAMES {
        counter!(RATE_LIMIT_REJECTIONS, "limiter" => limiter).absolute(0);
    }
    describe_counter!("atproto_pds_commits_total", "Commits made.");
    counter!("atproto_pds_commits_total").absolute(0);
    describe_gauge!("atproto_pds_open_actor_stores", "Stores of accounts that are open.");
    describe_gauge!("atproto_pds_outboxes_waiting", "Accounts whose events wait for a number.");
}

fn auth_attempts(method: Method, outcome: Outcome) -> metrics::Counter {
    let (outcome, reason) = outcome.labels();
    counter!(
        AUTH_ATTEMPTS,
        "method" => method.label(), "outcome" => outcome, "reason" => reason
    )
}
