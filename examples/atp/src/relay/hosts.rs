use atproto_lexicons::com::atproto::sync::ListHosts;
use atproto_xrpc::Client;
use clap::Args;
use futures::TryStreamExt;
use serde_json::json;

use crate::output::Output;

/// List the hosts that a relay knows.
///
/// A line each: name, status, newest sequence number, number of accounts.
#[derive(Args)]
pub(crate) struct Hosts {
    /// The relay
    url: String,
}

impl Hosts {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let mut pages = Client::new(&self.url)?.pages(ListHosts::default());
        while let Some(page) = pages.try_next().await? {
            for host in page.hosts {
                let known = |number: Option<i64>| {
                    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
                };
                let status = json!(host.status);
                let text = [
                    host.hostname.clone(),
                    status.as_str().unwrap_or("-").to_owned(),
                    known(host.seq),
                    known(host.account_count),
                ];
                output.item(
                    &[
                        ("hostname", json!(host.hostname)),
                        ("status", status),
                        ("seq", json!(host.seq)),
                        ("accountCount", json!(host.account_count)),
                    ],
                    &text.join("\t"),
                )?;
            }
        }
        Ok(())
    }
}
