use bytes::Bytes;
use futures::future::BoxFuture;
use http::StatusCode;
use url::Url;

/// Fetches what clients publish of themselves, from addresses that anybody may choose.
///
/// An implementation must not follow redirects, must connect to public addresses only, and must
/// bound time and size. Core's `SafeClient` is one, with the feature `client`.
pub trait FetchDocument: Send + Sync + 'static {
    /// Gets a document of at most so many bytes.
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
        max_bytes: usize,
    ) -> BoxFuture<'a, Result<Document, FetchFailure>>;
}

/// An answer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Document {
    /// Its status.
    pub status: StatusCode,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its body.
    pub body: Bytes,
}

impl Document {
    /// An answer.
    pub fn new(status: StatusCode, content_type: Option<String>, body: Bytes) -> Self {
        Self { status, content_type, body }
    }
}

/// Why there is no answer, for the client's developer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchFailure(pub String);

#[cfg(feature = "client")]
mod safe {
    use std::time::Duration;

    use atproto_core::identity::{FetchLimits, SafeClient};
    use futures::future::BoxFuture;
    use http::header::CONTENT_TYPE;
    use url::Url;

    use super::{Document, FetchDocument, FetchFailure};

    impl FetchDocument for SafeClient {
        fn fetch<'a>(
            &'a self,
            url: &'a Url,
            max_bytes: usize,
        ) -> BoxFuture<'a, Result<Document, FetchFailure>> {
            Box::pin(async move {
                let limits = FetchLimits::new(max_bytes, DEADLINE)
                    .max_redirects(0)
                    .head_deadline(HEAD_DEADLINE)
                    .https_port_only(true);
                let found = self.get(url.as_str(), &limits).await;
                let found = found.map_err(|error| FetchFailure(error.to_string()))?;
                let content_type = found.headers.get(CONTENT_TYPE);
                let content_type = content_type.and_then(|value| value.to_str().ok());
                Ok(Document::new(found.status, content_type.map(ToOwned::to_owned), found.body))
            })
        }
    }

    /// Ours: the user is waiting.
    const DEADLINE: Duration = Duration::from_secs(10);
    const HEAD_DEADLINE: Duration = Duration::from_secs(5);
}
