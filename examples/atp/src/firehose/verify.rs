use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{bail, ensure};
use atproto_core::{crypto::PublicKey, syntax::Did};
use bytes::Bytes;
use clap::Args;
use serde_json::json;

use super::{
    frames::Frames,
    identities::Identities,
    replay::{Judged, Replay},
};
use crate::{
    input::{self, parse_public_key, parse_time},
    output::Output,
};

/// Judge recorded frames by the rules of Sync 1.1.
///
/// These are signature, hashes, tree, inversion, and that each commit follows the one before.
///
/// Prints a verdict a frame: `accept`, `skip` (an unknown kind), `stale` (the revision is not
/// newer), `discontinuous` (true by itself, but something before it is missing), `violation`
/// (and which), `malformed`, `seq` (the sequence number does not grow), `no_identity` (no key
/// is known), `upstream_error`. The exit code is 0 if all are `accept` or `skip`.
///
/// Identities are JSON: a map of DIDs to keys or DID documents, or objects that have a `did`
/// and a `key`, `signingKey`, `doc`, `document` or PLC `operation`, or DID documents; in a
/// list or one a line. An account with several keys had one after the other.
#[derive(Args)]
pub(crate) struct Verify {
    /// Frames, each after its length as u32 little-endian
    #[arg(required_unless_present = "frame", requires = "identities")]
    file: Option<PathBuf>,
    /// The keys of the accounts; may be given more than once
    #[arg(long, value_name = "FILE")]
    identities: Vec<PathBuf>,
    /// One bare frame instead, by itself
    #[arg(long, value_name = "FILE", conflicts_with = "file", requires = "did", requires = "key")]
    frame: Option<PathBuf>,
    /// The account that the frame has to be of
    #[arg(long, requires = "frame")]
    did: Option<Did>,
    /// The key that has to have signed it
    #[arg(long, value_name = "DID_KEY", requires = "frame", value_parser = parse_public_key)]
    key: Option<PublicKey>,
    /// The time that revisions from the future are measured by: a datetime or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<u64>,
}

impl Verify {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let now = self.now.unwrap_or_else(input::now_micros);
        if let (Some(file), Some(did), Some(key)) = (&self.frame, self.did, self.key) {
            let frame = input::read(file)?.into();
            return verify_one(frame, &did, key, now, output);
        }
        let mut identities = Identities::default();
        self.identities.iter().try_for_each(|file| identities.add_file(file))?;
        let Some(file) = self.file else { return Ok(()) };
        verify_all(Frames::new(input::read(&file)?), Replay::new(identities, now), output)
    }
}

fn verify_one(
    frame: Bytes,
    did: &Did,
    key: PublicKey,
    now: u64,
    output: &mut Output,
) -> anyhow::Result<()> {
    let judged = Replay::new(Identities::one(did.clone(), key), now).judge(Ok(frame));
    print(&judged, output)?;
    let found = judged.did.as_ref().filter(|found| *found != did);
    ensure!(found.is_none(), "the frame is of {}, not of {did}", found.unwrap_or(did));
    ensure!(judged.verdict == "accept", "{}", reason(&judged));
    Ok(())
}

fn verify_all(frames: Frames, mut replay: Replay, output: &mut Output) -> anyhow::Result<()> {
    let mut verdicts = BTreeMap::<&str, u64>::new();
    let (mut first_wrong, mut wrong, mut count) = (None, 0_u64, 0_u64);
    for frame in frames {
        let judged = replay.judge(frame);
        print(&judged, output)?;
        *verdicts.entry(judged.verdict).or_default() += 1;
        if !judged.is_fine() {
            wrong += 1;
            first_wrong.get_or_insert((count, reason(&judged)));
        }
        count += 1;
    }
    if !output.is_json() {
        let counts: Vec<_> =
            verdicts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        output.line(format_args!("{count} frames: {}", counts.join(", ")))?;
    }
    match first_wrong {
        Some((index, reason)) => {
            bail!(
                "{wrong} of {count} frames are not accepted, the first at index {index}: {reason}"
            )
        }
        None => Ok(()),
    }
}

fn print(judged: &Judged, output: &mut Output) -> anyhow::Result<()> {
    let seq = judged.seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
    let did = judged.did.as_ref().map_or("-", |did| did.as_str());
    let text = [&seq, judged.kind, did, &reason(judged)].join("\t");
    output.item(
        &[
            ("seq", json!(judged.seq)),
            ("kind", json!(judged.kind)),
            ("did", json!(judged.did)),
            ("verdict", json!(judged.verdict)),
            ("label", json!(judged.label)),
            ("detail", json!(judged.detail)),
        ],
        &text,
    )
}

fn reason(judged: &Judged) -> String {
    let mut reason = judged.verdict.to_owned();
    for part in [judged.label, judged.detail.as_deref()].into_iter().flatten() {
        reason.push_str(": ");
        reason.push_str(part);
    }
    reason
}
