//! `com.atproto.repo.applyWrites`

use std::sync::Arc;

use atproto_core::{
    lexicon::Catalog,
    syntax::{Cid, Did, Nsid, RecordKey},
};
use atproto_lexicons::com::atproto::repo::{
    ApplyWrites, ApplyWritesOutput, ApplyWritesOutputResult, ApplyWritesWrite,
    apply_writes::{CreateResult, DeleteResult, UpdateResult},
};
use atproto_repo::repo::MAX_COMMIT_OPS;
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
    input: ApplyWrites,
) -> Result<ApplyWritesOutput, XrpcError> {
    let did = &context.proof.did;
    own_repo(&app, did, &input.repo).await?;
    if input.writes.len() > MAX_COMMIT_OPS {
        let message = format!("Too many writes. Max: {MAX_COMMIT_OPS}");
        return Err(XrpcError::invalid_request(message));
    }
    for write in &input.writes {
        let (action, collection) = match write {
            ApplyWritesWrite::Create(create) => (RepoAction::Create, &create.collection),
            ApplyWritesWrite::Update(update) => (RepoAction::Update, &update.collection),
            ApplyWritesWrite::Delete(delete) => (RepoAction::Delete, &delete.collection),
        };
        context.proof.may_write(&[action], collection)?;
    }
    let planned: Vec<Planned> = input
        .writes
        .into_iter()
        .map(|write| plan(&app.catalog, write, input.validate))
        .collect::<Result<_, _>>()?;
    let results = planned.iter().map(|planned| planned.result(did)).collect();
    let writes = planned.into_iter().map(|planned| planned.write).collect();
    let batch = Batch { writes, swap_commit: input.swap_commit };
    let committed = app.commit(did, batch).await?;
    Ok(ApplyWritesOutput {
        commit: committed.map(commit_meta),
        results: Some(results),
        ..ApplyWritesOutput::default()
    })
}

/// A write and what it will be answered with.
struct Planned {
    write: Write,
    status: Option<&'static str>,
}

fn plan(
    catalog: &Catalog,
    write: ApplyWritesWrite,
    validate: Option<bool>,
) -> Result<Planned, XrpcError> {
    match write {
        ApplyWritesWrite::Create(create) => {
            let collection = create.collection;
            let rkey = create.rkey.unwrap_or_else(|| prepare::new_key(catalog, &collection));
            let prepared = prepare::record(catalog, &collection, &rkey, create.value, validate)?;
            let action = Action::Create(prepared.record);
            Ok(Planned::new(collection, rkey, action, prepared.status))
        }
        ApplyWritesWrite::Update(update) => {
            let (collection, rkey) = (update.collection, update.rkey);
            let prepared = prepare::record(catalog, &collection, &rkey, update.value, validate)?;
            let action = Action::Update(prepared.record);
            Ok(Planned::new(collection, rkey, action, prepared.status))
        }
        ApplyWritesWrite::Delete(delete) => {
            Ok(Planned::new(delete.collection, delete.rkey, Action::Delete, None))
        }
    }
}

impl Planned {
    fn new(
        collection: Nsid,
        rkey: RecordKey,
        action: Action,
        status: Option<&'static str>,
    ) -> Self {
        Self { write: Write { collection, rkey, action, swap: Swap::Any }, status }
    }

    fn result(&self, did: &Did) -> ApplyWritesOutputResult {
        let uri = || uri(did, &self.write.collection, &self.write.rkey);
        match &self.write.action {
            Action::Create(record) => self.created(uri(), record.cid),
            Action::Update(record) | Action::Put(record) => {
                let mut result = UpdateResult::new(uri(), record.cid);
                result.validation_status = self.status.map(Into::into);
                ApplyWritesOutputResult::UpdateResult(Box::new(result))
            }
            Action::Delete | Action::DeleteIfThere => {
                ApplyWritesOutputResult::DeleteResult(Box::<DeleteResult>::default())
            }
        }
    }

    fn created(&self, uri: atproto_core::syntax::AtUri, cid: Cid) -> ApplyWritesOutputResult {
        let mut result = CreateResult::new(uri, cid);
        result.validation_status = self.status.map(Into::into);
        ApplyWritesOutputResult::CreateResult(Box::new(result))
    }
}
