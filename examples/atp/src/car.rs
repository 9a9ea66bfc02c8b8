//! `atp car`

use std::path::PathBuf;

use anyhow::Context;
use atproto_core::syntax::Codec;
use atproto_repo::{
    car::{self, CarReader},
    mst::{Cursor, Limits},
};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{input, output::Output};

#[derive(Subcommand)]
pub(crate) enum Car {
    Ls(Ls),
    Verify(Verify),
}

/// List the blocks of an archive: CID, codec and length in bytes.
#[derive(Args)]
pub(crate) struct Ls {
    /// The archive
    file: PathBuf,
}

/// Check the form of an archive and every hash in it.
#[derive(Args)]
pub(crate) struct Verify {
    /// The archive
    file: PathBuf,
    /// The root is a node of a tree: check the whole tree as well. The records themselves
    /// need not be in the archive
    #[arg(long)]
    mst: bool,
}

impl Car {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Ls(ls) => ls.run(output),
            Self::Verify(verify) => verify.run(output),
        }
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let archive = input::read(&self.file)?;
        let mut list = || -> anyhow::Result<()> {
            for block in CarReader::new().for_slice(&archive)? {
                let block = block?;
                let (cid, bytes) = (block.cid.to_string(), block.bytes.len());
                let codec = match block.cid.codec() {
                    Codec::DagCbor => "dag-cbor",
                    Codec::Raw => "raw",
                };
                output.item(
                    &[("cid", json!(cid)), ("codec", json!(codec)), ("bytes", json!(bytes))],
                    &format!("{cid}\t{codec}\t{bytes}"),
                )?;
            }
            Ok(())
        };
        list().with_context(|| self.file.display().to_string())
    }
}

impl Verify {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let context = || self.file.display().to_string();
        let archive = input::read(&self.file)?;
        let (roots, blocks) =
            car::read_all(archive, &car::Limits::default()).with_context(context)?;
        let mut facts = vec![
            ("roots", json!(roots)),
            ("blocks", json!(blocks.len())),
            ("bytes", json!(blocks.total_bytes())),
        ];
        if self.mst {
            let root = roots.first().with_context(context)?;
            let mut cursor = Cursor::with_limits(&blocks, *root, Limits::default());
            let mut keys = 0_u64;
            while cursor.next_entry().with_context(context)?.is_some() {
                keys += 1;
            }
            facts.push(("keys", json!(keys)));
        }
        output.facts(&facts)
    }
}
