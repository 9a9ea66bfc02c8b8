//! Follows the repositories that have posts: what was there before, and then every change.
//!
//! The network is a small one of the testkit, with one server on loopback, which is asked for its
//! repositories as a relay would be.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use atproto_core::{
    identity::safe_client::{SafeClient, SafeClientConfig},
    syntax::{Datetime, Nsid, NsidPattern, RecordKey},
};
use atproto_firehose::{
    event::{Event, Origin},
    state::SqliteState,
    tracker::{Scope, Tracker, TrackerOptions},
};
use atproto_lexicons::app::bsky::feed::Post;
use atproto_repo::{RepoPath, repo::Write};
use atproto_testkit::{Author, Directory, MicroPds};

pub(crate) async fn run() -> anyhow::Result<()> {
    let mut alice = Author::new("alice.test", 1);
    let host = MicroPds::start().await?;
    let directory = Directory::default();
    directory.insert(alice.document(host.url()));
    let text = Nsid::new("app.bsky.feed.post")?;
    let rkey = RecordKey::new("first")?;
    let post = |text: &str| Post::new(text, Datetime::now());
    alice.write(vec![Write::create_at(rkey.clone(), &post("written before"))?]);
    host.host(&alice);

    let folder = tempfile::tempdir()?;
    let client = SafeClient::new(SafeClientConfig::default().allow_loopback(true))?;
    let options = TrackerOptions::default()
        .resolver(Arc::new(directory))
        .client(client)
        .scope(Scope::collections([NsidPattern::new("app.bsky.feed.*")?]));
    let state = SqliteState::open(folder.path().join("tracker.db"))?;
    let mut tracker = Tracker::open(host.url(), state, options).await?;
    apply(&mut tracker, "what was there").await?;

    host.publish(alice.create(&post("written live")));
    host.host(&alice);
    apply(&mut tracker, "what happens").await?;

    // Nobody hears of this one, and that it is missing shows with the next.
    alice.write(vec![Write::delete(RepoPath::new(text, rkey))]);
    host.publish(alice.create(&post("after a gap")));
    host.host(&alice);
    apply(&mut tracker, "what was missed").await?;

    tracker.stopper().drain(Duration::from_secs(5)).await;
    let progress = tracker.progress().await?;
    println!("followed: {}, left: {}, fetched: {}", progress.done, progress.left, progress.fetched);
    Ok(())
}

/// Takes over one event; dropped without the ack it comes again.
async fn apply(tracker: &mut Tracker, what: &str) -> anyhow::Result<()> {
    let delivery = tracker.next().await.context("the tracker has stopped")?;
    if let Event::Commit(commit) = delivery.event() {
        let from = if commit.origin() == Origin::Stream { "stream" } else { "repository" };
        for change in commit.changes() {
            println!("{what}, from the {from}: {:?} {}", change.action, change.path);
        }
    }
    delivery.ack().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn it_runs() {
        super::run().await.unwrap();
    }
}
