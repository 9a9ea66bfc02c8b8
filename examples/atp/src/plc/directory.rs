//! The directory that commands talk to.

use anyhow::Context;
use atproto_core::{
    identity::{
        PlcClient, SafeClient, SafeClientConfig,
        plc::{AuditEntry, State, VerifiedLog, verify_log},
    },
    syntax::Did,
};
use clap::Args;
use serde_json::{Value, json};

use crate::output::Output;

#[derive(Args)]
pub(super) struct Directory {
    /// The did:plc directory
    #[arg(long, value_name = "URL", env = "ATP_PLC_URL", default_value = "https://plc.directory")]
    plc_url: String,
}

impl Directory {
    /// The user names the directory, so no address is refused.
    pub(super) fn client(&self) -> anyhow::Result<PlcClient> {
        let url = self.plc_url.trim_end_matches('/');
        let client = SafeClient::new(SafeClientConfig::default().trust_origin(url))?;
        Ok(PlcClient::new(url, client))
    }

    /// The audit log of an identity. The directory is not believed: the log is verified.
    pub(super) async fn log(&self, did: &Did) -> anyhow::Result<(Vec<AuditEntry>, VerifiedLog)> {
        let entries = self.client()?.audit_log(did).await.with_context(|| did.to_string())?;
        let verified = verify_log(did, &entries).with_context(|| format!("the log of {did}"))?;
        Ok((entries, verified))
    }
}

/// Prints what is to be known about an identity.
pub(super) fn print_identity(
    did: &Did,
    operations: usize,
    verified: &VerifiedLog,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut facts = vec![
        ("did", json!(did)),
        ("operations", json!(operations)),
        ("nullified", json!(verified.nullified.len())),
        ("tombstoned", json!(verified.state.is_none())),
    ];
    facts.extend(verified.state.iter().flat_map(state_facts));
    output.facts(&facts)
}

fn state_facts(state: &State) -> [(&'static str, Value); 4] {
    let pds = state.services.get("atproto_pds").map(|service| &service.endpoint);
    [
        ("names", json!(state.also_known_as)),
        ("signingKey", json!(state.verification_methods.get("atproto"))),
        ("pds", json!(pds)),
        ("rotationKeys", json!(state.rotation_keys)),
    ]
}
