//! The login that is kept between commands.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use atproto_core::syntax::Did;
use atproto_xrpc::{
    Client, Session,
    client::store::{FileStore, SavedSession, SessionStore, session_key},
};
use clap::Args;

/// Which login.
#[derive(Args)]
pub(crate) struct SessionFile {
    /// Where the login is kept, readable for you alone.
    /// Default: `$XDG_CONFIG_HOME/atp/session.json`
    #[arg(id = "session", long, value_name = "FILE", env = "ATP_SESSION")]
    file: Option<PathBuf>,
}

/// The key of the account that is logged in.
const CURRENT: &str = "current";

impl SessionFile {
    /// The login, whose tokens are kept as they change.
    pub(crate) async fn session(&self) -> anyhow::Result<Arc<dyn Session>> {
        let store = self.store()?;
        let none = || {
            format!("not logged in: `atp account login` comes first ({})", store.path().display())
        };
        let did = Did::new(store.load(CURRENT).await?.with_context(none)?)?;
        let saved = SavedSession::load(&*store, &did).await?.with_context(none)?;
        match saved {
            SavedSession::Password(state) => {
                let host = state.host.context("the login names no host")?;
                let session = Client::new(&host)?.restore(store.clone(), &did).await?;
                Ok(Arc::new(session.with_context(none)?))
            }
            _ => bail!("a login of another kind"),
        }
    }

    /// Keeps a login in place of the one that was there.
    pub(crate) async fn save(&self, session: &SavedSession) -> anyhow::Result<()> {
        let store = self.store()?;
        self.forget().await?;
        session.save(&*store).await?;
        Ok(store.save(CURRENT, session.did().as_str()).await?)
    }

    /// Removes the login from the file.
    pub(crate) async fn forget(&self) -> anyhow::Result<()> {
        let store = self.store()?;
        if let Some(did) = store.take(CURRENT).await? {
            store.take(&session_key(&Did::new(did)?)).await?;
        }
        Ok(())
    }

    fn store(&self) -> anyhow::Result<Arc<FileStore>> {
        Ok(Arc::new(FileStore::new(self.path()?)))
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
