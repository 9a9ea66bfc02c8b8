//! `atp data`

use anyhow::Context;
use atproto_core::{
    data::{Value, cbor, json},
    syntax::Cid,
};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{input, output::Output};

/// From standard input to standard output, strict: what is not the one canonical encoding of
/// a value of the data model is refused.
#[derive(Subcommand)]
pub(crate) enum Data {
    /// DAG-CBOR to JSON
    ToJson,
    /// JSON to DAG-CBOR
    ToCbor,
    Cid(OfWhat),
}

/// The CID of a record in DAG-CBOR or JSON, or of a blob.
///
/// Input that begins with `{` or `[` is taken for JSON and encoded first; no DAG-CBOR within
/// the limits of the protocol begins so.
#[derive(Args)]
pub(crate) struct OfWhat {
    /// Take the input as it is, whatever it is: the CID of a blob
    #[arg(long)]
    raw: bool,
}

impl Data {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let input = input::stdin()?;
        match self {
            Self::ToJson => {
                let value = cbor::decode(&input).context("standard input")?;
                output.document(&json::to_json(&value))
            }
            Self::ToCbor => {
                let value = json::decode(&input).context("standard input")?;
                output.bytes(&encode(&value)?)
            }
            Self::Cid(OfWhat { raw }) => {
                let cid = if raw { Cid::raw(&input) } else { cid(&input)? };
                let text = cid.to_string();
                output.item(&[("cid", json!(text))], &text)
            }
        }
    }
}

fn cid(input: &[u8]) -> anyhow::Result<Cid> {
    if let Some(b'{' | b'[') = input.trim_ascii_start().first() {
        return Ok(Cid::dag_cbor(&encode(&json::decode(input).context("standard input")?)?));
    }
    cbor::check(input).context("standard input")?;
    Ok(Cid::dag_cbor(input))
}

/// What JSON can say and the data model cannot, such as too deep nesting, shows here.
fn encode(value: &Value) -> anyhow::Result<Vec<u8>> {
    let bytes = cbor::encode(value);
    cbor::check(&bytes).context("standard input")?;
    Ok(bytes)
}
