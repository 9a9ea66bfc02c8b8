//! `atp key`

use std::path::{Path, PathBuf};

use anyhow::Context;
use atproto_core::crypto::{Curve, PublicKey, SecretKey, Signature, Signer};
use clap::{Args, Subcommand, ValueEnum};
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    error::Usage,
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

/// Make a new key
///
/// Prints the public key as a did:key. The secret key is `k256:` or `p256:` and 64
/// hexadecimal digits.
///
/// Example: atp key generate --out rotation.key
#[derive(Args)]
pub(crate) struct Generate {
    /// The curve: k256 is the one that most accounts use
    #[arg(long, value_enum, default_value_t = CurveName::K256)]
    curve: CurveName,
    /// Write the secret key to this new file, readable for you alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum CurveName {
    /// secp256k1
    K256,
    /// NIST P-256
    P256,
}

/// Show a public key in all its forms
///
/// Example: atp key inspect --secret-key rotation.key
#[derive(Args)]
pub(crate) struct Inspect {
    /// A did:key, a Multikey, or the multibase of a bare point
    #[arg(required_unless_present = "secret_key")]
    key: Option<String>,
    /// Show the public key of the secret one in this file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    secret_key: Option<PathBuf>,
}

/// Sign a message: prints the signature in base64
///
/// Example: atp key sign --secret-key rotation.key message.txt
#[derive(Args)]
pub(crate) struct Sign {
    /// The file of the secret key, as `atp key generate` writes it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    secret_key: PathBuf,
    /// The message
    #[arg(default_value = "-", value_name = "FILE")]
    message: PathBuf,
}

/// Verify the signature of a message
///
/// Strict as the protocol is: 64 bytes, low S. Whatever else a library would accept is
/// refused.
///
/// Example: atp key verify --key did:key:zQ3sh… --signature … message.txt
#[derive(Args)]
pub(crate) struct Verify {
    /// The public key
    #[arg(long, value_name = "DID_KEY", value_parser = parse_public_key)]
    key: PublicKey,
    /// The signature in base64 or base64url
    #[arg(long, allow_hyphen_values = true)]
    signature: String,
    /// The message
    #[arg(default_value = "-", value_name = "FILE")]
    message: PathBuf,
}

impl Key {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Generate(generate) => generate.run(output),
            Self::Inspect(inspect) => inspect.run(output),
            Self::Sign(sign) => sign.run(output),
            Self::Verify(verify) => verify.run(output),
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
        let secret = Zeroizing::new(HEXLOWER.encode(key.to_bytes().as_slice()));
        let secret = Zeroizing::new(format!("{curve}:{}", *secret));
        let public = json!(key.public_key().to_did_key());
        match self.out {
            Some(path) => {
                session::write_new_private(
                    &path,
                    Zeroizing::new(format!("{}\n", *secret)).as_bytes(),
                )?;
                output.facts(&[("didKey", public), ("secretKeyFile", json!(path))])
            }
            None => output.facts(&[("didKey", public), ("secretKey", json!(*secret))]),
        }
    }
}

impl Inspect {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let key = match (self.key, self.secret_key) {
            (Some(key), _) => input::public_key(&key)?,
            (None, Some(path)) => input::secret_key(&path)?.public_key(),
            (None, None) => return Err(Usage("a key is missing".to_owned()).into()),
        };
        output.facts(&[
            ("curve", json!(key.curve().to_string())),
            ("didKey", json!(key.to_did_key())),
            ("multikey", json!(key.to_multikey())),
            ("point", json!(HEXLOWER.encode(key.as_sec1()))),
            ("jwtAlgorithm", json!(key.curve().jwt_algorithm())),
        ])
    }
}

impl Sign {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let stdin = Path::new("-");
        if self.secret_key == stdin && self.message == stdin {
            let why = "the key and the message cannot both be on standard input";
            return Err(Usage(why.to_owned()).into());
        }
        let key = input::secret_key(&self.secret_key)?;
        let signature = key.sign(&input::read(&self.message)?)?;
        let text = BASE64_NOPAD.encode(signature.as_bytes());
        output.item(&[("signature", json!(text))], &text)
    }
}

impl Verify {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let signature = decode_signature(&self.signature)?;
        self.key.verify(&input::read(&self.message)?, &signature)?;
        output.item(&[("valid", json!(true))], "ok")
    }
}

fn decode_signature(text: &str) -> anyhow::Result<Signature> {
    let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let bytes = BASE64_NOPAD.decode(text.as_bytes()).context("the signature is not base64")?;
    Ok(Signature::from_bytes(&bytes)?)
}
