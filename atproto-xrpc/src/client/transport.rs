//! How requests get to a server and answers back.
//!
//! A [`Transport`] moves one request; whoever calls it decides on retries, credentials and
//! limits. [`HttpTransport`] is the network. [`SafeTransport`] is the network for addresses
//! that strangers choose. [`InProcess`] hands requests to a tower service in the same
//! program, and a closure is a transport as well: tests need no sockets.
//!
//! ```
//! use atproto_core::syntax::Nsid;
//! use atproto_xrpc::{Client, client::{Untyped, transport::{Content, SendError}}};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let echo = |request: http::Request<Content>| async move {
//!     let json = format!(r#"{{"path":"{}"}}"#, request.uri().path());
//!     let answer = http::Response::builder().header("content-type", "application/json");
//!     answer.body(Content::from(json)).map_err(SendError::refused)
//! };
//! let client = Client::builder().transport(echo).build("https://pds.example")?;
//! let found = client.call_untyped(Untyped::query(Nsid::new("com.example.get")?)).await?;
//! assert_eq!(found.value()?.get("path").unwrap().as_str(), Some("/xrpc/com.example.get"));
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run()).unwrap();
//! ```

mod content;
mod error;
mod http_transport;
mod in_process;

use std::{future::Future, sync::Arc};

use futures::future::{BoxFuture, FutureExt};
use http::{Request, Response};

pub use content::Content;
pub use error::SendError;
pub use http_transport::{HttpTransport, SafeTransport};
pub use in_process::InProcess;

/// Moves a request to a server and the head of the answer back; the answer's content follows
/// as it is read.
///
/// Dropping the future gives the request up. Redirects are not followed: tokens are for the
/// service that they were made for.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request.
    fn send(
        &self,
        request: Request<Content>,
    ) -> BoxFuture<'_, Result<Response<Content>, SendError>>;
}

impl<F, A> Transport for F
where
    F: Fn(Request<Content>) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response<Content>, SendError>> + Send + 'static,
{
    fn send(
        &self,
        request: Request<Content>,
    ) -> BoxFuture<'_, Result<Response<Content>, SendError>> {
        self(request).boxed()
    }
}

impl Transport for Arc<dyn Transport> {
    fn send(
        &self,
        request: Request<Content>,
    ) -> BoxFuture<'_, Result<Response<Content>, SendError>> {
        (**self).send(request)
    }
}
