//! The classes of this crate's errors.

use atproto_core::{Class, Classify, classify};

use crate::{
    consumer::{ConsumerError, Failure, TransportError},
    filter::FilterError,
    intake::ReplayError,
    jetstream::JetstreamError,
    label::LabelError,
    log::LogError,
    producer::{AppendError, StreamEnd, SubscribeError},
    state::StoreError,
    tracker::{SourceError, TrackError},
    verify::Rejection,
};

classify!(Client: SubscribeError);
classify!(StoreCorrupt: FilterError);
classify!(UpstreamInvalid: JetstreamError);
#[cfg(feature = "zstd")]
classify!(UpstreamInvalid: crate::jetstream::DictionaryError);
#[cfg(feature = "zstd")]
classify!(UpstreamInvalid: crate::jetstream::archive::BlockError);
#[cfg(feature = "zstd")]
classify!(UpstreamInvalid: crate::jetstream::archive::SegmentError);
#[cfg(feature = "jetstream-server")]
classify!(Client: crate::jetstream::server::OptionsError);

impl Classify for StoreError {
    fn class(&self) -> Class {
        if self.is_fenced() { Class::Conflict } else { Class::StoreTransient }
    }
}

impl Classify for TrackError {
    fn class(&self) -> Class {
        match self {
            Self::Consumer(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::NoTracking | Self::NoResolver => Class::Client,
            Self::Client(error) => error.class(),
        }
    }
}

impl Classify for SourceError {
    fn class(&self) -> Class {
        match self {
            Self::RateLimited { retry_after } => Class::RateLimited { retry_after: *retry_after },
            Self::Unavailable(_) | Self::TooSlow(_) | Self::Gone(_) => Class::UpstreamUnavailable,
            Self::NoHost | Self::Answer(_) | Self::TooLarge { .. } => Class::UpstreamInvalid,
        }
    }
}

impl Classify for LogError {
    fn class(&self) -> Class {
        match self {
            Self::Corrupt { .. } => Class::StoreCorrupt,
            Self::Expired { .. } | Self::TooLarge { .. } => Class::Client,
            Self::Exhausted => Class::Bug,
            Self::Locked => Class::Conflict,
            Self::Io { .. } | Self::Stopped => Class::StoreTransient,
        }
    }
}

impl Classify for AppendError {
    fn class(&self) -> Class {
        match self {
            Self::Closed => Class::UpstreamUnavailable,
            Self::Log(error) => error.class(),
        }
    }
}

impl Classify for StreamEnd {
    fn class(&self) -> Class {
        match self {
            // A reader that was too slow goes on from its cursor after it has connected again.
            Self::Closed | Self::ConsumerTooSlow { .. } => Class::UpstreamUnavailable,
            Self::Log(error) => error.class(),
        }
    }
}

impl Classify for TransportError {
    fn class(&self) -> Class {
        if self.permanent { Class::Client } else { Class::UpstreamUnavailable }
    }
}

impl Classify for ConsumerError {
    fn class(&self) -> Class {
        match self {
            Self::NoFilters
            | Self::NoUpstreams
            | Self::OneOfSeveral { .. }
            | Self::NoParking
            | Self::NoResolver
            | Self::NoStart
            | Self::Partition { .. }
            | Self::Unverifiable
            | Self::Mixed
            | Self::Stopped(_) => Class::Client,
            Self::Handler(_) => Class::Bug,
            Self::Filter(_) => Class::StoreCorrupt,
            Self::Spool(_) => Class::StoreTransient,
            Self::Store(error) => error.class(),
        }
    }
}

impl Classify for ReplayError {
    fn class(&self) -> Class {
        match self {
            Self::Frame(error) => error.class().of_own_store(),
            Self::Unreadable(_) => Class::StoreCorrupt,
            Self::InFlight => Class::Conflict,
            Self::NoRoom => Class::RateLimited { retry_after: None },
            Self::Stopped | Self::Untrue(_) => Class::Client,
        }
    }
}

impl Classify for Failure {
    fn class(&self) -> Class {
        match self {
            Self::Fatal(_) => Class::Bug,
            Self::Reject(_) => Class::UpstreamInvalid,
            Self::Retry(after) => Class::RateLimited { retry_after: Some(*after) },
            Self::Unavailable(_) => Class::StoreTransient,
        }
    }
}

impl Classify for Rejection {
    fn class(&self) -> Class {
        match self {
            Self::Identity(error) => error.class(),
            Self::NoKey(error) => error.class(),
            Self::Violation(error) => error.class(),
            Self::NoHost | Self::WrongHost { .. } => Class::UpstreamInvalid,
        }
    }
}

impl Classify for LabelError {
    fn class(&self) -> Class {
        match self {
            Self::Identity(error) => error.class(),
            _ => Class::UpstreamInvalid,
        }
    }
}
