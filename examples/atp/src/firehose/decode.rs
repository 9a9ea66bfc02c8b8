use std::path::PathBuf;

use anyhow::bail;
use atproto_repo::event::{Event, EventError};
use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};

use super::{
    describe,
    frames::{Frames, check_length},
};
use crate::{input, output::Output};

/// Show recorded frames as JSON, one a line.
///
/// A frame of an unknown kind gives `{"unknown": KIND}`, an error of the stream's `{"error":
/// NAME}`, a malformed frame `{"malformed": REASON}`. With a malformed frame the exit code
/// is 1.
#[derive(Args)]
pub(crate) struct Decode {
    /// Frames, each after its length as u32 little-endian
    #[arg(required_unless_present = "frame")]
    file: Option<PathBuf>,
    /// One bare frame instead
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    frame: Option<PathBuf>,
    /// Show the records that commits brought
    #[arg(long)]
    records: bool,
}

impl Decode {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let frames = match (self.file, self.frame) {
            (Some(file), _) => Frames::new(input::read(&file)?).collect(),
            (None, Some(frame)) => vec![Ok(Bytes::from(input::read(&frame)?))],
            (None, None) => Vec::new(),
        };
        let count = frames.len();
        let mut malformed = Vec::new();
        for (index, frame) in frames.into_iter().enumerate() {
            let (line, fault) = decode(frame, self.records);
            malformed.extend(fault.map(|fault| (index, fault)));
            output.object(&line)?;
        }
        match malformed.first() {
            Some((_, fault)) if count == 1 => bail!("the frame is malformed: {fault}"),
            Some((index, fault)) => {
                let bad = malformed.len();
                bail!("{bad} of {count} frames are malformed, the first at index {index}: {fault}")
            }
            None => Ok(()),
        }
    }
}

type Fields = Vec<(&'static str, Value)>;

/// The fields of the line for a frame, and what is wrong with the frame.
fn decode(frame: anyhow::Result<Bytes>, records: bool) -> (Fields, Option<String>) {
    let checked = frame.and_then(|frame| check_length(&frame).map(|()| frame));
    let frame = match checked {
        Ok(frame) => frame,
        Err(error) => return malformed(error.to_string(), Vec::new()),
    };
    match Event::decode(frame) {
        Ok(event) => (describe::fields(&event, records), None),
        Err(EventError::Unknown { kind, seq }) => {
            (vec![("unknown", json!(kind)), ("seq", json!(seq))], None)
        }
        Err(EventError::Upstream { name, message }) => {
            (vec![("error", json!(name)), ("message", json!(message))], None)
        }
        Err(error) => {
            let known = match &error {
                EventError::Invalid { kind, seq, did, .. } => {
                    vec![("kind", json!(kind)), ("seq", json!(seq)), ("did", json!(did))]
                }
                _ => Vec::new(),
            };
            malformed(error.to_string(), known)
        }
    }
}

fn malformed(reason: String, mut known: Fields) -> (Fields, Option<String>) {
    known.insert(0, ("malformed", json!(reason)));
    (known, Some(reason))
}
