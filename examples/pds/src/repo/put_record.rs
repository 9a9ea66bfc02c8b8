//! `com.atproto.repo.putRecord`

use std::sync::Arc;

use atproto_core::syntax::Cid;
use atproto_lexicons::com::atproto::repo::{PutRecord, PutRecordOutput};
use atproto_xrpc::{XrpcError, oauth::RepoAction, server::Context};

use super::{commit_meta, own_repo, prepare, uri};
use crate::{
    app::App,
    auth::Caller,
    store::commit::{Action, Batch, Swap, Write},
};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    input: PutRecord,
) -> Result<PutRecordOutput, XrpcError> {
    let did = &context.proof.did;
    own_repo(&app, did, &input.repo).await?;
    context.proof.may_write(&[RepoAction::Create, RepoAction::Update], &input.collection)?;
    let (collection, rkey) = (input.collection, input.rkey);
    let prepared = prepare::record(&app.catalog, &collection, &rkey, input.record, input.validate)?;
    let cid = prepared.record.cid;
    let output_uri = uri(did, &collection, &rkey);
    let action = Action::Put(prepared.record);
    let write = Write { collection, rkey, action, swap: swap(input.swap_record) };
    let batch = Batch { writes: vec![write], swap_commit: input.swap_commit };
    let committed = app.commit(did, batch).await?;
    let mut output = PutRecordOutput::new(output_uri, cid);
    output.commit = committed.map(commit_meta);
    output.validation_status = prepared.status.map(Into::into);
    Ok(output)
}

/// An absent `swapRecord` compares nothing; `null` wants no record to be there.
fn swap(condition: Option<Option<Cid>>) -> Swap {
    match condition {
        None => Swap::Any,
        Some(None) => Swap::Absent,
        Some(Some(cid)) => Swap::Is(cid),
    }
}
