//! `atp plc`

use std::path::PathBuf;

use anyhow::Context;
use atproto_core::{
    crypto::PublicKey,
    identity::{
        PlcClient, SafeClient, SafeClientConfig,
        plc::{self, AuditEntry, SignedOperation, check_submission, verify_log},
    },
    syntax::{Did, Handle},
};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    input::{self, parse_public_key},
    network::block_on,
    output::Output,
};

#[derive(Subcommand)]
pub(crate) enum Plc {
    Verify(Verify),
    Create(Create),
    Submit(Submit),
    Export(Export),
}

/// Verify an audit log from the genesis on.
///
/// These are signatures, order, recoveries and their window, CIDs, and which entries are
/// marked as nullified.
#[derive(Args)]
pub(crate) struct Verify {
    /// The log as JSON, as a directory answers `/DID/log/audit`
    #[arg(value_name = "AUDIT_LOG.json")]
    log: PathBuf,
    /// The identity; without it, the one that the first entry names
    #[arg(long)]
    did: Option<Did>,
}

/// Make a new identity: a signed genesis, and the DID that it gives.
///
/// Nothing is sent: see `atp plc submit`.
#[derive(Args)]
pub(crate) struct Create {
    /// The file of a secret key that signs now and may sign changes later
    #[arg(long, value_name = "FILE")]
    rotation_key: PathBuf,
    /// More keys that may sign changes, of less authority than the first
    #[arg(long = "add-rotation-key", value_name = "DID_KEY", value_parser = parse_public_key)]
    more_rotation_keys: Vec<PublicKey>,
    /// The key that signs the repository
    #[arg(long, value_name = "DID_KEY", value_parser = parse_public_key)]
    signing_key: PublicKey,
    #[arg(long)]
    handle: Handle,
    /// The account's host
    #[arg(long, value_name = "URL")]
    pds: String,
    /// Write the operation to this file, for `atp plc submit`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Send an operation to a directory.
#[derive(Args)]
pub(crate) struct Submit {
    /// The signed operation as JSON
    #[arg(value_name = "OPERATION.json")]
    operation: PathBuf,
    /// The identity; without it the operation is a genesis, and gives it
    #[arg(long)]
    did: Option<Did>,
    #[command(flatten)]
    directory: Directory,
}

/// Read the operations of all identities from a directory, one JSON object a line.
#[derive(Args)]
pub(crate) struct Export {
    /// Continue after this sequence number
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Stop after so many operations
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    directory: Directory,
}

#[derive(Args)]
struct Directory {
    /// The did:plc directory
    #[arg(long, value_name = "URL", env = "ATP_PLC_URL", default_value = "https://plc.directory")]
    plc_url: String,
}

impl Plc {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Verify(verify) => verify.run(output),
            Self::Create(create) => create.run(output),
            Self::Submit(submit) => block_on(submit.run(output)),
            Self::Export(export) => block_on(export.run(output)),
        }
    }
}

impl Verify {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let path = self.log.display();
        let bytes = input::read(&self.log)?;
        let entries: Vec<AuditEntry> =
            serde_json::from_slice(&bytes).with_context(|| path.to_string())?;
        let did = self.did.or_else(|| Some(entries.first()?.did.clone()));
        let did = did.with_context(|| format!("{path}: the log is empty"))?;
        let verified = verify_log(&did, &entries).with_context(|| path.to_string())?;
        let mut facts = vec![
            ("did", json!(did)),
            ("operations", json!(entries.len())),
            ("nullified", json!(verified.nullified.len())),
            ("tombstoned", json!(verified.state.is_none())),
        ];
        if let Some(state) = verified.state {
            facts.push(("names", json!(state.also_known_as)));
            facts.push(("signingKey", json!(state.verification_methods.get("atproto"))));
            let pds = state.services.get("atproto_pds").map(|service| &service.endpoint);
            facts.push(("pds", json!(pds)));
            facts.push(("rotationKeys", json!(state.rotation_keys)));
        }
        output.facts(&facts)
    }
}

impl Create {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let signer = input::secret_key(&self.rotation_key)?;
        let mut rotation_keys = vec![signer.public_key()];
        rotation_keys.extend(self.more_rotation_keys);
        let operation =
            plc::Operation::account(&rotation_keys, &self.signing_key, &self.handle, &self.pds);
        let (did, genesis) = plc::create(operation, &signer)?;
        check_submission(&genesis)?;
        let Some(path) = self.out else {
            return output.document(&json!({ "did": did, "operation": genesis }));
        };
        std::fs::write(&path, serde_json::to_vec_pretty(&genesis)?)
            .with_context(|| path.display().to_string())?;
        output.facts(&[("did", json!(did)), ("operation", json!(path))])
    }
}

impl Submit {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let path = self.operation.display();
        let bytes = input::read(&self.operation)?;
        let operation = SignedOperation::from_json(&bytes).with_context(|| path.to_string())?;
        check_submission(&operation).with_context(|| path.to_string())?;
        let did = self.did.unwrap_or_else(|| plc::did_of_genesis(&operation));
        self.directory.client()?.submit(&did, &operation).await?;
        output.facts(&[("did", json!(did)), ("operation", json!(operation.cid()))])
    }
}

impl Export {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let client = self.directory.client()?;
        let (mut after, mut left) = (self.after, self.limit.unwrap_or(usize::MAX));
        while left > 0 {
            let count = u16::try_from(left.min(plc::limits::EXPORT_PAGE)).unwrap_or(u16::MAX);
            let page = client.export(after, count).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for entry in page.iter().take(left) {
                output.line(serde_json::to_string(entry)?)?;
            }
            output.flush()?;
            left -= page.len().min(left);
        }
        Ok(())
    }
}

impl Directory {
    /// The user names the directory, so no address is refused.
    fn client(&self) -> anyhow::Result<PlcClient> {
        let url = self.plc_url.trim_end_matches('/');
        let client = SafeClient::new(SafeClientConfig::default().trust_origin(url))?;
        Ok(PlcClient::new(url, client))
    }
}
