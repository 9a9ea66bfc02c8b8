//! Threads.

use serde_json::Value;

use crate::support::*;

const THREAD: &str = "app.bsky.feed.getPostThread";

#[tokio::test]
async fn depth_and_parent_height_bound_the_thread() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let chain = chain(&net, &mut alice, 6);
    net.settled().await;
    let middle = chain[3]["uri"].as_str().unwrap();
    let shape = async |params: &[(&str, &str)]| {
        let params: Vec<_> = [("uri", middle)].into_iter().chain(params.iter().copied()).collect();
        let thread = net.get(None, THREAD, &params).await.ok()["thread"].take();
        (height(&thread), depth(&thread))
    };
    assert_eq!(shape(&[]).await, (3, 2));
    assert_eq!(shape(&[("depth", "0")]).await, (3, 0));
    assert_eq!(shape(&[("depth", "1"), ("parentHeight", "2")]).await, (2, 1));
    assert_eq!(shape(&[("parentHeight", "0")]).await, (0, 2));
}

#[tokio::test]
async fn a_missing_parent_is_said_to_be_missing() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let chain = chain(&net, &mut alice, 2);
    net.delete(&mut alice, POST, "0");
    net.settled().await;
    let thread = net.get(None, THREAD, &[("uri", chain[1]["uri"].as_str().unwrap())]).await.ok();
    assert_eq!(thread["thread"]["parent"]["notFound"], true);
    let by_handle = format!("at://alice.test/{POST}/1");
    assert_eq!(
        net.get(None, THREAD, &[("uri", &by_handle)]).await.ok()["thread"]["post"]["uri"],
        chain[1]["uri"]
    );
}

/// A thread is built, written and read by recursion: its depth is not for authors to choose.
#[tokio::test]
async fn a_very_long_thread_does_not_exhaust_the_stack() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let chain = chain(&net, &mut alice, 300);
    net.settled().await;
    for (post, expected) in [(&chain[0], 30), (&chain[299], 60)] {
        let params =
            [("uri", post["uri"].as_str().unwrap()), ("depth", "1000"), ("parentHeight", "1000")];
        let thread = net.get(None, THREAD, &params).await.ok()["thread"].take();
        let levels = height(&thread) + depth(&thread);
        assert_eq!(levels, expected);
    }
}

fn chain(net: &Network, author: &mut atproto_testkit::Author, length: usize) -> Vec<Value> {
    let mut posts = vec![net.post(author, "0")];
    for n in 1..length {
        let text = n.to_string();
        let answer = reply(&text, &posts[0], &posts[n - 1]);
        posts.push(net.post_as(author, &text, answer));
    }
    posts
}

fn height(mut thread: &Value) -> usize {
    let mut levels = 0;
    while !thread["parent"].is_null() {
        (thread, levels) = (&thread["parent"], levels + 1);
    }
    levels
}

fn depth(mut thread: &Value) -> usize {
    let mut levels = 0;
    while let Some(reply) = thread["replies"].get(0) {
        (thread, levels) = (reply, levels + 1);
    }
    levels
}
