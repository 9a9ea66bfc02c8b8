//! `com.atproto.repo.deleteRecord`

use std::sync::Arc;

use atproto_lexicons::com::atproto::repo::{DeleteRecord, DeleteRecordOutput};
use atproto_xrpc::{XrpcError, oauth::RepoAction, server::Context};

use super::{commit_meta, own_repo};
use crate::{
    app::App,
    auth::Caller,
    store::commit::{Action, Batch, Swap, Write},
};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    input: DeleteRecord,
) -> Result<DeleteRecordOutput, XrpcError> {
    let did = &context.proof.did;
    own_repo(&app, did, &input.repo).await?;
    context.proof.may_write(&[RepoAction::Delete], &input.collection)?;
    let write = Write {
        collection: input.collection,
        rkey: input.rkey,
        action: Action::DeleteIfThere,
        swap: input.swap_record.map_or(Swap::Any, Swap::Is),
    };
    let batch = Batch { writes: vec![write], swap_commit: input.swap_commit };
    let committed = app.commit(did, batch).await?;
    let commit = committed.map(commit_meta);
    Ok(DeleteRecordOutput { commit, ..DeleteRecordOutput::default() })
}
