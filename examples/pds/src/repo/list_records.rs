//! `com.atproto.repo.listRecords`

use std::sync::Arc;

use atproto_lexicons::com::atproto::repo::{
    ListRecords, ListRecordsOutput, list_records::Record as ListedRecord,
};
use atproto_xrpc::{XrpcError, server::Context};

use super::{uri, value};
use crate::{app::App, availability::Viewer, page, store::view::RecordPage};

/// The lexicon's largest page.
const MAX_PAGE: i64 = 100;

pub(super) async fn handle(
    app: Arc<App>,
    _context: Context<()>,
    params: ListRecords,
) -> Result<ListRecordsOutput, XrpcError> {
    let account = app.readable_by(&params.repo, &Viewer::Public).await?;
    let store = app.store(&account.did).await?;
    let limit = page::limit(params.limit, MAX_PAGE);
    let collection = params.collection.clone();
    let page = RecordPage {
        collection: params.collection,
        cursor: params.cursor,
        limit,
        ascending: params.reverse.unwrap_or(false),
    };
    let records = store.read(move |view| view.records(&page)).await?;
    // A page that is not full is the last one.
    let cursor =
        records.last().filter(|_| records.len() == limit).map(|last| last.rkey.to_string());
    let records = records
        .into_iter()
        .map(|record| {
            let uri = uri(&account.did, &collection, &record.rkey);
            Ok(ListedRecord::new(uri, record.cid, value(&record.bytes)?))
        })
        .collect::<Result<_, XrpcError>>()?;
    let mut output = ListRecordsOutput::new(records);
    output.cursor = cursor;
    Ok(output)
}
