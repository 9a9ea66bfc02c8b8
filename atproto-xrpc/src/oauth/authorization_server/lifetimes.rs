//! How long things live, in seconds, each with its source.

/// A pushed request: 5 minutes, as at the reference implementation.
pub const REQUEST_SECONDS: u64 = 5 * MINUTE;

/// A code: 5 minutes, as at the reference implementation; RFC 6749 advises 10 at most.
pub const CODE_SECONDS: u64 = 5 * MINUTE;

/// An access token: 15 minutes. The [OAuth specification][spec] wants less than 30 where
/// tokens can be revoked one by one, as they can here, and at most 15 elsewhere.
///
/// [spec]: https://atproto.com/specs/oauth#tokens-and-session-lifetime
pub const ACCESS_TOKEN_SECONDS: u64 = 15 * MINUTE;

/// The session of a public client, however often it is refreshed: two weeks, the most that
/// the specification allows.
pub const PUBLIC_SESSION_SECONDS: u64 = 14 * DAY;

/// A refresh token of a public client: two weeks, the most that the specification allows.
pub const PUBLIC_REFRESH_SECONDS: u64 = 14 * DAY;

/// The session of a confidential client: two years, as at the reference implementation; the
/// specification sets no limit.
pub const CONFIDENTIAL_SESSION_SECONDS: u64 = 2 * 365 * DAY;

/// A refresh token of a confidential client: 90 days, as at the reference implementation;
/// the specification allows 180.
pub const CONFIDENTIAL_REFRESH_SECONDS: u64 = 90 * DAY;

/// How long a code challenge is not taken a second time: 24 hours, as the specification says.
pub const CODE_CHALLENGE_SECONDS: u64 = DAY;

/// How old a client assertion may be. The specification forbids to refuse one of less than a
/// minute for its age; ours is twice that.
pub const ASSERTION_SECONDS: u64 = 2 * MINUTE;

/// How far ahead of this server a client's clock may be. Ours.
pub const ASSERTION_SKEW_SECONDS: u64 = 30;

/// How long client metadata and client keys are used before they are fetched again: 15
/// minutes, so that a key that was withdrawn stops working in that time.
pub const CLIENT_CACHE_SECONDS: u64 = 15 * MINUTE;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
