use std::future::Future;

use axum::body::Body;

use crate::XrpcError;

/// An async function from a context and an input to a result.
///
/// Implemented for every `Fn(C, I) -> impl Future<Output = Result<O, E>>` whose error
/// converts into [`XrpcError`]; there is no reason to implement it by hand.
pub trait Handler<C, I>:
    Fn(C, I) -> <Self as Handler<C, I>>::Future + Send + Sync + 'static
{
    /// What the function answers.
    type Answer: Send;
    /// How it fails.
    type Error: Into<XrpcError>;
    /// The future it returns.
    type Future: Future<Output = Result<Self::Answer, Self::Error>> + Send;
}

impl<F, C, I, Fut, O, E> Handler<C, I> for F
where
    F: Fn(C, I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, E>> + Send,
    O: Send,
    E: Into<XrpcError>,
{
    type Answer = O;
    type Error = E;
    type Future = Fut;
}

/// An async function from a context, parameters and an unread body to a result.
pub trait BodyHandler<C, I>:
    Fn(C, I, Body) -> <Self as BodyHandler<C, I>>::Future + Send + Sync + 'static
{
    /// What the function answers.
    type Answer: Send;
    /// How it fails.
    type Error: Into<XrpcError>;
    /// The future it returns.
    type Future: Future<Output = Result<Self::Answer, Self::Error>> + Send;
}

impl<F, C, I, Fut, O, E> BodyHandler<C, I> for F
where
    F: Fn(C, I, Body) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, E>> + Send,
    O: Send,
    E: Into<XrpcError>,
{
    type Answer = O;
    type Error = E;
    type Future = Fut;
}
