use atproto_core::endpoint::{Body, ErrorSet, Procedure, Query};

use super::{Request, TransportError};

/// A query or a procedure: whatever [`Client::call`](super::Client::call) takes.
///
/// The parameter tells the two apart for the compiler, which infers it. There is nothing to
/// implement: every [`Query`] and every [`Procedure`] is a call.
pub trait Call<Kind>: Send {
    /// What the server answers.
    type Output: Body;
    /// The errors that the lexicon declares.
    type Error: ErrorSet;

    #[doc(hidden)]
    fn into_request(self) -> Result<Request, TransportError>;
}

/// The two kinds of [`Call`].
pub mod kind {
    /// A GET.
    #[derive(Debug)]
    pub enum Query {}
    /// A POST.
    #[derive(Debug)]
    pub enum Procedure {}
}

impl<Q: Query> Call<kind::Query> for Q {
    type Output = Q::Output;
    type Error = Q::Error;

    fn into_request(self) -> Result<Request, TransportError> {
        Request::query(&self)
    }
}

impl<P: Procedure> Call<kind::Procedure> for P {
    type Output = P::Output;
    type Error = P::Error;

    fn into_request(self) -> Result<Request, TransportError> {
        Request::procedure(self)
    }
}
