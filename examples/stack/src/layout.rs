//! Where everything is: ports, URLs, directories, secrets. Chosen at the first start on a
//! data directory and kept for all later ones, because identities name the PDS by its URL.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use atproto_core::crypto::{Curve, SecretKey};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::args::Args;

/// The ports that newcomers find in every document.
const WELL_KNOWN: [u16; 4] = [2582, 2583, 2470, 2584];
const FILE: &str = "layout.json";

/// The parts that outlive a start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Layout {
    #[serde(skip)]
    pub(crate) data: PathBuf,
    pub(crate) plc: u16,
    pub(crate) pds: u16,
    pub(crate) relay: u16,
    pub(crate) appview: u16,
    pub(crate) secrets: Secrets,
}

/// Random values of this network; the file that holds them is readable by its owner alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub(crate) admin_password: String,
    pub(crate) jwt_secret: String,
    pub(crate) plc_rotation_key_hex: String,
    pub(crate) demo_password: String,
}

impl Layout {
    /// Reads the layout of a data directory, or makes one.
    pub(crate) fn open(data: &Path, args: &Args) -> anyhow::Result<Self> {
        fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
        let data = data.canonicalize()?;
        let file = data.join(FILE);
        if let Ok(text) = fs::read(&file) {
            let layout: Self = serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged", file.display()))?;
            return Ok(Self { data, ..layout });
        }
        let [plc, pds, relay, appview] = free_ports(args.port_base)?;
        let layout = Self { data, plc, pds, relay, appview, secrets: Secrets::generate()? };
        write_private(&file, &serde_json::to_vec_pretty(&layout)?)?;
        Ok(layout)
    }

    pub(crate) fn plc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.plc)
    }

    /// The PDS is called `localhost`: the name that identities give for it, and the only one
    /// for which plain HTTP is in order.
    pub(crate) fn pds_url(&self) -> String {
        format!("http://localhost:{}", self.pds)
    }

    pub(crate) fn relay_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.relay)
    }

    pub(crate) fn appview_url(&self) -> String {
        format!("http://localhost:{}", self.appview)
    }

    pub(crate) fn appview_did(&self) -> String {
        format!("did:web:localhost%3A{}", self.appview)
    }

    /// The directory of one server.
    pub(crate) fn directory(&self, server: &str) -> PathBuf {
        self.data.join(server)
    }
}

impl Secrets {
    fn generate() -> anyhow::Result<Self> {
        let key = SecretKey::generate(Curve::K256);
        Ok(Self {
            admin_password: random_hex()?,
            jwt_secret: random_hex()?,
            plc_rotation_key_hex: HEXLOWER.encode(key.to_bytes().as_slice()),
            demo_password: random_hex()?,
        })
    }
}

fn random_hex() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("the system has no randomness")?;
    Ok(HEXLOWER.encode(&bytes))
}

fn free_ports(base: Option<u16>) -> anyhow::Result<[u16; 4]> {
    let wanted = match base {
        Some(base) => [0, 1, 2, 3].map(|offset| base.saturating_add(offset)),
        None => WELL_KNOWN,
    };
    // All four stay bound until the last is chosen, so that none is chosen twice.
    let mut held = Vec::with_capacity(wanted.len());
    for port in wanted {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("loopback has no free port")?;
        held.push(listener);
    }
    let mut ports = [0; 4];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Writes a file that only its owner may read, completely or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .with_context(|| format!("cannot write {}", temporary.display()))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}
