//! `atp blob`

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use atproto_core::syntax::{AtIdentifier, Cid};
use atproto_lexicons::com::atproto::sync::{GetBlob, ListBlobs};
use atproto_xrpc::{Session, client::Download};
use bytes::Bytes;
use clap::{Args, Subcommand};
use futures::TryStreamExt;
use serde_json::json;

use crate::{
    input,
    network::{Network, block_on},
    output::{self, Output},
    session::{SessionFile, write_file},
};

#[derive(Subcommand)]
pub(crate) enum Blob {
    Upload(Upload),
    Ls(Ls),
    Download(Fetch),
}

/// Upload a file; prints the blob for use in a record.
///
/// The server forgets it if no record comes to refer to it.
#[derive(Args)]
pub(crate) struct Upload {
    /// The file, `-` for standard input
    file: PathBuf,
    /// What it is, for example image/png
    #[arg(long, value_name = "TYPE", default_value = "application/octet-stream")]
    mime_type: String,
    #[command(flatten)]
    session: SessionFile,
}

/// List the blobs of any account, a CID a line.
#[derive(Args)]
pub(crate) struct Ls {
    /// The account: a handle or a DID
    account: AtIdentifier,
    /// Ask this host instead of the account's own
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    #[command(flatten)]
    network: Network,
}

/// Download a blob of any account and check its hash.
#[derive(Args)]
pub(crate) struct Fetch {
    /// The account: a handle or a DID
    account: AtIdentifier,
    cid: Cid,
    /// Where to write it, `-` for standard output; without it, to a file named like the CID
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Ask this host instead of the account's own
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    #[command(flatten)]
    network: Network,
}

impl Blob {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        block_on(async {
            match self {
                Self::Upload(upload) => upload.run(output).await,
                Self::Ls(ls) => ls.run(output).await,
                Self::Download(fetch) => fetch.run(output).await,
            }
        })
    }
}

impl Upload {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let bytes = input::read(&self.file)?;
        let spinner = output::spinner("uploading");
        let session = self.session.session().await?;
        let blob = session.upload_blob(&self.mime_type, bytes).await;
        spinner.finish_and_clear();
        output.document(&json!(blob?))
    }
}

impl Ls {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (did, client) = self.network.host_of(&self.account, self.host.as_deref()).await?;
        let mut pages = client.pages(ListBlobs::new(did));
        while let Some(page) = pages.try_next().await? {
            for cid in page.cids {
                output.item(&[("cid", json!(cid))], &cid.to_string())?;
            }
        }
        Ok(())
    }
}

impl Fetch {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (did, client) = self.network.host_of(&self.account, self.host.as_deref()).await?;
        let download = client.download(GetBlob::new(did, self.cid)).await?;
        let mime_type = download.content_type().map(ToOwned::to_owned);
        let bytes = receive(download, MAX_BLOB).await?;
        ensure!(self.cid.matches(&bytes), "what came is not {}: its hash differs", self.cid);
        let path = self.out.unwrap_or_else(|| self.cid.to_string().into());
        if path == Path::new("-") {
            return output.bytes(&bytes);
        }
        write_file(&path, &bytes)?;
        output.facts(&[
            ("file", json!(path)),
            ("mimeType", json!(mime_type)),
            ("bytes", json!(bytes.len())),
        ])
    }
}

/// Reads a download to its end, with a bar.
pub(crate) async fn receive(mut download: Download, limit: usize) -> anyhow::Result<Bytes> {
    let bar = output::byte_bar("downloading", download.length());
    let mut bytes = Vec::new();
    while let Some(chunk) = download.try_next().await.context("the download broke off")? {
        ensure!(bytes.len() + chunk.len() <= limit, "more than {limit} bytes came");
        bar.inc(chunk.len() as u64);
        bytes.extend_from_slice(&chunk);
    }
    bar.finish_and_clear();
    Ok(bytes.into())
}

/// Ours: 1 GiB, above every limit on uploads that is known.
const MAX_BLOB: usize = 1 << 30;
