//! The login that is kept between commands.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use atproto_core::syntax::Did;
use atproto_xrpc::{
    Client, Session,
    client::{
        oauth::{OAuthApp, OAuthClient},
        store::{FileStore, SavedSession, SessionStore, session_key},
    },
};
use clap::Args;

use crate::network::Network;

/// Which login, and where its identity comes from.
#[derive(Args)]
pub(crate) struct SessionFile {
    /// Where the login is kept, readable for you alone.
    /// Default: `$XDG_CONFIG_HOME/atp/session.json`
    #[arg(id = "session", long, value_name = "FILE", env = "ATP_SESSION")]
    file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// The key of the account that is logged in.
const CURRENT: &str = "current";

/// Where nobody is sent back to.
const NOWHERE: &str = "http://127.0.0.1/";

impl SessionFile {
    /// The login, whose tokens are kept as they change.
    pub(crate) async fn session(&self) -> anyhow::Result<Arc<dyn Session>> {
        let store = self.store()?;
        let none = || {
            format!("not logged in: `atp account login` comes first ({})", store.path().display())
        };
        let did = Did::new(store.load(CURRENT).await?.with_context(none)?)?;
        let saved = SavedSession::load(&*store, &did).await?.with_context(none)?;
        if let SavedSession::Password(state) = saved {
            let host = state.host.context("the login names no host")?;
            let session = Client::new(&host)?.restore(store.clone(), &did).await?;
            return Ok(Arc::new(session.with_context(none)?));
        }
        // The session knows its app; this one begins no flow.
        let app = OAuthApp::localhost(NOWHERE.parse()?, "atproto".parse()?)?;
        let session = self.oauth(app)?.restore(&did).await?;
        Ok(Arc::new(session.with_context(none)?))
    }

    /// A client that keeps its logins here.
    pub(crate) fn oauth(&self, app: OAuthApp) -> anyhow::Result<OAuthClient> {
        let resolver = Arc::new(self.network.resolver()?);
        let oauth = OAuthClient::builder(app, resolver, self.store()?);
        Ok(oauth.allow_loopback(self.network.admits_loopback()).build()?)
    }

    /// Keeps a login in place of the one that was there.
    pub(crate) async fn save(&self, session: &SavedSession) -> anyhow::Result<()> {
        session.save(&*self.store()?).await?;
        self.use_from_now_on(session.did()).await
    }

    /// Makes a login that is in the file the one of later commands, in place of another's.
    pub(crate) async fn use_from_now_on(&self, did: &Did) -> anyhow::Result<()> {
        let store = self.store()?;
        let former = store.load(CURRENT).await?;
        if let Some(former) = former.filter(|former| former != did.as_str()) {
            store.take(&session_key(&Did::new(former)?)).await?;
        }
        Ok(store.save(CURRENT, did.as_str()).await?)
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
