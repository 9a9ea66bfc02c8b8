//! The classes of this crate's errors.

use atproto_core::{Class, Classify, classify};

use crate::{
    BlockSourceError, PathError,
    car::{CarError, HeaderError},
    commit::CommitError,
    event::{EventError, FieldFault},
    mst::{MstError, NodeFault},
    repo::{ApplyError, ExportError, ProofError, VerifyError},
    sync::{InversionError, Violation},
};

classify!(UpstreamInvalid: CommitError, FieldFault, HeaderError, NodeFault, PathError);
classify!(StoreTransient: BlockSourceError);

impl Classify for CarError {
    fn class(&self) -> Class {
        match self {
            // Where the archive comes from, the caller alone knows: most come over the network.
            Self::Io(_) => Class::UpstreamUnavailable,
            _ => Class::UpstreamInvalid,
        }
    }
}

impl Classify for EventError {
    fn class(&self) -> Class {
        match self {
            Self::Upstream { .. } => Class::UpstreamUnavailable,
            Self::Frame(_) | Self::Invalid { .. } | Self::Unknown { .. } => Class::UpstreamInvalid,
        }
    }
}

impl Classify for MstError {
    fn class(&self) -> Class {
        match self {
            Self::Key(_) | Self::Missing(_) | Self::Node { .. } => Class::UpstreamInvalid,
            Self::Source(error) => error.class(),
        }
    }
}

impl Classify for InversionError {
    fn class(&self) -> Class {
        match self {
            Self::OpForm { .. } | Self::OpMismatch { .. } => Class::UpstreamInvalid,
            Self::Tree(error) => error.class(),
        }
    }
}

impl Classify for Violation {
    fn class(&self) -> Class {
        match self {
            Self::Car(error) => error.class(),
            Self::Tree(error) => error.class(),
            _ => Class::UpstreamInvalid,
        }
    }
}

impl Classify for VerifyError {
    fn class(&self) -> Class {
        match self {
            Self::Car(error) => error.class(),
            Self::Spill(_) => Class::StoreTransient,
            Self::Tree(error) => error.class(),
            _ => Class::UpstreamInvalid,
        }
    }
}

impl Classify for ProofError {
    fn class(&self) -> Class {
        match self {
            Self::Car(error) => error.class(),
            Self::Tree(error) => error.class(),
            _ => Class::UpstreamInvalid,
        }
    }
}

impl Classify for ApplyError {
    fn class(&self) -> Class {
        match self {
            Self::Exists { .. } | Self::NotFound { .. } | Self::Rev { .. } => Class::Conflict,
            Self::Inversion { .. } => Class::Bug,
            Self::Sign(error) => error.class(),
            // The writes were checked before the tree was asked: what it finds wrong is stored.
            Self::Tree(MstError::Key(_)) => Class::Client,
            Self::Tree(error) => error.class().of_own_store(),
            Self::Collection(_)
            | Self::Did { .. }
            | Self::KeyNeeded { .. }
            | Self::Path(_)
            | Self::Record { .. }
            | Self::RecordKey(_)
            | Self::SamePath { .. }
            | Self::TooLarge { .. } => Class::Client,
        }
    }
}

impl Classify for ExportError {
    fn class(&self) -> Class {
        match self {
            Self::Io(_) => Class::UpstreamUnavailable,
            Self::Missing(_) => Class::StoreCorrupt,
            Self::Source(error) => error.class(),
            Self::Tree(error) => error.class().of_own_store(),
        }
    }
}
