//! `app.bsky.notification`

use std::sync::Arc;

use atproto_core::{
    data::cbor,
    endpoint::NoBody,
    syntax::{AtUri, Datetime},
};
use atproto_lexicons::app::bsky::notification::{
    GetUnreadCount, GetUnreadCountOutput, ListNotifications, ListNotificationsOutput, UpdateSeen,
    list_notifications::Notification,
};
use atproto_xrpc::XrpcError;

use super::{Account, page};
use crate::{
    app::App,
    hydrate::Hydrator,
    query::notification::{self, StoredNotification},
};

pub(super) async fn get_unread_count(
    app: Arc<App>,
    context: Account,
    _params: GetUnreadCount,
) -> Result<GetUnreadCountOutput, XrpcError> {
    let did = context.proof.iss;
    app.view("get_unread_count", None, move |tx, _| {
        Ok(GetUnreadCountOutput::new(notification::count_unread(tx, did.as_str())?))
    })
    .await
}

pub(super) async fn list(
    app: Arc<App>,
    context: Account,
    params: ListNotifications,
) -> Result<ListNotificationsOutput, XrpcError> {
    let page = page(params.limit, params.cursor.as_deref())?;
    let did = context.proof.iss;
    app.view("list_notifications", Some(did.clone()), move |tx, hydrator| {
        let seen = notification::seen_at(tx, did.as_str())?;
        let rows = notification::list(tx, did.as_str(), &page)?;
        let wanted = |row: &&StoredNotification| {
            params.reasons.as_ref().is_none_or(|reasons| reasons.contains(&row.reason))
        };
        let mut notifications = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(wanted) {
            notifications.extend(view(hydrator, row, seen.as_deref())?);
        }
        let last = rows.last().map(|row| (row.sort_at.as_str(), row.uri.as_str()));
        let mut output = ListNotificationsOutput::new(notifications);
        output.cursor = page.next(rows.len(), last);
        output.seen_at = seen.and_then(|seen| Datetime::new(seen).ok());
        Ok(output)
    })
    .await
}

pub(super) async fn update_seen(
    app: Arc<App>,
    context: Account,
    input: UpdateSeen,
) -> Result<NoBody, XrpcError> {
    let did = context.proof.iss;
    // Stored in the form of the times that it is compared with.
    let micros = input.seen_at.unix_micros().unwrap_or_default();
    let seen_at = Datetime::from_unix_micros(micros - micros.rem_euclid(1_000));
    app.store
        .write(move |tx| Ok(notification::set_seen(tx, did.as_str(), seen_at.as_str())?))
        .await
        .map_err(XrpcError::internal)?;
    Ok(NoBody)
}

fn view(
    hydrator: &Hydrator<'_>,
    row: &StoredNotification,
    seen: Option<&str>,
) -> anyhow::Result<Option<Notification>> {
    if hydrator.blocked(&row.author)? {
        return Ok(None);
    }
    let Some(author) = hydrator.profile(&row.author)? else { return Ok(None) };
    let Ok(record) = cbor::decode(&row.body) else {
        tracing::warn!(uri = row.uri, "the stored record does not decode");
        return Ok(None);
    };
    let is_read = seen.is_some_and(|seen| row.sort_at.as_str() <= seen);
    let mut view = Notification::new(
        AtUri::new(&row.uri)?,
        row.cid.parse()?,
        author,
        row.reason.clone(),
        record,
        is_read,
        Datetime::new(&row.indexed_at)?,
    );
    view.reason_subject = row.subject.as_deref().map(AtUri::new).transpose()?;
    Ok(Some(view))
}
