//! A client that hangs up.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use atproto_xrpc::{
    XrpcError,
    server::{Public, Router, RouterConfig},
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Notify, oneshot},
};

use crate::{
    endpoints::{GetThing, Thing},
    net::Server,
};

/// Says so when it is dropped.
struct Witness(Option<oneshot::Sender<()>>);

impl Drop for Witness {
    fn drop(&mut self) {
        let _nobody_waits = self.0.take().expect("dropped once").send(());
    }
}

#[tokio::test]
async fn the_handlers_future_is_dropped_when_the_client_hangs_up() {
    let (dropped, was_dropped) = oneshot::channel();
    let witness = Arc::new(Mutex::new(Some(Witness(Some(dropped)))));
    let started = Arc::new(Notify::new());
    let finished = Arc::new(AtomicBool::new(false));
    let handler = {
        let (started, finished) = (Arc::clone(&started), Arc::clone(&finished));
        move |_context, _params| {
            let witness = witness.lock().unwrap().take();
            let (started, finished) = (Arc::clone(&started), Arc::clone(&finished));
            async move {
                started.notify_one();
                std::future::pending::<()>().await;
                finished.store(true, Ordering::Relaxed);
                drop(witness);
                Ok::<_, XrpcError>(Thing { text: String::new() })
            }
        }
    };
    let router = Router::new(RouterConfig::default()).query::<GetThing, _>(Public, handler);
    let server = Server::start(router).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /xrpc/org.example.getThing?actor=a HTTP/1.1\r\nhost: test\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    started.notified().await;
    drop(socket);
    was_dropped.await.unwrap();
    assert!(!finished.load(Ordering::Relaxed));
}
