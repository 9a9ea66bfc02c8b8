//! The server's own secrets: given by the operator, or made once and kept.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use atproto_core::crypto::{Curve, SecretKey};
use data_encoding::HEXLOWER;

use crate::config::Config;

/// The secrets that are no account's. `Debug` shows none of them.
pub struct Secrets {
    /// Signs sessions.
    pub jwt: Vec<u8>,
    /// Signs operations on the identities of accounts that were made here.
    pub rotation_key: Arc<SecretKey>,
    /// Signs the access tokens of apps.
    pub oauth_key: Arc<SecretKey>,
}

impl Secrets {
    /// Takes the secrets from the configuration; what it does not name is read from the
    /// data directory, or made and stored there, readable for the server's user alone.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let directory = config.data_directory.join("secrets");
        fs::create_dir_all(&directory)?;
        let kept = |given: &Option<String>, name, fresh| {
            given_or_kept(given.as_deref(), &directory.join(name), fresh)
        };
        let jwt = kept(&config.jwt_secret, "jwt", random)?;
        let rotation = kept(&config.plc_rotation_key, "rotation-key", || key(Curve::K256))?;
        let oauth = kept(&None, "oauth-key", || key(Curve::P256))?;
        let rotation_key =
            SecretKey::from_hex(Curve::K256, &rotation).context("the PLC rotation key")?;
        let oauth_key = SecretKey::from_hex(Curve::P256, &oauth).context("the OAuth key")?;
        Ok(Self {
            jwt: jwt.into_bytes(),
            rotation_key: Arc::new(rotation_key),
            oauth_key: Arc::new(oauth_key),
        })
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// A secret as hex.
type Fresh = fn() -> anyhow::Result<String>;

fn given_or_kept(given: Option<&str>, path: &Path, fresh: Fresh) -> anyhow::Result<String> {
    if let Some(secret) = given {
        return Ok(secret.trim().to_owned());
    }
    match fs::read_to_string(path) {
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => keep(path, &fresh()?),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(HEXLOWER.encode(&bytes))
}

fn key(curve: Curve) -> anyhow::Result<String> {
    Ok(HEXLOWER.encode(SecretKey::generate(curve).to_bytes().as_slice()))
}

fn keep(path: &Path, secret: &str) -> anyhow::Result<String> {
    // A half-written secret would be taken for a whole one at the next start.
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .with_context(|| unfinished.display().to_string())?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    Ok(secret.to_owned())
}
