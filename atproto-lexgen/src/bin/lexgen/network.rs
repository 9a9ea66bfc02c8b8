//! Talking to others: runtime and resolvers.

use std::{future::Future, sync::Arc};

use anyhow::Context;
use atproto_core::{
    identity::{HttpResolver, HttpResolverConfig},
    syntax::Did,
};
use atproto_lexgen::resolve::{Authorities, LexiconResolver};
use clap::Args;

/// Where identities and lexicons come from.
#[derive(Debug, Args)]
pub(crate) struct Network {
    /// The did:plc directory
    #[arg(long, value_name = "URL", env = "ATP_PLC_URL", default_value = "https://plc.directory")]
    plc_url: String,
    /// Believe that this account publishes the lexicons of a domain, whatever DNS says:
    /// `example.com=did:plc:…` for `com.example.*`. May be given several times
    #[arg(long = "authority", value_name = "DOMAIN=DID", value_parser = authority)]
    authorities: Vec<(String, Did)>,
    /// For development: also ask servers on this machine
    #[arg(long, env = "ATP_ALLOW_LOOPBACK")]
    allow_loopback: bool,
}

impl Network {
    /// A resolver of identities that asks the network.
    pub(crate) fn identities(&self) -> anyhow::Result<HttpResolver> {
        let mut config = HttpResolverConfig::default()
            .plc_url(self.plc_url.trim_end_matches('/'))
            .allow_loopback(self.allow_loopback);
        if !self.authorities.is_empty() {
            let known =
                self.authorities.iter().fold(Authorities::default(), |known, (domain, did)| {
                    known.with(domain, did.clone())
                });
            config = config.txt(Arc::new(known));
        }
        Ok(HttpResolver::new(config)?)
    }

    /// A resolver of lexicons that asks the network.
    pub(crate) fn lexicons(&self) -> anyhow::Result<LexiconResolver> {
        Ok(LexiconResolver::new(self.identities()?))
    }
}

/// Runs a command that waits for others.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

fn authority(text: &str) -> anyhow::Result<(String, Did)> {
    let (domain, did) = text.split_once('=').context("DOMAIN=DID is expected")?;
    Ok((domain.to_owned(), Did::new(did)?))
}
