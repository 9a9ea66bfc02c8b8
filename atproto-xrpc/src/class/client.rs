use atproto_core::{Class, Classify, classify};

use crate::client::{
    BuildError, CallError, LabelersError, RequestError, SessionError, TransportError,
    oauth::{LoopbackError, OAuthError, Refusal},
    store::StoreError,
    subscribe::{MessagesError, SubscribeError},
    transport::SendError,
};

classify!(Client: BuildError, LabelersError);
classify!(StoreTransient: LoopbackError, StoreError);

impl Classify for SendError {
    fn class(&self) -> Class {
        if self.is_refused() { Class::Client } else { Class::UpstreamUnavailable }
    }
}

impl Classify for TransportError {
    fn class(&self) -> Class {
        match self {
            Self::Encode(_) => Class::Client,
            Self::Send(error) => error.class(),
            Self::Body(_)
            | Self::ContentType { .. }
            | Self::RepeatedCursor(_)
            | Self::TooLarge { .. }
            | Self::Value(_) => Class::UpstreamInvalid,
        }
    }
}

impl Classify for SessionError {
    fn class(&self) -> Class {
        match self {
            Self::Ended => Class::Auth,
            Self::Renewal(error) => error.class(),
            Self::ShuttingDown => Class::Client,
            Self::Store(error) => error.class(),
        }
    }
}

impl Classify for RequestError {
    fn class(&self) -> Class {
        match self {
            Self::Session(error) => error.class(),
            Self::Transport(error) => error.class(),
            Self::Xrpc(error) => error.class(),
        }
    }
}

/// An error that the endpoint declares is the caller's to know.
impl<E> Classify for CallError<E> {
    fn class(&self) -> Class {
        match self {
            Self::Declared(_) => Class::Client,
            Self::Other(error) => error.class(),
            Self::Session(error) => error.class(),
            Self::Transport(error) => error.class(),
        }
    }
}

impl Classify for SubscribeError {
    fn class(&self) -> Class {
        match self {
            Self::ClearText | Self::Url => Class::Client,
            Self::Framing(error) => error.class(),
            Self::Flood | Self::TooLarge { .. } => Class::UpstreamInvalid,
            Self::Refused(error) => error.class(),
            Self::Redirect
            | Self::Connect(_)
            | Self::ConnectTimeout(_)
            | Self::Silent(_)
            | Self::WebSocket(_) => Class::UpstreamUnavailable,
        }
    }
}

impl Classify for MessagesError {
    fn class(&self) -> Class {
        match self {
            Self::Message(error) => error.class(),
            Self::Subscribe(error) => error.class(),
        }
    }
}

impl Classify for Refusal {
    fn class(&self) -> Class {
        match &*self.error {
            "temporarily_unavailable" | "server_error" => Class::UpstreamUnavailable,
            "invalid_request"
            | "invalid_scope"
            | "unsupported_grant_type"
            | "unsupported_response_type" => Class::Client,
            "access_denied"
            | "invalid_client"
            | "invalid_dpop_proof"
            | "invalid_grant"
            | "invalid_token"
            | "unauthorized_client"
            | "use_dpop_nonce" => Class::Auth,
            _ => Class::of_status(self.status.as_u16(), None),
        }
    }
}

impl Classify for OAuthError {
    fn class(&self) -> Class {
        match self {
            Self::App(_) | Self::Input(_) | Self::Scope(_) => Class::Client,
            Self::Build(error) => error.class(),
            Self::Callback(_) | Self::OtherAccount { .. } | Self::State => Class::Auth,
            Self::Denied(refusal) | Self::Refused(refusal) => refusal.class(),
            Self::Document { .. }
            | Self::Handle { .. }
            | Self::Issuer { .. }
            | Self::NoHost(_)
            | Self::NotAuthoritative { .. }
            | Self::Server(_)
            | Self::Token(_) => Class::UpstreamInvalid,
            Self::Identity(error) => error.class(),
            Self::Send { source, .. } => source.class(),
            Self::Sign(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}
