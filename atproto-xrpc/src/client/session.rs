//! Calls in the name of an account.

mod error;
mod headers;
mod kept;
mod password;
mod records;
mod wire;

use std::{future::Future, sync::Arc};

use atproto_core::{
    data::BlobRef,
    endpoint::{NoErrors, Procedure, Query, Record},
    syntax::{Did, Nsid, RecordKey},
};
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;

use super::{
    Answer, Call, CallError, Client, Download, Labelers, RawResponse, Request, RequestError,
    Untyped, UntypedOutput, Upload, labelers, pages, proxy_header, request::RequestBody,
    transport::Content,
};

pub use error::SessionError;
pub use headers::WithHeaders;
pub(super) use kept::{Kept, Tokens};
pub use password::{PasswordSession, SessionState};
pub use records::{CommitMeta, Written};

/// A login of an account: calls in its name, with the access token renewed as needed.
///
/// [`PasswordSession`] and [`OAuthSession`](super::oauth::OAuthSession) are sessions, and so
/// is an `Arc<dyn Session>` for programs that have both. However many calls find the access
/// token expired, one of them renews it and the others wait for that.
pub trait Session: Send + Sync {
    /// The account.
    fn did(&self) -> Did;

    /// The client of the account's host, for calls without the account.
    fn client(&self) -> Client;

    /// Makes a request in the account's name; the answer is no error, and unread.
    fn send<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<http::Response<Content>, RequestError>>;

    /// Renews the tokens now, whether or not they have expired.
    fn refresh(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>>;

    /// Ends the session at the server and in the store. Its tokens are of no use afterwards.
    fn logout(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>>;

    /// Calls a query or a procedure in the account's name.
    fn call<K, C: Call<K>>(
        &self,
        call: C,
    ) -> impl Future<Output = Result<C::Output, CallError<C::Error>>> + Send
    where
        Self: Sized,
    {
        let request = call.into_request();
        async move { self.receive(&request?).await.map_err(CallError::of)?.decode() }
    }

    /// Calls a query or a procedure in the account's name, and keeps the headers of the answer.
    fn answer<K, C: Call<K>>(
        &self,
        call: C,
    ) -> impl Future<Output = Result<Answer<C::Output>, CallError<C::Error>>> + Send
    where
        Self: Sized,
    {
        let request = call.into_request();
        async move { self.receive(&request?).await.map_err(CallError::of)?.typed() }
    }

    /// Calls a query in the account's name.
    fn query<Q: Query>(
        &self,
        query: Q,
    ) -> impl Future<Output = Result<Q::Output, CallError<Q::Error>>> + Send
    where
        Self: Sized,
    {
        self.call(query)
    }

    /// Calls a procedure in the account's name.
    fn procedure<P: Procedure>(
        &self,
        procedure: P,
    ) -> impl Future<Output = Result<P::Output, CallError<P::Error>>> + Send
    where
        Self: Sized,
    {
        self.call(procedure)
    }

    /// Calls a method that no type is known for, with values of the data model.
    fn call_untyped(
        &self,
        untyped: Untyped,
    ) -> impl Future<Output = Result<UntypedOutput, CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        async move {
            let request = untyped.into_request()?;
            let response = self.receive(&request).await.map_err(CallError::of)?;
            Ok(UntypedOutput::read(response)?)
        }
    }

    /// All pages of a query that has a `cursor`: see [`Client::pages`].
    fn pages<Q: Query>(
        &self,
        query: Q,
    ) -> BoxStream<'static, Result<Q::Output, CallError<Q::Error>>>
    where
        Self: Sized + Clone + 'static,
    {
        let session = self.clone();
        pages::pages(query, move |request| {
            let session = session.clone();
            async move { session.receive(&request).await }
        })
    }

    /// Calls a query whose answer may be large and hands it over piece by piece.
    fn download<Q: Query>(
        &self,
        query: Q,
    ) -> impl Future<Output = Result<Download, CallError<Q::Error>>> + Send
    where
        Self: Sized,
    {
        let request = Request::query(&query);
        async move { self.send(&request?).await.map(Download::new).map_err(CallError::of) }
    }

    /// Calls a method that no type is known for, with bytes as they are: see [`Client::raw`].
    fn raw(
        &self,
        method: Method,
        nsid: &Nsid,
        params: &(impl Serialize + Sync),
        body: Option<(&str, Bytes)>,
    ) -> impl Future<Output = Result<RawResponse, CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        let request = Request::raw(method, nsid, params, body);
        async move { self.receive(&request?).await.map_err(CallError::of) }
    }

    /// Makes a request in the account's name and reads the answer, up to the client's limit.
    fn receive(
        &self,
        request: &Request,
    ) -> impl Future<Output = Result<RawResponse, RequestError>> + Send
    where
        Self: Sized,
    {
        async move {
            let response = self.send(request).await?;
            Ok(self.client().read(response).await?)
        }
    }

    /// Creates a record under a key that the server chooses.
    fn create<R: Record>(
        &self,
        record: &R,
    ) -> impl Future<Output = Result<Written, CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        records::create(self, None, record)
    }

    /// Creates a record under this key; the server refuses if there is one already.
    fn create_at<R: Record>(
        &self,
        key: &RecordKey,
        record: &R,
    ) -> impl Future<Output = Result<Written, CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        records::create(self, Some(key), record)
    }

    /// Writes a record under this key, whatever was there before.
    fn put<R: Record>(
        &self,
        key: &RecordKey,
        record: &R,
    ) -> impl Future<Output = Result<Written, CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        records::put(self, key, record)
    }

    /// Deletes a record. There being none is no error.
    fn delete<R: Record>(
        &self,
        key: &RecordKey,
    ) -> impl Future<Output = Result<(), CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        records::delete::<R>(self, key)
    }

    /// Reads a record of the account's own.
    fn get<R: Record>(
        &self,
        key: &RecordKey,
    ) -> impl Future<Output = Result<R, CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        records::get(self, key)
    }

    /// Uploads a blob. It is kept once a record refers to it.
    fn upload_blob(
        &self,
        mime_type: &str,
        bytes: impl Into<Bytes>,
    ) -> impl Future<Output = Result<BlobRef, CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        records::upload(self, mime_type, RequestBody::Bytes(bytes.into()))
    }

    /// Uploads a blob piece by piece, for what should not be in memory as a whole.
    fn upload_stream(
        &self,
        mime_type: &str,
        upload: Upload,
    ) -> impl Future<Output = Result<BlobRef, CallError<NoErrors>>> + Send
    where
        Self: Sized,
    {
        records::upload(self, mime_type, RequestBody::Upload(upload))
    }

    /// The same session with requests passed on to another service: see
    /// [`Client::with_proxy`].
    fn with_proxy(&self, service: &Did, service_id: &str) -> WithHeaders<Self>
    where
        Self: Sized + Clone,
    {
        self.with_header(HeaderName::from_static(super::PROXY), proxy_header(service, service_id))
    }

    /// The same session with answers that consider these labelers: see
    /// [`Client::with_labelers`].
    fn with_labelers(&self, labelers: &Labelers) -> WithHeaders<Self>
    where
        Self: Sized + Clone,
    {
        let name = HeaderName::from_static(labelers::ACCEPT_LABELERS);
        self.with_header(name, labelers.to_header())
    }

    /// The same session with one more header on its requests.
    fn with_header(&self, name: HeaderName, value: HeaderValue) -> WithHeaders<Self>
    where
        Self: Sized + Clone,
    {
        WithHeaders::new(self.clone(), HeaderMap::from_iter([(name, value)]))
    }
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        impl<S: Session + ?Sized> Session for $pointer {
            fn did(&self) -> Did {
                (**self).did()
            }

            fn client(&self) -> Client {
                (**self).client()
            }

            fn send<'a>(
                &'a self,
                request: &'a Request,
            ) -> BoxFuture<'a, Result<http::Response<Content>, RequestError>> {
                (**self).send(request)
            }

            fn refresh(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>> {
                (**self).refresh()
            }

            fn logout(&self) -> BoxFuture<'_, Result<(), CallError<NoErrors>>> {
                (**self).logout()
            }
        }
    )+};
}

forward!(&S, Arc<S>, Box<S>);
