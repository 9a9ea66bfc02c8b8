//! `atp key`

use std::path::PathBuf;

use anyhow::Context;
use atproto_core::crypto::{Curve, PublicKey, SecretKey, Signature, Signer};
use clap::{Args, Subcommand, ValueEnum};
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use serde_json::json;

use crate::{
    input::{self, parse_public_key},
    output::Output,
    session,
};

#[derive(Subcommand)]
pub(crate) enum Key {
    Generate(Generate),
    Inspect(Inspect),
    Sign(Sign),
    Verify(Verify),
}

/// Make a new key.
#[derive(Args)]
pub(crate) struct Generate {
    #[arg(long, value_enum, default_value_t = CurveName::K256)]
    curve: CurveName,
    /// Write the secret key to this new file, readable for you alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum CurveName {
    K256,
    P256,
}

/// Show a public key in all its forms.
#[derive(Args)]
pub(crate) struct Inspect {
    /// A did:key, a Multikey, or the multibase of a bare point
    key: String,
}

/// Sign standard input: prints the signature in base64.
#[derive(Args)]
pub(crate) struct Sign {
    /// The file of the secret key, as `atp key generate` writes it
    #[arg(long, value_name = "FILE")]
    secret_key: PathBuf,
}

/// Verify a signature over standard input.
#[derive(Args)]
pub(crate) struct Verify {
    /// The public key
    #[arg(long, value_name = "DID_KEY", value_parser = parse_public_key)]
    key: PublicKey,
    /// The signature in base64 or base64url
    #[arg(long, allow_hyphen_values = true)]
    signature: String,
}

impl Key {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Generate(generate) => generate.run(output),
            Self::Inspect(Inspect { key }) => inspect(&input::public_key(&key)?, output),
            Self::Sign(Sign { secret_key }) => {
                let signature = input::secret_key(&secret_key)?.sign(&input::stdin()?)?;
                let text = BASE64_NOPAD.encode(signature.as_bytes());
                output.item(&[("signature", json!(text))], &text)
            }
            Self::Verify(Verify { key, signature }) => {
                let signature = decode_signature(&signature)?;
                key.verify(&input::stdin()?, &signature)?;
                output.item(&[("valid", json!(true))], "ok")
            }
        }
    }
}

impl Generate {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let curve = match self.curve {
            CurveName::K256 => Curve::K256,
            CurveName::P256 => Curve::P256,
        };
        let key = SecretKey::generate(curve);
        let secret = format!("{curve}:{}", HEXLOWER.encode(key.to_bytes().as_slice()));
        let public = json!(key.public_key().to_did_key());
        match self.out {
            Some(path) => {
                session::write_new_private(&path, format!("{secret}\n").as_bytes())?;
                output.facts(&[("didKey", public), ("secretKeyFile", json!(path))])
            }
            None => output.facts(&[("didKey", public), ("secretKey", json!(secret))]),
        }
    }
}

fn inspect(key: &PublicKey, output: &mut Output) -> anyhow::Result<()> {
    output.facts(&[
        ("curve", json!(key.curve().to_string())),
        ("didKey", json!(key.to_did_key())),
        ("multikey", json!(key.to_multikey())),
        ("point", json!(HEXLOWER.encode(key.as_sec1()))),
        ("jwtAlgorithm", json!(key.curve().jwt_algorithm())),
    ])
}

fn decode_signature(text: &str) -> anyhow::Result<Signature> {
    let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let bytes = BASE64_NOPAD.decode(text.as_bytes()).context("the signature is not base64")?;
    Ok(Signature::from_bytes(&bytes)?)
}
