use std::time::Duration;

use anyhow::{Context, bail};
use atproto_repo::event::{Event, EventError};
use atproto_xrpc::client::subscribe::{self, FrameStream, SubscribeOptions};
use clap::Args;
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::sightings::{Key, Sequence, Sightings, Summary};
use crate::{
    firehose::subscription_url,
    output::{self, Output},
};

/// Follow several relays at once and compare what they send.
///
/// That is: events, accounts, what one has and another lacks, and how much later than the
/// first each is.
///
/// Events within five seconds of the window's edges, or a quarter of a short one, do not count as
/// missing.
#[derive(Args)]
pub(crate) struct Compare {
    /// Relays: http, https, ws or wss
    #[arg(required = true, num_args = 2.., value_name = "URL")]
    urls: Vec<String>,
    /// How long to follow them: seconds, or with `s`, `m`, `h`
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = parse_duration)]
    window: Duration,
    /// Admit relays on other machines without encryption
    #[arg(long)]
    allow_clear_text: bool,
    /// Name each event that a relay lacks
    #[arg(long)]
    list: bool,
}

/// What a relay's task tells: an event with its sequence number, that a message was malformed, or
/// how it ended.
enum Told {
    Event(Key, Option<i64>, Instant),
    Malformed,
    Ended(String),
}

impl Compare {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let options = SubscribeOptions::default().allow_clear_text(self.allow_clear_text);
        let (tell, mut told) = mpsc::channel(CHANNEL);
        for (relay, text) in self.urls.iter().enumerate() {
            let url = subscription_url(text, None)?;
            let stream = subscribe::connect(&url, &options).await;
            let stream = stream.with_context(|| text.clone())?;
            tokio::spawn(follow(relay, stream, tell.clone()));
        }
        drop(tell);

        let begin = Instant::now();
        let end = begin + self.window;
        let mut sightings = Sightings::new(self.urls.len());
        let mut malformed = vec![0_u64; self.urls.len()];
        let mut sequences = vec![Sequence::default(); self.urls.len()];
        let spinner = output::spinner("following");
        while let Ok(Some((relay, message))) = timeout_at(end, told.recv()).await {
            match message {
                Told::Event(key, seq, at) => {
                    seq.into_iter().for_each(|seq| sequences[relay].note(seq));
                    sightings.note(relay, key, at.duration_since(begin));
                }
                Told::Malformed => malformed[relay] += 1,
                Told::Ended(why) => bail!("{}: {why}", self.urls[relay]),
            }
        }
        spinner.finish_and_clear();
        let edge = EDGE.min(self.window / 4);
        let (from, to) = (edge, self.window.saturating_sub(edge));
        for (relay, url) in self.urls.iter().enumerate() {
            let summary = sightings.summary(relay, from, to);
            print(url, &summary, &sequences[relay], malformed[relay], output)?;
            let missing = self.list.then(|| sightings.missing(relay, from, to));
            for key in missing.into_iter().flatten() {
                let (kind, did, mark) = key.parts();
                let fields =
                    [("relay", url.as_str()), ("missing", kind), ("did", did), ("mark", &mark)];
                let text = ["missing", kind, did, &mark].join("\t");
                output.item(&fields.map(|(name, value)| (name, json!(value))), &text)?;
            }
        }
        Ok(())
    }
}

async fn follow(relay: usize, mut stream: FrameStream, tell: mpsc::Sender<(usize, Told)>) {
    loop {
        let message = match stream.next().await {
            Some(Ok(frame)) => match Event::decode(frame) {
                Ok(event) => match Key::of(&event) {
                    Some(key) => Told::Event(key, event.seq(), Instant::now()),
                    None => continue,
                },
                Err(EventError::Unknown { .. }) => continue,
                Err(error @ EventError::Upstream { .. }) => Told::Ended(error.to_string()),
                Err(_) => Told::Malformed,
            },
            Some(Err(error)) => Told::Ended(error.to_string()),
            None => Told::Ended("the stream ended".to_owned()),
        };
        let ended = matches!(message, Told::Ended(_));
        // The window is over when nobody listens any more.
        if tell.send((relay, message)).await.is_err() || ended {
            return;
        }
    }
}

fn print(
    url: &str,
    summary: &Summary,
    sequence: &Sequence,
    malformed: u64,
    output: &mut Output,
) -> anyhow::Result<()> {
    let micros = |lag: Option<Duration>| lag.map(|lag| lag.as_micros() as u64);
    let facts: [(&str, Value); 10] = [
        ("relay", json!(url)),
        ("events", json!(summary.events)),
        ("accounts", json!(summary.dids)),
        ("missingEvents", json!(summary.missing)),
        ("missingAccounts", json!(summary.missing_dids)),
        ("medianLagMicros", json!(micros(summary.median_lag))),
        ("p99LagMicros", json!(micros(summary.p99_lag))),
        ("sequenceGaps", json!(sequence.gaps)),
        ("sequenceSkipped", json!(sequence.skipped)),
        ("malformed", json!(malformed)),
    ];
    output.facts(&facts)?;
    if output.is_json() { Ok(()) } else { output.line("") }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        _ => (text, 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.map(Duration::from_secs).ok_or_else(|| "seconds, or with `s`, `m`, `h`".to_owned())
}

/// What arrives this near to an edge of the window may have a counterpart outside it.
const EDGE: Duration = Duration::from_secs(5);

/// Ours: messages between the relays' tasks and the comparison.
const CHANNEL: usize = 1024;
