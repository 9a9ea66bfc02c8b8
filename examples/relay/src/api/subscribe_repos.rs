//! `com.atproto.sync.subscribeRepos`

use atproto_firehose::producer::StreamEnd;
use atproto_lexicons::com::atproto::sync::SubscribeRepos;
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::{Context, StreamError};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

use super::Api;

pub(super) async fn handle(
    api: Api,
    context: Context<()>,
    params: SubscribeRepos,
) -> Result<impl Stream<Item = Result<Bytes, StreamError>> + Send + 'static, XrpcError> {
    if params.cursor.is_some_and(|cursor| cursor < 0) {
        return Err(XrpcError::invalid_request("the cursor is negative"));
    }
    let address = context.client_address.map(|address| address.to_string());
    tracing::info!(cursor = params.cursor, address, "subscribed");
    match api.app.producer.subscribe(params.cursor) {
        Ok(reader) => {
            let events = reader.into_stream().filter_map(|item| async move { frame(item) });
            Ok(events.left_stream())
        }
        Err(refused) => {
            let error = StreamError::new(refused.name()).with_message(refused.to_string());
            Ok(stream::once(async move { Err(error) }).right_stream())
        }
    }
}

/// A frame, or the error that the subscriber is owed. A stream that ends because the relay
/// does says nothing: the subscriber comes back with its cursor.
fn frame(item: Result<Bytes, StreamEnd>) -> Option<Result<Bytes, StreamError>> {
    let end = match item {
        Ok(frame) => return Some(Ok(frame)),
        Err(end) => end,
    };
    if let StreamEnd::Log(error) = &end {
        tracing::error!(%error, "a subscription ended: the log cannot be read");
    }
    let name = end.name()?;
    Some(Err(StreamError::new(name).with_message(end.to_string())))
}
