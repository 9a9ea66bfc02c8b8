//! Reading what commands are given: files, standard input, keys, times.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context, bail};
use atproto_core::{
    crypto::{Curve, PublicKey, SecretKey},
    data::json,
    syntax::Datetime,
};
use indicatif::ProgressFinish;
use reqwest::Url;
use zeroize::Zeroizing;

use crate::output;

/// The longest file that is read whole. Ours: 4 GiB, more than any repository of today.
const MAX_FILE: u64 = 4 << 30;

/// The longest file that may hold a secret key. Ours: one is 70 bytes long.
const MAX_KEY_FILE: u64 = 1024;

/// The contents of a file, or of standard input if it is `-`. Shows progress.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    read_at_most(path, MAX_FILE)
}

/// As [`read`]; a longer file is an error, and not read to the end.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        return read_limited(io::stdin().lock(), limit).context("standard input");
    }
    let read = || {
        let file = File::open(path)?;
        let length = file.metadata().ok().map(|metadata| metadata.len());
        let bar = output::byte_bar("reading", length);
        let bytes = read_limited(bar.wrap_read(file), limit);
        bar.finish_and_clear();
        bytes
    };
    read().with_context(|| path.display().to_string())
}

/// A file, or standard input if it is `-`, to be read bit by bit. Shows progress.
pub(crate) fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        let spinner = output::spinner("reading").with_finish(ProgressFinish::AndClear);
        return Ok(Box::new(spinner.wrap_read(io::stdin().lock())));
    }
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let length = file.metadata().ok().map(|metadata| metadata.len());
    let bar = output::byte_bar("reading", length).with_finish(ProgressFinish::AndClear);
    Ok(Box::new(bar.wrap_read(file)))
}

fn read_limited(source: impl Read, limit: u64) -> anyhow::Result<Vec<u8>> {
    // Enough for a key: growing would leave copies of it behind.
    let mut bytes = Vec::with_capacity(2 * MAX_KEY_FILE as usize);
    source.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        bail!("longer than {limit} bytes");
    }
    Ok(bytes)
}

/// All of standard input.
pub(crate) fn stdin() -> anyhow::Result<Vec<u8>> {
    read(Path::new("-"))
}

/// As [`stdin`]; more is an error, and not read to the end.
pub(crate) fn stdin_at_most(limit: u64) -> anyhow::Result<Vec<u8>> {
    read_at_most(Path::new("-"), limit)
}

/// A public key in any form that it is written in: `did:key:z…`, Multikey `z…`, or the
/// multibase of the bare point, as old DID documents have it.
pub(crate) fn public_key(text: &str) -> anyhow::Result<PublicKey> {
    if text.starts_with("did:") {
        return Ok(PublicKey::from_did_key(text)?);
    }
    PublicKey::from_multikey(text).or_else(|error| {
        let legacy = |curve| PublicKey::from_legacy(curve, text);
        legacy(Curve::K256).or_else(|_| legacy(Curve::P256)).map_err(|_| error.into())
    })
}

/// For clap: a public key argument.
pub(crate) fn parse_public_key(text: &str) -> Result<PublicKey, String> {
    public_key(text).map_err(|error| error.to_string())
}

/// A secret key from a file: `k256:` or `p256:`, then 64 hexadecimal digits.
pub(crate) fn secret_key(path: &Path) -> anyhow::Result<SecretKey> {
    let bytes = Zeroizing::new(read_at_most(path, MAX_KEY_FILE)?);
    let text = str::from_utf8(&bytes).unwrap_or_default();
    let parse = || match text.trim().split_once(':') {
        Some(("k256", hex)) => Ok(SecretKey::from_hex(Curve::K256, hex)?),
        Some(("p256", hex)) => Ok(SecretKey::from_hex(Curve::P256, hex)?),
        _ => bail!("a secret key begins with `k256:` or `p256:`"),
    };
    parse().with_context(|| path.display().to_string())
}

/// For clap: the origin of a server, `https://host` or `https://host:port`.
pub(crate) fn parse_origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let origin = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "http" | "https") || text.trim_end_matches('/') != origin {
        return Err("an origin is expected, such as `https://pds.example.com`".to_owned());
    }
    Ok(origin)
}

/// For clap: a time as microseconds since 1970, given as a datetime or as Unix seconds.
pub(crate) fn parse_time(text: &str) -> Result<u64, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1_000_000).ok_or_else(|| "out of range".to_owned());
    }
    let datetime = Datetime::new(text).map_err(|error| error.to_string())?;
    let micros = datetime.unix_micros().and_then(|micros| u64::try_from(micros).ok());
    micros.ok_or_else(|| "before 1970".to_owned())
}

/// The time now, in microseconds since 1970.
pub(crate) fn now_micros() -> u64 {
    let now = Datetime::now().unix_micros().unwrap_or_default();
    u64::try_from(now).unwrap_or_default()
}

/// A JSON document of the data model in a file.
pub(crate) fn record(path: &Path) -> anyhow::Result<atproto_core::data::Value> {
    json::decode(read(path)?).with_context(|| path.display().to_string())
}
