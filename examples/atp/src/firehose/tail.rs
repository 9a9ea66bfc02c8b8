use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, bail};
use atproto_core::{
    identity::{CacheConfig, CachingResolver},
    syntax::{Did, NsidPattern},
};
use atproto_firehose::verify::{Outcome, Verifier};
use atproto_repo::{
    event::{Event, EventError},
    sync::RepoState,
};
use atproto_xrpc::client::subscribe::{self, SubscribeOptions};
use clap::Args;
use futures::StreamExt;
use reqwest::Url;
use serde_json::{Value, json};

use super::describe;
use crate::{error::Usage, network::Network, output::Output};

/// Follow a stream: one line an event, until it ends or Ctrl-C.
#[derive(Args)]
pub(crate) struct Tail {
    /// A relay or a PDS: http, https, ws or wss
    url: String,
    /// Begin after this sequence number; without it, now
    #[arg(long, value_name = "N")]
    cursor: Option<i64>,
    /// Only commits to this collection; `app.bsky.feed.*` is several. May be given more
    /// than once
    #[arg(long = "collection", value_name = "NSID")]
    collections: Vec<NsidPattern>,
    /// Only events of this account. May be given more than once
    #[arg(long = "did", value_name = "DID")]
    dids: Vec<Did>,
    /// Check every event: signature, hashes, tree, inversion
    #[arg(long)]
    verify: bool,
    /// Stop after so many events
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// With --json: show the records that commits brought
    #[arg(long)]
    records: bool,
    /// Admit a server on another machine without encryption
    #[arg(long)]
    allow_clear_text: bool,
    #[command(flatten)]
    network: Network,
}

impl Tail {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let url = subscription_url(&self.url, self.cursor)?;
        let options = SubscribeOptions::default().allow_clear_text(self.allow_clear_text);
        let mut checker = self.verify.then(|| Checker::new(&self.network)).transpose()?;
        let mut frames =
            subscribe::connect(&url, &options).await.with_context(|| self.url.clone())?;
        let (mut last, mut shown) = (self.cursor, 0);
        while self.limit.is_none_or(|limit| shown < limit) {
            let frame = tokio::select! {
                frame = frames.next() => frame,
                signal = tokio::signal::ctrl_c() => return Ok(signal?),
            };
            let Some(frame) = frame else { bail!("the stream ended{}", after(last)) };
            let frame = frame.with_context(|| format!("the stream ended{}", after(last)))?;
            match Event::decode(frame) {
                Ok(event) => {
                    last = event.seq().or(last);
                    if !self.wants_account(&event) {
                        continue;
                    }
                    // Also of what is not shown: the next commit is held against it.
                    let verdict = match &mut checker {
                        Some(checker) => Some(checker.check(&event).await),
                        None => None,
                    };
                    if !self.wants_content(&event) {
                        continue;
                    }
                    self.print(&event, verdict, output)?;
                }
                Err(EventError::Unknown { .. }) => continue,
                Err(error @ (EventError::Upstream { .. } | EventError::Frame(_))) => {
                    return Err(error.into());
                }
                Err(error) => output.item(
                    &[("malformed", json!(error.to_string()))],
                    &format!("malformed: {error}"),
                )?,
            }
            output.flush()?;
            shown += 1;
        }
        frames.close().await;
        Ok(())
    }

    fn wants_account(&self, event: &Event) -> bool {
        self.dids.is_empty() || event.did().is_some_and(|did| self.dids.contains(did))
    }

    fn wants_content(&self, event: &Event) -> bool {
        if self.collections.is_empty() {
            return true;
        }
        let Event::Commit(commit) = event else { return false };
        let is_wanted = |pattern: &NsidPattern| {
            commit.ops.iter().any(|op| pattern.matches(&op.path.collection))
        };
        self.collections.iter().any(is_wanted)
    }

    fn print(
        &self,
        event: &Event,
        verdict: Option<String>,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let seq = event.seq().map_or_else(|| "-".to_owned(), |seq| seq.to_string());
        let did = event.did().map_or("-", |did| did.as_str());
        let mut text = [&seq, describe::kind(event), did, &describe::text(event)].join("\t");
        let mut fields: Vec<(&str, Value)> = Vec::new();
        if output.is_json() {
            fields = describe::fields(event, self.records);
        }
        if let Some(verdict) = verdict {
            text = format!("{verdict}\t{text}");
            fields.push(("verdict", json!(verdict)));
        }
        output.item(&fields, &text)
    }
}

/// Checks events against identities and against what came before.
struct Checker {
    verifier: Verifier,
    states: HashMap<Did, RepoState>,
}

impl Checker {
    fn new(network: &Network) -> anyhow::Result<Self> {
        let resolver = Arc::new(network.resolver()?);
        let resolver = CachingResolver::new(resolver, CacheConfig::default());
        Ok(Self { verifier: Verifier::new(Arc::new(resolver)), states: HashMap::new() })
    }

    /// The verdict in a word or two.
    async fn check(&mut self, event: &Event) -> String {
        let previous = event.did().and_then(|did| self.states.get(did)).copied();
        let verdict = self.verifier.check(event, previous, None).await.verdict;
        let (text, state) = match verdict {
            Outcome::Accept(state) => ("accept".to_owned(), state),
            Outcome::Stale => ("stale".to_owned(), None),
            Outcome::Discontinuous { state, why } => {
                (format!("discontinuous:{}", why.label()), Some(state))
            }
            Outcome::Defer(error) => (format!("defer:{}", error.label()), None),
            Outcome::Reject(rejection) => (format!("reject:{}", rejection.label()), None),
        };
        if let (Some(did), Some(state)) = (event.did(), state) {
            if self.states.len() >= MAX_STATES {
                self.states.clear();
            }
            self.states.insert(did.clone(), state);
        }
        text
    }
}

/// Ours: a million accounts, some 150 MB. Forgetting them costs only that the next event of
/// each is held against nothing.
const MAX_STATES: usize = 1 << 20;

/// The URL of a host's or relay's stream of repositories. One that has a path is taken as it
/// is.
pub(crate) fn subscription_url(text: &str, cursor: Option<i64>) -> anyhow::Result<String> {
    let mut url = Url::parse(text).map_err(|error| Usage(format!("{text}: {error}")))?;
    if matches!(url.path(), "" | "/") {
        url.set_path("/xrpc/com.atproto.sync.subscribeRepos");
    }
    if let Some(cursor) = cursor {
        url.query_pairs_mut().append_pair("cursor", &cursor.to_string());
    }
    Ok(url.into())
}

fn after(seq: Option<i64>) -> String {
    seq.map(|seq| format!(" after {seq}; continue with --cursor {seq}")).unwrap_or_default()
}
