//! `atp plc data` and `atp plc log`

use atproto_core::syntax::Did;
use clap::Args;
use serde_json::json;

use super::directory::{Directory, print_identity};
use crate::output::Output;

/// Fetch the state of an identity, with its rotation keys
///
/// The directory is not believed: its log is fetched and verified.
///
/// Example: atp plc data did:plc:ewvi7nxzyoun6zhxrhs64oiz
#[derive(Args)]
pub(crate) struct Data {
    /// The identity
    did: Did,
    #[command(flatten)]
    directory: Directory,
}

/// Fetch the audit log of an identity, as JSON for `atp plc verify`
///
/// All operations are in it, also nullified ones. A log that does not hold is refused.
///
/// Example: atp plc log did:plc:ewvi7nxzyoun6zhxrhs64oiz > audit.json
#[derive(Args)]
pub(crate) struct Log {
    /// The identity
    did: Did,
    #[command(flatten)]
    directory: Directory,
}

impl Data {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (entries, verified) = self.directory.log(&self.did).await?;
        print_identity(&self.did, entries.len(), &verified, output)
    }
}

impl Log {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (entries, _) = self.directory.log(&self.did).await?;
        output.document(&json!(entries))
    }
}
