use atproto_core::{endpoint::NoErrors, syntax::Did};
use futures::future::{BoxFuture, FutureExt};
use http::HeaderMap;

use super::Session;
use crate::client::{CallError, Client, Request, RequestError, transport::Content};

/// A session whose requests have more headers.
#[derive(Debug, Clone)]
pub struct WithHeaders<S> {
    session: S,
    headers: HeaderMap,
}

impl<S> WithHeaders<S> {
    pub(super) fn new(session: S, headers: HeaderMap) -> Self {
        Self { session, headers }
    }

    /// The session itself.
    pub fn into_inner(self) -> S {
        self.session
    }
}

impl<S: Session> Session for WithHeaders<S> {
    fn did(&self) -> Did {
        self.session.did()
    }

    fn client(&self) -> Client {
        self.session.client().with_headers(self.headers.clone())
    }

    fn send<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<http::Response<Content>, RequestError>> {
        async move {
            let mut request = request.clone();
            let mut headers = self.headers.clone();
            headers.extend(std::mem::take(request.headers_mut()));
            *request.headers_mut() = headers;
            self.session.send(&request).await
        }
        .boxed()
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>> {
        self.session.refresh()
    }

    fn logout(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>> {
        self.session.logout()
    }
}
