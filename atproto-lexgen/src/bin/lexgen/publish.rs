//! `lexgen publish`

use std::{
    env, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use atproto_core::{identity::Resolver, syntax::AtIdentifier};
use atproto_lexgen::publish::{Plan, Publisher, Step};
use atproto_xrpc::{Client, PasswordSession, Session};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    network::{Network, block_on},
    output::Output,
};

/// Publishes lexicons as records of an account.
///
/// The domain of the names has to name the account in DNS, and a change must not break
/// anybody: `--skip-dns` and `--force` are for those who know better.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Files, and directories of `.json` files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The account: a handle or a DID
    #[arg(long, env = "ATP_IDENTIFIER")]
    identifier: AtIdentifier,
    /// The file of the password, best an app password, `-` for standard input. Without it,
    /// the environment variable ATP_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The account's host; without it, the one that its DID document names
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// Do not ask who has the authority over the names
    #[arg(long)]
    skip_dns: bool,
    /// Publish changes that break somebody
    #[arg(long)]
    force: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    network: Network,
}

impl Publish {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<bool> {
        block_on(async {
            let session = self.log_in().await?;
            let result = self.publish(&session, output).await;
            // The session is of no use to anybody; a server that forgets it by itself is
            // no reason to fail.
            let _unheard = session.logout().await;
            result
        })
    }

    async fn publish(
        &self,
        session: &PasswordSession,
        output: &mut Output,
    ) -> anyhow::Result<bool> {
        let publisher = match self.skip_dns {
            true => Publisher::without_authority(session.clone()),
            false => Publisher::new(session.clone(), self.network.lexicons()?),
        };
        let publisher = publisher.force(self.force || self.dry_run);
        let plan = publisher.plan(&self.paths).await?;
        if !self.dry_run {
            publisher.publish(&plan).await?;
        }
        tell(&plan, output)?;
        Ok(self.force || plan.breaking().next().is_none())
    }

    async fn log_in(&self) -> anyhow::Result<PasswordSession> {
        let password = self.password()?;
        let client = match &self.host {
            Some(host) => Client::new(host)?,
            None => self.host_of_account().await?,
        };
        client.login(self.identifier.as_ref(), &password).await.context("logging in")
    }

    async fn host_of_account(&self) -> anyhow::Result<Client> {
        let resolver = self.network.identities()?;
        let did = match &self.identifier {
            AtIdentifier::Did(did) => did.clone(),
            AtIdentifier::Handle(handle) => {
                resolver.handle(handle).await.with_context(|| handle.to_string())?
            }
        };
        let document = resolver.did(&did).await.with_context(|| did.to_string())?;
        let host = document.pds_endpoint().with_context(|| format!("{did} names no PDS"))?;
        Ok(Client::new(host)?)
    }

    /// Passwords do not go on command lines, where others can read them.
    fn password(&self) -> anyhow::Result<String> {
        let text = match &self.password_file {
            Some(path) if path == Path::new("-") => {
                let mut text = String::new();
                io::stdin().read_to_string(&mut text)?;
                text
            }
            Some(path) => fs::read_to_string(path).with_context(|| path.display().to_string())?,
            None => match env::var("ATP_PASSWORD") {
                Ok(password) => password,
                Err(_) => bail!("give the password by --password-file or ATP_PASSWORD"),
            },
        };
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn tell(plan: &Plan, output: &mut Output) -> anyhow::Result<()> {
    for step in &plan.steps {
        let text = format!("{:9} {} {}", verdict(step), step.nsid, step.cid);
        output.item(&facts(step), text)?;
        for change in &step.changes {
            output.summary(format_args!("          {change}"))?;
        }
    }
    Ok(())
}

fn verdict(step: &Step) -> &'static str {
    match &step.published {
        None => "new",
        Some(_) if step.is_unchanged() => "unchanged",
        Some(_) => "changed",
    }
}

fn facts(step: &Step) -> Value {
    json!({
        "nsid": step.nsid,
        "cid": step.cid,
        "published": step.published,
        "change": verdict(step),
        "breaking": step.changes.iter().filter(|change| change.is_breaking())
            .map(ToString::to_string).collect::<Vec<_>>(),
    })
}
