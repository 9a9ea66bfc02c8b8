//! One reader.

use std::{
    future::pending,
    sync::{Arc, atomic::Ordering},
};

use atproto_xrpc::{
    XrpcError,
    framing::Payload,
    query_string,
    server::socket::{Conversation, Goodbye},
};
use http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use super::{JetstreamOptions, Shared, Wanted, seek, stored::Stored};
#[cfg(feature = "zstd")]
use crate::jetstream::Dictionary;
use crate::jetstream::{MAX_COLLECTIONS, MAX_DIDS};
use crate::producer::{StreamEnd, Subscriber};

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Subscribe {
    wanted: Wanted,
    cursor: Option<i64>,
    require_hello: bool,
    #[cfg(feature = "zstd")]
    dictionary: Option<Dictionary>,
}

/// One reader: a place in the log, and what it wants.
pub(super) struct Subscription {
    shared: Arc<Shared>,
    /// `None` before the hello that it has to wait for.
    subscriber: Option<Subscriber>,
    /// The number after which it begins then; `None` begins with what comes.
    begin: Option<i64>,
    wanted: Wanted,
    #[cfg(feature = "zstd")]
    dictionary: Option<Dictionary>,
    _seat: OwnedSemaphorePermit,
}

impl Subscribe {
    pub(super) fn of(parts: &Parts, options: &JetstreamOptions) -> Result<Self, XrpcError> {
        let query = parts.uri.query().unwrap_or_default();
        let invalid = |error: &dyn std::fmt::Display| XrpcError::invalid_request(error.to_string());
        let pairs = query_string::parse(query, MAX_PARAMS).map_err(|error| invalid(&error))?;
        let pairs = || pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let first = |wanted| pairs().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        let is_true = |name| first(name) == Some("true");
        let encoding = parts.headers.get("socket-encoding").and_then(|it| it.to_str().ok());
        let compress = is_true("compress") || encoding.is_some_and(|it| it.contains("zstd"));
        #[cfg(feature = "zstd")]
        let dictionary = options.dictionary.clone().filter(|_| compress);
        #[cfg(feature = "zstd")]
        let can_compress = dictionary.is_some();
        #[cfg(not(feature = "zstd"))]
        let (can_compress, _) = (false, options);
        if compress && !can_compress {
            return Err(XrpcError::invalid_request("This server does not compress"));
        }
        let cursor = first("cursor").filter(|text| !text.is_empty()).map(|text| {
            text.parse().ok().filter(|cursor: &i64| *cursor >= 0).ok_or_else(|| {
                XrpcError::invalid_request("cursor must be a time in Unix microseconds")
            })
        });
        Ok(Self {
            wanted: Wanted::of_query(pairs()).map_err(|error| invalid(&error))?,
            cursor: cursor.transpose()?,
            require_hello: is_true("requireHello"),
            #[cfg(feature = "zstd")]
            dictionary,
        })
    }
}

impl Subscription {
    pub(super) async fn open(
        shared: Arc<Shared>,
        asked: Subscribe,
        seat: OwnedSemaphorePermit,
    ) -> Result<Self, XrpcError> {
        let begin = match asked.cursor {
            None => None,
            Some(time_us) => {
                let log = shared.producer.log().clone();
                let found = tokio::task::spawn_blocking(move || seek::seek(&log, time_us)).await;
                let found = found.map_err(XrpcError::internal)?.map_err(XrpcError::internal)?;
                Some(found - 1)
            }
        };
        let mut subscription = Self {
            shared,
            subscriber: None,
            begin,
            wanted: asked.wanted,
            #[cfg(feature = "zstd")]
            dictionary: asked.dictionary,
            _seat: seat,
        };
        if !asked.require_hello {
            subscription.begin().map_err(|why| XrpcError::internal(why.to_string()))?;
        }
        Ok(subscription)
    }

    fn begin(&mut self) -> Result<(), crate::producer::SubscribeError> {
        if self.subscriber.is_none() {
            self.subscriber = Some(self.shared.producer.subscribe(self.begin)?);
        }
        Ok(())
    }

    fn wants(&self, event: &Stored) -> bool {
        let (did, collection) = event.subject();
        self.wanted.wants(did, collection, event.json.len())
    }

    fn payload(&self, event: Stored) -> Result<Payload, Goodbye> {
        #[cfg(feature = "zstd")]
        if let Some(dictionary) = &self.dictionary {
            let frame = self.shared.compressed.of(&event, dictionary);
            return frame.map(Payload::binary).map_err(|error| internal(&error));
        }
        Payload::shared_text(event.json).map_err(|error| internal(&error))
    }
}

impl Conversation for Subscription {
    async fn next(&mut self) -> Option<Result<Payload, Goodbye>> {
        loop {
            let Some(subscriber) = &mut self.subscriber else { return pending().await };
            let record = match subscriber.next_record().await? {
                Ok(record) => record,
                Err(end) => return Some(Err(goodbye(&end))),
            };
            let counters = &self.shared.counters;
            match Stored::of(&record).filter(|event| self.wants(event)) {
                Some(event) => {
                    counters.sent.fetch_add(1, Ordering::Relaxed);
                    counters.sent_bytes.fetch_add(event.json.len() as u64, Ordering::Relaxed);
                    return Some(self.payload(event));
                }
                None => {
                    counters.unwanted.fetch_add(1, Ordering::Relaxed);
                    // A reader that wants little of a long past shares the thread.
                    tokio::task::consume_budget().await;
                }
            }
        }
    }

    fn hear(&mut self, message: Payload) -> Result<(), Goodbye> {
        let Ok(text) = message.as_text() else { return Ok(()) };
        match Wanted::of_message(text) {
            Ok(Some(wanted)) => {
                self.shared.counters.updates.fetch_add(1, Ordering::Relaxed);
                self.wanted = wanted;
                self.begin().map_err(|error| internal(&error))
            }
            Ok(None) => Ok(()),
            Err(super::OptionsError::Message(error)) => Err(Goodbye::malformed(error.to_string())),
            Err(error) => Err(Goodbye::policy(error.to_string())),
        }
    }
}

fn goodbye(end: &StreamEnd) -> Goodbye {
    match end {
        StreamEnd::Closed => Goodbye::try_again("the stream was closed"),
        StreamEnd::ConsumerTooSlow { .. } => Goodbye::policy("ConsumerTooSlow"),
        StreamEnd::Log(error) => internal(error),
    }
}

fn internal(error: &dyn std::error::Error) -> Goodbye {
    tracing::error!(error = %error, "a reader cannot be served");
    Goodbye::internal("")
}

/// Parameters of a request, repeated ones included. Ours: all that may be wanted, and the
/// others.
const MAX_PARAMS: usize = MAX_COLLECTIONS + MAX_DIDS + 10;
