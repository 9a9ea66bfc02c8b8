use std::{collections::BTreeMap, future::Future, sync::Arc};

use atproto_core::{
    endpoint::{Procedure, Query, Subscription},
    syntax::Nsid,
};
use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use futures::Stream;
use http::Method;

use super::{
    BodyHandler, Context, Handler, Policy, Reply, RouterConfig, StreamError, body,
    dispatch::{Endpoint, Head, Pace, Shared, Target},
    subscription,
};
use crate::XrpcError;

/// Maps endpoint types to handlers.
///
/// The second type parameter of the methods is the policy's, which the compiler infers:
/// `.query::<GetRecord, _>(Public, get_record)`. All of them panic if the method is routed
/// already or its name is no NSID: both are faults of the program, found when it starts.
pub struct Router {
    shared: Arc<Shared>,
    routes: BTreeMap<&'static str, Endpoint>,
    fallback: Option<Endpoint>,
}

impl Router {
    /// A router without routes.
    pub fn new(config: RouterConfig) -> Self {
        let shared = Arc::new(Shared::new(config));
        Self { shared, routes: BTreeMap::new(), fallback: None }
    }

    /// Serves a query: typed parameters in, typed output back.
    #[must_use]
    pub fn query<Q: Query, P: Policy>(
        self,
        policy: P,
        handler: impl Handler<Context<P::Proof>, Q, Answer: Into<Reply<Q::Output>>>,
    ) -> Self {
        let target = Target::new(Q::NSID);
        let route = Arc::new((policy, handler));
        self.add(Q::NSID, Pace::Request, move |head: Head, _body| {
            let (route, target) = (Arc::clone(&route), target.clone());
            async move {
                head.require(&[Method::GET, Method::HEAD], "GET")?;
                let proof = route.0.authorize(&head.parts, Q::NSID).await?;
                head.require_no_body()?;
                let params: Q = head.params(&target)?;
                let (context, shared) = head.into_context(proof, Q::NSID);
                let reply = (route.1)(context, params).await;
                shared.reply(&target, reply.map_err(Into::into)?.into())
            }
        })
    }

    /// Serves a procedure: typed input in, typed output back.
    #[must_use]
    pub fn procedure<C: Procedure, P: Policy>(
        self,
        policy: P,
        handler: impl Handler<Context<P::Proof>, C, Answer: Into<Reply<C::Output>>>,
    ) -> Self {
        let target = Target::new(C::NSID);
        let route = Arc::new((policy, handler));
        self.add(C::NSID, Pace::Request, move |head: Head, body| {
            let (route, target) = (Arc::clone(&route), target.clone());
            async move {
                head.require(&[Method::POST], "POST")?;
                let proof = route.0.authorize(&head.parts, C::NSID).await?;
                let params: C::Params = head.params(&target)?;
                let input: C::Input = body::read(&head, body, &target).await?;
                let call = C::from_parts(params, input);
                let (context, shared) = head.into_context(proof, C::NSID);
                let reply = (route.1)(context, call).await;
                shared.reply(&target, reply.map_err(Into::into)?.into())
            }
        })
    }

    /// Serves a query whose answer the handler makes itself: a CAR, a blob, a stream.
    #[must_use]
    pub fn raw_query<Q: Query, P: Policy>(
        self,
        policy: P,
        handler: impl Handler<Context<P::Proof>, Q, Answer: IntoResponse>,
    ) -> Self {
        let target = Target::new(Q::NSID);
        let route = Arc::new((policy, handler));
        self.add(Q::NSID, Pace::Request, move |head: Head, _body| {
            let (route, target) = (Arc::clone(&route), target.clone());
            async move {
                head.require(&[Method::GET, Method::HEAD], "GET")?;
                let proof = route.0.authorize(&head.parts, Q::NSID).await?;
                head.require_no_body()?;
                let params: Q = head.params(&target)?;
                let (context, _) = head.into_context(proof, Q::NSID);
                let reply = (route.1)(context, params).await;
                Ok(reply.map_err(Into::into)?.into_response())
            }
        })
    }

    /// Serves a procedure whose body the handler reads itself, piece by piece: an upload.
    ///
    /// The body ends with an error at `Limits::upload_bytes`; see
    /// [`body_error`](super::body_error) for turning it into the answer 413. Compressed
    /// bodies are refused before the handler sees them.
    #[must_use]
    pub fn raw_procedure<C: Procedure, P: Policy>(
        self,
        policy: P,
        handler: impl BodyHandler<Context<P::Proof>, C::Params, Answer: IntoResponse>,
    ) -> Self {
        let target = Target::new(C::NSID);
        let route = Arc::new((policy, handler));
        self.add(C::NSID, Pace::Upload, move |head: Head, body| {
            let (route, target) = (Arc::clone(&route), target.clone());
            async move {
                head.require(&[Method::POST], "POST")?;
                let proof = route.0.authorize(&head.parts, C::NSID).await?;
                let params: C::Params = head.params(&target)?;
                let body = body::upload(&head, body)?;
                let (context, _) = head.into_context(proof, C::NSID);
                let reply = (route.1)(context, params, body).await;
                Ok(reply.map_err(Into::into)?.into_response())
            }
        })
    }

    /// Serves a subscription from a stream of encoded frames.
    ///
    /// The stream is polled only as fast as the socket takes its frames. Its first error
    /// is sent as an error frame and ends the connection. An error of the handler itself
    /// comes before the upgrade and is a plain HTTP error; errors that belong into the
    /// stream, such as `FutureCursor`, are its first item.
    #[must_use]
    pub fn subscription<S: Subscription, P: Policy>(
        self,
        policy: P,
        handler: impl Handler<
            Context<P::Proof>,
            S,
            Answer: Stream<Item = Result<Bytes, StreamError>> + Send + 'static,
        >,
    ) -> Self {
        let target = Target::new(S::NSID);
        let route = Arc::new((policy, handler));
        self.add(S::NSID, Pace::Request, move |mut head: Head, _body| {
            let (route, target) = (Arc::clone(&route), target.clone());
            async move {
                let upgrade = subscription::Upgrade::of(&mut head.parts, &head.shared.config)?;
                let proof = route.0.authorize(&head.parts, S::NSID).await?;
                let params: S = head.params(&target)?;
                let seat = head.shared.seat()?;
                let (context, shared) = head.into_context(proof, S::NSID);
                let stream = (route.1)(context, params).await;
                let frames = Box::pin(stream.map_err(Into::into)?);
                Ok(upgrade.accept(frames, target.nsid, &shared.config, seat))
            }
        })
    }

    /// Answers all methods that no route answers: a proxy to other services.
    #[must_use]
    pub fn fallback<P: Policy>(
        mut self,
        policy: P,
        handler: impl Handler<Context<P::Proof>, Request, Answer: IntoResponse>,
    ) -> Self {
        let route = Arc::new((policy, handler));
        self.fallback = Some(Endpoint::new(Pace::Upload, move |head: Head, body| {
            let route = Arc::clone(&route);
            async move {
                let nsid = head.called_method()?;
                let proof = route.0.authorize(&head.parts, nsid.as_str()).await?;
                let body = body::limited(&head, body)?;
                let context = head.context(proof, nsid.as_str().to_owned());
                let request = Request::from_parts(head.parts, body);
                let reply = (route.1)(context, request).await;
                Ok(reply.map_err(Into::into)?.into_response())
            }
        }));
        self
    }

    /// The routes under `/xrpc/` as an axum router, to be merged with others and served.
    ///
    /// Unknown methods are answered with 501 (or by the fallback).
    pub fn into_router(self) -> axum::Router {
        let mut router = axum::Router::new();
        for (nsid, endpoint) in self.routes {
            let (shared, endpoint) = (Arc::clone(&self.shared), Arc::new(endpoint));
            let serve = move |request: Request| {
                let (shared, endpoint) = (Arc::clone(&shared), Arc::clone(&endpoint));
                async move { shared.serve(nsid, &endpoint, request).await }
            };
            router = router.route(&format!("/xrpc/{nsid}"), any(serve));
        }
        let fallback = Arc::new(self.fallback.unwrap_or_else(Endpoint::not_implemented));
        let serve = move |request: Request| {
            let (shared, endpoint) = (Arc::clone(&self.shared), Arc::clone(&fallback));
            async move { shared.serve("other", &endpoint, request).await }
        };
        let router = router.route("/xrpc/{*method}", any(serve.clone()));
        router.route("/xrpc/", any(serve.clone())).route("/xrpc", any(serve))
    }

    fn add<F, Fut>(mut self, nsid: &'static str, pace: Pace, call: F) -> Self
    where
        F: Fn(Head, Body) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, XrpcError>> + Send + 'static,
    {
        let earlier = self.routes.insert(nsid, Endpoint::new(pace, call));
        assert!(earlier.is_none(), "{nsid} has two routes");
        self
    }
}

impl Target {
    fn new(nsid: &'static str) -> Self {
        match Nsid::new(nsid) {
            Ok(nsid) => Self { nsid },
            Err(error) => panic!("an endpoint type is named {nsid:?}, which is no NSID: {error}"),
        }
    }
}
