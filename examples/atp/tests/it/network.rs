//! Commands that talk to a host.

use atproto_lexicons::app::bsky::feed::Post;
use atproto_testkit::{Author, MicroPds};

use crate::support::{Run, atp};

/// Runs `atp` while the host in this process answers.
async fn beside_host(args: &[&str]) -> Run {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    tokio::task::spawn_blocking(move || atp(&args)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_can_be_followed_from_a_cursor() {
    let host = MicroPds::start().await.unwrap();
    let mut author = Author::new("alice.test", 1);
    host.announce(&author);
    let post = Post::new("hello", "2026-01-01T00:00:00Z".parse().unwrap());
    let seq = host.publish(author.create(&post));

    let all = seq.to_string();
    let tail =
        ["--json", "firehose", "tail", host.url(), "--cursor", "0", "--records", "--limit", &all];
    let events = beside_host(&tail).await.fine().json();
    assert_eq!(events.len() as i64, seq);
    let last = events.last().unwrap();
    assert_eq!(last["ops"][0]["record"]["text"], "hello");

    let posts = ["firehose", "tail", host.url(), "--cursor", "0", "--limit", "1", "--collection"];
    let posts = beside_host(&[&posts[..], &["app.bsky.feed.*"]].concat()).await.fine();
    assert!(posts.text().contains("create app.bsky.feed.post/"), "{}", posts.text());
    assert_eq!(posts.text().lines().count(), 1);

    let mut other = Author::new("bob.test", 2);
    host.publish(other.create(&post));
    host.publish(author.create(&post));
    let one = ["--json", "firehose", "tail", host.url(), "--cursor", "0", "--limit", "1", "--did"];
    let events = beside_host(&[&one[..], &[other.did().as_str()]].concat()).await.fine().json();
    assert_eq!(events[0]["seq"], seq + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_are_compared_over_a_window() {
    let (one, two) = (MicroPds::start().await.unwrap(), MicroPds::start().await.unwrap());
    let compare = ["--json", "relay", "compare", one.url(), two.url(), "--window", "1s"];
    let summaries = beside_host(&compare).await.fine().json();
    assert_eq!(summaries.len(), 2);
    assert_eq!(summaries[0]["missingEvents"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_relay_lacks_is_named_and_gaps_are_counted() {
    let (one, two) = (MicroPds::start().await.unwrap(), MicroPds::start().await.unwrap());
    let mut author = Author::new("alice.test", 1);
    let post = Post::new("hello", "2026-01-01T00:00:00Z".parse().unwrap());
    let window = ["--window", "2s", "--list"];
    let compare = [&["--json", "relay", "compare", one.url(), two.url()][..], &window].concat();
    let compared = beside_host(&compare);
    tokio::pin!(compared);
    let mut seq = 0;
    let run = loop {
        let event = author.create(&post);
        one.publish(event.clone());
        seq += 1;
        if seq % 10 != 0 {
            two.publish_frame(seq, event.with_seq(seq).encode());
        }
        tokio::select! {
            run = &mut compared => break run,
            () = tokio::time::sleep(std::time::Duration::from_millis(10)) => {}
        }
    };
    let lines = run.fine().json();
    let (first, second) = (&lines[0], &lines[1]);
    assert_eq!((&first["missingEvents"], &first["sequenceGaps"]), (&0.into(), &0.into()));
    let missing = second["missingEvents"].as_u64().unwrap();
    assert!(missing > 0, "{second}");
    assert!(second["sequenceGaps"].as_u64().unwrap() >= missing, "{second}");
    assert!(second["medianLagMicros"].is_u64(), "{second}");
    let named = &lines[2..];
    assert_eq!(named.len() as u64, missing);
    for line in named {
        assert_eq!(
            (&line["missing"], &line["did"]),
            (&"commit".into(), &author.did().as_str().into())
        );
        assert_eq!(line["relay"], two.url());
    }
}
