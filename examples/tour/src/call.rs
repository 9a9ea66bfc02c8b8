//! Calls a service: reads a record, then the whole collection that it is in.

use anyhow::Context;
use atproto_core::syntax::AtUri;
use atproto_lexicons::com::atproto::repo::{GetRecord, ListRecords};
use atproto_xrpc::Client;
use futures::TryStreamExt;

pub(crate) async fn run(service: &str, record: &AtUri) -> anyhow::Result<()> {
    let account = record.authority();
    let (collection, rkey) = record.collection().zip(record.rkey()).context("no record's URI")?;

    let client = Client::new(service)?;
    let found = client.call(GetRecord::new(account.clone(), collection.clone(), rkey)).await?;
    println!("{}", serde_json::to_string(&found.value)?);

    let mut pages = client.pages(ListRecords::new(account, collection));
    while let Some(page) = pages.try_next().await? {
        println!("a page of {} records", page.records.len());
    }
    Ok(())
}
