//! `com.atproto.admin.getSubjectStatus` and `updateSubjectStatus`

use std::sync::Arc;

use atproto_core::syntax::Did;
use atproto_lexicons::com::atproto::admin::{
    GetSubjectStatus, GetSubjectStatusOutput, UpdateSubjectStatus, UpdateSubjectStatusOutput,
    defs::{RepoRef, StatusAttr},
    get_subject_status::GetSubjectStatusOutputSubject as Shown,
    update_subject_status::{
        UpdateSubjectStatusOutputSubject as Answered, UpdateSubjectStatusSubject as Subject,
    },
};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{accounts::Status, app::App};

pub(super) async fn get(
    app: Arc<App>,
    _context: Context<()>,
    params: GetSubjectStatus,
) -> Result<GetSubjectStatusOutput, XrpcError> {
    let did = params.did.filter(|_| params.uri.is_none() && params.blob.is_none());
    let did = did.ok_or_else(only_accounts)?;
    let account = app.accounts.by_did(&did).await?;
    let account = account.ok_or_else(|| XrpcError::bad_request("NotFound", "Subject not found"))?;
    let subject = Shown::RepoRef(Box::new(RepoRef::new(did.clone())));
    let mut output = GetSubjectStatusOutput::new(subject);
    let mut takedown = StatusAttr::new(account.status == Status::Takendown);
    takedown.r#ref = app.accounts.takedown_ref(&did).await?;
    output.takedown = Some(takedown);
    output.deactivated = Some(StatusAttr::new(account.status == Status::Deactivated));
    Ok(output)
}

pub(super) async fn update(
    app: Arc<App>,
    _context: Context<()>,
    input: UpdateSubjectStatus,
) -> Result<UpdateSubjectStatusOutput, XrpcError> {
    let Subject::RepoRef(subject) = input.subject else { return Err(only_accounts()) };
    let did = &subject.did;
    if let Some(takedown) = &input.takedown {
        set_takedown(&app, did, takedown).await?;
    }
    if let Some(deactivated) = &input.deactivated {
        app.accounts.set_deactivated(did, deactivated.applied).await?;
    }
    app.announce_current(did).await?;
    let mut output = UpdateSubjectStatusOutput::new(Answered::RepoRef(subject));
    output.takedown = input.takedown;
    Ok(output)
}

async fn set_takedown(app: &App, did: &Did, takedown: &StatusAttr) -> Result<(), XrpcError> {
    if takedown.applied {
        app.accounts.take_down(did, takedown.r#ref.clone()).await?;
        app.end_apps(did).await?;
    } else {
        app.accounts.lift_takedown(did).await?;
    }
    tracing::info!(%did, applied = takedown.applied, "takedown changed by the operator");
    Ok(())
}

fn only_accounts() -> XrpcError {
    XrpcError::invalid_request("only accounts can be taken down here")
}
