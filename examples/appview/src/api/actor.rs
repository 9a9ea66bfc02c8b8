//! `app.bsky.actor`

use std::sync::Arc;

use atproto_core::syntax::AtIdentifier;
use atproto_lexicons::app::bsky::actor::{
    GetProfile, GetProfiles, GetProfilesOutput, SearchActorsTypeahead, SearchActorsTypeaheadOutput,
    defs::ProfileViewDetailed,
};
use atproto_xrpc::XrpcError;
use rusqlite::Transaction;

use super::{Anyone, viewer};
use crate::{
    app::{App, did_of},
    hydrate::Hydrator,
    query::actor,
};

pub(super) async fn get_profile(
    app: Arc<App>,
    context: Anyone,
    params: GetProfile,
) -> Result<ProfileViewDetailed, XrpcError> {
    let found = app
        .view("get_profile", viewer(&context), move |tx, hydrator| {
            profile(tx, hydrator, &params.actor)
        })
        .await?;
    found.ok_or_else(|| XrpcError::invalid_request("Profile not found"))
}

/// Profiles in the order in which they were asked for; unknown ones are left out.
pub(super) async fn get_profiles(
    app: Arc<App>,
    context: Anyone,
    params: GetProfiles,
) -> Result<GetProfilesOutput, XrpcError> {
    app.view("get_profiles", viewer(&context), move |tx, hydrator| {
        let mut profiles = Vec::with_capacity(params.actors.len());
        for identifier in &params.actors {
            profiles.extend(profile(tx, hydrator, identifier)?);
        }
        Ok(GetProfilesOutput::new(profiles))
    })
    .await
}

pub(super) async fn typeahead(
    app: Arc<App>,
    context: Anyone,
    params: SearchActorsTypeahead,
) -> Result<SearchActorsTypeaheadOutput, XrpcError> {
    #[allow(deprecated, reason = "older clients still send `term`")]
    let text = params.q.or(params.term).unwrap_or_default();
    let limit = usize::try_from(params.limit).unwrap_or_default();
    app.view("typeahead", viewer(&context), move |tx, hydrator| {
        let mut actors = Vec::new();
        let text = text.trim().trim_start_matches('@');
        if !text.is_empty() {
            for did in actor::typeahead(tx, text, limit)? {
                if !hydrator.blocked(&did)? {
                    actors.extend(hydrator.basic(&did)?);
                }
            }
        }
        Ok(SearchActorsTypeaheadOutput::new(actors))
    })
    .await
}

fn profile(
    tx: &Transaction<'_>,
    hydrator: &Hydrator<'_>,
    identifier: &AtIdentifier,
) -> anyhow::Result<Option<ProfileViewDetailed>> {
    match did_of(tx, identifier)? {
        Some(did) => hydrator.detailed(&did),
        None => Ok(None),
    }
}
