//! `atp did` and `atp handle`

use std::path::PathBuf;

use anyhow::{Context, bail};
use atproto_core::{
    identity::{
        DidDocument, FetchLimits, Resolver, SafeClient, SafeClientConfig, Service,
        resolver::verify_handle,
    },
    syntax,
};
use atproto_xrpc::Client;
use clap::{Args, Subcommand};
use reqwest::Url;
use serde_json::{Value, json};

use crate::{
    input,
    network::{Network, block_on},
    output::Output,
};

#[derive(Subcommand)]
pub(crate) enum Did {
    Resolve(ResolveDid),
    Verify(Verify),
}

#[derive(Subcommand)]
pub(crate) enum Handle {
    Resolve(ResolveHandle),
}

/// Fetch the DID document of an account
///
/// Prints what the protocol uses of it, and whether the handle leads back to the DID; with
/// --json the document as it is.
///
/// Example: atp did resolve did:plc:ewvi7nxzyoun6zhxrhs64oiz
#[derive(Args)]
pub(crate) struct ResolveDid {
    /// The DID: did:plc:… or did:web:…
    did: syntax::Did,
    #[command(flatten)]
    network: Network,
}

/// Check a DID document in a file
///
/// Prints what the protocol uses of it. A document without key, handle or PDS is a document.
/// One that is of another DID, or whose PDS is not the origin of a public server, is refused.
///
/// Example: atp did verify --document did.json --did did:plc:ewvi7nxzyoun6zhxrhs64oiz
#[derive(Args)]
pub(crate) struct Verify {
    /// The document
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// The DID that it has to be of
    #[arg(long)]
    did: syntax::Did,
    /// For development: the PDS may be on this machine
    #[arg(long, env = "ATP_ALLOW_LOOPBACK")]
    allow_loopback: bool,
}

/// Find the DID of a handle, and whether it claims the handle in turn
///
/// A handle is valid if both are true. Prints what was found in each direction, and fails if
/// they do not meet.
///
/// Example: atp handle resolve atproto.com
#[derive(Args)]
pub(crate) struct ResolveHandle {
    /// The handle, for example alice.example.com
    handle: syntax::Handle,
    #[command(flatten)]
    network: Network,
}

impl Did {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Resolve(resolve) => block_on(resolve.run(output)),
            Self::Verify(verify) => verify.run(output),
        }
    }
}

impl Handle {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let Self::Resolve(resolve) = self;
        block_on(resolve.run(output))
    }
}

impl ResolveDid {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let resolver = self.network.resolver()?;
        let document = resolver.did(&self.did).await.with_context(|| self.did.to_string())?;
        if output.is_json() {
            return output.document(&document.to_json());
        }
        let mut facts = facts(&document);
        let verified = verify_handle(&resolver, &document).await;
        let verified = match verified {
            Ok(handle) => json!(handle.is_some()),
            Err(error) => json!(error.to_string()),
        };
        facts.insert(2, ("handleVerified", verified));
        output.facts(&facts)
    }
}

impl Verify {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let path = self.document.display();
        let limit = FetchLimits::DID_DOCUMENT.max_body as u64;
        let bytes = input::read_at_most(&self.document, limit)?;
        let document = DidDocument::from_json(&bytes).with_context(|| path.to_string())?;
        if document.id != self.did {
            bail!("{path}: the document is that of {}", document.id);
        }
        if let Some(endpoint) = stated_pds(&document) {
            let checked = check_endpoint(endpoint.as_str(), self.allow_loopback);
            checked.with_context(|| format!("{path}: the PDS {endpoint}"))?;
        }
        output.facts(&facts(&document))
    }
}

impl ResolveHandle {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let Self { handle, network } = self;
        let resolver = network.resolver()?;
        let did = resolver.handle(&handle).await.with_context(|| handle.to_string())?;
        let mut facts = vec![("handle", json!(handle)), ("did", json!(did))];
        // Half of the answer is worth knowing when the other half fails.
        let document = match resolver.did(&did).await.with_context(|| did.to_string()) {
            Ok(document) => document,
            Err(error) => return output.facts(&facts).and(Err(error)),
        };
        let claimed = document.handle();
        let verified = claimed.as_ref() == Some(&handle);
        facts.extend([("claimedHandle", json!(claimed)), ("verified", json!(verified))]);
        output.facts(&facts)?;
        if !verified {
            bail!("{handle} leads to {did}, which does not claim it");
        }
        Ok(())
    }
}

/// What the document says about the PDS, even if it is nothing that could be asked:
/// [`DidDocument::pds_endpoint`] passes over that.
fn stated_pds(document: &DidDocument) -> Option<&Value> {
    let id = ["#atproto_pds".to_owned(), format!("{}#atproto_pds", document.id)];
    let is_pds = |service: &&Service| {
        id.contains(&service.id) && service.kind == "AtprotoPersonalDataServer"
    };
    document.services.iter().find(is_pds).map(|service| &service.endpoint)
}

/// Holds the URL of a host against the rules by which it would be asked.
fn check_endpoint(endpoint: Option<&str>, allow_loopback: bool) -> anyhow::Result<()> {
    let endpoint = endpoint.context("is no URL")?;
    let client = SafeClient::new(SafeClientConfig::default().allow_loopback(allow_loopback))?;
    client.check(&Url::parse(endpoint)?)?;
    Client::new(endpoint)?;
    Ok(())
}

/// What the protocol uses of a document.
fn facts(document: &DidDocument) -> Vec<(&'static str, Value)> {
    let (key, problem) = match document.signing_key() {
        Ok(key) => (json!(key.to_did_key()), None),
        Err(error) => (Value::Null, Some(error.to_string())),
    };
    let mut facts = vec![
        ("did", json!(document.id)),
        ("handle", json!(document.handle())),
        ("signingKey", key),
        ("pds", json!(document.pds_endpoint())),
    ];
    facts.extend(problem.map(|problem| ("signingKeyProblem", json!(problem))));
    facts
}
