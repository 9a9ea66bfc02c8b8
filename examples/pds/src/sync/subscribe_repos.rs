//! `com.atproto.sync.subscribeRepos`

use std::sync::Arc;

use atproto_lexicons::com::atproto::sync::SubscribeRepos;
use atproto_xrpc::{
    XrpcError,
    server::{Context, StreamError},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

use crate::app::App;

pub(super) async fn handle(
    app: Arc<App>,
    _context: Context<()>,
    params: SubscribeRepos,
) -> Result<impl Stream<Item = Result<Bytes, StreamError>> + Send + 'static, XrpcError> {
    let frames = match app.producer.subscribe(params.cursor).await {
        Ok(frames) => frames.map(|frame| frame.map_err(ended)).left_stream(),
        Err(refused) => {
            let error = StreamError::new(refused.name(), refused.to_string());
            stream::once(async move { Err(error) }).right_stream()
        }
    };
    Ok(frames)
}
