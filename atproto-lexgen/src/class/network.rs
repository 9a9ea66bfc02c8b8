use atproto_core::{Class, Classify, classify};

use crate::{
    install::{InstallError, SourceError},
    publish::PublishError,
    resolve::LexiconError,
};

classify!(Client: SourceError);

impl Classify for LexiconError {
    fn class(&self) -> Class {
        match self {
            Self::Account { source, .. } | Self::Authority { source, .. } => source.class(),
            Self::Fetch { source, .. } => source.class(),
            Self::Proof(error) => error.class(),
            Self::Refused { source, .. } => source.class(),
            Self::Request(_) => Class::Client,
            Self::Absent { .. }
            | Self::Key { .. }
            | Self::Lexicon(_)
            | Self::NoHost { .. }
            | Self::Record(_) => Class::UpstreamInvalid,
        }
    }
}

impl Classify for InstallError {
    fn class(&self) -> Class {
        match self {
            Self::File(error) => error.class(),
            Self::Manifest(error) => error.class(),
            Self::Resolve { source, .. } => source.class(),
            Self::Case { .. }
            | Self::Foreign { .. }
            | Self::Replaced { .. }
            | Self::TooMany { .. } => Class::Client,
        }
    }
}

impl Classify for PublishError {
    fn class(&self) -> Class {
        match self {
            Self::Altered { .. } | Self::Answer(_) => Class::UpstreamInvalid,
            Self::Call { source, .. } => source.class(),
            Self::File(error) => error.class(),
            Self::Lexicon(error) => error.class(),
            Self::Authority { .. }
            | Self::Breaking(_)
            | Self::Record { .. }
            | Self::TooLarge { .. } => Class::Client,
        }
    }
}
