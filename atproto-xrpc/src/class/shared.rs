use atproto_core::{Class, Classify, classify};

use crate::{
    framing::FramingError,
    oauth::{
        AudienceError, ClientError, DpopError, PermissionError, ScopeError, ServerError,
        UnresolvedSet,
    },
};

classify!(Client: AudienceError, PermissionError, ScopeError, UnresolvedSet);
classify!(UpstreamInvalid: ClientError, FramingError, ServerError);

impl Classify for DpopError {
    fn class(&self) -> Class {
        match self {
            Self::TooMany => Class::RateLimited { retry_after: None },
            _ => Class::Auth,
        }
    }
}
