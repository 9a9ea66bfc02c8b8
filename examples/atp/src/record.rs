//! `atp record`

use std::path::PathBuf;

use anyhow::{Context, bail};
use atproto_core::{
    data::{Value, json as data_json},
    syntax::{AtIdentifier, AtUri, Cid, Nsid, RecordKey},
};
use atproto_lexicons::com::atproto::repo::{
    CreateRecord, DeleteRecord, GetRecord, ListRecords, PutRecord,
};
use atproto_xrpc::Session;
use clap::{Args, Subcommand};
use futures::TryStreamExt;
use serde_json::json;

use crate::{
    input,
    network::{Network, block_on},
    output::Output,
    session::SessionFile,
};

#[derive(Subcommand)]
pub(crate) enum Record {
    Create(Create),
    Get(Get),
    Put(Put),
    Delete(Delete),
    List(List),
}

/// Create a record in the account that is logged in.
#[derive(Args)]
pub(crate) struct Create {
    /// The record as JSON, `-` for standard input
    #[arg(value_name = "RECORD.json")]
    record: PathBuf,
    /// The collection; without it, the record's `$type`
    #[arg(long, value_name = "NSID")]
    collection: Option<Nsid>,
    /// The record key; without it the server chooses one
    #[arg(long)]
    rkey: Option<RecordKey>,
    #[command(flatten)]
    session: SessionFile,
}

/// Print a record of any account.
#[derive(Args)]
pub(crate) struct Get {
    /// `at://ACCOUNT/COLLECTION/RKEY`
    uri: AtUri,
    /// Ask this host instead of the account's own
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    #[command(flatten)]
    network: Network,
}

/// Write a record under a key, whatever was there before.
#[derive(Args)]
pub(crate) struct Put {
    /// The record as JSON, `-` for standard input
    #[arg(value_name = "RECORD.json")]
    record: PathBuf,
    /// The collection; without it, the record's `$type`
    #[arg(long, value_name = "NSID")]
    collection: Option<Nsid>,
    #[arg(long)]
    rkey: RecordKey,
    #[command(flatten)]
    session: SessionFile,
}

/// Delete a record. There being none is no error.
#[derive(Args)]
pub(crate) struct Delete {
    collection: Nsid,
    rkey: RecordKey,
    #[command(flatten)]
    session: SessionFile,
}

/// List the records of a collection of any account, one a line.
#[derive(Args)]
pub(crate) struct List {
    /// The account: a handle or a DID
    account: AtIdentifier,
    collection: Nsid,
    /// Stop after so many records
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Oldest first
    #[arg(long)]
    reverse: bool,
    /// Ask this host instead of the account's own
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    #[command(flatten)]
    network: Network,
}

impl Record {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        block_on(async {
            match self {
                Self::Create(create) => create.run(output).await,
                Self::Get(get) => get.run(output).await,
                Self::Put(put) => put.run(output).await,
                Self::Delete(delete) => delete.run(output).await,
                Self::List(list) => list.run(output).await,
            }
        })
    }
}

impl Create {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let record = input::record(&self.record)?;
        let collection = collection(self.collection, &record)?;
        let session = self.session.session().await?;
        let mut call = CreateRecord::new(session.did(), collection, record);
        call.rkey = self.rkey;
        let created = session.call(call).await?;
        written(&created.uri, &created.cid, output)
    }
}

impl Get {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (collection, rkey) = (self.uri.collection(), self.uri.rkey());
        let (Some(collection), Some(rkey)) = (collection, rkey) else {
            bail!("{}: not the URI of a record", self.uri)
        };
        let account = self.uri.authority();
        let (did, client) = self.network.host_of(&account, self.host.as_deref()).await?;
        let found = client.call(GetRecord::new(did, collection, rkey)).await?;
        let value = data_json::to_json(&found.value);
        if output.is_json() {
            return output.document(&json!({ "uri": found.uri, "cid": found.cid, "value": value }));
        }
        output.document(&value)
    }
}

impl Put {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let record = input::record(&self.record)?;
        let collection = collection(self.collection, &record)?;
        let session = self.session.session().await?;
        let call = PutRecord::new(session.did(), collection, self.rkey, record);
        let put = session.call(call).await?;
        written(&put.uri, &put.cid, output)
    }
}

impl Delete {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let session = self.session.session().await?;
        let call = DeleteRecord::new(session.did(), self.collection, self.rkey);
        let deleted = session.call(call).await?;
        // Nothing was there if the server made no commit.
        let commit = deleted.commit.map(|commit| commit.cid);
        output.facts(&[("commit", json!(commit))])
    }
}

impl List {
    async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (did, client) = self.network.host_of(&self.account, self.host.as_deref()).await?;
        let mut call = ListRecords::new(did, self.collection);
        call.limit = 100;
        call.reverse = self.reverse.then_some(true);
        let mut pages = client.pages(call);
        let mut left = self.limit.unwrap_or(usize::MAX);
        while left > 0 {
            let Some(page) = pages.try_next().await? else { break };
            for record in page.records.iter().take(left) {
                let value = data_json::to_json(&record.value);
                let text = format!("{}\t{value}", record.uri);
                output.item(
                    &[("uri", json!(record.uri)), ("cid", json!(record.cid)), ("value", value)],
                    &text,
                )?;
            }
            left -= page.records.len().min(left);
        }
        Ok(())
    }
}

fn collection(given: Option<Nsid>, record: &Value) -> anyhow::Result<Nsid> {
    if let Some(nsid) = given {
        return Ok(nsid);
    }
    let name = record.type_name().context("the record has no $type: give --collection")?;
    Nsid::new(name).context("the record's $type")
}

fn written(uri: &AtUri, cid: &Cid, output: &mut Output) -> anyhow::Result<()> {
    output.facts(&[("uri", json!(uri)), ("cid", json!(cid))])
}
