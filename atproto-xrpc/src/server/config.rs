use std::{sync::Arc, time::Duration};

use atproto_core::lexicon::Catalog;
use http::HeaderMap;
use tokio_util::sync::CancellationToken;

use crate::{
    framing::{CborV0, EncodeOnce, Framing},
    trace::{Extract, Hook},
};

use super::{IpRange, RateLimiter, SubscriptionLimits};

/// How a [`Router`](super::Router) behaves. All fields have defaults.
#[derive(Clone)]
#[non_exhaustive]
pub struct RouterConfig {
    /// The lexicons by which parameters and JSON input are checked before a handler sees
    /// them. Methods that it lacks are checked by the endpoint's Rust type alone.
    pub catalog: Option<Arc<Catalog>>,
    /// Whether JSON output is checked as well; a fault is a 500. On in debug builds.
    pub validate_output: bool,
    /// Sizes and times.
    pub limits: Limits,
    /// The limit on all requests of one client address; none by default.
    pub rate_limit: Option<Arc<RateLimiter>>,
    /// The proxies whose `X-Forwarded-For` is believed; none by default.
    pub trusted_proxies: Vec<IpRange>,
    /// Whether browsers of any origin may call; they may by default, as everywhere in the
    /// network: authority comes from tokens, never from cookies.
    pub cors: bool,
    /// The forms of event streams that are spoken, the first with clients that name none.
    /// Default: the binary one alone.
    pub framings: Vec<Arc<dyn Framing>>,
    /// Ends all subscriptions when cancelled, with the close code 1001 (going away).
    pub shutdown: CancellationToken,
    pub(super) continue_trace: Option<Extract>,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            catalog: None,
            validate_output: cfg!(debug_assertions),
            limits: Limits::default(),
            rate_limit: None,
            trusted_proxies: Vec::new(),
            cors: true,
            framings: vec![Arc::new(CborV0)],
            shutdown: CancellationToken::new(),
            continue_trace: None,
        }
    }
}

impl RouterConfig {
    /// The same configuration with lexicons to check requests by.
    #[must_use]
    pub fn catalog(mut self, catalog: Arc<Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// The same configuration with these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same configuration with a limit on the requests of each client address.
    #[must_use]
    pub fn rate_limit(mut self, limiter: Arc<RateLimiter>) -> Self {
        self.rate_limit = Some(limiter);
        self
    }

    /// The same configuration with proxies that are believed.
    #[must_use]
    pub fn trusted_proxies(mut self, ranges: impl IntoIterator<Item = IpRange>) -> Self {
        self.trusted_proxies = ranges.into_iter().collect();
        self
    }

    /// The same configuration with a further form of event streams. Each frame is turned into
    /// it once for all readers.
    #[must_use]
    pub fn framing(mut self, framing: impl Framing) -> Self {
        self.framings.push(Arc::new(EncodeOnce::new(framing)));
        self
    }

    /// The same configuration with a signal that ends subscriptions.
    #[must_use]
    pub fn shutdown(mut self, signal: CancellationToken) -> Self {
        self.shutdown = signal;
        self
    }

    /// The same configuration with what continues a caller's trace: it is given the span of
    /// each request before anything happens in it, and the request's headers, of which
    /// `traceparent` names the trace as a rule. Whoever calls wrote them: they are not to be
    /// believed in anything else. Default: every request begins a trace of its own.
    #[must_use]
    pub fn continue_trace(
        mut self,
        read: impl Fn(&tracing::Span, &HeaderMap) + Send + Sync + 'static,
    ) -> Self {
        self.continue_trace = Some(Hook(Arc::new(read)));
        self
    }

    /// The same configuration with output validation on or off.
    #[must_use]
    pub fn validate_output(mut self, on: bool) -> Self {
        self.validate_output = on;
        self
    }

    /// The same configuration with CORS headers on or off.
    #[must_use]
    pub fn cors(mut self, on: bool) -> Self {
        self.cors = on;
        self
    }
}

/// The limits of a [`Router`](super::Router).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of path and query together. Ours: 8 KiB, what common proxies pass on.
    pub url_bytes: usize,
    /// Parameters in one query string. Ours: 100, the most that 8 KiB of identifiers hold.
    pub params: usize,
    /// Bytes of a body that is read whole. The reference PDS takes 150 kB of JSON.
    pub body_bytes: usize,
    /// How long a body that is read whole may take to arrive. Ours: 20 s, shorter than the
    /// deadline, so that a slow client is told that it is the slow one.
    pub body_timeout: Duration,
    /// Bytes of a body that is streamed to its handler. Ours: 128 MiB; handlers of uploads
    /// set a tighter one of their own.
    pub upload_bytes: usize,
    /// Requests that are worked on at a time; more are refused with 503. Subscriptions, which
    /// have a limit of their own, and responses that have begun do not count. Ours: 1,024.
    pub requests: usize,
    /// How long a request may take until its response begins. Ours: 30 s.
    pub deadline: Duration,
    /// The same for requests whose body is streamed. Ours: 10 min.
    pub upload_deadline: Duration,
    /// The limits of subscriptions.
    pub subscription: SubscriptionLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            url_bytes: 8 * 1024,
            params: 100,
            body_bytes: 150 * 1024,
            body_timeout: Duration::from_secs(20),
            upload_bytes: 128 * 1024 * 1024,
            requests: 1_024,
            deadline: Duration::from_secs(30),
            upload_deadline: Duration::from_secs(600),
            subscription: SubscriptionLimits::default(),
        }
    }
}
