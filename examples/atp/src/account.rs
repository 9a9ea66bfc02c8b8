//! `atp account`

use std::{env, path::PathBuf, time::Duration};

use anyhow::Context;
use atproto_core::syntax::{AtIdentifier, Handle};
use atproto_lexicons::com::atproto::server::{CreateAccount, GetSession};
use atproto_xrpc::{
    Client, Session,
    client::{
        SessionState,
        oauth::{LoopbackListener, OAuthApp},
        store::SavedSession,
    },
    oauth::Scopes,
};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{error::Usage, input, network::block_on, output::Output, session::SessionFile};

#[derive(Subcommand)]
pub(crate) enum Account {
    Create(Create),
    Login(Login),
    Logout(Logout),
    Status(Status),
}

/// Create an account and log in to it.
#[derive(Args)]
pub(crate) struct Create {
    /// The server that is to host it
    #[arg(long, value_name = "URL")]
    host: String,
    #[arg(long)]
    handle: Handle,
    #[arg(long)]
    email: Option<String>,
    #[arg(long)]
    invite_code: Option<String>,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    session: SessionFile,
}

/// Log in: with --oauth in the browser, or with a password, best an app password.
#[derive(Args)]
pub(crate) struct Login {
    /// Handle, DID or e-mail address; with --oauth also the URL of a server
    identifier: String,
    /// Agree in the browser, at the address that is printed; no password is seen here
    #[arg(long, conflicts_with_all = ["host", "code", "password_file"])]
    oauth: bool,
    /// What to ask for
    #[arg(
        long,
        value_name = "SCOPES",
        requires = "oauth",
        default_value = "atproto transition:generic"
    )]
    scope: Scopes,
    /// The account's host; without it, the one that its DID document names
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// The code that the server has sent by e-mail, if it asks for one
    #[arg(long)]
    code: Option<String>,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    session: SessionFile,
}

/// End the login, here and at the server.
#[derive(Args)]
pub(crate) struct Logout {
    #[command(flatten)]
    session: SessionFile,
}

/// Show which account is logged in, and whether it is active.
#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    session: SessionFile,
}

/// Passwords do not go on command lines, where others can read them.
#[derive(Args)]
struct Password {
    /// The file of the password, `-` for standard input. Without it, the environment
    /// variable ATP_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Account {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        block_on(async {
            match self {
                Self::Create(create) => create.run(output).await,
                Self::Login(login) => login.run(output).await,
                Self::Logout(logout) => logout.run().await,
                Self::Status(status) => status.run(output).await,
            }
        })
    }
}

impl Create {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let client = Client::new(&self.host)?;
        let mut call = CreateAccount::new(self.handle);
        call.email = self.email;
        call.invite_code = self.invite_code;
        call.password = Some(self.password.read()?);
        let created = client.call(call).await?;
        let facts = [("did", json!(created.did)), ("handle", json!(created.handle))];
        let state = SessionState {
            did: created.did,
            handle: created.handle,
            access_jwt: created.access_jwt,
            refresh_jwt: created.refresh_jwt,
            host: Some(client.url().to_owned()),
        };
        self.session.save(&SavedSession::Password(state)).await?;
        output.facts(&facts)
    }
}

impl Login {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        if self.oauth {
            return self.in_the_browser(output).await;
        }
        let password = self.password.read()?;
        let client = self.client().await?;
        let session = match &self.code {
            Some(code) => client.login_with_code(&self.identifier, &password, code).await?,
            None => client.login(&self.identifier, &password).await?,
        };
        self.session.save(&SavedSession::Password(session.state())).await?;
        output.facts(&[
            ("did", json!(session.did())),
            ("handle", json!(session.handle())),
            ("host", json!(session.client().url())),
        ])
    }

    /// Prints where to agree, and waits until the user comes back to this machine.
    async fn in_the_browser(self, output: &mut Output) -> anyhow::Result<()> {
        let listener = LoopbackListener::bind().await?;
        let app = OAuthApp::localhost(listener.redirect_uri().clone(), self.scope.clone())?;
        let oauth = self.session.oauth(app)?;
        let flow = oauth.authorize(&self.identifier).await?;
        let url = flow.url.as_str();
        output.item(&[("url", json!(url))], &format!("To log in, open {url}"))?;
        output.flush()?;
        let callback = tokio::time::timeout(PATIENCE, listener.callback()).await;
        let callback = callback.context("nobody came back from the browser in time")??;
        let session = oauth.callback(&callback).await?.session;
        self.session.use_from_now_on(&session.did()).await?;
        output.facts(&[
            ("did", json!(session.did())),
            ("host", json!(session.client().url())),
            ("scope", json!(session.state().scope)),
        ])
    }

    async fn client(&self) -> anyhow::Result<Client> {
        if let Some(host) = &self.host {
            return Ok(Client::new(host)?);
        }
        let account = AtIdentifier::new(&self.identifier).map_err(|_| {
            Usage("--host is needed with an identifier that is no handle or DID".to_owned())
        })?;
        Ok(self.session.network.host_of(&account, None).await?.1)
    }
}

impl Logout {
    async fn run(self) -> anyhow::Result<()> {
        let ended = self.session.session().await?.logout().await;
        // A login that the server does not know any more is ended as well.
        self.session.forget().await?;
        ended.context("the login is forgotten here, but the server did not confirm")
    }
}

impl Status {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let session = self.session.session().await?;
        let status = session.call(GetSession {}).await?;
        output.facts(&[
            ("did", json!(status.did)),
            ("handle", json!(status.handle)),
            ("host", json!(session.client().url())),
            ("email", json!(status.email)),
            ("active", json!(status.active.unwrap_or(true))),
            ("status", json!(status.status)),
        ])
    }
}

impl Password {
    fn read(&self) -> anyhow::Result<String> {
        if let Some(file) = &self.password_file {
            let text = String::from_utf8(input::read_at_most(file, 4096)?)?;
            return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
        }
        let from_environment = env::var("ATP_PASSWORD").ok();
        let missing = || Usage("give --password-file or set ATP_PASSWORD".to_owned());
        Ok(from_environment.ok_or_else(missing)?)
    }
}

/// How long somebody may take to agree. Ours; servers forget a request earlier.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
