//! `atp plc verify`

use std::path::PathBuf;

use anyhow::Context;
use atproto_core::{
    identity::plc::{AuditEntry, verify_log},
    syntax::Did,
};
use clap::Args;

use super::directory::print_identity;
use crate::{input, output::Output};

/// Verify an audit log from the genesis on
///
/// That is: signatures, order, recoveries and their window, CIDs, and which entries are
/// marked as nullified. Prints the state that the log leads to. The limits that directories
/// have for new operations are not applied, for old logs exceed some of them.
///
/// Example: atp plc log did:plc:ewvi7nxzyoun6zhxrhs64oiz | atp plc verify -
#[derive(Args)]
pub(crate) struct Verify {
    /// The log as JSON, as a directory answers `/DID/log/audit`
    #[arg(value_name = "AUDIT_LOG.json")]
    log: PathBuf,
    /// The identity; without it, the one that the first entry names
    #[arg(long)]
    did: Option<Did>,
}

impl Verify {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let path = self.log.display();
        let bytes = input::read_at_most(&self.log, MAX_LOG)?;
        let entries: Vec<AuditEntry> =
            serde_json::from_slice(&bytes).with_context(|| path.to_string())?;
        let did = self.did.or_else(|| Some(entries.first()?.did.clone()));
        let did = did.with_context(|| format!("{path}: the log is empty"))?;
        let verified = verify_log(&did, &entries).with_context(|| path.to_string())?;
        print_identity(&did, entries.len(), &verified, output)
    }
}

/// The longest log that is read, in bytes. Ours: ten thousand of the largest operations.
const MAX_LOG: u64 = 128 << 20;
