//! `atp data`

use anyhow::Context;
use atproto_core::{
    data::{Value, cbor, json, limits},
    syntax::Cid,
};
use clap::{Args, Subcommand};
use data_encoding::BASE64_NOPAD;
use serde_json::json;

use crate::{input, output::Output};

/// From standard input to standard output, strict: what is not the one canonical encoding of
/// a value of the data model is refused.
#[derive(Subcommand)]
pub(crate) enum Data {
    /// DAG-CBOR to JSON
    ///
    /// Any value of the data model will do: a record, a node of a tree, a commit, a number.
    /// What is not the canonical encoding of one is refused.
    ///
    /// Example: atp data to-json < record.cbor
    ToJson,
    ToCbor(ToCbor),
    Cid(OfWhat),
}

/// JSON to DAG-CBOR
///
/// With --json prints the encoding in base64, and its CID.
///
/// Example: echo '{"$type": "com.example.note"}' | atp data to-cbor > record.cbor
#[derive(Args)]
pub(crate) struct ToCbor {
    #[command(flatten)]
    shape: Shape,
}

/// The CID of a record in DAG-CBOR or JSON, or of a blob
///
/// Input that begins with `{` or `[` is taken for JSON and encoded first; no DAG-CBOR within
/// the limits of the protocol begins so.
///
/// Example: atp data cid < record.json
#[derive(Args)]
pub(crate) struct OfWhat {
    /// Take the input as it is, whatever it is: the CID of a blob
    #[arg(long, conflicts_with = "any")]
    raw: bool,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
struct Shape {
    /// Take JSON that is no object too; records are objects
    #[arg(long)]
    any: bool,
}

impl Data {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::ToJson => {
                let value = cbor::decode(&block()?).context("standard input")?;
                output.document(&json::to_json(&value))
            }
            Self::ToCbor(ToCbor { shape }) => print_cbor(&shape.encode(&text()?)?, output),
            Self::Cid(OfWhat { raw: true, .. }) => print_cid(Cid::raw(&input::stdin()?), output),
            Self::Cid(OfWhat { raw: false, shape }) => print_cid(shape.cid(&text()?)?, output),
        }
    }
}

impl Shape {
    fn cid(&self, input: &[u8]) -> anyhow::Result<Cid> {
        if let Some(b'{' | b'[') = input.trim_ascii_start().first() {
            return Ok(Cid::dag_cbor(&self.encode(input)?));
        }
        cbor::check(input).context("standard input")?;
        Ok(Cid::dag_cbor(input))
    }

    fn encode(&self, text: &[u8]) -> anyhow::Result<Vec<u8>> {
        let value = match self.any {
            true => json::decode(text),
            false => json::decode_map(text).map(Value::Map),
        };
        let bytes = cbor::encode(&value.context("standard input")?);
        // What JSON can say and the data model cannot, such as too deep nesting, shows here.
        cbor::check(&bytes).context("standard input")?;
        Ok(bytes)
    }
}

fn print_cbor(bytes: &[u8], output: &mut Output) -> anyhow::Result<()> {
    if !output.is_json() {
        return output.bytes(bytes);
    }
    let cid = Cid::dag_cbor(bytes).to_string();
    output.object(&[("cid", json!(cid)), ("cbor", json!(BASE64_NOPAD.encode(bytes)))])
}

fn print_cid(cid: Cid, output: &mut Output) -> anyhow::Result<()> {
    let text = cid.to_string();
    output.item(&[("cid", json!(text))], &text)
}

/// DAG-CBOR on standard input: a record, or what else travels in a frame.
fn block() -> anyhow::Result<Vec<u8>> {
    input::stdin_at_most(limits::MAX_FRAME as u64)
}

/// JSON or DAG-CBOR on standard input. JSON is longer: as much as the limits for records
/// differ.
fn text() -> anyhow::Result<Vec<u8>> {
    let factor = limits::MAX_RECORD_JSON / limits::MAX_RECORD_CBOR;
    input::stdin_at_most((factor * limits::MAX_FRAME) as u64)
}
