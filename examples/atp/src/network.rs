//! Talking to others: runtime, resolvers, the directory.

use std::future::Future;

use anyhow::Context;
use atproto_core::{
    identity::{HttpResolver, HttpResolverConfig, Resolver},
    syntax::{AtIdentifier, Did},
};
use atproto_xrpc::Client;
use clap::Args;

use crate::error::Usage;

/// Where identities come from.
#[derive(Args)]
pub(crate) struct Network {
    /// The did:plc directory
    #[arg(long, value_name = "URL", env = "ATP_PLC_URL", default_value = "https://plc.directory")]
    plc_url: String,
    /// For development: also believe and ask servers on this machine
    #[arg(long, env = "ATP_ALLOW_LOOPBACK")]
    allow_loopback: bool,
    /// For development: this server answers for the handles under a suffix, for example
    /// `.test=http://127.0.0.1:2583`. Implies --allow-loopback
    #[arg(long = "handle-host", value_name = "SUFFIX=URL", env = "ATP_HANDLE_HOST")]
    handle_hosts: Vec<String>,
}

impl Network {
    /// Whether servers on this machine are believed and asked.
    pub(crate) fn admits_loopback(&self) -> bool {
        self.allow_loopback || !self.handle_hosts.is_empty()
    }

    /// A resolver that asks the network.
    pub(crate) fn resolver(&self) -> anyhow::Result<HttpResolver> {
        let mut config = HttpResolverConfig::default()
            .plc_url(self.plc_url.trim_end_matches('/'))
            .allow_loopback(self.admits_loopback());
        for host in &self.handle_hosts {
            let (suffix, url) = host
                .split_once('=')
                .ok_or_else(|| Usage(format!("--handle-host {host}: SUFFIX=URL is expected")))?;
            config = config.dev_handle_host(suffix, url);
        }
        Ok(HttpResolver::new(config)?)
    }

    /// An account's DID.
    pub(crate) async fn did(&self, account: &AtIdentifier) -> anyhow::Result<Did> {
        match account {
            AtIdentifier::Did(did) => Ok(did.clone()),
            AtIdentifier::Handle(handle) => {
                self.resolver()?.handle(handle).await.with_context(|| handle.to_string())
            }
        }
    }

    /// The account's DID, and a client of the host that its document names, or of `host`.
    pub(crate) async fn host_of(
        &self,
        account: &AtIdentifier,
        host: Option<&str>,
    ) -> anyhow::Result<(Did, Client)> {
        let did = self.did(account).await?;
        if let Some(host) = host {
            return Ok((did, Client::new(host)?));
        }
        let document = self.resolver()?.did(&did).await.with_context(|| did.to_string())?;
        let host = document.pds_endpoint();
        let client = Client::new(host.with_context(|| format!("{did} names no PDS"))?)?;
        Ok((did, client))
    }
}

/// Runs a command that waits for others.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}
