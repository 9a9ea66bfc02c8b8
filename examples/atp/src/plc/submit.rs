//! `atp plc submit`

use std::path::PathBuf;

use anyhow::Context;
use atproto_core::{
    identity::plc::{self, History, SignedOperation, check_submission},
    syntax::Did,
};
use clap::Args;
use serde_json::json;

use super::directory::Directory;
use crate::{error::Usage, input, output::Output};

/// Send an operation to a directory
///
/// What the directory would refuse is refused here, and not sent: an operation beyond the
/// limits, one whose signature is not of a rotation key, one that does not follow the log.
///
/// Example: atp plc submit genesis.json --plc-url http://127.0.0.1:2582
#[derive(Args)]
pub(crate) struct Submit {
    /// The signed operation as JSON, as `atp plc create` and `atp plc update` write it
    #[arg(value_name = "OPERATION.json")]
    operation: PathBuf,
    /// The identity; only a genesis gives it by itself
    #[arg(long)]
    did: Option<Did>,
    #[command(flatten)]
    directory: Directory,
}

impl Submit {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let path = self.operation.display();
        let bytes = input::read_at_most(&self.operation, MAX_OPERATION)?;
        let operation = SignedOperation::from_json(&bytes).with_context(|| path.to_string())?;
        check_submission(&operation).with_context(|| path.to_string())?;
        let did = match (&self.did, operation.prev()) {
            (Some(did), _) => did.clone(),
            (None, None) => plc::did_of_genesis(&operation),
            (None, Some(_)) => {
                return Err(Usage(format!("{path} is no genesis: --did is needed")).into());
            }
        };
        let history = match operation.prev() {
            None => History::new(did.clone()),
            Some(_) => self.directory.log(&did).await?.1.history,
        };
        let now = input::now_micros().cast_signed();
        let accepted = history.check(&operation, now).with_context(|| path.to_string())?;
        self.directory.client()?.submit(&did, &operation).await?;
        output.facts(&[
            ("did", json!(did)),
            ("operation", json!(accepted.cid)),
            ("nullified", json!(accepted.nullified)),
        ])
    }
}

/// The longest operation that is read, in bytes of JSON. Ours: many times the limit for
/// operations in DAG-CBOR, so that this one is what answers.
const MAX_OPERATION: u64 = 1 << 20;
