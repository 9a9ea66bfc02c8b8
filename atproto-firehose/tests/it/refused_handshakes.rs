//! What a consumer does when the upstream does not let it in.

use std::time::Duration;

use atproto_firehose::consumer::{Consumer, ConsumerOptions, Policy, Start};
use atproto_firehose::state::MemoryState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// An upstream that answers every handshake with `status`, and counts them.
async fn refusing(status: &'static str) -> (String, watch::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (count, handshakes) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            if socket.read(&mut request).await.is_err() {
                continue;
            }
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            let _ = socket.write_all(answer.as_bytes()).await;
            count.send_modify(|count| *count += 1);
        }
    });
    (url, handshakes)
}

async fn consumer(url: &str) -> Consumer {
    let wait = Duration::from_millis(1);
    let options =
        ConsumerOptions::default().policy(Policy::dangerous().trust_upstream()).start(Start::Live);
    Consumer::open(url, MemoryState::default(), options.backoff(wait, wait)).await.unwrap()
}

#[tokio::test]
async fn ev_023_a_501_is_final() {
    let (url, handshakes) = refusing("501 Not Implemented").await;
    let mut consumer = consumer(&url).await;
    assert!(consumer.next().await.is_none());
    let reason = consumer.stopped().expect("it says why it stopped");
    assert!(reason.contains("501"), "{reason}");
    assert_eq!(*handshakes.borrow(), 1);
}

#[tokio::test]
async fn other_refusals_are_tried_again() {
    for status in ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable"]
    {
        let (url, mut handshakes) = refusing(status).await;
        let consumer = consumer(&url).await;
        handshakes.wait_for(|count| *count >= 3).await.unwrap();
        assert!(consumer.stopped().is_none(), "{status}");
    }
}
