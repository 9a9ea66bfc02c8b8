//! `app.bsky.graph`

use std::sync::Arc;

use atproto_core::syntax::AtIdentifier;
use atproto_lexicons::app::bsky::{
    actor::defs::ProfileView,
    graph::{GetFollowers, GetFollowersOutput, GetFollows, GetFollowsOutput},
};
use atproto_xrpc::XrpcError;
use rusqlite::Transaction;

use super::{Anyone, page, viewer};
use crate::{
    app::{App, did_of},
    hydrate::Hydrator,
    query::{
        Page,
        edge::{self, Neighbour},
    },
};

/// Somebody, the people beside them, and where the list goes on.
type People = (ProfileView, Vec<ProfileView>, Option<String>);

pub(super) async fn get_follows(
    app: Arc<App>,
    context: Anyone,
    params: GetFollows,
) -> Result<GetFollowsOutput, XrpcError> {
    let page = page(params.limit, params.cursor.as_deref())?;
    let found = app
        .view("get_follows", viewer(&context), move |tx, hydrator| {
            people(tx, hydrator, &params.actor, &page, edge::outgoing)
        })
        .await?;
    let (subject, follows, cursor) = found.ok_or_else(not_found)?;
    let mut output = GetFollowsOutput::new(subject, follows);
    output.cursor = cursor;
    Ok(output)
}

pub(super) async fn get_followers(
    app: Arc<App>,
    context: Anyone,
    params: GetFollowers,
) -> Result<GetFollowersOutput, XrpcError> {
    let page = page(params.limit, params.cursor.as_deref())?;
    let found = app
        .view("get_followers", viewer(&context), move |tx, hydrator| {
            people(tx, hydrator, &params.actor, &page, edge::incoming)
        })
        .await?;
    let (subject, followers, cursor) = found.ok_or_else(not_found)?;
    let mut output = GetFollowersOutput::new(subject, followers);
    output.cursor = cursor;
    Ok(output)
}

fn people(
    tx: &Transaction<'_>,
    hydrator: &Hydrator<'_>,
    actor: &AtIdentifier,
    page: &Page,
    list: impl Fn(&Transaction<'_>, &str, &str, &Page) -> rusqlite::Result<Vec<Neighbour>>,
) -> anyhow::Result<Option<People>> {
    let Some(did) = did_of(tx, actor)? else { return Ok(None) };
    let Some(subject) = hydrator.profile(&did)? else { return Ok(None) };
    let rows = list(tx, "follow", &did, page)?;
    let mut profiles = Vec::with_capacity(rows.len());
    for row in &rows {
        if !hydrator.blocked(&row.did)? {
            profiles.extend(hydrator.profile(&row.did)?);
        }
    }
    let last = rows.last().map(|row| (row.sort_at.as_str(), row.uri.as_str()));
    Ok(Some((subject, profiles, page.next(rows.len(), last))))
}

fn not_found() -> XrpcError {
    XrpcError::invalid_request("Actor not found")
}
