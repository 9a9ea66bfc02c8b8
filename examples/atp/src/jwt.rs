//! `atp jwt`

use std::sync::Arc;

use anyhow::bail;
use atproto_core::{
    crypto::PublicKey,
    identity::{DidDocument, ResolveError, Resolver},
    syntax::{Did, Handle, Nsid},
};
use atproto_xrpc::{
    auth::service::ServiceVerifier,
    oauth::{DpopNonces, DpopRequest, DpopVerifier},
};
use clap::{Args, Subcommand};
use futures::future::{BoxFuture, FutureExt, ready};
use serde_json::json;
use url::Url;

use crate::{
    input::{self, parse_public_key, parse_time},
    network::block_on,
    output::Output,
};

#[derive(Subcommand)]
pub(crate) enum Jwt {
    Verify(Verify),
    VerifyProof(VerifyProof),
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
        match self {
            Self::Verify(verify) => verify.run(output),
            Self::VerifyProof(verify) => verify.run(output),
        }
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

/// Verify a proof of possession (DPoP), given on standard input.
#[derive(Args)]
pub(crate) struct VerifyProof {
    /// The HTTP method of the request
    #[arg(long, value_name = "METHOD")]
    htm: String,
    /// The address of the request
    #[arg(long, value_name = "URL")]
    htu: Url,
    /// The nonce that the server gave
    #[arg(long, value_name = "NONCE")]
    nonce: String,
    /// The access token that was sent along
    #[arg(long, value_name = "TOKEN")]
    access_token: Option<String>,
    /// The thumbprint of the key that the access token is bound to
    #[arg(long, value_name = "THUMBPRINT")]
    jkt: Option<String>,
    /// The time that the proof's age is measured by: a datetime or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<u64>,
}

impl VerifyProof {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let proof = String::from_utf8(input::stdin()?)?;
        let now = self.now.unwrap_or_else(input::now_micros) / 1_000_000;
        let request = DpopRequest {
            method: &self.htm,
            url: &self.htu,
            access_token: self.access_token.as_deref(),
        };
        let verifier = DpopVerifier::new(DpopNonces::only(self.nonce));
        let proven = verifier.verify(proof.trim_end(), &request, now)?;
        if self.jkt.is_some_and(|jkt| jkt != proven.jkt) {
            bail!("the proof is by another key, {}", proven.jkt);
        }
        output.facts(&[("jkt", json!(proven.jkt))])
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
