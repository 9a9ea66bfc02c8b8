use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::filter::Filter;
pub use crate::intake::Wire;

/// Opens connections to one upstream. The consumer decides when.
pub trait Transport: Send + Sync + 'static {
    /// Opens the stream at a cursor.
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_>;

    /// As [`Self::connect`], for an upstream that can leave out events that are not wanted. The
    /// consumer leaves them out in any case. Default: it cannot.
    fn connect_filtered(&self, cursor: Option<i64>, filter: Filter) -> Connecting<'_> {
        drop(filter);
        self.connect(cursor)
    }

    /// The form in which it tells events. Default: [`Wire::SubscribeRepos`].
    fn wire(&self) -> Wire {
        Wire::SubscribeRepos
    }
}

/// One of several upstreams of the same network.
#[derive(Clone)]
pub struct Upstream {
    pub(super) name: Arc<str>,
    pub(super) transport: Arc<dyn Transport>,
}

impl Upstream {
    /// An upstream under the name that its position is kept under.
    pub fn new(name: impl Into<Arc<str>>, transport: Arc<dyn Transport>) -> Self {
        Self { name: name.into(), transport }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One open connection.
pub trait FrameSource: Send {
    /// The next frame; `None` at an orderly end. Dropping the future must lose
    /// no frame. While it is not called nothing may be buffered beyond what
    /// the socket does by itself.
    fn next_frame(&mut self) -> NextFrame<'_>;
}

/// The result of [`Transport::connect`].
pub type Connecting<'a> = BoxFuture<'a, Result<Box<dyn FrameSource>, TransportError>>;

/// The result of [`FrameSource::next_frame`].
pub type NextFrame<'a> = BoxFuture<'a, Option<Result<Bytes, TransportError>>>;

/// Why a connection could not be opened, or broke.
#[derive(Debug, thiserror::Error)]
#[error("{label}: {source}")]
pub struct TransportError {
    /// A short constant name, for statistics.
    pub label: &'static str,
    /// Whether trying again is pointless (HTTP 501, an invalid URL).
    pub permanent: bool,
    /// What went wrong.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}
