//! `atp plc create` and `atp plc update`: operations that are signed here and sent later.

use std::path::PathBuf;

use anyhow::{Context, bail};
use atproto_core::{
    crypto::PublicKey,
    identity::plc::{self, Operation, SignedOperation, Tombstone, check_submission},
    syntax::{Did, Handle},
};
use clap::Args;
use serde_json::json;

use super::directory::Directory;
use crate::{
    input::{self, parse_origin, parse_public_key},
    output::Output,
    session,
};

/// Make a new identity: a signed genesis, and the DID that it gives
///
/// Nothing is sent: see `atp plc submit`. Whoever holds a rotation key controls the identity;
/// keep the first one offline.
///
/// Example: atp plc create --rotation-key rotation.key --signing-key did:key:zQ3sh…
/// --handle alice.example.com --pds https://pds.example.com --out genesis.json
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
    /// The account's handle
    #[arg(long)]
    handle: Handle,
    /// The account's host, an origin such as https://pds.example.com
    #[arg(long, value_name = "URL", value_parser = parse_origin)]
    pds: String,
    #[command(flatten)]
    to: To,
}

/// Make a signed operation that changes or ends an identity
///
/// Reads the log from the directory, verifies it, and changes what is said. Nothing is sent:
/// see `atp plc submit`.
///
/// Example: atp plc update did:plc:ewvi7nxzyoun6zhxrhs64oiz --rotation-key rotation.key
/// --handle bob.example.com --out update.json
#[derive(Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct Update {
    /// The identity
    did: Did,
    /// The file of the secret rotation key that signs
    #[arg(long, value_name = "FILE")]
    rotation_key: PathBuf,
    /// All the keys that may sign changes from now on, in order of authority
    #[arg(long, value_name = "DID_KEY", value_parser = parse_public_key, num_args = 1.., group = "change")]
    rotation_keys: Vec<PublicKey>,
    /// The new key that signs the repository
    #[arg(long, value_name = "DID_KEY", value_parser = parse_public_key, group = "change")]
    signing_key: Option<PublicKey>,
    /// The new handle
    #[arg(long, group = "change")]
    handle: Option<Handle>,
    /// The new host, an origin such as https://pds.example.com
    #[arg(long, value_name = "URL", value_parser = parse_origin, group = "change")]
    pds: Option<String>,
    /// End the identity
    #[arg(long, group = "change", conflicts_with_all = ["rotation_keys", "signing_key", "handle", "pds"])]
    tombstone: bool,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    directory: Directory,
}

#[derive(Args)]
struct To {
    /// Write the operation to this file, for `atp plc submit`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Create {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let signer = input::secret_key(&self.rotation_key)?;
        let mut rotation_keys = vec![signer.public_key()];
        rotation_keys.extend(self.more_rotation_keys);
        let operation =
            Operation::account(&rotation_keys, &self.signing_key, &self.handle, &self.pds);
        let (did, genesis) = plc::create(operation, &signer)?;
        self.to.write(&did, &genesis, output)
    }
}

impl Update {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let signer = input::secret_key(&self.rotation_key)?;
        let (_, verified) = self.directory.log(&self.did).await?;
        let newest = verified.history.newest();
        let Some((newest, mut operation)) =
            newest.and_then(|newest| Some((newest, newest.successor()?)))
        else {
            bail!("{} is tombstoned", self.did);
        };
        let signed = if self.tombstone {
            Tombstone { prev: newest.cid() }.sign(&signer)?
        } else {
            self.change(&mut operation);
            operation.sign(&signer)?
        };
        let now = input::now_micros().cast_signed();
        let check = verified.history.check(&signed, now);
        check.with_context(|| format!("{} does not accept this", self.did)).map(drop)?;
        self.to.write(&self.did, &signed, output)
    }

    fn change(&self, operation: &mut Operation) {
        if !self.rotation_keys.is_empty() {
            operation.rotation_keys =
                self.rotation_keys.iter().map(PublicKey::to_did_key).collect();
        }
        if let Some(key) = &self.signing_key {
            operation.set_signing_key(key);
        }
        if let Some(handle) = &self.handle {
            operation.set_handle(handle);
        }
        if let Some(pds) = &self.pds {
            operation.set_pds(pds);
        }
    }
}

impl To {
    /// Puts out an operation that a directory would admit.
    fn write(
        &self,
        did: &Did,
        operation: &SignedOperation,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        check_submission(operation)?;
        let Some(path) = &self.out else {
            return output.document(&json!({ "did": did, "operation": operation }));
        };
        session::write_file(path, &serde_json::to_vec_pretty(operation)?)?;
        output.facts(&[("did", json!(did)), ("operation", json!(path))])
    }
}
