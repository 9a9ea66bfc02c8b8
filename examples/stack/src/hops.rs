//! Where the post has arrived, and when.

use std::time::Duration;

use anyhow::Context;
use atproto_core::syntax::{AtUri, Did, Tid};
use atproto_lexicons::com::atproto::sync::SubscribeRepos;
use atproto_repo::event::Event;
use atproto_xrpc::{Client, Session, client::subscribe::FrameStream};
use futures::StreamExt;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{demo, layout::Layout};

/// How long a commit may take to a stream.
const PATIENCE: Duration = Duration::from_secs(20);

/// One station of the post's way.
pub(crate) struct Hop {
    pub(crate) server: &'static str,
    pub(crate) what: String,
    /// Since the post was sent.
    pub(crate) after: Duration,
}

impl Hop {
    pub(crate) fn stored(after: Duration, rev: Tid) -> Self {
        Self { server: "pds", what: format!("signed and stored as rev {rev}"), after }
    }
}

/// Looks out for the commits of one account on both streams.
pub(crate) struct Watch {
    pds: JoinHandle<anyhow::Result<Vec<Arrival>>>,
    relay: JoinHandle<anyhow::Result<Vec<Arrival>>>,
    rev: tokio::sync::watch::Sender<Option<Tid>>,
}

struct Arrival {
    rev: Tid,
    seq: i64,
    at: Instant,
}

impl Watch {
    /// Connects to both streams at their live ends, before anything is posted.
    pub(crate) async fn start(layout: &Layout, did: Did) -> anyhow::Result<Self> {
        let (rev, wanted) = tokio::sync::watch::channel(None);
        let pds = connect(&layout.pds_url()).await?;
        let relay = connect(&layout.relay_url()).await?;
        Ok(Self {
            pds: tokio::spawn(look_out(pds, did.clone(), wanted.clone())),
            relay: tokio::spawn(look_out(relay, did, wanted)),
            rev,
        })
    }

    /// The hops behind the PDS's answer, in their order.
    pub(crate) async fn arrivals(
        self,
        start: Instant,
        rev: Tid,
        reader: &impl Session,
        post: &AtUri,
    ) -> anyhow::Result<Vec<Hop>> {
        self.rev.send_replace(Some(rev));
        demo::eventually("the post in bob's timeline", || demo::in_timeline(reader, post)).await?;
        let indexed = start.elapsed();
        let pds = arrival(self.pds, "the PDS's stream", rev).await?;
        let relay = arrival(self.relay, "the relay's stream", rev).await?;
        let after = |arrival: &Arrival| arrival.at.saturating_duration_since(start);
        Ok(vec![
            Hop {
                server: "pds",
                what: format!("sent as event {} of its stream", pds.seq),
                after: after(&pds),
            },
            Hop {
                server: "relay",
                what: format!("verified, sent on as event {}", relay.seq),
                after: after(&relay),
            },
            Hop {
                server: "appview",
                what: "indexed, in bob's timeline".to_owned(),
                after: indexed,
            },
        ])
    }
}

async fn connect(url: &str) -> anyhow::Result<FrameStream> {
    let client = Client::builder().build(url)?;
    let stream = client.subscribe(&SubscribeRepos::default()).await;
    stream.with_context(|| format!("subscribing to {url}"))
}

/// Notes every commit of the account until the wanted one is among them.
async fn look_out(
    mut stream: FrameStream,
    did: Did,
    mut wanted: tokio::sync::watch::Receiver<Option<Tid>>,
) -> anyhow::Result<Vec<Arrival>> {
    let mut arrivals: Vec<Arrival> = Vec::new();
    loop {
        let rev = *wanted.borrow_and_update();
        if rev.is_some_and(|rev| arrivals.iter().any(|arrival| arrival.rev == rev)) {
            return Ok(arrivals);
        }
        tokio::select! {
            changed = wanted.changed() => changed?,
            frame = stream.next() => {
                let frame = frame.context("the stream ended")??;
                if let Event::Commit(commit) = Event::decode(frame)?
                    && commit.repo == did
                {
                    let at = Instant::now();
                    arrivals.push(Arrival { rev: commit.rev, seq: commit.seq, at });
                }
            }
        }
    }
}

async fn arrival(
    task: JoinHandle<anyhow::Result<Vec<Arrival>>>,
    what: &str,
    rev: Tid,
) -> anyhow::Result<Arrival> {
    let arrivals = timeout(PATIENCE, task)
        .await
        .with_context(|| format!("the commit did not arrive in {what}"))???;
    let found = arrivals.into_iter().find(|arrival| arrival.rev == rev);
    found.with_context(|| format!("the commit is not in {what}"))
}
