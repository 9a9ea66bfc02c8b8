//! A stream as a server of this SDK serves it.

use std::net::SocketAddr;

use atproto_core::endpoint::{NoErrors, Subscription};
use atproto_firehose::producer::{Producer, StreamEnd};
use atproto_xrpc::{
    XrpcError,
    server::{Context, Public, Router, RouterConfig, ServeConfig, StreamError, serve},
};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::net::TcpSocket;

#[derive(Serialize, Deserialize)]
pub struct Subscribe {
    cursor: Option<i64>,
}

impl Subscription for Subscribe {
    const NSID: &'static str = "org.example.subscribe";
    type Message = ();
    type Error = NoErrors;
}

/// Serves until the runtime ends, with so many bytes of the kernel's for each reader.
pub fn listen(producer: Producer, send_buffer: u32) -> SocketAddr {
    let socket = TcpSocket::new_v4().expect("there is one");
    socket.set_send_buffer_size(send_buffer).expect("it may be that large");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let listener = socket.listen(1_024).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    let handler = move |_: Context<()>, params: Subscribe| {
        let reader = producer.subscribe(params.cursor);
        async move {
            let frames =
                reader.map_err(|refused| XrpcError::invalid_request(refused.to_string()))?;
            let error = |end: StreamEnd| StreamError::new(end.name().unwrap_or("Closed"));
            Ok::<_, XrpcError>(frames.into_stream().map(move |frame| frame.map_err(error)))
        }
    };
    let app = Router::new(RouterConfig::default()).subscription::<Subscribe, _>(Public, handler);
    tokio::spawn(serve(
        listener,
        app.into_router(),
        ServeConfig::default(),
        std::future::pending(),
    ));
    address
}
