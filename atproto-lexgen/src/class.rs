//! The classes of this crate's errors.

#[cfg(feature = "resolve")]
mod network;

use atproto_core::{Class, Classify, classify};

use crate::{Error, RecordError, manifest::ManifestError};

classify!(UpstreamInvalid: RecordError);

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Drift(_) | Self::Invalid { .. } | Self::NoOutput | Self::Twice { .. } => {
                Class::Client
            }
            Self::Emit { .. } => Class::Bug,
            Self::Io { .. } => Class::StoreTransient,
        }
    }
}

impl Classify for ManifestError {
    fn class(&self) -> Class {
        match self {
            Self::File(error) => error.class(),
            _ => Class::Client,
        }
    }
}
