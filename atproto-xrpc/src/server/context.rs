use std::{borrow::Cow, net::IpAddr};

use http::{Extensions, HeaderMap};

use super::RequestId;

/// What a handler knows of its request beside the typed input.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Context<P> {
    /// What the route's policy has proven of the caller.
    pub proof: P,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The id under which the request is logged.
    pub request_id: RequestId,
    /// The method that was called.
    pub nsid: Cow<'static, str>,
    /// Where the request came from, as far as that can be trusted: the peer's address, or
    /// what a trusted proxy says of it.
    pub client_address: Option<IpAddr>,
    /// The request's extensions, as layers above have set them.
    pub extensions: Extensions,
}

impl<P> Context<P> {
    /// A context without headers, for calling a handler directly.
    pub fn new(proof: P, nsid: impl Into<Cow<'static, str>>) -> Self {
        Self {
            proof,
            headers: HeaderMap::new(),
            request_id: RequestId::generate(),
            nsid: nsid.into(),
            client_address: None,
            extensions: Extensions::new(),
        }
    }

    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
