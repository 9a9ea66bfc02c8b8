//! What every request goes through before and after its handler.

use std::{borrow::Cow, future::Future, net::IpAddr, sync::Arc, time::Duration};

use atproto_core::{endpoint::Body as TypedBody, syntax::Nsid};
use axum::{body::Body, extract::Request, response::Response};
use futures::{FutureExt, future::BoxFuture};
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CONTENT_LENGTH, RETRY_AFTER, TRANSFER_ENCODING},
    request::Parts,
};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tracing::Instrument;

use super::{
    Context, Reply, RequestId, RouterConfig, address::client_address, cors, observe, request_id,
    validate,
};
use crate::XrpcError;

type Answer = Result<Response, XrpcError>;

/// The state that all routes of a router share.
pub(super) struct Shared {
    pub(super) config: RouterConfig,
    /// Of requests, until their response begins.
    running: Semaphore,
    /// Of subscriptions.
    seats: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(config: RouterConfig) -> Self {
        let running = Semaphore::new(config.limits.requests.min(Semaphore::MAX_PERMITS));
        let seats = config.limits.subscription.connections.min(Semaphore::MAX_PERMITS);
        Self { config, running, seats: Arc::new(Semaphore::new(seats)) }
    }

    /// Room for one more request.
    fn room(&self) -> Result<SemaphorePermit<'_>, XrpcError> {
        let busy = |_| {
            let soon = HeaderValue::from_static("1");
            XrpcError::unavailable("Too many requests at a time").with_header(RETRY_AFTER, soon)
        };
        self.running.try_acquire().map_err(busy)
    }

    /// A place for one more subscription.
    pub(super) fn seat(&self) -> Result<OwnedSemaphorePermit, XrpcError> {
        let full = |_| XrpcError::unavailable("Too many subscriptions");
        Arc::clone(&self.seats).try_acquire_owned().map_err(full)
    }

    pub(super) fn reply<T: TypedBody>(&self, target: &Target, reply: Reply<T>) -> Answer {
        reply.into_response(|content_type, bytes| {
            validate::output(&self.config, &target.nsid, content_type, bytes)
        })
    }

    /// Answers one request. `label` is the method, or `other` where the caller chose it.
    pub(super) async fn serve(
        self: Arc<Self>,
        label: &'static str,
        endpoint: &Endpoint,
        request: Request,
    ) -> Response {
        let (parts, body) = request.into_parts();
        let has_cors = self.config.cors;
        if has_cors && let Some(mut answer) = cors::preflight(&parts) {
            cors::open(answer.headers_mut());
            return answer;
        }
        let request_id = RequestId::of(&parts.headers);
        let trusted = &self.config.trusted_proxies;
        let client_address = client_address(&parts.headers, &parts.extensions, trusted);
        let span = observe::span(label, &parts, &request_id);
        if let Some(continue_trace) = &self.config.continue_trace {
            (continue_trace.0)(&span, &parts.headers);
        }
        let mut quota = HeaderMap::new();
        let head = Head { parts, request_id: request_id.clone(), client_address, shared: self };
        let shared = Arc::clone(&head.shared);
        let answer = match head.admit(&mut quota).and_then(|()| shared.room()) {
            Ok(_room) => endpoint.answer(head, body).instrument(span.clone()).await,
            Err(error) => Err(error),
        };
        let mut response = span.in_scope(|| observe::finish(answer, &span));
        for (name, value) in &quota {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        let headers = response.headers_mut();
        headers.insert(request_id::REQUEST_ID, request_id.to_header());
        if has_cors {
            cors::open(headers);
        }
        response
    }
}

/// Which deadline applies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// The body is read whole, or there is none.
    Request,
    /// The body is streamed.
    Upload,
}

/// A route with its types erased.
pub(super) struct Endpoint {
    pace: Pace,
    call: Box<dyn Fn(Head, Body) -> BoxFuture<'static, Answer> + Send + Sync>,
}

impl Endpoint {
    pub(super) fn new<F, Fut>(pace: Pace, call: F) -> Self
    where
        F: Fn(Head, Body) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        Self { pace, call: Box::new(move |head, body| call(head, body).boxed()) }
    }

    /// The fallback of a router that has none.
    pub(super) fn not_implemented() -> Self {
        Self::new(Pace::Request, |head: Head, _body| async move {
            head.called_method()?;
            Err(XrpcError::method_not_implemented())
        })
    }

    async fn answer(&self, head: Head, body: Body) -> Answer {
        let limits = &head.shared.config.limits;
        let deadline: Duration = match self.pace {
            Pace::Request => limits.deadline,
            Pace::Upload => limits.upload_deadline,
        };
        // A panic in a handler must cost its own request alone: state that handlers share
        // is behind locks, which poison.
        let guarded = std::panic::AssertUnwindSafe((self.call)(head, body)).catch_unwind();
        match tokio::time::timeout(deadline, guarded).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Err(XrpcError::internal(observe::panic_text(&*panic))),
            Err(_elapsed) => Err(XrpcError::timeout()),
        }
    }
}

/// The method that a route serves.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) nsid: Nsid,
}

/// A request without its body.
pub(super) struct Head {
    pub(super) parts: Parts,
    pub(super) request_id: RequestId,
    pub(super) client_address: Option<IpAddr>,
    pub(super) shared: Arc<Shared>,
}

impl Head {
    /// The checks that cost nothing and come before anything else.
    fn admit(&self, quota: &mut HeaderMap) -> Result<(), XrpcError> {
        if let (Some(limiter), Some(address)) =
            (&self.shared.config.rate_limit, self.client_address)
        {
            limiter.spend_address(address)?.write(quota);
        }
        let url = self.parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
        if url > self.shared.config.limits.url_bytes {
            return Err(XrpcError::invalid_request("URL too long")
                .with_status(http::StatusCode::URI_TOO_LONG));
        }
        Ok(())
    }

    pub(super) fn require(
        &self,
        methods: &[Method],
        expected: &'static str,
    ) -> Result<(), XrpcError> {
        if methods.contains(&self.parts.method) {
            return Ok(());
        }
        Err(XrpcError::wrong_verb(&self.parts.method, expected))
    }

    pub(super) fn has_body(&self) -> bool {
        let headers = &self.parts.headers;
        let length = headers.get(CONTENT_LENGTH).map(|length| length.as_bytes() != b"0");
        length.unwrap_or(headers.contains_key(TRANSFER_ENCODING))
    }

    pub(super) fn require_no_body(&self) -> Result<(), XrpcError> {
        if self.has_body() {
            return Err(XrpcError::invalid_request(
                "A request body was provided when none was expected",
            ));
        }
        Ok(())
    }

    pub(super) fn params<T: DeserializeOwned>(&self, target: &Target) -> Result<T, XrpcError> {
        let query = self.parts.uri.query().unwrap_or_default();
        validate::params(&self.shared.config, &target.nsid, query)
    }

    /// The method in the path, of a request that no route answers.
    pub(super) fn called_method(&self) -> Result<Nsid, XrpcError> {
        let name = self.parts.uri.path().strip_prefix("/xrpc/").unwrap_or_default();
        Nsid::new(name).map_err(|_| XrpcError::invalid_request("invalid xrpc path"))
    }

    pub(super) fn context<P>(&self, proof: P, nsid: impl Into<Cow<'static, str>>) -> Context<P> {
        Context {
            proof,
            headers: self.parts.headers.clone(),
            request_id: self.request_id.clone(),
            nsid: nsid.into(),
            client_address: self.client_address,
            extensions: self.parts.extensions.clone(),
        }
    }

    /// What the handler is told, where the rest of the request is needed no more.
    pub(super) fn into_context<P>(
        self,
        proof: P,
        nsid: impl Into<Cow<'static, str>>,
    ) -> (Context<P>, Arc<Shared>) {
        let context = Context {
            proof,
            headers: self.parts.headers,
            request_id: self.request_id,
            nsid: nsid.into(),
            client_address: self.client_address,
            extensions: self.parts.extensions,
        };
        (context, self.shared)
    }
}
