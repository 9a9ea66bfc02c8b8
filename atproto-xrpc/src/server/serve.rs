use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// Limits of the HTTP server itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeConfig {
    /// Connections at a time, subscriptions included; more wait in the system's backlog.
    /// Ours: 8,192.
    pub connections: usize,
    /// How long a client may take to send the head of a request, which is also how long an
    /// idle connection is kept. Ours: 30 s.
    pub head_timeout: Duration,
    /// Bytes of a request's head. Ours: 32 KiB.
    pub head_bytes: usize,
    /// How long requests may still run after the shutdown signal. Ours: 20 s.
    pub drain_timeout: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            connections: 8_192,
            head_timeout: Duration::from_secs(30),
            head_bytes: 32 * 1024,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// Serves an axum router over HTTP/1.1 until `shutdown` is done, then lets running requests
/// finish.
///
/// It differs from `axum::serve` in what it bounds: connections, the size of a request's head
/// and the time it takes. Handlers and rate limits see the peer's address. Subscriptions are
/// no longer requests and have a signal of their own,
/// [`RouterConfig::shutdown`](super::RouterConfig::shutdown).
pub async fn serve(
    listener: TcpListener,
    app: axum::Router,
    config: ServeConfig,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_buf_size(config.head_bytes.max(MIN_BUFFER));
    let seats = Arc::new(Semaphore::new(config.connections));
    let (running, drain) = (TaskTracker::new(), CancellationToken::new());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let seat = Arc::clone(&seats).acquire_owned();
        let accept = async { (seat.await, listener.accept().await) };
        let (seat, accepted) = tokio::select! {
            next = accept => next,
            () = &mut shutdown => break,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let connection = serve_connection(http.clone(), socket, peer, app.clone(), drain.clone());
        running.spawn(async move {
            connection.await;
            drop(seat);
        });
    }
    drop(listener);
    drain.cancel();
    running.close();
    if timeout(config.drain_timeout, running.wait()).await.is_err() {
        tracing::warn!("requests were still running when the drain timeout passed");
    }
    Ok(())
}

/// The least that hyper takes.
const MIN_BUFFER: usize = 8 * 1024;

/// Serves one connection until it ends, or until its running request does once `drain` is
/// cancelled.
async fn serve_connection(
    http: http1::Builder,
    socket: TcpStream,
    peer: SocketAddr,
    app: axum::Router,
    drain: CancellationToken,
) {
    let _slower_without_but_not_wrong = socket.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let connection = http.serve_connection(TokioIo::new(socket), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}

/// A client that left early is no reason to wait. Being out of file descriptors is, or this
/// loop would spin.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "cannot accept connections");
    tokio::time::sleep(Duration::from_secs(1)).await;
}
