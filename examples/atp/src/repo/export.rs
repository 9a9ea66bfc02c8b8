use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use atproto_core::{
    identity::Resolver,
    syntax::{AtIdentifier, Did},
};
use atproto_lexicons::com::atproto::sync::GetRepo;
use atproto_repo::repo;
use bytes::Bytes;
use clap::Args;
use serde_json::json;

use crate::{
    blob::receive,
    network::{Network, block_on},
    output::{self, Output},
    session::write_file,
};

/// Download a repository from its host, and verify it before it is written.
#[derive(Args)]
pub(crate) struct Export {
    /// The account: a handle or a DID
    account: AtIdentifier,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Ask this host instead of the account's own
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    #[command(flatten)]
    network: Network,
}

impl Export {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (did, archive) = block_on(self.download())?;
        let key = block_on(self.key(&did))?;
        let spinner = output::spinner("checking");
        let repo = repo::verify(archive.clone(), Some(&key));
        spinner.finish_and_clear();
        let repo = repo.with_context(|| format!("the repository of {did}"))?;
        ensure!(repo.did == did, "the repository is of {}, not of {did}", repo.did);
        if self.out == Path::new("-") {
            return output.bytes(&archive);
        }
        write_file(&self.out, &archive)?;
        output.facts(&[
            ("did", json!(did)),
            ("rev", json!(repo.head.rev)),
            ("records", json!(repo.len())),
            ("bytes", json!(archive.len())),
            ("file", json!(self.out)),
        ])
    }

    async fn download(&self) -> anyhow::Result<(Did, Bytes)> {
        let (did, client) = self.network.host_of(&self.account, self.host.as_deref()).await?;
        let download = client.download(GetRepo::new(did.clone())).await?;
        Ok((did, receive(download, MAX_REPO).await?))
    }

    async fn key(&self, did: &Did) -> anyhow::Result<atproto_core::crypto::PublicKey> {
        let document = self.network.resolver()?.did(did).await.with_context(|| did.to_string())?;
        document.signing_key().with_context(|| did.to_string())
    }
}

/// Ours: 4 GiB, far above the largest repository of today.
const MAX_REPO: usize = 4 << 30;
