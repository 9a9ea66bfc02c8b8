//! How a trace goes from one service to the next: hooks between spans and headers.

use std::{fmt, sync::Arc};

use http::HeaderMap;
use tracing::Span;

/// Writes the trace of a span into the headers of a request that goes out.
#[cfg(feature = "client")]
pub(crate) type Inject = Hook<dyn Fn(&Span, &mut HeaderMap) + Send + Sync>;

/// Continues in a span the trace that the headers of a request name.
#[cfg(feature = "server")]
pub(crate) type Extract = Hook<dyn Fn(&Span, &HeaderMap) + Send + Sync>;

/// A function that whoever collects the spans supplies.
pub(crate) struct Hook<F: ?Sized>(pub(crate) Arc<F>);

impl<F: ?Sized> Clone for Hook<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: ?Sized> fmt::Debug for Hook<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
