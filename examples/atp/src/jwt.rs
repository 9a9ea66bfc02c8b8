//! `atp jwt`

use std::sync::Arc;

use atproto_core::{
    crypto::PublicKey,
    identity::{DidDocument, ResolveError, Resolver},
    syntax::{Did, Handle, Nsid},
};
use atproto_xrpc::auth::service::ServiceVerifier;
use clap::{Args, Subcommand};
use futures::future::{BoxFuture, FutureExt, ready};
use serde_json::json;

use crate::{
    input::{self, parse_public_key, parse_time},
    network::block_on,
    output::Output,
};

#[derive(Subcommand)]
pub(crate) enum Jwt {
    Verify(Verify),
}

/// Verify a token between services, given on standard input.
#[derive(Args)]
pub(crate) struct Verify {
    /// The service that was called: a DID, or a DID with a service id
    #[arg(long, value_name = "DID")]
    aud: String,
    /// The method that was called
    #[arg(long, value_name = "NSID")]
    lxm: Nsid,
    /// The issuer's key
    #[arg(long, value_name = "DID_KEY", value_parser = parse_public_key)]
    key: PublicKey,
    /// The account that the token has to be of
    #[arg(long, value_name = "DID")]
    iss: Option<Did>,
    /// The time that expiry is measured by: a datetime or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<u64>,
}

impl Jwt {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let Self::Verify(verify) = self;
        verify.run(output)
    }
}

impl Verify {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let token = String::from_utf8(input::stdin()?)?;
        let now = self.now.unwrap_or_else(input::now_micros) / 1_000_000;
        let issuers = Arc::new(OneKey { key: self.key, did: self.iss });
        let verifier = ServiceVerifier::new(issuers, [self.aud]);
        let check =
            async { Ok(verifier.verify_at(token.trim_end(), self.lxm.as_str(), now).await?) };
        let proof = block_on(check)?;
        output.facts(&[
            ("iss", json!(proof.iss)),
            ("aud", json!(proof.aud)),
            ("lxm", json!(proof.lxm)),
        ])
    }
}

/// The issuer that the command line names, or every one, has this key.
struct OneKey {
    key: PublicKey,
    did: Option<Did>,
}

impl Resolver for OneKey {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        let known = self.did.as_ref().is_none_or(|known| known == did);
        let document = known
            .then(|| Arc::new(DidDocument::new(did.clone()).with_key("atproto", &self.key)))
            .ok_or_else(|| ResolveError::NotFound(did.to_string()));
        ready(document).boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        ready(Err(ResolveError::NotFound(handle.to_string()))).boxed()
    }

    fn purge(&self, _did: &Did) {}
}
