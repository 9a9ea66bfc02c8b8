//! `com.atproto.repo.createRecord`

use std::sync::Arc;

use atproto_lexicons::com::atproto::repo::{CreateRecord, CreateRecordOutput};
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
    input: CreateRecord,
) -> Result<CreateRecordOutput, XrpcError> {
    let did = &context.proof.did;
    own_repo(&app, did, &input.repo).await?;
    context.proof.may_write(&[RepoAction::Create], &input.collection)?;
    let collection = input.collection;
    let rkey = input.rkey.unwrap_or_else(|| prepare::new_key(&app.catalog, &collection));
    let prepared = prepare::record(&app.catalog, &collection, &rkey, input.record, input.validate)?;
    let cid = prepared.record.cid;
    let output_uri = uri(did, &collection, &rkey);
    let action = Action::Create(prepared.record);
    let write = Write { collection, rkey, action, swap: Swap::Any };
    let batch = Batch { writes: vec![write], swap_commit: input.swap_commit };
    let committed = app.commit(did, batch).await?;
    let mut output = CreateRecordOutput::new(output_uri, cid);
    output.commit = committed.map(commit_meta);
    output.validation_status = prepared.status.map(Into::into);
    Ok(output)
}
