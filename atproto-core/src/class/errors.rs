//! The classes of this crate's errors.

use super::{Class, Classify};
use crate::{
    classify,
    crypto::{KeyError, SignError, SignatureError},
    data::{CborError, CborFault, DataError, JsonError},
    endpoint::BodyError,
    frame::FrameError,
    identity::{DocumentError, ResolveError, plc},
    lexicon::{
        DirError, InvalidRecord, LinkError, LinkErrors, LinkFault, Rule, SchemaError, SchemaRule,
        ValidationError,
    },
    object::{MessageError, NotListed},
    syntax::{Fault, SyntaxError, UnsupportedDid},
};

classify!(UpstreamInvalid:
    BodyError, CborError, CborFault, DataError, DocumentError, Fault, FrameError, InvalidRecord,
    JsonError, KeyError, LinkError, LinkErrors, LinkFault, NotListed, Rule, SchemaError, SchemaRule,
    SignatureError, SyntaxError, UnsupportedDid, ValidationError,
    plc::LogError, plc::OperationError, plc::SignatureProblem,
);
classify!(Client: plc::SubmissionError);

impl Classify for SignError {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(_) => Class::Bug,
            Self::Unavailable(_) => Class::StoreTransient,
        }
    }
}

impl Classify for DirError {
    fn class(&self) -> Class {
        match self {
            Self::Io { .. } => Class::StoreTransient,
            Self::Schema { source, .. } => source.class(),
        }
    }
}

impl Classify for MessageError {
    fn class(&self) -> Class {
        match self {
            Self::Body(error) => error.class(),
            Self::Ended { .. } => Class::UpstreamUnavailable,
            Self::Frame(error) => error.class(),
        }
    }
}

impl Classify for ResolveError {
    fn class(&self) -> Class {
        match self {
            Self::Unavailable(_) => Class::UpstreamUnavailable,
            Self::AmbiguousAnswer { .. }
            | Self::Document { .. }
            | Self::IdMismatch { .. }
            | Self::InvalidAnswer { .. }
            | Self::InvalidDid { .. }
            | Self::Log { .. }
            | Self::NotFound(_)
            | Self::Refused(_)
            | Self::ReservedDomain(_)
            | Self::Tombstoned(_)
            | Self::UnsupportedMethod(_) => Class::UpstreamInvalid,
        }
    }
}

#[cfg(feature = "resolver")]
mod network {
    use super::{Class, Classify};
    use crate::identity::{
        FetchError,
        plc::{ExportStreamError, PlcClientError},
    };

    impl Classify for FetchError {
        fn class(&self) -> Class {
            match self {
                Self::Build(_) => Class::Bug,
                error if error.is_refusal() => Class::UpstreamInvalid,
                _ => Class::UpstreamUnavailable,
            }
        }
    }

    impl Classify for PlcClientError {
        fn class(&self) -> Class {
            match self {
                Self::Document(error) => error.class(),
                Self::Fetch(error) => error.class(),
                Self::Json(_) | Self::Order { .. } => Class::UpstreamInvalid,
                Self::NotPlc(_) => Class::Client,
                Self::Status { status, retry_after, .. } => Class::of_status(*status, *retry_after),
            }
        }
    }

    impl Classify for ExportStreamError {
        fn class(&self) -> Class {
            match self {
                Self::Connect(error) => error.class(),
                Self::FutureCursor | Self::OutdatedCursor => Class::Client,
                Self::Json(_) | Self::Order { .. } | Self::TooLarge { .. } => {
                    Class::UpstreamInvalid
                }
                Self::Refused { status } => Class::of_status(*status, None),
                Self::Closed { .. }
                | Self::ConsumerTooSlow
                | Self::Silent(_)
                | Self::WebSocket(_) => Class::UpstreamUnavailable,
            }
        }
    }
}
