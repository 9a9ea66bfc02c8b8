use std::io::BufRead;

use anyhow::Context;
use atproto_core::syntax::Nsid;
use atproto_lexicons::com::atproto::sync::ListReposByCollection;
use atproto_xrpc::Client;
use clap::Args;
use futures::TryStreamExt;
use serde_json::json;

use crate::{
    output::{self, Output},
    sorter::Sorter,
};

/// List the accounts that have records of a collection.
///
/// A DID a line, each once and in order, whichever relay and collection it comes from. It is what
/// the relays have seen: an account may have deleted its records since.
#[derive(Args)]
pub(crate) struct Collections {
    /// Relays
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// The collection. May be given more than once
    #[arg(long = "collection", value_name = "NSID", required = true)]
    collections: Vec<Nsid>,
}

impl Collections {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let mut sorter = Sorter::default();
        let progress = output::counter("accounts");
        for url in &self.urls {
            let client = Client::new(url)?;
            for collection in &self.collections {
                let query = ListReposByCollection::new(collection.clone());
                let mut pages = client.pages(ListReposByCollection { limit: PAGE, ..query });
                let context = || format!("{url}, {collection}");
                while let Some(page) = pages.try_next().await.with_context(context)? {
                    progress.inc(page.repos.len() as u64);
                    page.repos.iter().try_for_each(|repo| sorter.push(repo.did.as_str()))?;
                }
            }
        }
        progress.finish_and_clear();
        for did in sorter.finish()?.reader().lines() {
            let did = did?;
            output.item(&[("did", json!(did))], &did)?;
        }
        Ok(())
    }
}

/// Accounts in one answer, as many as the
/// [lexicon](https://atproto.com/lexicons/com-atproto-sync) admits.
const PAGE: i64 = 2000;
