//! The login that is kept between commands.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use atproto_xrpc::{Client, Session, client::SessionState};
use clap::Args;
use serde::{Deserialize, Serialize};

/// Which login.
#[derive(Args)]
pub(crate) struct SessionFile {
    /// Where the login is kept, readable for you alone.
    /// Default: `$XDG_CONFIG_HOME/atp/session.json`
    #[arg(id = "session", long, value_name = "FILE", env = "ATP_SESSION")]
    file: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// The server that was logged in to.
    service: String,
    #[serde(flatten)]
    state: SessionState,
}

impl SessionFile {
    /// Takes the login up, makes calls with it, and keeps the tokens that it has then.
    pub(crate) async fn with<T>(
        &self,
        calls: impl AsyncFnOnce(&Session) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let kept = self.load()?;
        let session = Client::new(&kept.service)?.resume(kept.state.clone());
        let result = calls(&session).await;
        let state = session.state();
        // Also after a failed call: a refresh token can be used once.
        if state != kept.state {
            self.save(&kept.service, state)?;
        }
        result
    }

    pub(crate) fn save(&self, service: &str, state: SessionState) -> anyhow::Result<()> {
        let path = self.path()?;
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        let kept = Kept { service: service.to_owned(), state };
        write_file(&path, &serde_json::to_vec_pretty(&kept)?)
    }

    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        let path = self.path()?;
        fs::remove_file(&path).with_context(|| path.display().to_string())
    }

    fn load(&self) -> anyhow::Result<Kept> {
        let path = self.path()?;
        if !path.exists() {
            bail!("not logged in: `atp account login` comes first ({})", path.display());
        }
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
    }

    fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
        let config = config.context("neither XDG_CONFIG_HOME nor HOME is set: give --session")?;
        Ok(config.join("atp").join("session.json"))
    }
}

/// Writes a file as a whole or not at all. A new file is readable for the user alone.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(dir.unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| path.display().to_string())
}

/// As [`write_file`], for a secret: never in place of another file.
pub(crate) fn write_new_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(dir.unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        Ok(())
    };
    write().with_context(|| path.display().to_string())
}
