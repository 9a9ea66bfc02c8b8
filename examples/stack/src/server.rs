//! One server as a process of its own.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;
use tokio::process::{Child, Command};

use crate::{layout::Layout, role::FOLLOW};

/// The servers in the order in which they depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plc,
    Pds,
    Relay,
    AppView,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Plc, Self::Relay, Self::AppView, Self::Pds];

    /// The name of its package, directory and log file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plc => "plc",
            Self::Pds => "pds",
            Self::Relay => "relay",
            Self::AppView => "appview",
        }
    }

    pub(crate) fn role(self) -> &'static str {
        match self {
            Self::Plc => "identities",
            Self::Pds => "accounts and their repositories",
            Self::Relay => "verifies and re-serves every commit",
            Self::AppView => "indexes posts, serves timelines",
        }
    }

    pub(crate) fn url(self, layout: &Layout) -> String {
        match self {
            Self::Plc => layout.plc_url(),
            Self::Pds => layout.pds_url(),
            Self::Relay => layout.relay_url(),
            Self::AppView => layout.appview_url(),
        }
    }

    fn port(self, layout: &Layout) -> u16 {
        match self {
            Self::Plc => layout.plc,
            Self::Pds => layout.pds,
            Self::Relay => layout.relay,
            Self::AppView => layout.appview,
        }
    }

    fn arguments(self, layout: &Layout) -> Vec<String> {
        let listen = format!("127.0.0.1:{}", self.port(layout));
        let handles = format!(".test={}", layout.pds_url());
        let data = layout.directory(self.name()).display().to_string();
        let options: &[(&str, String)] = match self {
            Self::Plc => &[("--listen", listen), ("--data", data)],
            Self::Pds => &[], // reads the reference implementation's environment
            Self::Relay => &[
                ("--listen", listen),
                ("--data", data),
                ("--plc-url", layout.plc_url()),
                ("--allow-insecure-hosts", String::new()),
            ],
            Self::AppView => &[
                ("--listen", listen),
                ("--data", data),
                ("--relay", layout.relay_url()),
                ("--plc-url", layout.plc_url()),
                ("--did", layout.appview_did()),
                ("--public-url", layout.appview_url()),
                ("--dev-handle-host", handles),
                ("--allow-loopback", String::new()),
            ],
        };
        let words = options.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]);
        words.filter(|word| !word.is_empty()).collect()
    }

    fn environment(self, layout: &Layout) -> Vec<(&'static str, String)> {
        if self != Self::Pds {
            return Vec::new();
        }
        let secrets = &layout.secrets;
        vec![
            ("PDS_PORT", layout.pds.to_string()),
            ("PDS_HOSTNAME", "localhost".to_owned()),
            ("PDS_DATA_DIRECTORY", layout.directory("pds").display().to_string()),
            ("PDS_DID_PLC_URL", layout.plc_url()),
            ("PDS_SERVICE_HANDLE_DOMAINS", ".test".to_owned()),
            ("PDS_INVITE_REQUIRED", "false".to_owned()),
            ("PDS_DEV_MODE", "true".to_owned()),
            ("PDS_CRAWLERS", layout.relay_url()),
            ("PDS_BSKY_APP_VIEW_URL", layout.appview_url()),
            ("PDS_BSKY_APP_VIEW_DID", layout.appview_did()),
            ("PDS_ADMIN_PASSWORD", secrets.admin_password.clone()),
            ("PDS_JWT_SECRET", secrets.jwt_secret.clone()),
            ("PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX", secrets.plc_rotation_key_hex.clone()),
        ]
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts this very executable again in the role of that server. `admin` is the address
    /// of its admin port; its log goes to `logs/NAME.log`.
    pub(crate) fn start(kind: Kind, layout: &Layout, admin: SocketAddr) -> anyhow::Result<Self> {
        let log = log_file(layout, kind)?;
        let child = Command::new(std::env::current_exe()?)
            .args(["serve", kind.name(), "--admin-listen", &admin.to_string()])
            // One line a commit, so that a post can be followed through the logs.
            .args(["--log-filter", &format!("info,{}=debug", kind.name())])
            .args(kind.arguments(layout))
            .envs(kind.environment(layout))
            .env(FOLLOW, "1")
            // The server ends when this pipe does, so that it never outlives the stack.
            .stdin(Stdio::piped())
            .process_group(0)
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", kind.name()))?;
        Ok(Self { child })
    }

    /// The process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to drain and waits; ends it by force after `patience`.
    pub(crate) async fn stop(mut self, patience: Duration) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("kill").arg(pid.to_string()).status().await?;
        }
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

fn log_file(layout: &Layout, kind: Kind) -> anyhow::Result<File> {
    let directory = layout.directory("logs");
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{}.log", kind.name()));
    open_log(&path).with_context(|| format!("cannot write {}", path.display()))
}

fn open_log(path: &Path) -> std::io::Result<File> {
    File::options().create(true).append(true).open(path)
}
