//! What a reader costs that has nothing to read.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use atproto_xrpc::{
    XrpcError,
    server::{Context, Public, Router, RouterConfig, ServeConfig, serve},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot};

use crate::endpoints::SubscribeThings;

const READERS: usize = 1_000;
const FRAME_BYTES: usize = 1_024;

/// What one reader may cost, in bytes of heap. The socket's buffers in the kernel, which the
/// system sizes by itself, are not counted.
const BOUND: usize = 20_000;

#[test]
fn ev_026_a_thousand_idle_readers_cost_less_than_20_kb_each() {
    let frame = Bytes::from(vec![7; FRAME_BYTES]);
    let waiting = Arc::new(AtomicUsize::new(0));
    let handler = {
        let waiting = Arc::clone(&waiting);
        move |_context: Context<()>, _params: SubscribeThings| {
            let (waiting, frame) = (Arc::clone(&waiting), frame.clone());
            // Some frames, and then none for ever.
            let frames = stream::iter((0..20).map(move |_| Ok(frame.clone())));
            let idle = stream::once(async move {
                waiting.fetch_add(1, Ordering::Relaxed);
                std::future::pending().await
            });
            async move { Ok::<_, XrpcError>(frames.chain(idle)) }
        }
    };
    let app = Router::new(RouterConfig::default())
        .subscription::<SubscribeThings, _>(Public, handler)
        .into_router();
    // One thread for all, because allocations are counted by thread.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(serve(listener, app, ServeConfig::default(), std::future::pending()));
    let (say, connected) = oneshot::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let clients = thread::spawn(move || {
        let sockets: Vec<_> = (0..READERS).map(|_| read_first_frames(address)).collect();
        say.send(()).unwrap();
        let _until_measured = left.recv();
        drop(sockets);
    });

    let cost = allocation_counter::measure(|| {
        runtime.block_on(async {
            connected.await.unwrap();
            while waiting.load(Ordering::Relaxed) < READERS {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    });
    drop(leave);
    clients.join().unwrap();
    let each = usize::try_from(cost.bytes_current).unwrap() / READERS;
    println!("{each} bytes for each idle reader");
    assert!(each < BOUND, "{each} bytes for each idle reader");
}

/// A client that shakes hands, reads what there is, and stays.
fn read_first_frames(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    let head = "GET /xrpc/org.example.subscribeThings HTTP/1.1\r\nhost: test\r\n\
        connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    // Each frame has four bytes before it; the answer's head is shorter than one frame.
    let mut unread = 20 * (FRAME_BYTES + 4);
    let mut buffer = [0; 4_096];
    while unread > 0 {
        let read = socket.read(&mut buffer).unwrap();
        assert_ne!(read, 0);
        unread = unread.saturating_sub(read);
    }
    socket
}
