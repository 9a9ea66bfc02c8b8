//! `lexgen resolve`

use atproto_core::{data::json as data_json, syntax::Nsid};
use clap::Args;
use serde_json::json;

use crate::{
    network::{Network, block_on},
    output::Output,
};

/// Fetches a lexicon from the network, with proof, and prints it.
///
/// With `--json` also where it came from: the record's URI and hash.
#[derive(Debug, Args)]
pub(crate) struct Resolve {
    nsid: Nsid,
    #[command(flatten)]
    network: Network,
}

impl Resolve {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<bool> {
        let resolver = self.network.lexicons()?;
        let published = block_on(async { Ok(resolver.resolve(&self.nsid).await?) })?;
        let document = data_json::to_json(&published.record);
        let facts = json!({ "uri": published.uri, "cid": published.cid, "document": document });
        output
            .item(&facts, format_args!("{}", serde_json::to_string_pretty(&published.record)?))?;
        Ok(true)
    }
}
