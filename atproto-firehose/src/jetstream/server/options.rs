use atproto_xrpc::server::SubscriptionLimits;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "zstd")]
use crate::jetstream::Dictionary;
use crate::producer::ProducerOptions;

/// How a [`JetstreamServer`](super::JetstreamServer) serves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JetstreamOptions {
    /// Memory, and how far a reader may fall behind. Its clock is the events'.
    pub producer: ProducerOptions,
    /// Of sockets. A client's message may have 10 MB by default, as the public servers
    /// document it: a list of accounts is long.
    pub limits: SubscriptionLimits,
    /// Ends all subscriptions when cancelled, with the close code 1001 (going away).
    pub shutdown: CancellationToken,
    #[cfg(feature = "zstd")]
    pub(super) dictionary: Option<Dictionary>,
}

impl Default for JetstreamOptions {
    fn default() -> Self {
        let mut limits = SubscriptionLimits::default();
        limits.client_message_bytes = MAX_CLIENT_MESSAGE;
        Self {
            producer: ProducerOptions::default(),
            limits,
            shutdown: CancellationToken::new(),
            #[cfg(feature = "zstd")]
            dictionary: None,
        }
    }
}

impl JetstreamOptions {
    /// Sets [`Self::producer`].
    #[must_use]
    pub fn producer(mut self, options: ProducerOptions) -> Self {
        self.producer = options;
        self
    }

    /// Sets [`Self::limits`].
    #[must_use]
    pub fn limits(mut self, limits: SubscriptionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`Self::shutdown`].
    #[must_use]
    pub fn shutdown(mut self, shutdown: CancellationToken) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// The dictionary for clients that ask for compressed events, which they must have too.
    /// Without one such clients are refused.
    #[cfg(feature = "zstd")]
    #[must_use]
    pub fn dictionary(mut self, dictionary: Dictionary) -> Self {
        self.dictionary = Some(dictionary);
        self
    }
}

/// The largest message of a client in bytes, as the public servers document it.
const MAX_CLIENT_MESSAGE: usize = 10_000_000;
