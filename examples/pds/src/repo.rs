//! `com.atproto.repo.*`: records and blobs, one endpoint a file.

mod apply_writes;
mod create_record;
mod delete_record;
mod describe_repo;
mod get_record;
mod import_repo;
mod list_missing_blobs;
mod list_records;
mod prepare;
mod put_record;
mod upload_blob;

use std::sync::Arc;

use atproto_core::{
    data::{Value, cbor},
    syntax::{AtIdentifier, AtUri, Did},
};
use atproto_lexicons::com::atproto::repo::{
    ApplyWrites, CreateRecord, DeleteRecord, DescribeRepo, GetRecord, ImportRepo, ListMissingBlobs,
    ListRecords, PutRecord, UploadBlob, defs::CommitMeta,
};
use atproto_xrpc::{
    XrpcError,
    oauth::{AccountAction, AccountAttribute, Grant, Permission},
    server::{Public, Router},
};

use crate::{
    api::with, app::App, auth::AccountPolicy, database::DatabaseError, store::commit::Committed,
};

/// Adds the namespace's endpoints.
pub(crate) fn routes(router: Router, app: &Arc<App>) -> Router {
    let account = || AccountPolicy::active(app).apps();
    // What an account that moves in needs before it is active.
    let present = || AccountPolicy::present(app);
    let imports =
        |grant: &Grant| match grant.allows_account(AccountAttribute::Repo, AccountAction::Manage) {
            true => Ok(()),
            false => Err(Permission::Account {
                attribute: AccountAttribute::Repo,
                action: AccountAction::Manage,
            }),
        };
    router
        .procedure::<ApplyWrites, _>(account(), with(app, apply_writes::handle))
        .procedure::<CreateRecord, _>(account(), with(app, create_record::handle))
        .procedure::<DeleteRecord, _>(account(), with(app, delete_record::handle))
        .procedure::<PutRecord, _>(account(), with(app, put_record::handle))
        .query::<DescribeRepo, _>(Public, with(app, describe_repo::handle))
        .query::<GetRecord, _>(Public, with(app, get_record::handle))
        .query::<ListRecords, _>(Public, with(app, list_records::handle))
        .query::<ListMissingBlobs, _>(present().apps(), with(app, list_missing_blobs::handle))
        .raw_procedure::<ImportRepo, _>(present().full().apps_with(imports), {
            let app = Arc::clone(app);
            move |context, params, body| {
                import_repo::handle(Arc::clone(&app), context, params, body)
            }
        })
        .raw_procedure::<UploadBlob, _>(present().apps(), {
            let app = Arc::clone(app);
            move |context, params, body| {
                upload_blob::handle(Arc::clone(&app), context, params, body)
            }
        })
}

/// Makes sure that an account writes to its own repository, named by DID or handle.
async fn own_repo(app: &App, caller: &Did, repo: &AtIdentifier) -> Result<(), XrpcError> {
    let own = match repo {
        AtIdentifier::Did(did) => did == caller,
        AtIdentifier::Handle(_) => {
            app.accounts.find(repo).await?.is_some_and(|account| account.did == *caller)
        }
    };
    if own { Ok(()) } else { Err(XrpcError::forbidden("Not your repo")) }
}

/// A stored record as a value.
fn value(bytes: &[u8]) -> Result<Value, DatabaseError> {
    cbor::decode(bytes).map_err(|error| DatabaseError::Corrupt(format!("record: {error}")))
}

fn commit_meta(committed: Committed) -> CommitMeta {
    CommitMeta::new(committed.cid, committed.rev)
}

fn uri(
    did: &Did,
    collection: &atproto_core::syntax::Nsid,
    rkey: &atproto_core::syntax::RecordKey,
) -> AtUri {
    AtUri::from_parts(did, collection, rkey)
}
